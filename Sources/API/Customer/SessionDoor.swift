public import Domain
public import HTTP
internal import Secrets
public import Store

/// Who calls, and the login they came with.
public struct CustomerContext: CallContext {
    /// With a personal token that holds no operator's scope for this call, a customer whatever their role.
    public let user: User
    /// nil with a personal token.
    public let login: SessionID?
    /// - Throws: 403 with a personal token.
    public var session: SessionID {
        get throws {
            guard let login else { throw Problem(.forbidden, "A token cannot do that; sign in.") }
            return login
        }
    }
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

    /// Somebody who has signed in, or a program with a personal token of theirs.
    /// - Throws: `Problem` 401 or 403, `TokenError`, `StoreError`.
    public func customer(_ request: Request) async throws -> CustomerContext {
        let credentials = request.headers.all("authorization")
        guard credentials.count <= 1 else { throw Problem(.unauthorized) }
        let isChange = request.method != .get && request.method != .head && request.method != .options
        if let credential = credentials.first {
            guard let token = Self.bearer(credential) else { throw Problem(.unauthorized) }
            if token.hasPrefix(PersonalTokens.prefix) { return try await context(personal: token, isChange: isChange) }
            guard Self.isSessionToken(token) else { throw Problem(.unauthorized) }
            return try await context(token).context
        }
        guard let token = cookie.value(in: request) else { throw Problem(.unauthorized) }
        let found = try await context(token)
        if isChange { try check(request, found.session) }
        return found.context
    }

    /// Somebody who has signed in: no personal token, which would make others or outlive itself.
    public func signedIn(_ request: Request) async throws -> CustomerContext {
        let context = try await customer(request)
        _ = try context.session
        return context
    }

    /// Somebody who has shown a moment ago who they are. A personal token has been given its scopes by such a person and passes as it is,
    /// where it is let in at all: without `roles` it is not.
    public func proven(_ request: Request, roles: [UserRole] = []) async throws -> CustomerContext {
        let context = try await roles.isEmpty ? signedIn(request) : person(request, roles: roles)
        if let login = context.login, try await !signIn.isProven(login) { throw Problem(.proofRequired) }
        return context
    }

    /// For what moves money or shuts people out: who has a second factor has to have shown it a moment ago. Who has none passes.
    public func guarded(_ request: Request, roles: [UserRole]) async throws -> CustomerContext {
        let context = try await person(request, roles: roles)
        try await checkFactor(of: context)
        return context
    }

    /// The same, for a context that was let in. A personal token passes.
    /// - Throws: `Problem` 403.
    func checkFactor(of context: CustomerContext) async throws {
        guard let login = context.login, let factors = signIn.factors, try await factors.isOn(context.user.id) else { return }
        guard try await signIn.isProven(login) else { throw Problem(.proofRequired) }
    }

    /// The same, for these roles only.
    public func person(_ request: Request, roles: [UserRole]) async throws -> CustomerContext {
        let context = try await customer(request)
        guard roles.contains(context.user.role) else { throw Problem(.forbidden) }
        return context
    }

    /// Whether the request's token was a login of somebody who is blocked now. Whoever shows it has had it from us.
    func isOfBlockedUser(_ request: Request) async throws -> Bool {
        guard let token = request.headers["authorization"].flatMap(Self.bearer) ?? cookie.value(in: request), Self.isSessionToken(token)
        else { return false }
        return try await signIn.isOfBlockedUser(token: token)
    }

    private func context(_ token: String) async throws -> (context: CustomerContext, session: SessionID) {
        guard let known = try await signIn.user(token: token) else { throw Problem(.unauthorized) }
        return (CustomerContext(user: known.user, login: known.session), known.session)
    }

    private func context(personal secret: String, isChange: Bool) async throws -> CustomerContext {
        guard let known = try await PersonalTokens(store: signIn.store).person(secret) else { throw Problem(.unauthorized) }
        guard let reach = known.token.reach(isChange: isChange) else {
            throw Problem(.forbidden, "The token's scopes do not allow that.")
        }
        return CustomerContext(user: reach == .operating ? known.user : known.user.asCustomer, login: nil)
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
