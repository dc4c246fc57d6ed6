internal import Domain
public import Secrets
public import Store
public import Telemetry

/// PROMOTE_SECRET: whoever knows it makes the first admin of a server that has none, once.
public struct Promotion: Sendable {
    private let store: Store
    /// Nil when the way in is closed.
    private let secretHash: [UInt8]?
    private let limiter: AttemptLimiter
    private let log: Log

    /// - Parameter secret: nil turns it off.
    public init(store: Store, secret: SecretBytes?, limiter: AttemptLimiter, log: Log) {
        self.store = store
        // Hashes are of one length, so that comparing says nothing about the secret's.
        secretHash = secret?.reveal(Hashing.sha256)
        self.limiter = limiter
        self.log = log
    }

    enum Refusal: Error, Equatable {
        /// Off, the wrong secret, or there is an admin already: strangers are not told which.
        case refused
        case unknownUser
        case tooManyAttempts(seconds: Int)
    }
    /// Who is to be promoted.
    enum Subject: Sendable {
        case id(UserID)
        case number(Int64)
    }

    /// - Returns: the user as they are now.
    /// - Throws: `Refusal`, `StoreError`.
    func promote(_ subject: Subject, secret: String, from address: String, _ request: RequestID) async throws -> User {
        let name = AttemptName.promotion(from: address)
        if let seconds = try await limiter.begin(name) { throw Refusal.tooManyAttempts(seconds: seconds) }
        let isRight = Hashing.equal(Hashing.sha256(Array(secret.utf8)), secretHash ?? Self.nothing)
        guard isRight, secretHash != nil else {
            log.notice("people.promotion_refused", ["why": secretHash == nil ? "off" : "wrong_secret"], request: request)
            throw Refusal.refused
        }
        let outcome = try await store.transaction { transaction throws(StoreError) -> Result<User, Refusal> in
            guard try !transaction.anyAdminExists() else { return .failure(.refused) }
            let found: User? =
                switch subject {
                case .id(let id): try transaction.user(id)
                case .number(let number): try transaction.user(number: number)
                }
            guard let user = found, user.status == .active else { return .failure(.unknownUser) }
            guard try transaction.promoteFirstAdmin(user.id), let promoted = try transaction.user(user.id) else {
                return .failure(.refused)
            }
            try transaction.record(
                actor: "system", "user.promote_first_admin", subject: user.id.text, before: ["role": .string(user.role.rawValue)],
                after: ["role": .string(promoted.role.rawValue)], request)
            return .success(promoted)
        }
        switch outcome {
        case .success(let user):
            try await limiter.clear(name)
            log.notice("people.first_admin_promoted", ["user": LogValue(user.id.text)], request: request)
            return user
        case .failure(let refusal):
            if refusal == .refused { log.notice("people.promotion_refused", ["why": "admin_exists"], request: request) }
            throw refusal
        }
    }

    /// Compared against when there is no secret, so that the answer takes as long.
    private static let nothing = [UInt8](repeating: 0, count: 32)
}
