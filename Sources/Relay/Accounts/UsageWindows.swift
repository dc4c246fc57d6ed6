internal import Domain
internal import HTTP

/// What an upstream's answers say about the account's own limits (relay contract, section 7). Read off bytes; parsed at most every
/// quarter of a second, and whenever a request was refused.
struct UsageWindows: Sendable, Equatable {
    struct Window: Sendable, Equatable {
        /// "5h", "7d", "7d_opus".
        var name: String
        var isRejected = false
        /// 0...1.
        var utilization: Double?
        var resetsAt: Timestamp?
    }
    /// Of the open list of unified windows; at most `maximumWindows`.
    private(set) var windows: [Window] = []
    private(set) var isRejected = false
    private(set) var claim: String?
    private(set) var unifiedReset: Timestamp?
    /// Of `anthropic-ratelimit-requests-*` and of the token limits: what is left of what, and until when.
    private(set) var remaining: [String: (left: Int64?, limit: Int64?, resetsAt: Timestamp?)] = [:]

    private static let maximumWindows = 16
    private static let classes = ["requests", "input-tokens", "output-tokens", "tokens"]
    private static let prefix = "anthropic-ratelimit-"

    init() {}

    init(_ head: UpstreamResponseHead) {
        for field in head.fields where field.name.count > Self.prefix.utf8.count && Self.begins(head, field.name) {
            let name = head.text(field.name).dropFirst(Self.prefix.count).lowercased()
            read(Substring(name), head.text(field.value))
        }
    }

    private static func begins(_ head: UpstreamResponseHead, _ name: Range<Int>) -> Bool {
        var at = name.lowerBound
        for byte in prefix.utf8 {
            guard head.bytes[at] | 0x20 == byte || head.bytes[at] == byte else { return false }
            at += 1
        }
        return true
    }

    private mutating func read(_ name: Substring, _ value: String) {
        if name.hasPrefix("unified-") { return readUnified(name.dropFirst(8), value) }
        for word in Self.classes where name.hasPrefix(word + "-") {
            var entry = remaining[word] ?? (nil, nil, nil)
            switch name.dropFirst(word.count + 1) {
            case "remaining": entry.left = Int64(value)
            case "limit": entry.limit = Int64(value)
            case "reset": entry.resetsAt = Self.moment(value)
            default: return
            }
            remaining[word] = entry
            return
        }
    }

    private mutating func readUnified(_ name: Substring, _ value: String) {
        switch name {
        case "status": isRejected = value == "rejected"
        case "reset": unifiedReset = Self.moment(value)
        case "representative-claim": claim = String(value.prefix(64))
        default:
            for (ending, isNeeded) in [("-status", true), ("-reset", true), ("-utilization", true)] where isNeeded && name.hasSuffix(ending)
            {
                let window = String(name.dropLast(ending.count))
                // "overage-status" and the like are about something else.
                guard window.first?.isNumber == true else { return }
                let at: Int
                if let known = windows.firstIndex(where: { $0.name == window }) {
                    at = known
                } else {
                    guard windows.count < Self.maximumWindows else { return }
                    windows.append(Window(name: window))
                    at = windows.count - 1
                }
                switch ending {
                case "-status": windows[at].isRejected = value == "rejected"
                case "-reset": windows[at].resetsAt = Self.moment(value)
                default: windows[at].utilization = Double(value).flatMap { $0.isFinite ? min(1, max(0, $0)) : nil }
                }
            }
        }
    }

    /// A time as RFC 3339 or, all digits, as Unix seconds.
    static func moment(_ text: String) -> Timestamp? {
        if !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) { return Int64(text).map { Timestamp(seconds: $0) } }
        return try? Timestamp(parsing: text)
    }

    // MARK: What follows from it

    /// When a refused request may come again, and which family the refusal is about (nil: every one). Nil when no window refused.
    func rejection(asking family: ModelFamily, now: Timestamp) -> (until: Timestamp, family: ModelFamily?, claim: String)? {
        let rejected = windows.filter { $0.isRejected && ($0.resetsAt.map { $0 > now } ?? false) }
        // A window of the whole account outlasts one of a family.
        let whole = rejected.filter { ModelFamily.claimed($0.name, asking: family) == nil }
        let chosen = (whole.isEmpty ? rejected : whole).max { ($0.resetsAt ?? now) < ($1.resetsAt ?? now) }
        if let chosen, let until = chosen.resetsAt {
            return (until, ModelFamily.claimed(chosen.name, asking: family), chosen.name)
        }
        guard isRejected, let until = unifiedReset, until > now else { return nil }
        return (until, claim.flatMap { ModelFamily.claimed($0, asking: family) }, claim ?? "unified")
    }

    /// The end of a used-up limit per minute.
    func exhaustedUntil(now: Timestamp) -> Timestamp? {
        remaining.values.compactMap { $0.left == 0 ? $0.resetsAt : nil }.filter { $0 > now }.max()
    }

    /// How much the account has left, 0...1 and up to 2 for quota about to expire (relay contract, section 13).
    func headroom(family: ModelFamily, now: Timestamp) -> Double {
        // Above 1 is only what a window says that ends soon; of an account that says nothing nothing is known to expire.
        var least: Double?
        for window in windows {
            guard let used = window.utilization, let resets = window.resetsAt, resets > now else { continue }
            if let about = ModelFamily.claimed(window.name, asking: family), about != family { continue }
            if window.name.hasPrefix("7d") {
                let left = min(1, Double(resets.milliseconds - now.milliseconds) / Self.weekMilliseconds)
                least = min(least ?? 2, (1 - used) * (2 - left))
            } else {
                least = min(least ?? 1, 1 - used)
            }
        }
        if let requests = remaining["requests"], let left = requests.left, let limit = requests.limit, limit > 0,
            let resets = requests.resetsAt, resets > now
        {
            least = min(least ?? 1, Double(left) / Double(limit))
        }
        return least ?? 1
    }
    private static let weekMilliseconds = 7 * 86_400_000.0

    static func == (a: UsageWindows, b: UsageWindows) -> Bool {
        a.windows == b.windows && a.isRejected == b.isRejected && a.claim == b.claim && a.unifiedReset == b.unifiedReset
            && a.remaining.keys == b.remaining.keys
            && a.remaining.allSatisfy { name, entry in b.remaining[name].map { $0 == entry } ?? false }
    }

    /// For operators, and to be kept over a restart.
    var json: JSON {
        var object = JSONObject()
        for window in windows {
            object[window.name] = [
                "utilization": window.utilization.map { .number(String($0)) } ?? .null, "rejected": .bool(window.isRejected),
                "resets_at": window.resetsAt.map { .string($0.text) } ?? .null,
            ]
        }
        for (name, entry) in remaining.sorted(by: { $0.key < $1.key }) {
            object[name.replacing("-", with: "_")] = [
                "remaining": entry.left.map { .int($0) } ?? .null, "limit": entry.limit.map { .int($0) } ?? .null,
                "resets_at": entry.resetsAt.map { .string($0.text) } ?? .null,
            ]
        }
        return .object(object)
    }

    /// Reads what `json` wrote; what cannot be read is left out.
    init(restoring json: JSON) {
        for (name, value) in json.object?.members ?? [] {
            let resets = value["resets_at"].string.flatMap(Self.moment)
            if name.first?.isNumber == true, windows.count < Self.maximumWindows {
                let used: Double? =
                    switch value["utilization"] {
                    case .number(let text): Double(text)
                    case .int(let whole): Double(whole)
                    default: nil
                    }
                windows.append(
                    Window(
                        name: name, isRejected: value["rejected"].bool ?? false, utilization: used.map { min(1, max(0, $0)) },
                        resetsAt: resets))
            } else if case let word = name.replacing("_", with: "-"), Self.classes.contains(word) {
                remaining[word] = (value["remaining"].int, value["limit"].int, resets)
            }
        }
    }
}
