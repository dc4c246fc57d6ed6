public import Domain
internal import Mail
public import Secrets
public import Store

/// What can be done with people: the use cases behind the endpoints and the `gatehouse user` commands alike. Each writes its audit
/// event in the same transaction.
public struct People: Sendable {
    let store: Store
    let passwords: PasswordHasher
    let rule: PasswordRule

    public init(store: Store, passwords: PasswordHasher, rule: PasswordRule) {
        self.store = store
        self.passwords = passwords
        self.rule = rule
    }

    /// - Parameters:
    ///   - actor: a user id, "command" or "system".
    ///   - isVerified: false promises a mail that asks whether the address is theirs.
    /// - Throws: `InputErrors`, `StoreError.conflict(.userEmail)`, `SecretsError`.
    public func create(
        email: EmailAddress, name: String, role: UserRole, password: String, actor: String, language: Language = .english,
        isVerified: Bool = true, limits: UserLimits = UserLimits(), request: RequestID? = nil
    ) async throws -> User {
        let hash = try await hashOfNew(password, email: email.text)
        return try await store.transaction { transaction throws(StoreError) in
            var user = try transaction.createUser(
                NewUser(email: email.text, name: name, role: role, passwordHash: hash, language: language, isVerified: isVerified))
            if limits != UserLimits() {
                _ = try transaction.setLimits(limits, of: user.id)
                user = try transaction.user(user.id) ?? user
            }
            try transaction.record(actor: actor, "user.create", user, request)
            if !isVerified {
                let end = transaction.ambient.now().adding(seconds: MailLink.Purpose.verifyAddress.lifetimeSeconds)
                try transaction.promiseMail(.verifyAddress, to: user.email, user: user.id, until: end)
            }
            return user
        }
    }

    /// Checks a new password and hashes it.
    /// - Throws: `InputErrors`, `SecretsError`.
    func hashOfNew(_ password: String, email: String) async throws -> String {
        try check(password, email: email)
        return try await passwords.hash(password)
    }

    func setLanguage(_ language: Language, of id: UserID, actor: String, request: RequestID) async throws {
        try await store.transaction { transaction throws(StoreError) in
            guard try transaction.setLanguage(language, of: id) else { return }
            try transaction.record(
                actor: actor, "user.set_language", subject: id.text, before: nil, after: ["language": .string(language.rawValue)], request)
        }
    }

    /// What came of making the first admin.
    public enum FirstAdmin: Sendable {
        /// There is one already, or `PROMOTE_SECRET` is to make one.
        case notNeeded
        /// Made; `password` is set when it was made up here and has to be shown once.
        case made(User, password: String?)
    }

    /// Makes the first admin when there is none. An unset password is made up.
    public func ensureFirstAdmin(email: String, password: String?, isPromotedLater: Bool) async throws -> FirstAdmin {
        guard let address = try await firstAdminAddress(email: email, password: password, isPromotedLater: isPromotedLater) else {
            return .notNeeded
        }
        // 120 random bits, easy to type: no characters that look alike.
        let chosen = password ?? Self.readable(store.ambient.randomBytes(24))
        let hash = try await passwords.hash(chosen)
        let made = try await store.transaction { transaction throws(StoreError) -> User? in
            guard let user = try transaction.createFirstAdmin(email: address.text, name: "Administrator", passwordHash: hash) else {
                return nil
            }
            try transaction.record(actor: "system", "user.create_first_admin", user, nil)
            return user
        }
        guard let made else { return .notNeeded }
        return .made(made, password: password == nil ? chosen : nil)
    }

    /// Nil when no first administrator is needed.
    private func firstAdminAddress(email: String, password: String?, isPromotedLater: Bool) async throws -> EmailAddress? {
        if password == nil, isPromotedLater { return nil }
        guard try await !store.read({ reader throws(StoreError) in try reader.anyAdminExists() }) else { return nil }
        let address = try EmailAddress(parsing: email)
        if let password { try check(password, email: address.text) }
        return address
    }

    /// Why a change of somebody was not made.
    public enum Refusal: Error, Equatable {
        case unknownUser
        /// Nobody would be left to undo it.
        case lastAdmin
    }

    /// - Returns: the user as they are now.
    /// - Throws: `Refusal`, `StoreError`.
    public func setRole(_ role: UserRole, of id: UserID, actor: String, request: RequestID? = nil) async throws -> User {
        try await change(id, losesAdmin: role != .admin) { transaction, user throws(StoreError) in
            _ = try transaction.setRole(role, of: id)
            try transaction.record(
                actor: actor, "user.set_role", subject: id.text, before: ["role": .string(user.role.rawValue)],
                after: ["role": .string(role.rawValue)], request)
        }
    }

    /// Blocking ends every session and stops the user's keys; the data path has to be told (`RelayKeys.changed`).
    /// - Throws: `Refusal`, `StoreError`.
    public func setStatus(_ status: UserStatus, of id: UserID, actor: String, request: RequestID? = nil) async throws -> User {
        try await change(id, losesAdmin: status == .blocked) { transaction, user throws(StoreError) in
            _ = try transaction.setStatus(status, of: id)
            try transaction.record(
                actor: actor, status == .blocked ? "user.block" : "user.unblock", subject: id.text,
                before: ["status": .string(user.status.rawValue)], after: ["status": .string(status.rawValue)], request)
        }
    }

    /// Keys that have more are lowered; the data path has to be told.
    /// - Throws: `Refusal`, `StoreError`.
    public func setLimits(_ limits: UserLimits, of id: UserID, actor: String, request: RequestID? = nil) async throws -> User {
        try await change(id, losesAdmin: false) { transaction, user throws(StoreError) in
            _ = try transaction.setLimits(limits, of: id)
            try transaction.record(
                actor: actor, "user.set_limits", subject: id.text, before: Self.json(user.limits), after: Self.json(limits), request)
        }
    }

    /// - Returns: what to hand to the invited person, and when it ends.
    public func invite(_ email: EmailAddress, with invitations: Invitations, actor: String, request: RequestID? = nil) async throws
        -> (text: String, endsAt: Timestamp)
    {
        let end = store.ambient.now().adding(seconds: Invitations.lifetimeSeconds)
        try await store.transaction { transaction throws(StoreError) in
            try transaction.record(actor: actor, "user.invite", subject: "invitation", before: nil, after: nil, request)
        }
        return (invitations.text(for: email, endsAt: end), end)
    }

    private func change(
        _ id: UserID, losesAdmin: Bool, _ work: @escaping @Sendable (Transaction, User) throws(StoreError) -> Void
    ) async throws -> User {
        try await store.transaction { transaction throws(StoreError) -> Result<User, Refusal> in
            guard let user = try transaction.user(id) else { return .failure(.unknownUser) }
            if losesAdmin, user.role == .admin, user.status == .active, try !transaction.anotherAdminExists(besides: id) {
                return .failure(.lastAdmin)
            }
            try work(transaction, user)
            return try transaction.user(id).map { .success($0) } ?? .failure(.unknownUser)
        }.get()
    }

    /// With all members, null for what is not limited.
    public static func json(_ limits: UserLimits) -> JSON {
        var members = RelayKeys.json(limits.perKey).object ?? [:]
        members["keys"] = .int(limits.keys)
        members["services"] = .int(limits.services)
        return .object(members)
    }

    /// Ends every session but `keeping`.
    public func setPassword(
        _ password: String, of id: UserID, from known: String? = nil, keeping: SessionID? = nil, actor: String, request: RequestID? = nil
    ) async throws -> Bool {
        guard let user = try await find(id) else { return false }
        let hash = try await hashOfNew(password, email: user.email)
        return try await store.transaction { transaction throws(StoreError) in
            if let known, try transaction.user(id)?.passwordHash != known { return false }
            guard try transaction.setPassword(hash: hash, of: id, keeping: keeping) else { return false }
            try transaction.record(actor: actor, "user.set_password", subject: id.text, before: nil, after: nil, request)
            return true
        }
    }

    public func find(_ id: UserID) async throws -> User? { try await store.read { reader throws(StoreError) in try reader.user(id) } }
    public func find(email: String) async throws -> User? {
        try await store.read { reader throws(StoreError) in try reader.user(email: email) }
    }
    public func find(number: Int64) async throws -> User? {
        try await store.read { reader throws(StoreError) in try reader.user(number: number) }
    }
    /// - Parameter after: the last number of the page before.
    public func list(after: Int64 = 0, limit: Int = 100, role: UserRole? = nil, status: UserStatus? = nil) async throws -> Page<User> {
        try await store.read { reader throws(StoreError) in try reader.users(after: after, limit: limit, role: role, status: status) }
    }

    private func check(_ password: String, email: String) throws {
        do throws(ParseError) { try rule.check(password, email: email) } catch {
            throw InputErrors(fields: [FieldError("password", error.message)])
        }
    }

    /// Letters and digits without 0, O, 1, l and I, in groups.
    static func readable(_ random: [UInt8]) -> String {
        let alphabet = Array("abcdefghijkmnpqrstuvwxyzACDEFGHJKLMNPQRTUVWXYZ2346789")
        let characters = random.map { alphabet[Int($0) % alphabet.count] }
        return stride(from: 0, to: characters.count, by: 6).map { String(characters[$0..<min(characters.count, $0 + 6)]) }.joined(
            separator: "-")
    }
}
