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
    /// Any usage object was seen, and none that could not be read.
    var isKnown = false
    /// A usage object held a count that cannot be one: nothing that is told of this answer's numbers is believed.
    private(set) var isUnreadable = false
    /// A number of input or of output tokens was among it.
    var (hasInput, hasOutput) = (false, false)
    /// One entry for each pass of a request that took several; when not empty it is the complete list.
    var iterations: [Iteration] = []
    /// A number of tokens was there.
    private(set) var hasCounts = false

    struct Iteration: Sendable, Equatable {
        /// Nil: the message's model.
        var model: String?
        var tokens: TokenCounts
    }

    /// A larger count is none. The ledger keeps no more of one attempt, and no sum of a request overflows.
    static let largestCount: Int64 = 1_000_000_000_000

    /// The top-level numbers in the five classes that are priced.
    var tokens: TokenCounts {
        let parts = (cache5m ?? 0) + (cache1h ?? 0)
        return TokenCounts(
            input: input, output: output, cacheWrite5m: (cache5m ?? 0) + max(0, cacheCreation - parts), cacheWrite1h: cache1h ?? 0,
            cacheRead: cacheRead)
    }

    /// Nobody has said how long the prompt was.
    var lacksInput: Bool { !hasInput && iterations.isEmpty }

    /// Reads one `usage` object over what is known.
    /// - Returns: where it ends; nil when it is no object, and nothing has changed then, or when it cannot be read (`isUnreadable`).
    @discardableResult
    mutating func overlay(_ bytes: Span<UInt8>, _ from: Int) -> Int? {
        var next = self
        var hasList = false
        let end = JSONSkim.walk(bytes, from) { bytes, name, at in
            let member = Member(bytes, name)
            if member == .cacheParts, let end = next.readCacheParts(bytes, at) { return end }
            guard let end = JSONSkim.skipValue(bytes, at) else { return nil }
            if member == .iterations {
                if next.readIterations(bytes, at..<end) { hasList = true }
            } else {
                next.take(bytes, member, at..<end)
            }
            return end
        }
        guard end != nil else { return nil }
        guard !next.isUnreadable else {
            forget()
            return nil
        }
        if !hasList, !next.iterations.isEmpty { next.addRise(since: tokens) }
        next.isKnown = true
        self = next
        return end
    }

    /// Keeps only what the answer's price is multiplied by.
    private mutating func forget() {
        var none = MeteredUsage()
        (none.isFast, none.isUS, none.isBatch, none.isUnreadable) = (isFast, isUS, isBatch, true)
        self = none
    }

    /// What is read of a usage object.
    private enum Member {
        case input, output, cacheRead, cacheCreation, cacheParts, serverTools, speed, place, tier, iterations, other

        init(_ bytes: Span<UInt8>, _ name: JSONSkim.Name) {
            if name.isEscaped, let plain = JSONSkim.unescaped(bytes, name.range) {
                self.init(plain.span, 0..<plain.count)
            } else {
                self.init(bytes, name.range)
            }
        }

        private init(_ bytes: Span<UInt8>, _ name: Range<Int>) {
            // Names differ in length, which settles most of them at once.
            self =
                switch name.count {
                case 12 where JSONSkim.isWord(bytes, name, "input_tokens"): .input
                case 13 where JSONSkim.isWord(bytes, name, "output_tokens"): .output
                case 13 where JSONSkim.isWord(bytes, name, "inference_geo"): .place
                case 23 where JSONSkim.isWord(bytes, name, "cache_read_input_tokens"): .cacheRead
                case 27 where JSONSkim.isWord(bytes, name, "cache_creation_input_tokens"): .cacheCreation
                case 14 where JSONSkim.isWord(bytes, name, "cache_creation"): .cacheParts
                case 15 where JSONSkim.isWord(bytes, name, "server_tool_use"): .serverTools
                case 5 where JSONSkim.isWord(bytes, name, "speed"): .speed
                case 12 where JSONSkim.isWord(bytes, name, "service_tier"): .tier
                case 10 where JSONSkim.isWord(bytes, name, "iterations"): .iterations
                default: .other
                }
        }
    }

    private mutating func take(_ bytes: Span<UInt8>, _ member: Member, _ value: Range<Int>) {
        if JSONSkim.isNull(bytes, value) { return }
        switch member {
        case .input: if let told = count(bytes, value) { (input, hasInput) = (told, true) }
        case .output: if let told = count(bytes, value) { (output, hasOutput) = (told, true) }
        case .cacheRead: cacheRead = count(bytes, value) ?? cacheRead
        case .cacheCreation: cacheCreation = count(bytes, value) ?? cacheCreation
        case .serverTools:
            _ = JSONSkim.members(bytes, value.lowerBound) { bytes, name, value in
                if JSONSkim.matches(bytes, name, "web_search_requests") { webSearches = count(bytes, value) ?? webSearches }
                return true
            }
        case .speed: isFast = JSONSkim.string(bytes, value) == "fast"
        case .place: isUS = JSONSkim.string(bytes, value) == "us"
        case .tier: isBatch = JSONSkim.string(bytes, value) == "batch"
        case .iterations, .cacheParts, .other: break
        }
    }

    /// Null leaves what was known; what cannot be a count leaves nothing to believe.
    private mutating func count(_ bytes: Span<UInt8>, _ value: Range<Int>) -> Int64? {
        if JSONSkim.isNull(bytes, value) { return nil }
        guard let count = JSONSkim.wholeCount(bytes, value), count <= Self.largestCount else {
            isUnreadable = true
            return nil
        }
        hasCounts = true
        return count
    }

    /// - Returns: where the parts end; nil when this is no object.
    private mutating func readCacheParts(_ bytes: Span<UInt8>, _ from: Int) -> Int? {
        var (five, hour) = (cache5m ?? 0, cache1h ?? 0)
        let end = JSONSkim.members(bytes, from) { bytes, name, value in
            if JSONSkim.matches(bytes, name, "ephemeral_5m_input_tokens") {
                five = count(bytes, value) ?? five
            } else if JSONSkim.matches(bytes, name, "ephemeral_1h_input_tokens") {
                hour = count(bytes, value) ?? hour
            }
            return true
        }
        if end != nil { (cache5m, cache1h) = (five, hour) }
        return end
    }

    /// A model's name; nil, as when it is not said, of an empty one too.
    static func model(_ bytes: Span<UInt8>, _ value: Range<Int>) -> String? {
        guard let name = JSONSkim.string(bytes, value), !name.isEmpty else { return nil }
        return name
    }

    /// Passes of a request that are kept one by one; more are added to the last of their model, else to the last of all, whose prompt is
    /// the larger then.
    private static let maximumIterations = 256

    /// Takes the entries with counts; one without any is no pass.
    /// - Returns: false when this is no list.
    private mutating func readIterations(_ bytes: Span<UInt8>, _ value: Range<Int>) -> Bool {
        var list: [Iteration] = []
        let isList = JSONSkim.elements(bytes, value.lowerBound) { bytes, element in
            var usage = MeteredUsage()
            var model: String?
            usage.overlay(bytes, element.lowerBound)
            if usage.isUnreadable { isUnreadable = true }
            guard usage.hasCounts else { return true }
            _ = JSONSkim.members(bytes, element.lowerBound) { bytes, name, value in
                if JSONSkim.matches(bytes, name, "model") { model = Self.model(bytes, value) }
                return true
            }
            if list.count < Self.maximumIterations {
                list.append(Iteration(model: model, tokens: usage.tokens))
            } else {
                let place = list.lastIndex { $0.model == model } ?? list.count - 1
                list[place].tokens.add(usage.tokens)
            }
            return true
        }
        if isList { iterations = list }
        return isList
    }

    /// A count of the top level that has risen since the passes were listed: what it says beyond their sum is the last one's.
    private mutating func addRise(since before: TokenCounts) {
        guard let last = iterations.indices.last else { return }
        let (now, passes) = (tokens, iterationTotal)
        let counts: [WritableKeyPath<TokenCounts, Int64>] = [\.input, \.output, \.cacheWrite5m, \.cacheWrite1h, \.cacheRead]
        for count in counts where now[keyPath: count] > before[keyPath: count] {
            iterations[last].tokens[keyPath: count] += max(0, now[keyPath: count] - passes[keyPath: count])
        }
    }

    /// The sum over all passes.
    var iterationTotal: TokenCounts {
        iterations.reduce(into: TokenCounts()) { $0.add($1.tokens) }
    }
}

extension TokenCounts {
    /// Of one request's passes. Saturates, far beyond what a ledger keeps.
    mutating func add(_ other: TokenCounts) {
        func sum(_ a: Int64, _ b: Int64) -> Int64 { min(a + b, Self.largestSum) }
        input = sum(input, other.input)
        output = sum(output, other.output)
        cacheWrite5m = sum(cacheWrite5m, other.cacheWrite5m)
        cacheWrite1h = sum(cacheWrite1h, other.cacheWrite1h)
        cacheRead = sum(cacheRead, other.cacheRead)
    }
    /// Of five such sums no sum overflows, nor of two.
    private static let largestSum: Int64 = .max / 16
}
