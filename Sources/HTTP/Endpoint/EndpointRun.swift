internal import Domain

/// Where a body comes from; it is read only after the caller has been admitted.
enum BodySource: Sendable {
    case exchange(Exchange)
    case bytes([UInt8])

    func read(limit: Int) async throws(BodyError) -> [UInt8] {
        switch self {
        case .exchange(let exchange): return try await exchange.collectBody(limit: limit)
        case .bytes(let bytes):
            guard bytes.count <= limit else { throw .tooLarge(limitBytes: limit) }
            return bytes
        }
    }

    /// Takes up to the limit off the connection, so that it can be used again; a longer body stays unread.
    func discard(limit: Int) async throws(BodyError) {
        guard case .exchange(let exchange) = self else { return }
        do { while try await exchange.nextBodyPiece(limit: limit) != nil {} } catch {
            switch error {
            case .tooLarge: return
            case .malformed, .tooSlow, .overloaded, .clientGone: throw error
            }
        }
    }
}

extension RouterOptions {
    func problem(_ error: any Error, _ id: RequestID) -> Problem {
        switch error {
        case let problem as Problem: problem
        case let error as BodyError: Problem(error)
        default: describe(error, id)
        }
    }
}

/// One call of one endpoint, from the caller's credentials to the answer. Every failure is thrown.
struct EndpointRun {
    let endpoint: MountedEndpoint
    let options: RouterOptions
    private var description: EndpointDescription { endpoint.description }

    init(endpoint: MountedEndpoint, options: RouterOptions) {
        self.endpoint = endpoint
        self.options = options
    }

    func response(_ request: Request, _ parameters: [(name: String, value: String)], _ body: BodySource) async throws -> Response {
        var request = request
        request.body = []
        let types = description.successes.flatMap(\.mediaTypes)
        // "*/*" is a file of a type that only the handler knows.
        guard types.isEmpty || types.contains("*/*") || request.preferred(types) != nil else { throw Problem(.notAcceptable) }
        let admitted = try await endpoint.admit(request)
        switch description.bodyRule {
        case .none: break
        case .discarded: try await body.discard(limit: description.bodyLimitBytes)
        case .json:
            request.body = try await body.read(limit: description.bodyLimitBytes)
            try checkMediaType(request)
        }
        let call = Call(request: request, parameters: parameters)
        let key = description.takesIdempotencyKey ? try IdempotencyKeyText.read(request.headers) : nil
        guard let key, let actor = admitted.actor, let port = options.idempotency else {
            return try await admitted.run(call).response(for: description)
        }
        let id = IdempotencyID(actor: actor, route: "\(description.method.rawValue) \(description.template)", key: key)
        return try await once(id, port, call, admitted)
    }

    /// Sending JSON also proves that no plain form of another site made the call.
    private func checkMediaType(_ request: Request) throws(Problem) {
        let coding = request.headers["content-encoding"]?.lowercased() ?? "identity"
        guard coding == "identity" || coding.isEmpty else { throw Problem(.unsupportedMediaType) }
        let types = request.headers.all("content-type")
        if types.isEmpty, request.body.isEmpty { return }
        guard types.count == 1, let type = types.first else { throw Problem(.unsupportedMediaType) }
        let parts = type.lowercased().split(separator: ";", omittingEmptySubsequences: false).map {
            String($0.filter { $0 != " " && $0 != "\t" })
        }
        guard parts[0] == "application/json" || (parts[0].hasPrefix("application/") && parts[0].hasSuffix("+json")) else {
            throw Problem(.unsupportedMediaType)
        }
        for parameter in parts.dropFirst() where parameter.hasPrefix("charset=") {
            guard ["charset=utf-8", "charset=\"utf-8\"", "charset=us-ascii"].contains(parameter) else {
                throw Problem(.unsupportedMediaType, "JSON is UTF-8; another charset is not read.")
            }
        }
    }

    private func once(
        _ id: IdempotencyID, _ port: IdempotencyPort, _ call: Call, _ admitted: MountedEndpoint.Admitted
    ) async throws -> Response {
        let content = Array(call.request.path.utf8) + [0x0a] + Array(call.request.query.utf8) + [0x0a] + call.request.body
        switch try await port.claim(id, content, call.request.id) {
        case .underWay: throw Problem(.idempotencyUnderWay, retryAfterSeconds: 1)
        case .interrupted(let touched):
            throw Self.interrupted(touched, "The first call")
        case .mismatch: throw Problem(.idempotencyMismatch)
        case .done(let status, let kept):
            var response = KeptReply.response(status: status, kept)
            response.headers.set("idempotency-replayed", "true")
            return response
        case .new: break
        }
        let response: Response
        do { response = try await admitted.run(call).response(for: description) } catch {
            let problem = options.problem(error, call.request.id)
            guard !problem.outcomeIsUnknown else { throw problem }
            let touched = await settle(call) { try await port.release(id) } ?? []
            // "Nothing was done, try again" would not be true, and the repeat is told the same.
            throw touched.isEmpty || problem.kind.status < 500 ? problem : Self.interrupted(touched, "This call")
        }
        let kept = KeptReply.bytes(response)
        if (200...299).contains(response.status), kept.count <= Self.keptReplyBytes {
            _ = await settle(call) { try await port.complete(id, response.status, kept) }
        } else {
            _ = await settle(call) { try await port.release(id) }
        }
        return response
    }
    /// Answers to writes are one object; a larger one is not kept, and its call can be repeated when it had changed nothing.
    private static let keptReplyBytes = 256 << 10

    /// The caller's answer stands whether or not the key's row could be written; `describe` logs the failure.
    private func settle<Value>(_ call: Call, _ work: () async throws -> Value) async -> Value? {
        do { return try await work() } catch {
            _ = options.describe(error, call.request.id)
            return nil
        }
    }

    private static func interrupted(_ touched: [String], _ call: String) -> Problem {
        Problem(.idempotencyInterrupted, "\(call) was cut off after it had changed \(touched.joined(separator: ", ")); look there.")
    }
}
