public import Domain
internal import Secrets
public import Store

/// Tokens that people make for their programs: made, listed, revoked, and read from a request.
public struct PersonalTokens: Sendable {
    let store: Store
    public init(store: Store) { self.store = store }

    static let prefix = "pat_"
    /// Live ones of one person; more are refused.
    static let maximumTokens = 50
    public static let expiryDays: ClosedRange<Int64> = 1...3650
    public static let standardDays: Int64 = 90

    /// A token that was just made; its secret is shown now or never.
    public struct Made: Sendable {
        public let token: PersonalToken
        public let secret: String
    }

    /// - Parameters:
    ///   - scopes: at least one; those of operators only for a person who is one.
    ///   - days: within `expiryDays`.
    /// - Throws: `InputErrors`, `StoreError`.
    public func create(
        _ name: String, scopes: Set<TokenScope>, days: Int64, of user: User, actor: String, request: RequestID? = nil
    ) async throws -> Made {
        guard !scopes.isEmpty else { throw InputErrors(fields: [FieldError("scopes", "must name at least one")]) }
        guard user.role != .customer || scopes.isSubset(of: [.read, .write]) else {
            throw InputErrors(fields: [FieldError("scopes", "may hold admin:read and admin:write for operators only")])
        }
        let secret = Self.prefix + Hex.text(store.ambient.randomBytes(32))
        let new = NewPersonalToken(
            name: name, scopes: scopes, secretHash: Hashing.sha256(Array(secret.utf8)), shownSuffix: String(secret.suffix(4)),
            expiresAt: store.ambient.now().adding(seconds: days * 86_400))
        let made = try await store.transaction { transaction throws(StoreError) -> PersonalToken? in
            let now = transaction.ambient.now()
            let live = try transaction.personalTokens(of: user.id).filter { $0.expiresAt > now }
            guard live.count < Self.maximumTokens else { return nil }
            let token = try transaction.createPersonalToken(new, of: user.id)
            try transaction.record(
                actor: actor, "token.create", subject: token.id.text, before: nil,
                after: [
                    "user": .string(user.id.text), "name": .string(token.name),
                    "scopes": .array(token.scopes.map { .string($0.rawValue) }), "expires_at": .string(token.expiresAt.text),
                ], request)
            return token
        }
        guard let made else {
            throw InputErrors(fields: [FieldError("name", "cannot be given to one more token; at most \(Self.maximumTokens) may be in use")]
            )
        }
        return Made(token: made, secret: secret)
    }

    /// Newest first, ended ones too.
    public func list(of user: UserID) async throws -> [PersonalToken] {
        try await store.read { reader throws(StoreError) in try reader.personalTokens(of: user) }
    }

    /// - Parameter owner: nil for the operator, who may revoke anybody's.
    /// - Returns: false when there is no such token to revoke.
    public func revoke(_ id: PersonalTokenID, owner: UserID? = nil, actor: String, request: RequestID? = nil) async throws -> Bool {
        try await store.transaction { transaction throws(StoreError) in
            guard try transaction.revokePersonalToken(id, owner: owner) else { return false }
            try transaction.record(actor: actor, "token.revoke", subject: id.text, before: nil, after: nil, request)
            return true
        }
    }

    /// Who that secret stands for, or nil. Its use is written down at most once a minute.
    func person(_ secret: String) async throws -> (user: User, token: PersonalToken)? {
        let hash = Hashing.sha256(Array(secret.utf8))
        guard let found = try await store.read({ reader throws(StoreError) in try reader.activeUser(personalToken: hash) }) else {
            return nil
        }
        if found.token.isUseNews(at: store.ambient.now()) {
            try await store.transaction { transaction throws(StoreError) in try transaction.recordUse(of: found.token.id) }
        }
        return found
    }
}

/// How far a call with a personal token goes.
enum TokenReach: Sendable {
    /// As a customer, whatever the person's role is.
    case own
    /// With the person's role.
    case operating
}

extension PersonalToken {
    /// - Returns: nil when no scope allows a call of that kind.
    func reach(isChange: Bool) -> TokenReach? {
        let (own, operating): (TokenScope, TokenScope) = isChange ? (.write, .adminWrite) : (.read, .adminRead)
        return scopes.contains(operating) ? .operating : scopes.contains(own) ? .own : nil
    }
}
