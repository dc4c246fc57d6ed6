internal import Domain
internal import HTTP
internal import Relay
internal import Secrets
internal import Store
internal import Telemetry

/// Asks an upstream whether an account's credential is good, with a call that costs nothing.
struct AccountProbe {
    struct Outcome {
        let works: Bool
        let detail: String
        /// What to do about it.
        let advice: String
    }
    private let settings: Settings

    init(_ settings: Settings) { self.settings = settings }

    func ask(_ account: Account, _ keyring: Keyring) async -> Outcome {
        switch account.details.kind {
        case .apiKey, .bearer: break
        case .oauth:
            return Outcome(works: true, detail: "is renewed by the running server; try it with: gatehouse account test", advice: "")
        case .cli: return Outcome(works: true, detail: "runs the operator's program for /api/chat; not asked here", advice: "")
        }
        let secret: [UInt8]
        do throws(SecretsError) {
            secret = try keyring.open(account.secretSealed, for: accountSecretPlace(of: account.id))
        } catch {
            return Outcome(
                works: false, detail: "its credential does not open",
                advice: "add the account again, or set the ENCRYPTION_KEY it was made with")
        }
        let isBare = account.details.kind == .apiKey && account.details.header == .xAPIKey
        let text = String(decoding: secret, as: UTF8.self)
        var request = OutgoingRequest(
            .get, account.details.baseURL + "/v1/models?limit=1",
            headers: ["anthropic-version": "2023-06-01", isBare ? "x-api-key" : "authorization": isBare ? text : "Bearer " + text])
        request.timeoutMilliseconds = 10_000
        var configuration = CurlConfiguration()
        configuration.addressRule = AddressRule(allowsLoopback: settings.allowsLoopbackUpstream)
        do throws(ClientError) {
            let client = try CurlClient(ambient: .live, configuration)
            defer { client.shutdown() }
            let reply = try await client.send(request)
            switch reply.status {
            case 200: return Outcome(works: true, detail: "works (200)", advice: "")
            case 401, 403:
                return Outcome(
                    works: false, detail: "refused (\(reply.status))",
                    advice: "its credential is wrong or blocked; add it again with a good one")
            case 404:
                return Outcome(works: true, detail: "reachable, has no model list (404)", advice: "")
            default:
                return Outcome(
                    works: false, detail: "answers \(reply.status)", advice: "look at the provider's status page, then try again")
            }
        } catch {
            return Outcome(works: false, detail: "cannot be reached: \(error)", advice: "check its base URL, DNS and the firewall")
        }
    }
}
