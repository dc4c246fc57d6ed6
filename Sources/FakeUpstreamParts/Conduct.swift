/// How the fake answers one request. Read from a step: directives joined by `|`, each `name`, `name=value` and further `;` parts.
struct Conduct: Sendable, Equatable {
    /// A place in an answer: the `occurrence`-th frame of that event, counted from 1. `headers` stands for the response head.
    struct Place: Sendable, Equatable {
        let event: String
        let occurrence: Int
    }
    struct Refusal: Sendable, Equatable {
        let status: Int
        var type: String?
        var code: String?
        var message: String?
        var headers: [JSONText.Member] = []
        var isHTML = false
    }
    struct Cut: Sendable, Equatable {
        let after: Place
        /// That many bytes of the following frame are still sent.
        let bytes: Int
        let isReset: Bool
    }
    enum Dialect: Sendable, Equatable { case plain, tool, thinking, refusal, pauseTurn, maxTokens }
    enum RefreshFailure: String, Sendable { case invalidGrant = "invalid_grant", serverError = "500" }
    struct BadStep: Error, Equatable { let text: String }

    var refusal: Refusal?
    var isRefusedConnection = false
    /// What the tool block calls; nil for the request's first tool and some input.
    var toolCall: (name: String, input: String)?
    var hangBeforeHeadersMilliseconds = 0
    var hang: (after: Place, milliseconds: Int)?
    var cut: Cut?
    /// The message is made up from the type when the step names none.
    var errorEvent: (after: Place?, type: String, message: String?)?
    var splitBytes: Int?
    var frameBytes: Int?
    var isGzip = false
    var isCloseDelimited = false
    var hasUsage = true
    var usage: JSONText?
    var messageDeltas = 1
    var isInputLate = false
    var isCacheNull = false
    var iterations: JSONText?
    var answeringModel: String?
    var dialect = Dialect.plain
    var tokensPerSecond: Int?
    var firstTokenMilliseconds = 0
    var tokens: Int?
    var unified: String?
    var rotatesRefresh = false
    var refreshFailure: RefreshFailure?
    var clockSkewSeconds = 0

    init() {}

    init(_ step: String) throws(BadStep) {
        for directive in step.split(separator: "|") {
            let text = directive.trimmed
            guard !text.isEmpty else { continue }
            try apply(text)
        }
    }

    private mutating func apply(_ directive: String) throws(BadStep) {
        let bad = BadStep(text: directive)
        let pair = directive.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let name = pair[0].split(separator: ";")[0]
        let value = pair.count > 1 ? pair[1].drop { $0 == " " } : ""
        // JSON values may hold semicolons of their own.
        let parts = value.split(separator: ";").map { $0.trimmed }
        let first = parts.first ?? ""
        func number() throws(BadStep) -> Int {
            guard let number = Int(first), number >= 0 else { throw bad }
            return number
        }
        func json() throws(BadStep) -> JSONText {
            do { return try JSONText(reading: Array(value.utf8)) } catch { throw bad }
        }
        switch name {
        case "ok": break
        case "status": refusal = try Self.refusal(first, parts.dropFirst(), bad)
        case "html503": refusal = Refusal(status: 503, isHTML: true)
        case "connect-refuse", "tls-fail": isRefusedConnection = true
        case "hang-before-headers": hangBeforeHeadersMilliseconds = try number()
        case "hang-after":
            let halves = first.split(separator: ":")
            guard halves.count == 2, let milliseconds = Int(halves[1]), milliseconds >= 0 else { throw bad }
            hang = (try Self.place(halves[0], bad), milliseconds)
        case "cut-after":
            let halves = first.split(separator: ":")
            guard let event = halves.first, halves.count <= 2 else { throw bad }
            let bytes = halves.count == 2 ? Int(halves[1]) : 0
            guard let bytes, bytes >= 0 else { throw bad }
            cut = Cut(after: try Self.place(event, bad), bytes: bytes, isReset: parts.contains("rst"))
        case "error-event-after":
            errorEvent = (
                try Self.place(Substring(first), bad), Self.part("type", parts) ?? "overloaded_error", Self.part("message", parts)
            )
        case "first-event-error":
            let parts = directive.split(separator: ";").map { $0.trimmed }
            errorEvent = (nil, Self.part("type", parts) ?? "overloaded_error", Self.part("message", parts))
        case "split":
            splitBytes = try number()
            guard splitBytes != 0 else { throw bad }
        case "frames": frameBytes = try Self.size(first, bad)
        case "gzip": isGzip = true
        case "close-delimited": isCloseDelimited = true
        case "no-usage": hasUsage = false
        case "usage": usage = try json()
        case "multi-delta": messageDeltas = max(1, try number())
        case "input-late": isInputLate = true
        case "cache-null": isCacheNull = true
        case "iterations": iterations = try json()
        case "fallback-model": answeringModel = String(value)
        case "tool":
            dialect = .tool
            if let colon = value.firstIndex(of: ":") {
                let input = String(value[value.index(after: colon)...])
                do { _ = try JSONText(reading: Array(input.utf8)) } catch { throw bad }
                toolCall = (String(value[..<colon]), input)
            } else if !value.isEmpty {
                throw bad
            }
        case "thinking": dialect = .thinking
        case "refusal": dialect = .refusal
        case "pause_turn": dialect = .pauseTurn
        case "max_tokens": dialect = .maxTokens
        case "rate": tokensPerSecond = max(1, try number())
        case "ttft": firstTokenMilliseconds = try number()
        case "len": tokens = try number()
        case "unified": unified = String(value)
        case "rotate-refresh": rotatesRefresh = true
        case "refresh-fail":
            guard let failure = RefreshFailure(rawValue: first) else { throw bad }
            refreshFailure = failure
        case "clock-skew":
            guard let seconds = first.isEmpty ? 3600 : Int(first) else { throw bad }
            clockSkewSeconds = seconds
        default: throw bad
        }
    }

    private static func refusal(_ status: String, _ parts: ArraySlice<String>, _ bad: BadStep) throws(BadStep) -> Refusal {
        guard let number = Int(status), (200...599).contains(number) else { throw bad }
        var refusal = Refusal(status: number)
        for part in parts {
            let pair = part.split(separator: "=", maxSplits: 1).map(String.init)
            guard pair.count == 2 else { throw bad }
            switch pair[0] {
            case "type": refusal.type = pair[1]
            case "code": refusal.code = pair[1]
            case "message": refusal.message = pair[1]
            case "retry-after": refusal.headers.append(.init(name: "retry-after", value: .string(pair[1])))
            case "hdr":
                let field = pair[1].split(separator: ":", maxSplits: 1).map { $0.trimmed }
                guard field.count == 2 else { throw bad }
                refusal.headers.append(.init(name: field[0], value: .string(field[1])))
            default: throw bad
            }
        }
        return refusal
    }

    /// `EVENT` or `EVENT#n`.
    private static func place(_ text: Substring, _ bad: BadStep) throws(BadStep) -> Place {
        let halves = text.split(separator: "#")
        guard let event = halves.first, halves.count <= 2, let occurrence = halves.count == 2 ? Int(halves[1]) : 1 else { throw bad }
        return Place(event: event.trimmed, occurrence: occurrence)
    }

    private static func part(_ name: String, _ parts: [String]) -> String? {
        parts.first { $0.hasPrefix(name + "=") }.map { String($0.dropFirst(name.count + 1)) }
    }

    private static func size(_ text: String, _ bad: BadStep) throws(BadStep) -> Int {
        let units = [("MiB", 1 << 20), ("KiB", 1 << 10), ("", 1)]
        for (unit, factor) in units where text.hasSuffix(unit) {
            guard let count = Int(text.dropLast(unit.count)), (0...1024).contains(count) || factor == 1 else { throw bad }
            return count * factor
        }
        throw bad
    }

    static func == (a: Conduct, b: Conduct) -> Bool { String(describing: a) == String(describing: b) }
}

extension StringProtocol {
    /// Without spaces around.
    var trimmed: String {
        var text = Substring(self)
        while text.first == " " { text.removeFirst() }
        while text.last == " " { text.removeLast() }
        return String(text)
    }
}
