import Domain
import HTTP

/// A small interface to test against, with one endpoint of each kind.
enum Samples {
    struct Person: CallContext {
        let name: String
        var actor: String? { "user:\(name)" }
    }
    struct NewKey: Sendable, Equatable {
        let name: String
        let limit: Int64?
    }
    enum Failure: Error { case store, secret(String) }

    static let keyView = View(
        "Key", [.always("name", "Shown in lists.", .text), .maybe("limit", "Requests a minute.", .integer(1...100))],
        example: ["name": "laptop", "limit": 5])

    static let newKey = Shape(
        .text("name", "Shown in lists.", length: 1...8), Field<Int64>.integer("limit", "Requests a minute.", 1...100).optional,
        make: NewKey.init(name:limit:))
    static let id = Shape(Field<Int64>.integer("id", "Which key.", 1...1000), make: { $0 })

    static let create = Endpoint<Person>(
        .post, "/api/keys", "Make a key", tag: "Keys", audience: .customer, takes: .body(newKey), replies: .created(keyView),
        bodyExample: ["name": "laptop", "limit": 5], bodyLimitBytes: 256
    ) { input, context in
        ["name": .string(input.body.name), "limit": input.body.limit.map(JSON.int) ?? .null, "owner": .string(context.name)]
    }
    static let show = Endpoint<Person>(
        .get, "/api/keys/{id}", "Show a key", tag: "Keys", audience: .customer, takes: .path(id), replies: .ok(keyView),
        problems: [.notFound]
    ) { input, _ in ["name": .string("key \(input.path)")] }
    static let list = Endpoint<Person>(
        .get, "/api/keys", "List keys", tag: "Keys", audience: .customer, takes: .query(Paging.shape(limit: 10, maximum: 20)),
        replies: .ok(.page("keys", of: keyView))
    ) { input, _ in .page("keys", [["name": .string(String(input.query.limit))]], next: input.query.cursor) }
    static let change = Endpoint<Person>(
        .patch, "/api/keys/{id}", "Change a key", tag: "Keys", audience: .customer,
        takes: .all(path: id, query: Shape(Field<Bool>.boolean("notify", "Send a mail.").or(false), make: { $0 }), body: newKey),
        replies: .ok(keyView)
    ) { input, _ in ["name": .string("\(input.path) \(input.query) \(input.body.name)")] }
    static let remove = Endpoint<Person>(
        .delete, "/api/keys/{id}", "Delete a key", tag: "Keys", audience: .customer, takes: .path(id), replies: .noContent
    ) { _, _ in .empty() }
    static let fixed = Endpoint<Person>(
        .get, "/api/keys/newest", "Show the newest key", tag: "Keys", audience: .customer, takes: .nothing, replies: .ok(keyView)
    ) { _, _ in ["name": "newest"] }
    static let models = Endpoint<PublicContext>(
        .get, "/v1/models", "List models", tag: "Relay", audience: .anyone, takes: .nothing, replies: .ok(keyView), dialect: .messages
    ) { _, _ in throw Failure.secret("postgresql://admin:hunter2@db") }
    static let health = Endpoint<PublicContext>(
        .get, "/health", "Health", tag: "Health", audience: .anyone, takes: .nothing, replies: .ok(keyView)
    ) { _, _ in ["name": "healthy"] }

    /// The bearer token is the person's name; none is refused.
    static let unauthorized = ProblemKind(401, "unauthorized", "Sign in first.", mayRepeat: false)
    static func endpoints() -> [MountedEndpoint] {
        [create, show, list, change, remove, fixed].mounted { request in
            guard let token = request.headers["authorization"], token.hasPrefix("Bearer ") else { throw Problem(unauthorized) }
            return Person(name: String(token.dropFirst(7)))
        } + [models, health].map(\.mounted)
    }
    static func router(
        hosts: [String] = ["*"], origins: [String] = [], idempotency: IdempotencyPort? = nil, extra: [MountedEndpoint] = []
    ) -> Router {
        Router(
            endpoints() + extra,
            options: RouterOptions(allowedHosts: hosts, crossOrigins: origins, idempotency: idempotency) { _, _ in
                Problem(.internalError)
            })
    }
    static func request(
        _ method: Method, _ target: String, headers: Headers = [:], body: String = "", person: String? = "anna"
    ) -> Request {
        let parts = target.split(separator: "?", maxSplits: 1).map(String.init)
        var headers = headers
        if let person { headers.add("authorization", "Bearer \(person)") }
        if !body.isEmpty, headers["content-type"] == nil { headers.add("content-type", "application/json") }
        if headers["host"] == nil { headers.add("host", "gate.example.com:8000") }
        return Request(
            id: RequestID(high: 1, low: 2), method: method, path: parts[0], query: parts.count > 1 ? parts[1] : "", headers: headers,
            body: Array(body.utf8))
    }
}

extension Response {
    var json: JSON { (try? JSON(parsing: body)) ?? .null }
    var code: String { json["error"]["code"].string ?? json["error"]["details"]["error_code"].string ?? "" }
    /// "body name", in the answer's order.
    var faults: [String] {
        (json["error"]["fields"].array ?? []).map { "\($0["in"].string ?? "") \($0["field"].string ?? "")" }
    }
}
