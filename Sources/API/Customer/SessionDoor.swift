public import Domain
public import HTTP
internal import Secrets
public import Store

/// A signed-in person and the login they came with.
public struct CustomerContext: CallContext {
    public let user: User
    public let session: SessionID
    public var actor: String? { "user:\(user.id.text)" }
}

/// Tells who calls. Bearer tokens need nothing else; a cookie, which browsers send by themselves, needs the CSRF header on writes.
public struct SessionDoor: Sendable {
    let signIn: SignIn
    public let cookie: SessionCookie

    public init(_ signIn: SignIn, cookie: SessionCookie) {
        self.signIn = signIn
        self.cookie = cookie
    }

    /// - Throws: `Problem` 401 or 403, `TokenError`, `StoreError`.
    public func customer(_ request: Request) async throws -> CustomerContext {
        let credentials = request.headers.all("authorization")
        guard credentials.count <= 1 else { throw Problem(.unauthorized) }
        if let credential = credentials.first {
            guard let token = Self.bearer(credential), Self.isSessionToken(token) else { throw Problem(.unauthorized) }
            return try await context(token)
        }
        guard let token = cookie.value(in: request) else { throw Problem(.unauthorized) }
        let context = try await context(token)
        if request.method != .get, request.method != .head, request.method != .options { try check(request, context.session) }
        return context
    }

    /// The same, for these roles only.
    public func person(_ request: Request, roles: [UserRole]) async throws -> CustomerContext {
        let context = try await customer(request)
        guard roles.contains(context.user.role) else { throw Problem(.forbidden) }
        return context
    }

    private func context(_ token: String) async throws -> CustomerContext {
        guard let known = try await signIn.user(token: token) else { throw Problem(.unauthorized) }
        return CustomerContext(user: known.user, session: known.session)
    }

    private func check(_ request: Request, _ session: SessionID) throws {
        guard let given = request.headers["x-csrf-token"],
            Hashing.equal(Array(given.utf8), Array(signIn.csrfToken(session).utf8)),
            request.headers["sec-fetch-site"].map({ $0 == "same-origin" || $0 == "none" }) ?? true
        else { throw Problem(.csrf) }
    }

    private static func bearer(_ credential: String) -> String? {
        guard credential.utf8.count > 7, credential.prefix(7).lowercased() == "bearer " else { return nil }
        return String(credential.dropFirst(7))
    }
    /// Credentials are told apart by form; those with a prefix open other doors.
    private static func isSessionToken(_ text: String) -> Bool { !["cr_", "pat_", "whm_"].contains { text.hasPrefix($0) } }
}

/// The cookie that carries a browser's session.
public struct SessionCookie: Sendable {
    public let name: String
    private let isSecure: Bool
    /// Dashboards that existed before us read their token from here.
    static let olderName = "adminToken"

    /// - Parameter isPlain: only when API_URL is http and this is not production: browsers drop Secure cookies there.
    public init(isPlain: Bool) {
        name = isPlain ? "gatehouse_session" : "__Host-gatehouse_session"
        isSecure = !isPlain
    }

    /// nil when there is none, and when it came twice: one of them was planted.
    func value(in request: Request) -> String? {
        let pairs = request.headers.all("cookie").joined(separator: ";").split(separator: ";").map { $0.drop { $0 == " " } }
        for name in [name, Self.olderName] {
            let values = pairs.filter { $0.hasPrefix(name + "=") }.map { String($0.dropFirst(name.utf8.count + 1)) }
            if !values.isEmpty { return values.count == 1 ? values[0] : nil }
        }
        return nil
    }

    func set(_ token: String, seconds: Int64) -> String { "\(name)=\(token); Max-Age=\(seconds)" + attributes }
    var cleared: String { "\(name)=; Max-Age=0" + attributes }
    private var attributes: String { "; Path=/; HttpOnly; SameSite=Lax" + (isSecure ? "; Secure" : "") }
}
