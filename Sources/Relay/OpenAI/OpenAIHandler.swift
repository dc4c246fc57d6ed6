internal import Domain
internal import HTTP
internal import Secrets
internal import Store

/// `POST /v1/chat/completions`: one Messages request inside, which the same passage meters, limits and books.
struct OpenAIHandler: Sendable {
    let messages: MessagesHandler
    let aliases: ModelAliases
    let hasher: RelayKeyHasher
    /// `OPENAI_QUOTA_AS_429`.
    let quotaAs429: Bool
    /// `OPENAI_CACHE_MARK_BYTES`; nil: no marks.
    let cachesFromBytes: Int?
    private var services: RelayServices { messages.services }

    static let path = "/v1/chat/completions"
    /// Of the caller's fields only these go on; the rest belongs to another vendor's protocol.
    private static let passedFields: [(HeaderName, String)] = [
        ("user-agent", "user-agent"), ("anthropic-beta", "anthropic-beta"), ("x-session-id", "x-session-id"),
    ]

    func handle(_ exchange: Exchange) async {
        let key: RelayKey
        let request: OpenAIRequest
        do {
            (key, request) = try await read(exchange)
        } catch let problem as OpenAIProblem {
            return exchange.respond(problem.response(request: exchange.id))
        } catch let problem as RelayProblem {
            services.meters.refused(problem)
            return respond(problem, exchange)
        } catch { return respond(.upstreamFault, exchange) }
        var fields: [(name: String, value: String)] = [
            ("content-type", "application/json"), ("accept", request.isStream ? "text/event-stream" : "application/json"),
            ("anthropic-version", services.limits.apiVersion),
        ]
        for (name, text) in Self.passedFields {
            if let value = exchange.head.value(of: name) { fields.append((text, value)) }
        }
        if let sticky = request.stickyID { fields.append(("x-session-id", sticky)) }
        let sink = OpenAISink(
            exchange, request, created: services.ambient.now().milliseconds / 1000, quotaAs429: quotaAs429)
        let inner = Exchange(
            inside: exchange, head: RequestHead(.post, "/v1/messages", fields: fields), body: request.body, sink: sink)
        sink.inner = inner
        exchange.onClosed = { [unowned exchange] in inner.leave(isCut: exchange.isCut) }
        await messages.handle(inner, as: key, path: Self.path)
        inner.end()
        // The two know each other.
        sink.inner = nil
    }

    private func read(_ exchange: Exchange) async throws -> (RelayKey, OpenAIRequest) {
        let key = try RelayGate.key(exchange, services)
        let body = try await RelayGate.body(exchange, limit: services.limits.bodyBytes)
        guard let json = try? JSON(parsing: body) else { throw OpenAIProblem.bad(nil, "The request body is not valid JSON.") }
        // Scoped to the key, so that two customers' users of one name have nothing in common.
        let rules = OpenAIRequest.Rules(
            aliases: aliases, cachesFromBytes: cachesFromBytes, traits: { [models = services.models] in models.traits($0) }
        ) { [hasher, id = key.key.id.text] name in
            Hex.text(hasher.hash(Array("\(id)|\(name)".utf8)))
        }
        return (key, try OpenAIRequest(json, bytes: body.count, rules: rules))
    }

    private func respond(_ problem: RelayProblem, _ exchange: Exchange) {
        let plain = problem.response(request: exchange.id, jitter: Int(exchange.id.low & 3))
        let told = OpenAIProblem(status: plain.status, messagesBody: (try? JSON(parsing: plain.body)) ?? .null, quotaAs429: quotaAs429)
        exchange.respond(Response(status: told.status, headers: plain.headers, body: told.json.bytes))
    }
}

/// Takes a Messages reply and gives the outer exchange a chat completion.
final class OpenAISink: ReplySink {
    private let outer: Exchange
    private let request: OpenAIRequest
    private let created: Int64
    private let quotaAs429: Bool
    private let stream: OpenAIStream
    /// Set while the inner exchange runs, to tell it when the client takes bytes again.
    var inner: Exchange?
    private var isStreaming = false
    private var status = 0
    private var headers = HeaderBlock()
    /// A complete answer; the relay bounds it.
    private var body: [UInt8] = []
    /// Kept between reads: a stream makes one of these for every read.
    private var chunks: [UInt8] = []

    init(_ outer: Exchange, _ request: OpenAIRequest, created: Int64, quotaAs429: Bool) {
        (self.outer, self.request, self.created, self.quotaAs429) = (outer, request, created, quotaAs429)
        stream = OpenAIStream(model: request.model, created: created, includesUsage: request.includesUsage)
    }

    /// Length and coding change, and the answer is ours.
    private static let replaced: Set<String> = ["content-type", "content-length", "content-encoding"]

    func begin(status: Int, headers: HeaderBlock) {
        self.status = status
        var type = ""
        for field in headers.fields {
            if field.name == "content-type" { type = field.value }
            if !Self.replaced.contains(field.name) { self.headers.add(field.name, field.value) }
        }
        if !request.ignored.isEmpty { self.headers.add("x-relay-ignored", request.ignored.prefix(32).joined(separator: ", ")) }
        isStreaming = status == 200 && type.hasPrefix("text/event-stream")
        guard isStreaming else { return }
        self.headers.add("content-type", "text/event-stream; charset=utf-8")
        outer.startResponse(status: 200, headers: self.headers, framing: .chunked)
        outer.discardHead()
    }

    func write(_ bytes: Span<UInt8>) -> WriteState {
        guard isStreaming else {
            body.append(bytes: bytes)
            return .sent
        }
        chunks.removeAll(keepingCapacity: true)
        stream.translate(bytes, into: &chunks)
        let state = outer.write(chunks)
        if state == .congested {
            outer.onDrained = { [weak self] in self?.inner?.tellDrained() }
        }
        return state
    }

    func finish() {
        guard !isStreaming else { return outer.finish() }
        let message = (try? JSON(parsing: body)) ?? .null
        var answer = OpenAIAnswer.completion(message, model: request.model, created: created)
        if status != 200 || message.object == nil || message["type"] != .null && message["type"] != "message" {
            let problem = OpenAIProblem(status: status == 200 ? 502 : status, messagesBody: message, quotaAs429: quotaAs429)
            (status, answer) = (problem.status, problem.json)
        }
        let bytes = answer.bytes
        headers.add("content-type", "application/json")
        outer.startResponse(status: status, headers: headers, framing: .length(bytes.count))
        outer.write(bytes)
        outer.finish()
    }

    func abort() { outer.abort() }
}
