internal import Domain
internal import Mail
internal import Secrets
internal import Store
public import Telemetry

/// When a person has to have shown that the mail address is theirs. Operators are exempt: somebody made them by hand.
public enum EmailVerification: String, Sendable, CaseIterable {
    case off
    /// Before anything is bought or taken for free.
    case purchase
    /// Before the first login.
    case login
}

/// What links in mails are for: a proof of the address, a new password.
public struct AccountLinks: Sendable {
    private let people: People
    private let limiter: AttemptLimiter
    private let sendsMail: Bool
    private let log: Log
    private var store: Store { people.store }

    /// - Parameter sendsMail: false refuses to promise what nobody would send.
    public init(people: People, limiter: AttemptLimiter, sendsMail: Bool, log: Log) {
        (self.people, self.limiter, self.sendsMail, self.log) = (people, limiter, sendsMail, log)
    }

    enum Refusal: Error, Equatable {
        case mailIsOff
        /// Never given, used, ended, of another purpose, or of somebody who may not come in: nobody is told which.
        case invalidLink
        case tooManyAttempts(seconds: Int)
        /// Somebody has the address, the person themselves perhaps.
        case addressTaken
    }

    /// Promises a mail with such a link to whoever has the address. Nobody is looked up here, so known and unknown addresses get the same
    /// answer after the same work; an address that is asked for too often gets no further mail, without a word.
    /// - Throws: `Refusal`, `StoreError`.
    func ask(for purpose: MailLink.Purpose, _ email: EmailAddress, from address: String) async throws {
        guard sendsMail else { throw Refusal.mailIsOff }
        if let seconds = try await limiter.begin(AttemptName.linkWish(from: address)) { throw Refusal.tooManyAttempts(seconds: seconds) }
        guard try await limiter.begin(AttemptName.linkWish(to: email)) == nil else { return }
        try await store.transaction { transaction throws(StoreError) in
            let end = transaction.ambient.now().adding(seconds: purpose.lifetimeSeconds)
            try transaction.promiseMail(purpose == .verifyAddress ? .verifyAddress : .resetPassword, to: email.text, until: end)
        }
    }

    /// Promises a mail to the address that a person wants to have; until its link is opened they keep the one they have.
    /// - Throws: `Refusal`, `StoreError`.
    func askChange(to email: EmailAddress, of user: User, from address: String, _ request: RequestID) async throws {
        guard sendsMail else { throw Refusal.mailIsOff }
        for name in [AttemptName.linkWish(from: address), AttemptName.linkWish(to: email)] {
            if let seconds = try await limiter.begin(name) { throw Refusal.tooManyAttempts(seconds: seconds) }
        }
        let isFree = try await store.transaction { transaction throws(StoreError) -> Bool in
            // Registration tells as much.
            guard try transaction.user(email: email.text) == nil else { return false }
            let end = transaction.ambient.now().adding(seconds: MailLink.Purpose.changeAddress.lifetimeSeconds)
            try transaction.promiseMail(.changeAddress, to: email.text, user: user.id, until: end)
            try transaction.record(
                actor: user.id.text, "user.ask_email_change", subject: user.id.text, before: nil, after: nil, request)
            return true
        }
        guard isFree else { throw Refusal.addressTaken }
    }

    /// Confirms the address that a person has, or gives them the one that they asked for and tells the old one.
    /// - Returns: whose address it is.
    /// - Throws: `Refusal`, `StoreError`.
    func verify(_ secret: String, from address: String, _ request: RequestID) async throws -> User {
        let name = AttemptName.link(from: address)
        if let seconds = try await limiter.begin(name) { throw Refusal.tooManyAttempts(seconds: seconds) }
        let hash = LinkSecrets.hash(secret)
        let user = try await store.transaction { transaction throws(StoreError) -> User? in
            if let user = try Self.change(hash, transaction, request) { return user }
            guard let open = try transaction.openMailLink(hash, .verifyAddress), try transaction.useMailLink(open.link) else { return nil }
            if try transaction.setEmailVerified(open.user.id) {
                try transaction.record(
                    actor: open.user.id.text, "user.verify_email", subject: open.user.id.text, before: nil, after: nil, request)
            }
            return open.user
        }
        guard let user else { throw refused(.verifyAddress, request) }
        try await limiter.clear(name)
        return user
    }

    /// nil when it is no link for a new address, or somebody else has taken that meanwhile.
    private static func change(_ hash: [UInt8], _ transaction: Transaction, _ request: RequestID) throws(StoreError) -> User? {
        guard let open = try transaction.openMailLink(hash, .changeAddress), try transaction.user(email: open.link.email) == nil,
            try transaction.useMailLink(open.link), try transaction.updateUser(open.user.id, email: open.link.email)
        else { return nil }
        _ = try transaction.setEmailVerified(open.user.id)
        let (user, now) = (open.user, transaction.ambient.now())
        try transaction.promiseMail(
            .addressChanged, to: user.email, user: user.id, facts: ["end": .string(now.minuteText)], until: now.adding(seconds: 7 * 86_400))
        try transaction.record(actor: user.id.text, "user.change_email", subject: user.id.text, before: nil, after: nil, request)
        return try transaction.user(user.id)
    }

    /// Sets the password, ends every session and every token of the person, and takes the address as shown to be theirs.
    /// - Throws: `Refusal`, `InputErrors` for a bad password (the link stays good), `StoreError`, `SecretsError`.
    func reset(_ secret: String, to password: String, from address: String, _ request: RequestID) async throws {
        let name = AttemptName.link(from: address)
        if let seconds = try await limiter.begin(name) { throw Refusal.tooManyAttempts(seconds: seconds) }
        let hash = LinkSecrets.hash(secret)
        let open = try await store.read { reader throws(StoreError) in try reader.openMailLink(hash, .resetPassword) }
        guard let open else { throw refused(.resetPassword, request) }
        let passwordHash: String
        do { passwordHash = try await people.hashOfNew(password, email: open.user.email) } catch {
            try await limiter.takeBack(name)
            throw error
        }
        let isDone = try await store.transaction { transaction throws(StoreError) -> Bool in
            guard let open = try transaction.openMailLink(hash, .resetPassword), try transaction.useMailLink(open.link),
                try transaction.setPassword(hash: passwordHash, of: open.user.id)
            else { return false }
            _ = try transaction.setEmailVerified(open.user.id)
            try transaction.record(
                actor: open.user.id.text, "user.reset_password", subject: open.user.id.text, before: nil, after: nil, request)
            return true
        }
        guard isDone else { throw refused(.resetPassword, request) }
        try await limiter.clear(name)
    }

    private func refused(_ purpose: MailLink.Purpose, _ request: RequestID) -> Refusal {
        log.info("people.link_refused", ["purpose": LogValue(purpose.rawValue)], request: request)
        return .invalidLink
    }
}
