internal import Store

/// Usage numbers as the upstream reports them, overlaid as they come: a later value that is not null replaces an earlier one
/// (relay contract, section 15).
struct MeteredUsage: Sendable, Equatable {
    var input: Int64 = 0
    var output: Int64 = 0
    var cacheRead: Int64 = 0
    /// `cache_creation_input_tokens`.
    var cacheCreation: Int64 = 0
    /// Parts of `cache_creation`; nil while it is null or absent.
    var cache5m: Int64?
    var cache1h: Int64?
    var webSearches: Int64 = 0
    /// `speed` is "fast".
    var isFast = false
    /// `inference_geo` is "us".
    var isUS = false
    var isBatch = false
    /// Any usage object was seen.
    var isKnown = false
    /// One entry for each pass of a request that took several; when not empty it is the complete list.
    var iterations: [Iteration] = []

    struct Iteration: Sendable, Equatable {
        /// Nil: the message's model.
        var model: String?
        var tokens: TokenCounts
    }

    /// What an upstream reports past this is not believed and counts as this: more than the ledger keeps of one attempt, which flags
    /// such an entry, and little enough that no sum of a request overflows.
    static let largestCount: Int64 = 4_000_000_000_000

    /// The top-level numbers in the five classes that are priced.
    var tokens: TokenCounts {
        let parts = (cache5m ?? 0) + (cache1h ?? 0)
        return TokenCounts(
            input: input, output: output, cacheWrite5m: (cache5m ?? 0) + max(0, cacheCreation - parts), cacheWrite1h: cache1h ?? 0,
            cacheRead: cacheRead)
    }

    /// Reads one `usage` object over what is known.
    /// - Returns: where it ends; nil when it is no object, and nothing has changed then.
    @discardableResult
    mutating func overlay(_ bytes: Span<UInt8>, _ from: Int) -> Int? {
        var next = self
        let end = JSONSkim.walk(bytes, from) { bytes, name, at in
            if name.count == 14, JSONSkim.matches(bytes, name, "cache_creation"), let end = next.readCacheParts(bytes, at) { return end }
            guard let end = JSONSkim.skipValue(bytes, at) else { return nil }
            next.take(bytes, name, at..<end)
            return end
        }
        guard end != nil else { return nil }
        next.isKnown = true
        self = next
        return end
    }

    private mutating func take(_ bytes: Span<UInt8>, _ name: JSONSkim.Name, _ value: Range<Int>) {
        if JSONSkim.isNull(bytes, value) { return }
        // Names differ in length, which settles most of them at once.
        switch name.count {
        case 12 where JSONSkim.matches(bytes, name, "input_tokens"): Self.count(bytes, value, into: &input)
        case 13 where JSONSkim.matches(bytes, name, "output_tokens"): Self.count(bytes, value, into: &output)
        case 13 where JSONSkim.matches(bytes, name, "inference_geo"): isUS = JSONSkim.string(bytes, value) == "us"
        case 23 where JSONSkim.matches(bytes, name, "cache_read_input_tokens"): Self.count(bytes, value, into: &cacheRead)
        case 27 where JSONSkim.matches(bytes, name, "cache_creation_input_tokens"): Self.count(bytes, value, into: &cacheCreation)
        case 15 where JSONSkim.matches(bytes, name, "server_tool_use"):
            _ = JSONSkim.members(bytes, value.lowerBound) { bytes, name, value in
                if JSONSkim.matches(bytes, name, "web_search_requests") { Self.count(bytes, value, into: &webSearches) }
                return true
            }
        case 5 where JSONSkim.matches(bytes, name, "speed"): isFast = JSONSkim.string(bytes, value) == "fast"
        case 12 where JSONSkim.matches(bytes, name, "service_tier"): isBatch = JSONSkim.string(bytes, value) == "batch"
        case 10 where JSONSkim.matches(bytes, name, "iterations"): readIterations(bytes, value)
        default: break
        }
    }

    /// What is no number leaves what was known.
    private static func count(_ bytes: Span<UInt8>, _ value: Range<Int>, into known: inout Int64) {
        if let count = count(bytes, value) { known = count }
    }
    private static func count(_ bytes: Span<UInt8>, _ value: Range<Int>) -> Int64? {
        JSONSkim.count(bytes, value).map { min($0, largestCount) }
    }

    /// - Returns: where the parts end; nil when this is no object.
    private mutating func readCacheParts(_ bytes: Span<UInt8>, _ from: Int) -> Int? {
        var (five, hour) = (cache5m ?? 0, cache1h ?? 0)
        let end = JSONSkim.members(bytes, from) { bytes, name, value in
            if JSONSkim.matches(bytes, name, "ephemeral_5m_input_tokens") {
                Self.count(bytes, value, into: &five)
            } else if JSONSkim.matches(bytes, name, "ephemeral_1h_input_tokens") {
                Self.count(bytes, value, into: &hour)
            }
            return true
        }
        if end != nil { (cache5m, cache1h) = (five, hour) }
        return end
    }

    /// Passes that one request may report; more are not believed.
    private static let maximumIterations = 256

    private mutating func readIterations(_ bytes: Span<UInt8>, _ value: Range<Int>) {
        var list: [Iteration] = []
        let isList = JSONSkim.elements(bytes, value.lowerBound) { bytes, element in
            var usage = MeteredUsage()
            var model: String?
            usage.overlay(bytes, element.lowerBound)
            _ = JSONSkim.members(bytes, element.lowerBound) { bytes, name, value in
                if JSONSkim.matches(bytes, name, "model") { model = JSONSkim.string(bytes, value) }
                return true
            }
            list.append(Iteration(model: model, tokens: usage.tokens))
            return list.count < Self.maximumIterations
        }
        if isList { iterations = list }
    }
}
