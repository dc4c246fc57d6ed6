internal import Domain

/// Reads usage out of an SSE stream on its way to the client. Fed with every upstream read; frames may be split anywhere.
///
/// A line that lies whole in one read is looked at in place; only a line cut by the end of a read is kept until its rest comes.
struct StreamMeter: ~Copyable {
    /// A longer line (a frame of several MiB) is counted but no longer read.
    static let maximumLineBytes = 8 << 20

    private(set) var usage = MeteredUsage()
    private(set) var model: String?
    /// UTF-8 bytes of text, thinking, tool input and compactions so far.
    private(set) var deltaBytes: Int64 = 0
    private(set) var blocks: Int64 = 0
    /// Bumped whenever a number above has changed.
    private(set) var changes = 0
    private(set) var hasStarted = false
    /// `message_stop` has come: the exchange is complete.
    private(set) var hasStopped = false
    /// The type inside an `error` event.
    private(set) var errorType: String?
    /// The data of the first `error` event.
    private(set) var errorData: [UInt8]?
    /// The data of the first event that is no ping, when that event is an error.
    private(set) var firstEventError: [UInt8]?
    private(set) var eventCount = 0
    /// A data line could not be read: usage may be incomplete.
    private(set) var isUnparsed = false
    private(set) var stopReason: String?
    /// The last block that ended was a tool call: a client may rightly leave here.
    private(set) var endedWithToolUse = false
    private var openBlockIsTool = false

    private enum Event: Equatable {
        case none, messageStart, messageDelta, messageStop, blockStart, blockDelta, blockStop, ping, error, other
    }
    private var event = Event.none
    private var line: [UInt8] = []
    private var isSkippingLine = false
    private var lastWasReturn = false
    /// Lines of data of the frame under way; joined when there are several.
    private var data: [UInt8] = []
    private var dataLines = 0
    /// The first data line of the frame was complete JSON, or there was none yet.
    private var isDataRead = true
    private var frameHasLines = false
    /// Of the stream: only before it a byte order mark may stand.
    private var isFirstLine = true

    init() {}

    /// Nothing of a frame is under way, so a frame of our own may be written here.
    var isBetweenFrames: Bool { line.isEmpty && !frameHasLines && !isSkippingLine }

    /// An error has come, is coming, or may be: the frame under way has no name that says what it is, and its data is not whole yet.
    var mayBeInError: Bool {
        errorData != nil || event == .error || isOpenEvent && (!line.isEmpty || !isDataRead) || event == .other && dataLines == 0
    }
    /// The data says what the frame is: it has no name, or one that is not known, as "message".
    private var isOpenEvent: Bool { event == .none || event == .other }
    /// Whether a frame of this name is what its data says.
    static func isOpen(name: Span<UInt8>) -> Bool { event(name, 0..<name.count) == .other }
    var isInErrorEvent: Bool { event == .error }

    /// At least one event other than ping has come.
    var hasContent: Bool { eventCount > 0 }

    /// Output tokens that were certainly made: the reported number or the estimate from what was streamed, whichever is more
    /// (relay contract, section 16).
    var outputSnapshot: Int64 { max(usage.output, Self.estimate(deltaBytes: deltaBytes, blocks: blocks)) }

    static func estimate(deltaBytes: Int64, blocks: Int64) -> Int64 { (deltaBytes + 3) / 4 + 3 * blocks }

    mutating func feed(_ bytes: Span<UInt8>) {
        var start = 0
        var at = 0
        let count = bytes.count
        while at < count {
            // Most bytes end no line: eight at a time.
            if at + 8 <= count, !Self.hasLineEnd(EightBytes(bytes, at)) {
                at += 8
                lastWasReturn = false
                continue
            }
            let byte = bytes[at]
            guard byte == 0x0a || byte == 0x0d else {
                at += 1
                lastWasReturn = false
                continue
            }
            // "\r\n" is one end, also when a read ends between the two.
            if byte == 0x0a, lastWasReturn {
                lastWasReturn = false
                at += 1
                start = at
                continue
            }
            lastWasReturn = byte == 0x0d
            finishLine(bytes, start..<at)
            at += 1
            start = at
        }
        if start < count { keep(bytes, start..<count) }
    }

    private static func hasLineEnd(_ eight: EightBytes) -> Bool { eight.mask(equal: 0x0a) | eight.mask(equal: 0x0d) != 0 }

    private mutating func keep(_ bytes: Span<UInt8>, _ range: Range<Int>) {
        guard !isSkippingLine else { return }
        guard line.count + range.count <= Self.maximumLineBytes else {
            isSkippingLine = true
            line = []
            return
        }
        line.append(bytes: bytes.extracting(range))
    }

    private mutating func finishLine(_ bytes: Span<UInt8>, _ range: Range<Int>) {
        if isSkippingLine {
            isSkippingLine = false
            markUnparsed()
            frameHasLines = true
            return
        }
        guard !line.isEmpty else { return takeLine(bytes, range) }
        keep(bytes, range)
        if isSkippingLine { return finishLine(bytes, range) }
        let whole = line
        line = []
        takeLine(whole.span, 0..<whole.count)
    }

    private mutating func takeLine(_ bytes: Span<UInt8>, _ whole: Range<Int>) {
        var range = whole
        if isFirstLine {
            isFirstLine = false
            let at = range.lowerBound
            if range.count >= 3, bytes[at] == 0xef, bytes[at + 1] == 0xbb, bytes[at + 2] == 0xbf { range = at + 3..<range.upperBound }
        }
        guard !range.isEmpty else { return finishFrame() }
        frameHasLines = true
        if Self.starts(bytes, range, "data:") {
            var from = range.lowerBound + 5
            if from < range.upperBound, bytes[from] == 0x20 { from += 1 }
            dataLines += 1
            // The usual frame has one data line, read in place. One that is not whole by itself waits for the others.
            if dataLines == 1 {
                isDataRead = read(bytes, from..<range.upperBound)
                if !isDataRead { data = JSONSkim.array(bytes, from..<range.upperBound) }
            } else if isDataRead || data.count + range.count > Self.maximumLineBytes {
                markUnparsed()
            } else {
                data.append(0x0a)
                for at in from..<range.upperBound { data.append(bytes[at]) }
            }
        } else if Self.starts(bytes, range, "event:") {
            var from = range.lowerBound + 6
            if from < range.upperBound, bytes[from] == 0x20 { from += 1 }
            event = Self.event(bytes, from..<range.upperBound)
        }
    }

    private mutating func finishFrame() {
        if !isDataRead {
            let whole = data
            if dataLines == 1 || !read(whole.span, 0..<whole.count) { markUnparsed() }
        }
        data = []
        dataLines = 0
        isDataRead = true
        frameHasLines = false
        event = .none
    }

    /// What follows the last event is no part of the answer.
    private mutating func markUnparsed() { isUnparsed = isUnparsed || !hasStopped }

    private static func starts(_ bytes: Span<UInt8>, _ range: Range<Int>, _ word: StaticString) -> Bool {
        let count = word.utf8CodeUnitCount
        return range.count >= count && JSONSkim.isWord(bytes, range.lowerBound..<range.lowerBound + count, word)
    }

    private static func event(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Event {
        switch range.count {
        case 19 where JSONSkim.isWord(bytes, range, "content_block_delta"): .blockDelta
        case 19 where JSONSkim.isWord(bytes, range, "content_block_start"): .blockStart
        case 18 where JSONSkim.isWord(bytes, range, "content_block_stop"): .blockStop
        case 13 where JSONSkim.isWord(bytes, range, "message_start"): .messageStart
        case 13 where JSONSkim.isWord(bytes, range, "message_delta"): .messageDelta
        case 12 where JSONSkim.isWord(bytes, range, "message_stop"): .messageStop
        case 4 where JSONSkim.isWord(bytes, range, "ping"): .ping
        case 5 where JSONSkim.isWord(bytes, range, "error"): .error
        default: .other
        }
    }

    // MARK: One frame's data

    /// False when the bytes are no complete JSON object.
    private mutating func read(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
        let data = bytes.extracting(range)
        var kind = event
        if isOpenEvent {
            // Such a frame says what it is in "type".
            _ = JSONSkim.members(data, 0) { bytes, name, value in
                guard JSONSkim.matches(bytes, name, "type"), value.count > 2, bytes[value.lowerBound] == 0x22 else { return true }
                let word = value.lowerBound + 1..<value.upperBound - 1
                kind = Self.event(bytes, word)
                if kind == .other, let plain = JSONSkim.unescaped(bytes, word) { kind = Self.event(plain.span, 0..<plain.count) }
                return false
            }
        }
        guard !hasStopped else { return readAfterEnd(data, kind) }
        let isRead =
            switch kind {
            case .ping: true
            case .blockDelta: readDelta(data)
            case .messageStart: readStart(data)
            case .messageDelta: readMessageDelta(data)
            case .blockStart: readBlockStart(data)
            case .none, .blockStop, .messageStop, .error, .other: Self.isWhole(data)
            }
        guard isRead, kind != .ping else { return isRead }
        eventCount += 1
        switch kind {
        case .blockStop: endedWithToolUse = openBlockIsTool
        case .messageStop: hasStopped = true
        case .error: readError(data)
        default: break
        }
        return true
    }

    /// After the last event nothing changes the bill. Only an error is still looked at, for words in it that are hidden.
    private mutating func readAfterEnd(_ data: Span<UInt8>, _ kind: Event) -> Bool {
        guard kind == .none || kind == .error else { return true }
        guard Self.isWhole(data) else { return false }
        if kind == .error { readError(data) }
        return true
    }

    private static func isWhole(_ data: Span<UInt8>) -> Bool {
        guard let end = JSONSkim.skipValue(data, JSONSkim.skipSpace(data, 0)) else { return false }
        return JSONSkim.skipSpace(data, end) == data.count
    }

    private mutating func readStart(_ data: Span<UInt8>) -> Bool {
        var (usage, model) = (self.usage, self.model)
        let end = JSONSkim.members(data, 0) { bytes, name, value in
            guard JSONSkim.matches(bytes, name, "message") else { return true }
            _ = JSONSkim.members(bytes, value.lowerBound) { bytes, name, value in
                if JSONSkim.matches(bytes, name, "usage") {
                    usage.overlay(bytes, value.lowerBound)
                } else if JSONSkim.matches(bytes, name, "model") {
                    model = MeteredUsage.model(bytes, value)
                }
                return true
            }
            return true
        }
        guard end != nil else { return false }
        // The start's count of output is a placeholder.
        usage.hasOutput = false
        (self.usage, self.model) = (usage, model)
        if usage.isUnreadable { markUnparsed() }
        hasStarted = true
        changes += 1
        return true
    }

    private mutating func readMessageDelta(_ data: Span<UInt8>) -> Bool {
        var (usage, stop) = (self.usage, stopReason)
        let end = JSONSkim.members(data, 0) { bytes, name, value in
            if JSONSkim.matches(bytes, name, "usage") {
                usage.overlay(bytes, value.lowerBound)
            } else if JSONSkim.matches(bytes, name, "delta") {
                _ = JSONSkim.members(bytes, value.lowerBound) { bytes, name, value in
                    if JSONSkim.matches(bytes, name, "stop_reason") { stop = JSONSkim.string(bytes, value) }
                    return true
                }
            }
            return true
        }
        guard end != nil else { return false }
        (self.usage, stopReason) = (usage, stop)
        if usage.isUnreadable { markUnparsed() }
        changes += 1
        return true
    }

    private mutating func readBlockStart(_ data: Span<UInt8>) -> Bool {
        var isTool = false
        let end = JSONSkim.members(data, 0) { bytes, name, value in
            guard JSONSkim.matches(bytes, name, "content_block") else { return true }
            _ = JSONSkim.members(bytes, value.lowerBound) { bytes, name, value in
                if JSONSkim.matches(bytes, name, "type") { isTool = JSONSkim.string(bytes, value) == "tool_use" }
                return true
            }
            return true
        }
        guard end != nil else { return false }
        blocks += 1
        changes += 1
        openBlockIsTool = isTool
        endedWithToolUse = false
        return true
    }

    private mutating func readDelta(_ data: Span<UInt8>) -> Bool {
        var length = 0
        let end = JSONSkim.members(data, 0) { bytes, name, value in
            guard JSONSkim.matches(bytes, name, "delta") else { return true }
            _ = JSONSkim.members(bytes, value.lowerBound) { bytes, name, value in
                if JSONSkim.matches(bytes, name, "text") || JSONSkim.matches(bytes, name, "thinking")
                    || JSONSkim.matches(bytes, name, "partial_json") || JSONSkim.matches(bytes, name, "content")
                {
                    length += JSONSkim.decodedLength(bytes, value)
                }
                return true
            }
            return true
        }
        guard end != nil else { return false }
        deltaBytes += Int64(length)
        changes += 1
        return true
    }

    private mutating func readError(_ data: Span<UInt8>) {
        var type = "api_error"
        _ = JSONSkim.members(data, 0) { bytes, name, value in
            guard JSONSkim.matches(bytes, name, "error") else { return true }
            _ = JSONSkim.members(bytes, value.lowerBound) { bytes, name, value in
                if JSONSkim.matches(bytes, name, "type") { type = JSONSkim.string(bytes, value) ?? type }
                return true
            }
            return true
        }
        if errorData == nil { errorData = JSONSkim.array(data, 0..<data.count) }
        guard !hasStopped else { return }
        errorType = type
        if eventCount == 1 { firstEventError = errorData }
    }
}
