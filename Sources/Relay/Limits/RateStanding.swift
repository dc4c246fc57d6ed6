internal import Domain
internal import Store

/// What is left of one limit per minute, for the header fields that clients read.
struct RateStanding: Sendable, Equatable {
    var limit: Int64
    var remaining: Int64
    var resetsAt: Timestamp
}

/// The standings that a reply tells: requests, tokens, input tokens and output tokens.
struct RateStandings {
    private static func name(_ place: Int) -> StaticString {
        switch place {
        case 0: "anthropic-ratelimit-requests-"
        case 1: "anthropic-ratelimit-tokens-"
        case 2: "anthropic-ratelimit-input-tokens-"
        default: "anthropic-ratelimit-output-tokens-"
        }
    }

    /// As header lines.
    func write(to out: inout ByteCursor) {
        for place in tightest.indices {
            guard let standing = tightest[place] else { continue }
            let name = Self.name(place)
            out.append(name)
            out.append("limit: ")
            out.append(decimal: UInt64(clamping: standing.limit))
            out.append("\r\n")
            out.append(name)
            out.append("remaining: ")
            out.append(decimal: UInt64(clamping: standing.remaining))
            out.append("\r\n")
            out.append(name)
            out.append("reset: ")
            standing.resetsAt.write(to: &out)
            out.append("\r\n")
        }
    }

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
    func rates(_ now: Timestamp, second: UInt64) -> RateStandings? {
        guard holders.contains(where: { $0.plan.hasRates }) else { return nil }
        var standings = RateStandings()
        for holder in holders where holder.plan.hasRates {
            holder.counters.noteRates(holder.plan, now: now, second: second, in: &standings)
        }
        return standings
    }
}
