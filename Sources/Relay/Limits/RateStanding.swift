internal import Domain
internal import Store

/// What is left of one limit per minute, for the header fields that clients read.
struct RateStanding: Sendable, Equatable {
    var limit: Int64
    var remaining: Int64
    var resetsAt: Timestamp
}

/// The standings that a reply tells, in the order of `RateStandings.names`.
struct RateStandings {
    /// Of limit, what remains and when it is whole again. Made once: interpolated for every reply they would cost a dozen allocations.
    struct Names: Sendable {
        let limit: String
        let remaining: String
        let reset: String
        init(_ word: String) {
            (limit, remaining) = ("anthropic-ratelimit-\(word)-limit", "anthropic-ratelimit-\(word)-remaining")
            reset = "anthropic-ratelimit-\(word)-reset"
        }
    }
    static let names = ["requests", "tokens", "input-tokens", "output-tokens"].map(Names.init)

    private(set) var tightest = InlineArray<4, RateStanding?>(repeating: nil)

    /// Keeps it if no other of its kind has less left.
    mutating func note(_ name: LimitName, _ standing: RateStanding) {
        let place: Int
        switch name {
        case .requestsPerMinute: place = 0
        case .tokensPerMinute: place = 1
        case .inputTokensPerMinute: place = 2
        case .outputTokensPerMinute: place = 3
        default: return
        }
        if let known = tightest[place], known.remaining <= standing.remaining { return }
        tightest[place] = standing
    }
}

extension RelayKey {
    /// The tightest of each among the key, its owner and its team; nil for keys without such limits.
    func rates(_ services: RelayServices, second: UInt64) -> RateStandings? {
        guard holders.contains(where: { $0.plan.hasRates }) else { return nil }
        var standings = RateStandings()
        let now = services.ambient.now()
        for holder in holders where holder.plan.hasRates {
            holder.counters.noteRates(holder.plan, now: now, second: second, in: &standings)
        }
        return standings
    }
}
