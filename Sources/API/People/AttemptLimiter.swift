public import Domain
private import HTTP
private import Synchronization

/// Counts attempts under a name and says when there were too many. Several nodes share one that keeps its counts elsewhere.
public protocol AttemptLimiter: Sendable {
    /// Books an attempt before it is made, so that many at once cannot pass together.
    /// - Returns: nil when it may be made, else the seconds until the next one may.
    func begin(_ name: String) -> Int?
    /// Forgets every attempt under that name: it was the right person.
    func clear(_ name: String)
    /// Takes one attempt back that came to nothing through no fault of the caller.
    func takeBack(_ name: String)
}

/// In the memory of this process: five attempts in any fifteen minutes.
public final class MemoryAttemptLimiter: AttemptLimiter {
    public static let attempts = 5
    static let windowMilliseconds: Int64 = 15 * 60 * 1000
    /// Names kept at once, some 2 MB. Past it whoever was quiet longest is forgotten.
    static let maximumNames = 10_000

    private let now: @Sendable () -> Timestamp
    /// When each name made its attempts, oldest first.
    private let attempts = Mutex<[String: [Int64]]>([:])

    private let most: Int

    /// - Parameter most: attempts in the window.
    public init(ambient: Ambient, most: Int = MemoryAttemptLimiter.attempts) { (now, self.most) = (ambient.now, most) }

    public func begin(_ name: String) -> Int? {
        let now = now().milliseconds
        return attempts.withLock { attempts in
            var recent = (attempts[name] ?? []).filter { now - $0 < Self.windowMilliseconds }
            if recent.count >= most, let first = recent.first {
                attempts[name] = recent
                return Int((first + Self.windowMilliseconds - now + 999) / 1000)
            }
            if attempts[name] == nil, attempts.count >= Self.maximumNames { Self.makeRoom(&attempts, now) }
            recent.append(now)
            attempts[name] = recent
            return nil
        }
    }

    public func clear(_ name: String) { attempts.withLock { $0[name] = nil } }

    public func takeBack(_ name: String) {
        attempts.withLock { attempts in
            guard var recent = attempts[name] else { return }
            recent.removeLast()
            attempts[name] = recent.isEmpty ? nil : recent
        }
    }

    /// How many names are kept.
    public var count: Int { attempts.withLock(\.count) }

    /// Drops what no longer counts; when everything does, the quieter half, so that a flood pays for this once in many calls.
    private static func makeRoom(_ attempts: inout [String: [Int64]], _ now: Int64) {
        attempts = attempts.filter { now - ($0.value.last ?? 0) < windowMilliseconds }
        guard attempts.count >= maximumNames else { return }
        let byAge = attempts.sorted { ($0.value.last ?? 0) < ($1.value.last ?? 0) }
        for (name, _) in byAge.prefix(maximumNames / 2) { attempts[name] = nil }
    }
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

    /// One customer's IPv6 line is a whole /64, so all of it counts as one address.
    private static func network(_ address: String) -> String {
        guard let address = IPAddress(address), !address.isIPv4 else { return address }
        return IPAddress(high: address.high, low: 0).description
    }
}
