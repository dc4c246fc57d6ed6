internal import Domain
internal import HTTP

/// `POST /v1/messages/count_tokens`: never billed. It counts against request rates, not against budgets and concurrency (relay
/// contract, sections 2 and 9).
struct TokenCounting: Sendable {
    let services: RelayServices
    private var side: SideCall { SideCall(services: services) }

    func handle(_ exchange: Exchange) async {
        await side.refusing(exchange) { () async throws(RelayProblem) in try await count(exchange) }
    }

    private func count(_ exchange: Exchange) async throws(RelayProblem) {
        let key = try side.key(exchange, for: "messages")
        let body = try await RelayGate.body(exchange, limit: services.limits.bodyBytes)
        guard let memory = ByteLease(services.bodyBytes, count: body.count, limit: services.limits.heldBodyBytes) else {
            throw .outOfMemory
        }
        let request: MessagesRequest
        do throws(MessagesRequest.Problem) { request = try MessagesRequest(scanning: body.span) } catch { throw .badRequest(error.message) }
        try key.check(model: request.model)
        try side.takeRate(key, exchange)
        if services.demo != nil, services.accounts.isEmpty { return answerDemo(exchange, bytes: body.count) }
        let path = "/v1/messages/count_tokens" + String(decoding: HeaderRules.query(exchange.head), as: UTF8.self)
        let reply = try await side.any(exchange, for: key, path, models: [request.model], hides404: true) { account in
            account.modelMap[request.model].map { request.body(body.span, model: $0) } ?? body
        }
        side.answer(exchange, reply)
        _ = consume memory
    }

    /// There is no model behind the demo: about four bytes a token.
    private func answerDemo(_ exchange: Exchange, bytes: Int) {
        let body: JSON = ["input_tokens": .int(Int64(bytes / 4))]
        exchange.respond(
            Response(
                status: 200,
                headers: [
                    "content-type": "application/json", "cache-control": "no-store", "x-relay-demo": "true",
                    "x-relay-request-id": exchange.id.text, "request-id": exchange.id.text,
                ], body: body.bytes))
    }
}
