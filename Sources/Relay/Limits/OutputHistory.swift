internal import Synchronization

/// What is known of one key's answers. Made with the first of them; persons and teams have none.
final class KeyOutputs: Sendable {
    let history = Mutex(OutputHistory())
}

/// How long a key's answers lately were, model by model: what the next one is likely to take of a limit (relay contract, section 17).
///
/// Lengths are counted by half octaves, so what it says is never too short for the answers it has seen, and at most 41 % too long.
struct OutputHistory: Sendable {
    /// Fewer answers say nothing.
    static let needed = 20
    /// Models of one key; of those beyond nothing is known.
    static let modelLimit = 16
    /// Past this many answers all counts are halved, so that what was fades.
    static let kept = 256
    /// Longer answers count as this long.
    static let longest: Int64 = (1 << 20) - 1
    private static let placeCount = 40

    private struct Lengths {
        var counts = [UInt16](repeating: 0, count: placeCount)
        var total = 0
    }
    private var lengths: [String: Lengths] = [:]

    mutating func note(_ tokens: Int64, model: String) {
        guard lengths[model] != nil || lengths.count < Self.modelLimit else { return }
        Self.count(tokens, in: &lengths[model, default: Lengths()])
    }

    private static func count(_ tokens: Int64, in lengths: inout Lengths) {
        lengths.counts[place(of: tokens)] += 1
        lengths.total += 1
        guard lengths.total > kept else { return }
        for place in lengths.counts.indices { lengths.counts[place] /= 2 }
        lengths.total = lengths.counts.reduce(0) { $0 + Int($1) }
    }

    /// Tokens that 95 of a hundred answers of the model did not pass; nil while too few are known.
    func likely(_ model: String) -> Int64? {
        guard let lengths = lengths[model], lengths.total >= Self.needed else { return nil }
        var seen = 0
        for (place, count) in lengths.counts.enumerated() {
            seen += Int(count)
            if seen * 100 >= lengths.total * 95 { return Self.longest(at: place) }
        }
        return nil
    }

    /// Two places an octave: from 2^k, and from the square root of 2 times that.
    private static func place(of tokens: Int64) -> Int {
        let tokens = min(max(tokens, 1), longest)
        let octave = 63 - tokens.leadingZeroBitCount
        return octave * 2 + (tokens * tokens >= 1 << Int64(octave * 2 + 1) ? 1 : 0)
    }
    private static func longest(at place: Int) -> Int64 {
        let octave = place / 2
        return place % 2 == 1 ? (1 << Int64(octave + 1)) - 1 : Int64(Double(1 << Int64(octave * 2 + 1)).squareRoot())
    }
}
