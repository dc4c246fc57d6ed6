internal import Domain
public import Secrets
internal import Store
public import Telemetry

/// Logins: who may have one, what it is, and how it ends. A login is a row whose id is the token's `jti`, so that it can be taken away.
public struct SignIn: Sendable {
    public enum Registration: String, Sendable, CaseIterable { case off, invite, open }

    let people: People
    let signer: TokenSigner
    let limiter: AttemptLimiter
    let invitations: Invitations
    let registration: Registration
    let lifetimeSeconds: Int64
    let verification: EmailVerification
    let factors: SecondFactors?
    private let csrfKey: SecretBytes
    private let marks: LoginMarks
    var store: Store { people.store }

    /// - Parameters:
    ///   - key: SECRET_KEY; signs invitations and CSRF tokens too.
    ///   - lifetimeMinutes: ACCESS_TOKEN_EXPIRE_MINUTES.
    ///   - log: told of failed logins, without mail address and network address.
    public init(
        people: People, algorithm: TokenSigner.Algorithm, key: SecretBytes, limiter: AttemptLimiter, registration: Registration,
        lifetimeMinutes: Int64, verification: EmailVerification = .off, factors: SecondFactors? = nil,
        log: Log, metrics: Metrics
    ) {
        self.factors = factors
        self.verification = verification
        self.people = people
        signer = TokenSigner(algorithm: algorithm, key: key)
        self.limiter = limiter
        invitations = Invitations(key: key)
        self.registration = registration
        lifetimeSeconds = min(max(1, lifetimeMinutes), Self.maximumMinutes) * 60
        csrfKey = key
        marks = LoginMarks(log: log, metrics: metrics)
    }
    /// A year; a longer setting is cut to it.
    static let maximumMinutes: Int64 = 525_600

    /// A login that was just made.
    struct Made: Sendable {
        let user: User
        let session: SessionID
        let token: String
    }

    enum Refusal: Error, Equatable {
        case wrongCredentials
        case tooManyAttempts(seconds: Int)
        case registrationOff
        case notInvited
        /// The password is right; the address has yet to be confirmed.
        case unverified
        /// The password is right; a code has to come with it.
        case codeRequired
        case wrongCode
    }

    /// Whether this person has yet to show that the address is theirs.
    func isPending(_ user: User) -> Bool { verification != .off && user.role == .customer && user.emailVerifiedAt == nil }

    /// Says the same, after the same work, for an unknown address, a wrong password and a blocked person.
    /// - Throws: `Refusal`, `StoreError`, `SecretsError`.
    func login(
        _ email: EmailAddress, _ password: String, code: String? = nil, from address: String, by carrier: SessionCarrier, agent: String,
        _ request: RequestID
    )
        async throws -> Made
    {
        let name = AttemptName.login(email, from: address)
        if let seconds = try await limiter.begin(name) {
            marks.refused(nil, .throttled, request)
            throw Refusal.tooManyAttempts(seconds: seconds)
        }
        let user: User?
        let isRight: Bool
        do {
            user = try await people.find(email: email.text)
            isRight = try await people.passwords.verify(password, against: user?.passwordHash)
            if !isRight || user?.status != .active { try await computeRest(password, of: user) }
        } catch {
            try await limiter.takeBack(name)
            throw error
        }
        guard let user, isRight, user.status == .active else {
            marks.refused(user?.id, user == nil ? .unknownUser : isRight ? .blocked : .wrongPassword, request)
            throw Refusal.wrongCredentials
        }
        let isCodeChecked: Bool
        do { isCodeChecked = try await checkCode(code, of: user, request) } catch {
            // The password was right, and a wrong code has a count of its own.
            try await limiter.takeBack(name)
            throw error
        }
        try await limiter.clear(name)
        if verification == .login, isPending(user) {
            marks.refused(user.id, .unverified, request)
            throw Refusal.unverified
        }
        var known = user
        for _ in 0..<2 {
            let (user, isOutdated) = (known, people.passwords.isOutdated(known.passwordHash))
            let better = isOutdated ? try await people.passwords.hash(password) : nil
            let made = try await begin(user, by: carrier, agent: agent, request) { transaction throws(StoreError) in
                guard try Self.isStillGood(user, isCodeChecked: isCodeChecked, transaction) else { return false }
                if let better { _ = try transaction.upgradePasswordHash(from: user.passwordHash, to: better, of: user.id) }
                return true
            }
            if let made {
                marks.succeeded()
                return made
            }
            // Of two logins at once one may have hashed the same password anew.
            guard let fresh = try await people.find(user.id), fresh.passwordHash != user.passwordHash,
                try await people.passwords.verify(password, against: fresh.passwordHash)
            else { break }
            known = fresh
        }
        marks.refused(user.id, .overtaken, request)
        throw Refusal.wrongCredentials
    }

    /// So that a refusal takes as long for everybody, whoever's hash came from another program.
    private func computeRest(_ password: String, of user: User?) async throws {
        let kinds = try await store.read { reader throws(StoreError) in try reader.olderPasswordKinds() }
        try await people.passwords.computeRest(password, after: user?.passwordHash, kinds: kinds)
    }

    /// Whether what was shown a moment ago is good still: a new password, a block or a second factor has ended the sessions that there
    /// were, and one more must not begin behind it.
    static func isStillGood(_ user: User, isCodeChecked: Bool, _ transaction: Transaction) throws(StoreError) -> Bool {
        guard let now = try transaction.user(user.id), now.status == .active, now.passwordHash == user.passwordHash else { return false }
        if isCodeChecked { return true }
        return try transaction.secondFactor(of: user.id)?.confirmedAt == nil
    }

    /// Passes where no second factor is on; else uses up the code, and says so.
    private func checkCode(_ code: String?, of user: User, _ request: RequestID) async throws -> Bool {
        guard let factors, try await factors.isOn(user.id) else { return false }
        guard let code else {
            marks.refused(user.id, .codeRequired, request)
            throw Refusal.codeRequired
        }
        let name = AttemptName.code(of: user.id)
        if let seconds = try await limiter.begin(name) {
            marks.refused(user.id, .throttled, request)
            throw Refusal.tooManyAttempts(seconds: seconds)
        }
        guard try await factors.accepts(code, of: user.id, request) else {
            marks.refused(user.id, .wrongCode, request)
            throw Refusal.wrongCode
        }
        try await limiter.clear(name)
        return true
    }

    /// For how long after a login, or `prove`, dangerous things may be done.
    static let proofSeconds: Int64 = 15 * 60

    func isProven(_ session: SessionID) async throws -> Bool {
        let found = try await store.read { reader throws(StoreError) in try reader.session(session) }
        guard let found else { return false }
        return found.provenAt.adding(seconds: Self.proofSeconds) > store.ambient.now()
    }

    /// Password and code once more, for a session that goes on.
    func prove(
        _ user: User, in session: SessionID, _ password: String, code: String?, from address: String, _ request: RequestID
    ) async throws {
        let name = AttemptName.login(try EmailAddress(parsing: user.email), from: address)
        if let seconds = try await limiter.begin(name) { throw Refusal.tooManyAttempts(seconds: seconds) }
        guard try await people.passwords.verify(password, against: user.passwordHash) else { throw Refusal.wrongCredentials }
        do { _ = try await checkCode(code, of: user, request) } catch {
            try await limiter.takeBack(name)
            throw error
        }
        try await limiter.clear(name)
        try await store.transaction { transaction throws(StoreError) in
            try transaction.proveSession(session)
            try transaction.record(actor: user.id.text, "session.prove", subject: session.text, before: nil, after: nil, request)
        }
    }

    /// What became of a registration.
    enum Registered: Sendable {
        case signedIn(Made)
        /// Not before the address is confirmed.
        case pending(User)
    }

    /// - Throws: besides `Refusal` what `People.create` throws.
    func register(
        _ email: EmailAddress, name: String, password: String, invitation: String?, language: Language, from address: String,
        by carrier: SessionCarrier, agent: String, _ request: RequestID
    ) async throws -> Registered {
        switch registration {
        case .off: throw Refusal.registrationOff
        case .open: break
        case .invite:
            guard let invitation, invitations.accepts(invitation, for: email, now: store.ambient.now()) else { throw Refusal.notInvited }
        }
        if let seconds = try await limiter.begin(AttemptName.registration(from: address)) {
            throw Refusal.tooManyAttempts(seconds: seconds)
        }
        let user = try await people.create(
            email: email, name: name, role: .customer, password: password, actor: "system", language: language, isVerified: false,
            request: request)
        if verification == .login { return .pending(user) }
        guard let made = try await begin(user, by: carrier, agent: agent, request, { _ in true }) else { throw Refusal.wrongCredentials }
        return .signedIn(made)
    }

    /// Registration as older apps know it, without a login: open where anybody may register, and where VPN plans are sold.
    func registerOlder(
        _ email: EmailAddress, _ password: String, language: Language, from address: String, _ request: RequestID
    ) async throws -> User {
        let sellsVPN = try await store.read { reader throws(StoreError) in
            try reader.plans(limit: 1000, status: .active).items.contains { $0.terms.kind == .vpn }
        }
        guard registration == .open || (registration == .off && sellsVPN) else { throw Refusal.registrationOff }
        if let seconds = try await limiter.begin(AttemptName.registration(from: address)) {
            throw Refusal.tooManyAttempts(seconds: seconds)
        }
        // Whoever comes to buy a VPN has not been given the relay's accounts.
        let limits = UserLimits(maximumKeys: registration == .open ? nil : 0)
        return try await people.create(
            email: email, name: String(email.text.prefix { $0 != "@" }), role: .customer, password: password, actor: "system",
            language: language, isVerified: false, limits: limits, request: request)
    }

    /// The user behind a token, or nil: the signature, the row and the person all have to stand.
    func user(token: String) async throws -> (user: User, session: SessionID)? {
        let claims = try signer.verify(token, now: store.ambient.now())
        let user = try await store.read { reader throws(StoreError) in try reader.activeUser(session: claims.session, user: claims.user) }
        return user.map { ($0, claims.session) }
    }

    /// Whether the token, which opens nothing, is a login of somebody who is blocked.
    func isOfBlockedUser(token: String) async throws -> Bool {
        let claims = try signer.verify(token, now: store.ambient.now())
        return try await store.read { reader throws(StoreError) in try reader.user(claims.user)?.status == .blocked }
    }

    func logout(_ session: SessionID, of user: UserID, _ request: RequestID) async throws {
        try await store.transaction { transaction throws(StoreError) in
            guard try transaction.revokeSession(session) else { return }
            try transaction.record(actor: user.text, "session.end", subject: session.text, before: nil, after: nil, request)
        }
    }

    /// A new login in place of one that still works.
    /// - Returns: nil when that was ended a moment ago.
    func renew(_ session: SessionID, of user: User, agent: String, _ request: RequestID) async throws -> Made? {
        // Renewing shows nothing: the proof is as old as it was.
        let proven = try await store.read { reader throws(StoreError) in try reader.session(session)?.provenAt }
        return try await begin(user, by: .bearer, agent: agent, provenAt: proven, request) { transaction throws(StoreError) in
            try transaction.revokeSession(session)
        }
    }

    /// Ends every other session of the user.
    func changePassword(
        of user: User, in session: SessionID, from old: String, to new: String, address: String, _ request: RequestID
    ) async throws {
        let name = AttemptName.login(try EmailAddress(parsing: user.email), from: address)
        if let seconds = try await limiter.begin(name) { throw Refusal.tooManyAttempts(seconds: seconds) }
        guard try await people.passwords.verify(old, against: user.passwordHash) else { throw Refusal.wrongCredentials }
        try await limiter.clear(name)
        let isSet = try await people.setPassword(
            new, of: user.id, from: user.passwordHash, keeping: session, actor: user.id.text, request: request)
        guard isSet else { throw Refusal.wrongCredentials }
    }

    func invite(_ email: EmailAddress, actor: String, request: RequestID) async throws -> (text: String, endsAt: Timestamp) {
        try await people.invite(email, with: invitations, actor: actor, request: request)
    }

    /// What a browser sends with every write: bound to the session, so that a cookie planted by another site does not help.
    func csrfToken(_ session: SessionID) -> String { Hex.text(Hashing.hmacSHA256(key: csrfKey, Array("csrf|\(session.text)".utf8))) }

    /// - Parameter besides: in the same transaction and before it; false makes no session.
    /// - Returns: nil when `besides` said no.
    private func begin(
        _ user: User, by carrier: SessionCarrier, agent: String, provenAt: Timestamp? = nil, _ request: RequestID,
        _ besides: @escaping @Sendable (Transaction) throws(StoreError) -> Bool
    ) async throws -> Made? {
        let now = store.ambient.now()
        let end = now.adding(seconds: lifetimeSeconds)
        let session = SessionID(store.ambient)
        let isMade = try await store.transaction { transaction throws(StoreError) in
            guard try besides(transaction) else { return false }
            try transaction.createSession(session, user: user.id, kind: carrier, expiresAt: end, userAgent: agent, provenAt: provenAt)
            try transaction.recordLogin(of: user.id)
            try transaction.record(
                actor: user.id.text, "session.begin", subject: session.text, before: nil, after: ["kind": .string(carrier.rawValue)],
                request)
            return true
        }
        guard isMade else { return nil }
        let claims = TokenClaims(
            subject: user.email, user: user.id, role: user.role.rawValue, session: session, issuedAt: now, expiresAt: end)
        return Made(user: user, session: session, token: signer.sign(claims))
    }
}

/// Counts logins and writes a line for each that failed: who it was meant for when that is known, never what was typed.
private struct LoginMarks: Sendable {
    enum Outcome: String, CaseIterable {
        case success
        case wrongPassword = "wrong_password"
        case unknownUser = "unknown_user"
        case blocked, throttled, unverified
        /// The password was changed, or the person blocked, while this login was under way.
        case overtaken
        case codeRequired = "code_required"
        case wrongCode = "wrong_code"
    }
    private let log: Log
    private let counters: [Outcome: Counter]

    init(log: Log, metrics: Metrics) {
        self.log = log
        counters = Dictionary(uniqueKeysWithValues: Outcome.allCases.map { ($0, metrics.counter(.logins, $0.rawValue)) })
    }
    func succeeded() { counters[.success]?.add() }
    func refused(_ user: UserID?, _ outcome: Outcome, _ request: RequestID) {
        counters[outcome]?.add()
        log.info("login.failed", ["user": LogValue(user?.text), "why": LogValue(outcome.rawValue)], request: request)
    }
}
