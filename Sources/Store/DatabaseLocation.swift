public import Domain

/// Where the database is, from `DATABASE_URL`.
public enum DatabaseLocation: Sendable, Equatable, CustomStringConvertible {
    /// A file; a relative path is relative to the working directory.
    case sqliteFile(path: String)
    /// In memory, gone when the store closes; for tests.
    case sqliteMemory
    case postgres(PostgresAddress)

    /// Safe to show: never the password.
    public var description: String {
        switch self {
        case .sqliteFile(let path): "sqlite:///\(path)"
        case .sqliteMemory: "sqlite://:memory:"
        case .postgres(let address): address.description
        }
    }

    /// Reads `sqlite:///./data/gatehouse.db` (relative), `sqlite:////var/lib/x.db` (absolute), `sqlite://:memory:` and
    /// `postgresql://user:password@host:port/database?sslmode=…`; also `postgres://` and SQLAlchemy's forms with a driver
    /// (`postgresql+asyncpg://`, `sqlite+aiosqlite:///`). The error never quotes the text, which may hold a password.
    public init(parsing text: String) throws(ParseError) {
        let wanted = ParseError("sqlite:///PATH or postgresql://USER:PASSWORD@HOST:PORT/DATABASE")
        guard let colon = text.utf8.firstIndex(of: 0x3a) else { throw wanted }
        let scheme = text[..<colon].lowercased().split(separator: "+", maxSplits: 1).first ?? ""
        let rest = text[text.index(after: colon)...]
        guard rest.hasPrefix("//"), !text.utf8.contains(0) else { throw wanted }
        switch scheme {
        case "sqlite":
            let path = rest.dropFirst(2).split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)[0]
            if path == ":memory:" || path == "/:memory:" || path.isEmpty || path == "/" { self = .sqliteMemory; return }
            guard path.hasPrefix("/") else { throw ParseError("sqlite:/// with three slashes and a path, or four for an absolute one") }
            self = .sqliteFile(path: String(try percentDecoded(path.dropFirst())))
        case "postgresql", "postgres":
            self = .postgres(try PostgresAddress(authorityAndPath: rest.dropFirst(2)))
        default: throw wanted
        }
    }
}

/// A PostgreSQL server, database and login.
public struct PostgresAddress: Sendable, Equatable, CustomStringConvertible, CustomReflectable {
    /// libpq's parameters by their names; the password is kept apart.
    let parameters: [String: String]
    private let password: String?

    public var description: String {
        let host = parameters["host"] ?? "", user = parameters["user"].map { "\($0)@" } ?? ""
        return "postgresql://\(user)\(host)\(parameters["port"].map { ":\($0)" } ?? "")/\(parameters["dbname"] ?? "")"
    }
    public var customMirror: Mirror { Mirror(self, children: ["address": description]) }
    public var databaseName: String { parameters["dbname"] ?? parameters["user"] ?? "" }

    public var hasPassword: Bool { password != nil }
    func revealPassword<R>(_ use: (String?) -> R) -> R { use(password) }

    init(parameters: [String: String], password: String?) { (self.parameters, self.password) = (parameters, password) }

    /// The same server and login, with one parameter changed.
    func setting(_ name: String, _ value: String) -> PostgresAddress {
        PostgresAddress(parameters: parameters.merging([name: value]) { _, new in new }, password: password)
    }

    /// Parameters a URL may set; others stop the start rather than be dropped silently. SQLAlchemy's `ssl` is not libpq's, so it is refused.
    static let allowedParameters: Set<String> = [
        "host", "port", "user", "dbname", "sslmode", "sslrootcert", "sslcert", "sslkey", "sslcrl", "target_session_attrs",
        "channel_binding",
        "gssencmode", "options", "connect_timeout", "application_name", "keepalives", "keepalives_idle",
    ]

    init(authorityAndPath text: Substring) throws(ParseError) {
        let halves = text.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let place = halves[0].split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        var parameters: [String: String] = [:]
        var password: String?
        var hosts = place[0]
        if let at = hosts.lastIndex(of: "@") {
            let login = hosts[..<at].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            if !login[0].isEmpty { parameters["user"] = try percentDecoded(login[0]) }
            if login.count == 2 { password = try percentDecoded(login[1]) }
            hosts = hosts[hosts.index(after: at)...]
        }
        if !hosts.isEmpty { (parameters["host"], parameters["port"]) = try Self.host(hosts) }
        if place.count == 2, !place[1].isEmpty { parameters["dbname"] = try percentDecoded(place[1]) }
        for pair in halves.count == 2 ? halves[1].split(separator: "&") : [] {
            let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard sides.count == 2 else { throw ParseError("name=value after the question mark") }
            if sides[0] == "password" { password = try percentDecoded(sides[1]); continue }
            guard Self.allowedParameters.contains(String(sides[0])) else {
                throw ParseError("known parameters only", got: String(sides[0]))
            }
            parameters[String(sides[0])] = try percentDecoded(sides[1])
        }
        guard parameters["dbname"] != nil else { throw ParseError("postgresql://… with the name of a database after the host") }
        self.init(parameters: parameters, password: password)
    }

    private static func host(_ text: Substring) throws(ParseError) -> (host: String, port: String?) {
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]") else { throw ParseError("a closing bracket after an IPv6 address") }
            let rest = text[text.index(after: end)...]
            return (String(text[text.index(after: text.startIndex)..<end]), rest.isEmpty ? nil : try port(rest.dropFirst()))
        }
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        return (try percentDecoded(parts[0]), parts.count == 2 ? try port(parts[1]) : nil)
    }

    private static func port(_ text: Substring) throws(ParseError) -> String {
        guard let number = Int(text), (1...65_535).contains(number) else { throw ParseError("a port from 1 to 65535") }
        return String(number)
    }
}

/// "%2F" to "/"; the result is UTF-8 without NUL.
private func percentDecoded(_ text: Substring) throws(ParseError) -> String {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
        guard byte == 0x25 else {
            bytes.append(byte)
            continue
        }
        guard rest.count >= 2, let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16), value != 0
        else { throw ParseError("two hex digits after a percent sign") }
        bytes.append(value)
        rest = rest.dropFirst(2)
    }
    guard let decoded = String(validating: bytes, as: UTF8.self) else { throw ParseError("UTF-8") }
    return decoded
}
