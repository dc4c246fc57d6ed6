internal import Domain
internal import HTTP
internal import Store
internal import Telemetry

/// Attempts without an answer, and answers that are no 200: what the account does about it and what the client may see.
extension Attempts {
    func failure(_ error: UpstreamError) -> Outcome {
        if exchange.isClientGone {
            // The upstream may have begun to work on it; that is charged as an estimate.
            count(.aborted)
            passage.settle(.aborted, httpStatus: nil, usage: passage.meteredStream(mayCharge: error.mayHaveBeenReceived))
            return .done
        }
        services.log.warning(
            "upstream.failed", ["account": LogValue(passage.account?.id.text), "error": LogValue(error)], request: exchange.id)
        switch error.reason {
        case .firstByteTimeout, .idleTimeout, .sendTimeout:
            fault(.timeout)
            return .failed(.problem(.upstreamTimeout))
        case .malformed, .tooLarge:
            fault(.broken)
            return .failed(.problem(.upstreamFault))
        case .closedEarly:
            fault(.broken)
            return .failed(.problem(.upstreamUnreachable))
        case .busy: return .failed(.problem(.overloaded(retryAfterSeconds: 1)))
        case .cancelled: return .failed(.problem(.upstreamUnreachable))
        case .resolve, .connect, .connectTimeout, .tls, .tlsTimeout, .proxy, .refusedAddress:
            // The way there, not the account.
            count(.unreachable)
            passage.account?.route.failed(services.ambient.now())
            return .failed(.problem(.upstreamUnreachable))
        }
    }

    /// What the account does about it, and who gets to know.
    func fault(_ fault: AccountFault) {
        guard let account = passage.account else { return }
        account.live.failed(fault, passage.family, now: services.ambient.now())
        count(AccountOutcome(fault))
        switch fault {
        case .credential, .billing, .held:
            services.log.error(
                "account.blocked",
                [
                    "account": LogValue(account.id), "why": LogValue(fault.code),
                    "action": "look at the account with the provider, then: gatehouse account reset ID",
                ], request: exchange.id)
        case .forbidden, .window, .limited, .limitedUnknown, .overloaded, .broken, .unavailable, .timeout: break
        }
    }

    func count(_ outcome: AccountOutcome) {
        guard let account = passage.account else { return }
        services.meters.account(account, passage.family, outcome).add()
    }

    /// An error body is a few hundred bytes; more than this is not passed on.
    private static let errorBytes = 1 << 20

    func refusal(_ response: UpstreamResponse, _ account: RelayAccount, mayRenew: Bool) async -> Outcome {
        let body: [UInt8]
        do throws(UpstreamError) {
            body = try await response.collect(limit: Self.errorBytes, decoding: true)
            noteWait()
        } catch {
            noteWait()
            return failure(error)
        }
        let error = (try? JSON(parsing: body))?["error"] ?? .null
        let type = String((error["type"].string ?? "api_error").prefix(64))
        let words = ((error["message"].string ?? "") + " " + (error["details"]["error_code"].string ?? "")).lowercased()
        let now = services.ambient.now()
        let windows = UsageWindows(response.head)
        account.live.note(windows)
        let verdict = UpstreamVerdict.of(
            status: response.head.status, message: words,
            retryAfter: UpstreamVerdict.retryAfter(response.head.value(of: "retry-after"), now: now), windows: windows,
            family: passage.family, now: now)
        let status = response.head.status
        switch verdict {
        case .relay where (300..<400).contains(status):
            services.noteRedirect(status, account, exchange.id)
            fault(.broken)
            return .failed(.problem(.upstreamFault))
        case .relay:
            passage.markServed()
            count(.relayed)
            answer(response.head, shown(body, type, account), type)
            return .done
        case .unknownModel:
            count(.relayed)
            return .unlisted(.answer(response.head, body: shown(body, type, account), type: type))
        case .fault(let found):
            services.log.warning(
                "upstream.refused",
                ["account": LogValue(account.id), "status": LogValue(status), "type": LogValue(type), "fault": LogValue(found.code)],
                request: exchange.id)
            if found == .credential, account.isOAuth {
                count(.credential)
                account.live.tokenRefused(account.generation)
                if mayRenew, await services.tokens.renew(account.id, known: account.generation, heedsPause: true) {
                    return .renewed
                }
                // A new token that is refused at once, or none to be had: the next one may serve.
                if !mayRenew { await services.tokens.refused(account.id) }
                return .failed(.hidden)
            }
            fault(found)
            if found.hides { return .failed(.hidden, others: found.otherAccounts) }
            return .failed(.answer(response.head, body: shown(body, type, account), type: type), others: found.otherAccounts)
        }
    }

    /// Clients obey any wait; one of hours would keep them silent that long (relay contract, section 6).
    private static let longestWaitMilliseconds = 60_000.0

    private func refusalHeaders(_ head: UpstreamResponseHead, _ now: Timestamp) -> HeaderBlock {
        let after = head.value(of: "retry-after")
        let waits = [
            UpstreamVerdict.retryAfter(after, now: now).map(Double.init), after.flatMap(Double.init).map { $0 * 1000 },
            head.value(of: "retry-after-ms").flatMap(Double.init),
        ]
        guard waits.contains(where: { $0.map { $0 > Self.longestWaitMilliseconds } ?? false }) else {
            return headers(head, keepsCoding: false)
        }
        var block = headers(head, keepsCoding: false, without: HeaderRules.shouldRetry)
        block.add("x-should-retry", "false")
        return block
    }

    /// The upstream's words, unless they name what the operator keeps to themselves.
    private func shown(_ body: [UInt8], _ type: String, _ account: RelayAccount) -> [UInt8] {
        guard let hidden = HiddenWords(services, account), hidden.stand(in: body) else { return body }
        return HiddenWords.neutral(type, passage.upstreamRequestID ?? exchange.id.text)
    }

    /// An `error` as a stream's first event is a refusal like any other.
    func firstEventFailed(_ problem: RelayProblem) -> Outcome {
        guard case .upstreamError(let type, let body) = problem else { return .failed(.problem(problem)) }
        if type == "invalid_request_error", let found = accountFault(in: body) {
            fault(found)
            return .failed(.hidden, others: found.otherAccounts)
        }
        switch type {
        case "overloaded_error":
            fault(.overloaded)
            return .failed(.problem(problem), others: AccountFault.overloaded.otherAccounts)
        case "rate_limit_error":
            fault(.limitedUnknown)
            return .failed(.hidden, others: AccountFault.limitedUnknown.otherAccounts)
        case "authentication_error", "permission_error", "billing_error":
            fault(type == "billing_error" ? .billing("billing_error") : type == "permission_error" ? .forbidden : .credential)
            return .failed(.hidden)
        case "timeout_error":
            fault(.timeout)
            return .failed(.problem(problem))
        case "not_found_error":
            count(.relayed)
            return .unlisted(.problem(problem))
        case "invalid_request_error", "request_too_large":
            // The request's own fault: no account rests for it, and none would say anything else.
            passage.markServed()
            count(.relayed)
            return .failed(.problem(problem), others: 0)
        default:
            fault(.broken)
            return .failed(.problem(problem))
        }
    }

    /// Some faults of an account come as a request's: that it is disabled, that its money is used up.
    private func accountFault(in body: [UInt8]) -> AccountFault? {
        let words = ((try? JSON(parsing: body))?["error"]["message"].string ?? "").lowercased()
        let verdict = UpstreamVerdict.of(
            status: 400, message: words, retryAfter: nil, windows: UsageWindows(), family: passage.family, now: services.ambient.now())
        if case .fault(let fault) = verdict { return fault }
        return nil
    }

    func answer(_ head: UpstreamResponseHead, _ body: [UInt8], _ type: String) {
        passage.recording?.answered(body.span)
        passage.settle(.failed(type: type), httpStatus: Int64(head.status), usage: nil)
        let headers = refusalHeaders(head, services.ambient.now())
        exchange.startResponse(status: head.status, headers: headers, framing: .length(body.count))
        exchange.write(body)
        exchange.finish()
    }
}
