internal import Domain
internal import Store

/// What is left of one limit per minute, for the header fields that clients read.
struct RateStanding: Sendable, Equatable {
    /// As in "input-tokens".
    var word: String
    var limit: Int64
    var remaining: Int64
    var resetsAt: Timestamp
}

extension RelayKey {
    private static let words: [(LimitName, String)] = [
        (.requestsPerMinute, "requests"), (.tokensPerMinute, "tokens"), (.inputTokensPerMinute, "input-tokens"),
        (.outputTokensPerMinute, "output-tokens"),
    ]

    /// The tightest of each among the key, its owner and its team; nothing for keys without such limits.
    func rates(_ services: RelayServices, second: UInt64) -> [RateStanding] {
        guard holders.contains(where: { $0.plan.hasRates }) else { return [] }
        let now = services.ambient.now()
        let standings = holders.flatMap {
            $0.counters.standings($0.scope, $0.plan, now: now, second: second, zone: services.zone)
        }
        return Self.words.compactMap { name, word in
            standings.filter { $0.name == name }.min { $0.remaining < $1.remaining }.map {
                RateStanding(word: word, limit: $0.limit, remaining: $0.remaining, resetsAt: $0.resetsAt ?? now)
            }
        }
    }
}
