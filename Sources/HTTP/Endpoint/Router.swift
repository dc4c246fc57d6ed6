internal import Domain

/// All routes of the server: finds the one for a request, runs the endpoint, and answers for everything that no handler sees.
public final class Router: ExchangeHandler, Sendable {
    enum Target: Sendable {
        case endpoint(MountedEndpoint)
        case raw(RawRoute)
    }
    /// A class: a request takes a reference instead of a copy of the whole description.
    final class Route: Sendable {
        let target: Target
        /// The target's own, when it is raw.
        let raw: RawRoute.Work?
        let template: String
        let names: [String]
        let dialect: ErrorDialect

        init(target: Target, template: String, names: [String], dialect: ErrorDialect) {
            (self.target, self.template, self.names, self.dialect) = (target, template, names, dialect)
            if case .raw(let route) = target { raw = route.work } else { raw = nil }
        }
    }
    enum Location: Sendable {
        case malformed
        case missing
        /// `decoded` is nil when the path as sent had no escapes.
        case found(RouteTable.Match, decoded: [UInt8]?)
    }

    /// Of everything that OpenAPI tells about.
    public let descriptions: [EndpointDescription]
    /// Of everything that answers, as "GET /api/keys"; a raw route once, without its prefixes.
    public let mounted: Set<String>
    private let routes: [Route]
    private let table: RouteTable
    private let options: RouterOptions
    private let hosts: HostRule
    let crossOrigin: CrossOriginRule

    /// Two routes that cannot be told apart, or a template that makes no sense, stop the start and are named.
    public init(_ endpoints: [MountedEndpoint], raw: [RawRoute] = [], options: RouterOptions) {
        var routes: [Route] = []
        var table = RouteTable()
        for endpoint in endpoints {
            let template = PathTemplate(endpoint.description.template)
            table.insert(template, endpoint.description.method, route: routes.count)
            routes.append(
                Route(target: .endpoint(endpoint), template: template.text, names: template.names, dialect: endpoint.description.dialect))
        }
        for route in raw {
            for prefix in route.prefixes {
                let template = PathTemplate(prefix + route.template)
                table.insert(template, route.method, route: routes.count)
                routes.append(Route(target: .raw(route), template: route.template, names: template.names, dialect: route.dialect))
            }
        }
        self.routes = routes
        self.table = table
        self.options = options
        hosts = HostRule(options.allowedHosts)
        crossOrigin = CrossOriginRule(options.crossOrigins)
        mounted = Set(
            endpoints.map { "\($0.description.method.rawValue) \($0.description.template)" }
                + raw.map { "\($0.method.rawValue) \($0.template)" })
        descriptions = endpoints.map(\.description) + raw.compactMap(\.description)
    }

    /// The template that a request is counted under; nil when nothing answers it.
    public func template(of method: Method, path: String) -> String? {
        let bytes = Array(path.utf8)
        guard case .found(let match, _) = locate(bytes.span) else { return nil }
        return table.route(method, at: match.node).map { routes[$0].template }
    }

    private static let host: HeaderName = "host"
    private static let origin: HeaderName = "origin"

    // MARK: From the engine

    public func begin(_ exchange: Exchange) {
        switch find(exchange) {
        case .atOnce(let begin): begin(exchange)
        case .inTask(let handle, let match): exchange.inTask { await handle($0, match) }
        case .other(let location): exchange.inTask { await self.answer($0, at: location) }
        }
    }

    private enum Way {
        case atOnce(@Sendable (Exchange) -> Void)
        case inTask(@Sendable (Exchange, RouteMatch) async -> Void, RouteMatch)
        case other(Location)
    }

    private func find(_ exchange: Exchange) -> Way {
        let head = exchange.head
        let bytes = head.bytes
        let location = locate(bytes.span.extracting(head.path))
        guard case .found(let match, let decoded) = location, let index = table.route(head.method, at: match.node) else {
            return .other(location)
        }
        let route = routes[index]
        exchange.routeTemplate = route.template
        guard let raw = route.raw, hosts.allowsAll || allows(host: head.value(of: Self.host), template: route.template) else {
            return .other(location)
        }
        if !crossOrigin.isOff { exchange.addedHeaders = crossOrigin.headers(origin: head.value(of: Self.origin)) }
        return switch raw {
        case .atOnce(let begin): .atOnce(begin)
        case .inTask(let handle): .inTask(handle, RouteMatch(route: route, ranges: match.parameters, decodedPath: decoded))
        }
    }

    private func answer(_ exchange: Exchange, at location: Location) async {
        let head = exchange.head
        let request = Request(
            id: exchange.id, method: head.method, path: head.pathText, query: head.queryText, headers: head.headers,
            remoteAddress: exchange.remoteAddress.description, isSecure: exchange.isSecure)
        exchange.respond(await respond(to: request, at: location, body: .exchange(exchange)))
    }

    /// For the engine, whose own refusals take the shape of the address they were meant for.
    public static let errorResponder: ErrorResponder = { problem in
        let kind = ProblemKind(problem.status, problem.code, problem.message, mayRepeat: problem.status == 408 || problem.status >= 500)
        var answer = Problem(kind)
        // Nothing here takes CONNECT, TRACE or QUERY; which of these an address takes is not known before it is looked up.
        if problem.status == 405 { answer.headers.set("allow", allMethods) }
        return ErrorDialect.of(path: problem.path ?? "/").response(answer, id: problem.requestID)
    }

    private static let allMethods = Method.allCases.map(\.rawValue).joined(separator: ", ")

    // MARK: On values

    /// A complete answer to a complete request; HEAD gets the body of GET, which the engine leaves away. Raw routes need an exchange
    /// and answer 500 here.
    public func respond(to request: Request) async -> Response {
        let path = Array(request.path.utf8)
        return await respond(to: request, at: locate(path.span), body: .bytes(request.body))
    }

    private func locate(_ path: Span<UInt8>) -> Location {
        if PercentText.isPlain(path) {
            return (table.find(path) ?? withoutEnd(path)).map { .found($0, decoded: nil) } ?? .missing
        }
        guard let decoded = PercentText.decoded(path) else { return .malformed }
        return table.find(decoded.span).map { .found($0, decoded: decoded) } ?? .missing
    }

    /// Clients of the older VPN interface write a slash at the end, or none; there both mean the same. So does a first part alone, which
    /// clients that are pointed to a base address probe as it was typed.
    private func withoutEnd(_ path: Span<UInt8>) -> RouteTable.Match? {
        guard path.count > 1, path[path.count - 1] == 0x2f else { return nil }
        let isFirstPart = !(1..<path.count - 1).contains { path[$0] == 0x2f }
        guard isFirstPart || ErrorDialect.of(path: path) == .detail else { return nil }
        return table.find(path.extracting(0..<path.count - 1))
    }

    /// Probes reach a machine by its address, so health answers under any name.
    private func allows(host: String?, template: String) -> Bool { hosts.allows(host) || template.hasPrefix("/health") }

    private func respond(to request: Request, at location: Location, body: BodySource) async -> Response {
        var response: Response
        switch location {
        case .malformed where request.method == .options && request.path == "*":
            // Asks about the server as a whole (RFC 9110 section 9.3.7).
            response = Response(status: 204, headers: ["allow": Self.allMethods, "cache-control": "no-store"])
        case .malformed: response = refuse(request, .init(.badPath))
        case .missing: response = refuse(request, hosts.allows(request.headers["host"]) ? .init(.notFound) : .init(.wrongHost))
        case .found(let match, let decoded):
            let index = table.route(request.method, at: match.node)
            if !allows(host: request.headers["host"], template: index.map { routes[$0].template } ?? "") {
                response = refuse(request, .init(.wrongHost))
            } else if let index {
                response = await run(routes[index], request, parameters(match, decoded, request, routes[index].names), body)
            } else {
                response = answerForOtherMethods(request, node: match.node)
            }
        }
        response.headers.addMissing(crossOrigin.headers(origin: request.headers["origin"]))
        return response
    }

    private func refuse(_ request: Request, _ problem: Problem, in dialect: ErrorDialect? = nil) -> Response {
        (dialect ?? ErrorDialect.of(path: request.path)).response(problem, id: request.id)
    }

    private func answerForOtherMethods(_ request: Request, node: Int) -> Response {
        let methods = table.methods(at: node)
        let allow = methods.map(\.rawValue).joined(separator: ", ")
        if request.method == .options {
            var headers = crossOrigin.preflight(request.headers, methods: methods) ?? [:]
            headers.set("allow", allow)
            headers.set("cache-control", "no-store")
            return Response(status: 204, headers: headers)
        }
        var problem = Problem(.methodNotAllowed)
        problem.headers.set("allow", allow)
        let dialect = methods.lazy.compactMap { self.table.route($0, at: node) }.first.map { routes[$0].dialect }
        return refuse(request, problem, in: dialect)
    }

    private func parameters(
        _ match: RouteTable.Match, _ decoded: [UInt8]?, _ request: Request, _ names: [String]
    ) -> [(name: String, value: String)] {
        let path = decoded ?? Array(request.path.utf8)
        return zip(names, match.parameters).map { ($0, String(decoding: path[$1], as: UTF8.self)) }
    }

    private func run(
        _ route: Route, _ request: Request, _ parameters: [(name: String, value: String)], _ body: BodySource
    ) async -> Response {
        guard case .endpoint(let endpoint) = route.target else {
            return refuse(request, .init(.internalError), in: route.dialect)
        }
        do {
            return try await EndpointRun(endpoint: endpoint, options: options).response(request, parameters, body)
        } catch {
            return refuse(request, options.problem(error, request.id), in: route.dialect)
        }
    }
}
