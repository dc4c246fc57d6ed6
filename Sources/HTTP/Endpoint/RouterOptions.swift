public import Domain
internal import Telemetry

/// What the router needs besides its routes.
public struct RouterOptions: Sendable {
    /// ALLOWED_HOSTS: names, "*.example.com" for every name below one, "*" for all.
    public var allowedHosts: [String]
    /// CORS_ORIGINS: origins as "https://example.com", or "*"; empty turns CORS off.
    public var crossOrigins: [String]
    /// Turns whatever a handler threw into what outsiders may see, and logs the rest under the request's id.
    public var describe: @Sendable (any Error, RequestID) -> Problem
    /// nil refuses no key and keeps nothing: calls behave as without the header.
    public var idempotency: IdempotencyPort?

    public init(
        allowedHosts: [String] = ["*"], crossOrigins: [String] = [], idempotency: IdempotencyPort? = nil,
        describe: @escaping @Sendable (any Error, RequestID) -> Problem
    ) {
        self.allowedHosts = allowedHosts
        self.crossOrigins = crossOrigins
        self.idempotency = idempotency
        self.describe = describe
    }
}

/// ALLOWED_HOSTS: a forged Host header must not end up in links and caches.
struct HostRule: Sendable {
    private let names: Set<String>
    /// With their leading dot.
    private let suffixes: [String]
    let allowsAll: Bool

    init(_ patterns: [String]) {
        let patterns = patterns.map { $0.lowercased() }
        allowsAll = patterns.contains("*")
        names = Set(patterns.filter { !$0.hasPrefix("*.") })
        suffixes = patterns.filter { $0.hasPrefix("*.") }.map { String($0.dropFirst()) }
    }

    /// - Parameter host: the Host header's value, with or without a port.
    func allows(_ host: String?) -> Bool {
        guard !allowsAll else { return true }
        guard let host = host?.lowercased() else { return false }
        let name = host.hasPrefix("[") ? host.prefix { $0 != "]" } + "]" : host.prefix { $0 != ":" }
        return names.contains(String(name)) || suffixes.contains { name.hasSuffix($0) && name.count > $0.count }
    }
}

/// CORS_ORIGINS. Cookies never cross origins: browsers get no `access-control-allow-credentials`, callers elsewhere use a token.
struct CrossOriginRule: Sendable {
    private let origins: Set<String>
    private let allowsAll: Bool
    var isOff: Bool { origins.isEmpty }

    init(_ origins: [String]) {
        self.origins = Set(origins.map { ($0.hasSuffix("/") ? String($0.dropLast()) : $0).lowercased() })
        allowsAll = origins.contains("*")
    }

    /// For every reply to that origin.
    func headers(origin: String?) -> Headers {
        guard !isOff else { return [:] }
        guard let origin, allows(origin) else { return allowsAll ? [:] : ["vary": "Origin"] }
        var headers: Headers = [
            "access-control-allow-origin": allowsAll ? "*" : origin,
            "access-control-expose-headers": "x-request-id, request-id, retry-after, location",
        ]
        if !allowsAll { headers.add("vary", "Origin") }
        return headers
    }
    func allows(_ origin: String) -> Bool { allowsAll || origins.contains(origin.lowercased()) }

    /// The answer to a preflight; nil when this is none or its origin is not allowed.
    func preflight(_ headers: Headers, methods: [Method]) -> Headers? {
        guard !isOff, let origin = headers["origin"], allows(origin), headers["access-control-request-method"] != nil else { return nil }
        var answer = self.headers(origin: origin)
        answer.add("access-control-allow-methods", methods.map(\.rawValue).joined(separator: ", "))
        answer.add("access-control-allow-headers", Self.requestHeaders)
        answer.add("access-control-max-age", "600")
        return answer
    }
    private static let requestHeaders =
        "authorization, content-type, idempotency-key, x-api-key, api-key, x-csrf-token, anthropic-version, anthropic-beta, accept"
}
