/// A route that gets the exchange itself instead of a checked input: streams, and the relay's byte-exact paths.
public struct RawRoute: Sendable {
    public let method: Method
    /// Without prefix; also the metric label.
    public let template: String
    /// Base paths under which the route answers too, as "", "/api", "/claude".
    public let prefixes: [String]
    public let dialect: ErrorDialect
    /// For the OpenAPI document; nil keeps the route out of it.
    public let description: EndpointDescription?
    let work: Work

    enum Work: Sendable {
        case inTask(@Sendable (Exchange, RouteMatch) async -> Void)
        /// At once on the reactor, as `ExchangeHandler.begin`.
        case atOnce(@Sendable (Exchange) -> Void)
    }

    public init(
        _ method: Method, _ template: String, prefixes: [String] = [""], dialect: ErrorDialect,
        handle: @escaping @Sendable (Exchange, RouteMatch) async -> Void
    ) {
        self.init(method, template, prefixes, dialect, nil, .inTask(handle))
    }
    /// A route that stands in the document.
    public init(
        _ description: EndpointDescription, prefixes: [String] = [""],
        handle: @escaping @Sendable (Exchange, RouteMatch) async -> Void
    ) {
        self.init(description.method, description.template, prefixes, description.dialect, description, .inTask(handle))
    }
    /// A route that stands in the document and begins without a task.
    public init(_ description: EndpointDescription, prefixes: [String] = [""], begin: @escaping @Sendable (Exchange) -> Void) {
        self.init(description.method, description.template, prefixes, description.dialect, description, .atOnce(begin))
    }
    private init(
        _ method: Method, _ template: String, _ prefixes: [String], _ dialect: ErrorDialect, _ description: EndpointDescription?,
        _ work: Work
    ) {
        precondition(!prefixes.isEmpty, "the route \(template) needs a prefix, if only an empty one")
        self.method = method
        self.template = template
        self.prefixes = prefixes
        self.dialect = dialect
        self.description = description
        self.work = work
    }
}

/// What the router found out about a raw request.
public struct RouteMatch: Sendable {
    let route: Router.Route
    let ranges: [Range<Int>]
    /// The whole path with its escapes resolved; nil when the path as sent had none.
    let decodedPath: [UInt8]?

    public var template: String { route.template }

    /// The parameter's value with escapes resolved.
    public func parameter(_ name: String, in head: RequestHead) -> String? {
        guard let index = route.names.firstIndex(of: name) else { return nil }
        if let decodedPath { return String(decoding: decodedPath[ranges[index]], as: UTF8.self) }
        let range = ranges[index]
        return head.text(head.path.lowerBound + range.lowerBound..<head.path.lowerBound + range.upperBound)
    }
}
