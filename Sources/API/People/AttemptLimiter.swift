internal import Domain
private import HTTP
internal import Secrets
public import Store

/// Counts attempts under a name and says when there were too many. The counts stand in the database, so that all servers of it share them
/// and a restart forgives nothing.
public struct AttemptLimiter: Sendable {
    public static let attempts = 5
    /// Of every count.
    public static let windowMilliseconds: Int64 = 15 * 60 * 1000

    private let store: Store
    private let most: Int

    /// - Parameter most: attempts in any fifteen minutes.
    public init(_ store: Store, most: Int = AttemptLimiter.attempts) { (self.store, self.most) = (store, most) }

    /// Books an attempt before it is made, so that many at once cannot pass together.
    /// - Returns: nil when it may be made, else the seconds until the next one may.
    func begin(_ name: String) async throws(StoreError) -> Int? {
        let (hash, most) = (Self.hash(name), most)
        let next = try await store.transaction { transaction throws(StoreError) in
            try transaction.beginAttempt(hash, most: most, windowMilliseconds: Self.windowMilliseconds)
        }
        guard let next else { return nil }
        return max(1, Int((next.milliseconds - store.ambient.now().milliseconds + 999) / 1000))
    }

    /// Forgets every attempt under that name: it was the right person.
    func clear(_ name: String) async throws(StoreError) {
        let hash = Self.hash(name)
        try await store.transaction { transaction throws(StoreError) in try transaction.clearAttempts(hash) }
    }

    /// Takes one attempt back that came to nothing through no fault of the caller.
    func takeBack(_ name: String) async throws(StoreError) {
        let hash = Self.hash(name)
        try await store.transaction { transaction throws(StoreError) in try transaction.takeBackAttempt(hash) }
    }

    /// Names hold mail and network addresses, which a table of failures is not the place for.
    private static func hash(_ name: String) -> [UInt8] { Hashing.sha256(Array("attempt|\(name)".utf8)) }
}

/// The names that attempts are counted under.
enum AttemptName {
    static func login(_ email: EmailAddress, from address: String) -> String { "login \(email.text) \(network(address))" }
    static func promotion(from address: String) -> String { "promote \(network(address))" }
    /// Wherever they come from: a million codes are few.
    static func code(of user: UserID) -> String { "code \(user.text)" }
    static func linkWish(from address: String) -> String { "link-wish \(network(address))" }
    static func linkWish(to email: EmailAddress) -> String { "link-wish-to \(email.text)" }
    static func link(from address: String) -> String { "link \(network(address))" }
    static func registration(from address: String) -> String { "register \(network(address))" }
    static func config(of user: UserID) -> String { "config \(user.text)" }
    static func configLink(from address: String) -> String { "config-link \(network(address))" }

    /// One customer's IPv6 line is a whole /64, so all of it counts as one address.
    private static func network(_ address: String) -> String {
        guard let address = IPAddress(address), !address.isIPv4 else { return address }
        return IPAddress(high: address.high, low: 0).description
    }
}
