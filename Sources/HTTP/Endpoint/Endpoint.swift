public import Domain

/// Who may call. The check itself is the context maker's work (`Endpoint.mounted`); this is what OpenAPI and the route tests read.
public enum Audience: Hashable, Sendable {
    case anyone
    /// Any signed-in person; what is theirs is decided by the handler.
    case customer
    /// People with one of these roles.
    case operators(roles: [String])
    /// Holders of a relay key.
    case relayKey
    /// Programs with a secret or signature of their own.
    case machine
    /// This machine itself, or programs with a secret.
    case machineOrLocal
}

/// What a handler gets besides its input. Made before the body is read, so that strangers cannot make us read bodies.
public protocol CallContext: Sendable {
    /// Whose `Idempotency-Key`s these are, as "user:usr_…"; nil for nobody, whose keys are ignored.
    var actor: String? { get }
}

/// The context of calls that anybody may make.
public struct PublicContext: CallContext {
    public var actor: String? { nil }
    public init() {}
}

/// No path parameters, no query or no body.
public struct Nothing: Sendable, Equatable { public init() {} }
extension Shape where Value == Nothing {
    public static var nothing: Shape { Shape(make: { Nothing() }) }
}

/// What an endpoint reads: path parameters, query and body, each a list of fields. Unknown query parameters and members are refused
/// unless the shape is `ignoringUnknownFields`. A body is a JSON object; the caller may leave it out when no field is required.
public struct InputShape<Path: Sendable, Query: Sendable, Body: Sendable>: Sendable {
    let path: Shape<Path>
    let query: Shape<Query>
    let body: Shape<Body>
    public init(path: Shape<Path>, query: Shape<Query>, body: Shape<Body>) {
        self.path = path
        self.query = query
        self.body = body
    }
    public static func all(path: Shape<Path>, query: Shape<Query>, body: Shape<Body>) -> InputShape {
        InputShape(path: path, query: query, body: body)
    }
}
extension InputShape where Path == Nothing, Query == Nothing, Body == Nothing {
    public static var nothing: InputShape { InputShape(path: .nothing, query: .nothing, body: .nothing) }
}
extension InputShape where Query == Nothing, Body == Nothing {
    public static func path(_ path: Shape<Path>) -> InputShape { InputShape(path: path, query: .nothing, body: .nothing) }
}
extension InputShape where Path == Nothing, Body == Nothing {
    public static func query(_ query: Shape<Query>) -> InputShape { InputShape(path: .nothing, query: query, body: .nothing) }
}
extension InputShape where Path == Nothing, Query == Nothing {
    public static func body(_ body: Shape<Body>) -> InputShape { InputShape(path: .nothing, query: .nothing, body: body) }
}
extension InputShape where Query == Nothing {
    public static func path(_ path: Shape<Path>, body: Shape<Body>) -> InputShape {
        InputShape(path: path, query: .nothing, body: body)
    }
}
extension InputShape where Body == Nothing {
    public static func path(_ path: Shape<Path>, query: Shape<Query>) -> InputShape {
        InputShape(path: path, query: query, body: .nothing)
    }
}

/// The checked input of one call.
public struct Input<Path: Sendable, Query: Sendable, Body: Sendable>: Sendable {
    public let path: Path
    public let query: Query
    public let body: Body
    /// With the body's bytes as they came, for signatures.
    public let request: Request
}

/// Everything about an endpoint that can be known without calling it.
public struct EndpointDescription: Sendable {
    public enum BodyRule: Sendable, Equatable {
        case none, json
        /// Read up to the limit and thrown away; more is left unread.
        case discarded
    }
    public let method: Method
    public let template: String
    /// A few words, as "Order a tunnel".
    public let summary: String
    /// More than one sentence, Markdown.
    public let about: String?
    public let tag: String
    public let audience: Audience
    public let pathFields: [FieldDoc]
    public let queryFields: [FieldDoc]
    public let bodyFields: [FieldDoc]
    public let toleratesUnknownBodyFields: Bool
    /// A good body, for the docs page.
    public let bodyExample: JSON?
    public let bodyRule: BodyRule
    public let bodyLimitBytes: Int
    public let successes: [Success]
    /// Besides those that the router answers by itself.
    public let problems: [ProblemKind]
    public let dialect: ErrorDialect
    public let takesIdempotencyKey: Bool
    /// The route reads its input and answers its faults itself: of the router's problems it has only those before any route is run.
    public let isRaw: Bool
}

extension EndpointDescription {
    /// Of a raw route. A body is a JSON object with at least those fields.
    /// - Parameter problems: all that the route itself answers.
    public init(
        raw method: Method, _ template: String, _ summary: String, tag: String, audience: Audience, pathFields: [FieldDoc] = [],
        queryFields: [FieldDoc] = [], bodyFields: [FieldDoc] = [], bodyExample: JSON? = nil, bodyLimitBytes: Int = 0,
        successes: [Success], problems: [ProblemKind], dialect: ErrorDialect, about: String? = nil
    ) {
        precondition(
            Set(PathTemplate(template).names) == Set(pathFields.map(\.name)), "\(template) and its path fields name different parameters")
        self.init(
            method: method, template: template, summary: summary, about: about, tag: tag, audience: audience,
            pathFields: pathFields.map { $0.at(.path) }, queryFields: queryFields.map { $0.at(.query) }, bodyFields: bodyFields,
            toleratesUnknownBodyFields: true, bodyExample: bodyExample, bodyRule: bodyFields.isEmpty ? .none : .json,
            bodyLimitBytes: bodyLimitBytes, successes: successes, problems: problems, dialect: dialect, takesIdempotencyKey: false,
            isRaw: true)
    }
}

/// One route as one value: routing, input check, errors, OpenAPI and the docs page all read it, so they cannot disagree.
public struct Endpoint<Context: CallContext>: Sendable {
    public let description: EndpointDescription
    let run: @Sendable (Call, Context) async throws -> Answer

    /// - Parameters:
    ///   - template: as "/api/keys/{id}"; a last part `{name...}` takes everything that follows.
    ///   - takes: the shapes of path parameters, query and body, as `.path(…)`, `.body(…)`, `.path(…, body: …)` or `.nothing`.
    ///   - also: other statuses that are no problem, as 202 or a 503 that carries a view.
    ///   - problems: what this handler can answer besides what the router and the audience bring.
    ///   - idempotent: whether `Idempotency-Key` is taken; nil means for POST, PUT, PATCH and DELETE of known actors.
    ///   - bodyLimitBytes: larger ones are answered 413.
    public init<Path, Query, Body>(
        _ method: Method, _ template: String, _ summary: String, tag: String, audience: Audience,
        takes: InputShape<Path, Query, Body>, replies: Success, also: [Success] = [], problems: [ProblemKind] = [],
        dialect: ErrorDialect = .control, about: String? = nil, bodyExample: JSON? = nil, idempotent: Bool? = nil,
        discardsBody: Bool = false, bodyLimitBytes: Int = EndpointLimits.bodyBytes,
        handler: @escaping @Sendable (Input<Path, Query, Body>, Context) async throws -> Answer
    ) {
        let (path, query, body) = (takes.path, takes.query, takes.body)
        let names = PathTemplate(template).names
        precondition(Set(names) == Set(path.docs.map(\.name)), "\(template) and the path shape name different parameters")
        let writes = method != .get && method != .head && method != .options
        precondition(writes || body.docs.isEmpty, "\(method.rawValue) \(template) cannot take a body")
        let rule: EndpointDescription.BodyRule = discardsBody ? .discarded : Body.self == Nothing.self ? .none : .json
        description = EndpointDescription(
            method: method, template: template, summary: summary, about: about, tag: tag, audience: audience,
            pathFields: path.docs.map { $0.at(.path) }, queryFields: query.docs.map { $0.at(.query) }, bodyFields: body.docs,
            toleratesUnknownBodyFields: body.toleratesUnknownFields, bodyExample: bodyExample, bodyRule: rule,
            bodyLimitBytes: bodyLimitBytes, successes: [replies] + also, problems: problems, dialect: dialect,
            takesIdempotencyKey: idempotent ?? (writes && audience != .anyone), isRaw: false)
        run = { call, context in
            let input = try call.read(path: path, query: query, body: body, bodyRule: rule)
            return try await handler(input, context)
        }
    }

    /// The endpoint with what makes its context. The maker authenticates and throws what it misses; it sees no body.
    public func mounted(context: @escaping @Sendable (Request) async throws -> Context) -> MountedEndpoint {
        MountedEndpoint(description: description) { request in
            let context = try await context(request)
            return MountedEndpoint.Admitted(actor: context.actor) { call in try await run(call, context) }
        }
    }
}

extension Endpoint where Context == PublicContext {
    public var mounted: MountedEndpoint { mounted { _ in PublicContext() } }
}

extension Sequence {
    /// All of them with the same context maker.
    public func mounted<Context>(context: @escaping @Sendable (Request) async throws -> Context) -> [MountedEndpoint]
    where Element == Endpoint<Context> {
        map { $0.mounted(context: context) }
    }
}

/// An endpoint whose context type no longer matters: what the router holds.
public struct MountedEndpoint: Sendable {
    struct Admitted: Sendable {
        let actor: String?
        let run: @Sendable (Call) async throws -> Answer
    }
    public let description: EndpointDescription
    let admit: @Sendable (Request) async throws -> Admitted
}

public enum EndpointLimits {
    /// Of a control body unless the endpoint says otherwise.
    public static var bodyBytes: Int { 1 << 20 }
    /// Query parameters in one request.
    static let queryParameters = 64
    /// Faults listed in one answer.
    static let faults = 64
}

extension FieldDoc {
    func at(_ place: Place) -> FieldDoc {
        var moved = self
        moved.place = place
        return moved
    }
}
