internal import Domain
internal import HTTP
internal import Store
internal import Synchronization

/// One turn under way or just over: takes the Messages stream of its source, keeps the text for readers that come back, and wakes those
/// that are there. The source's side is touched on its reactor only; readers come from any.
final class ChatRun: ReplySink, @unchecked Sendable {
    /// As "r_…".
    let id: String
    let keyID: APIKeyID
    /// nil when nothing is kept.
    let conversationID: String?
    let reactor: Reactor

    /// Text of one answer; a longer one is cut off.
    static let maximumBytes = 8 << 20

    enum Frame: Equatable {
        case start
        /// The text up to this offset.
        case delta(end: Int)
        case thinking
        case end
    }
    struct Shared {
        var frames: [Frame] = []
        /// The answer so far as the inside of a JSON string: pieces are copied as the upstream escaped them.
        var text: [UInt8] = []
        var model = ""
        /// The last frame's data.
        var endData: [UInt8] = []
        /// No stream came of it; what the caller gets instead.
        var problem: ChatProblem?
        var overAt: Timestamp?
        var readers: [ObjectIdentifier: ChatReader] = [:]
    }
    private let shared = Mutex(Shared())

    // Touched on `reactor` only.
    private var status = 0
    private var headers: [(name: String, value: String)] = []
    private var isStreaming = false
    private var errorBody: [UInt8] = []
    private var lines = EventLines()
    private(set) var usage = MeteredUsage()
    private(set) var stopReason: String?
    private(set) var failure: ChatProblem?
    private(set) var isComplete = false
    /// Set while the turn is made.
    var inner: Exchange?
    private var leaving: TimerToken?
    /// Whether somebody who has gone may still come back.
    private let waitsForReaders: Bool

    /// How long a turn goes on without anybody reading (relay contract, section 12).
    private static let graceNanoseconds: UInt64 = 10_000_000_000

    init(_ outer: Exchange, key: RelayKey, conversationID: String?, model: String, waitsForReaders: Bool) {
        id = "r_" + outer.id.text.dropFirst(4)
        keyID = key.key.id
        self.conversationID = conversationID
        reactor = outer.reactor
        self.waitsForReaders = waitsForReaders
        shared.withLock { $0.model = model }
    }

    func read<Value>(_ use: (borrowing Shared) -> Value) -> Value { shared.withLock { use($0) } }
    var isOver: Bool { shared.withLock { $0.overAt != nil } }
    /// Decoded.
    var text: String {
        let inside = shared.withLock(\.text)
        return (try? JSON(parsing: [0x22] + inside + [0x22]))?.string ?? String(decoding: inside, as: UTF8.self)
    }

    // MARK: From the source

    func begin(status: Int, headers: HeaderBlock) {
        self.status = status
        self.headers = headers.fields
        isStreaming = status == 200 && (self.headers.first { $0.name == "content-type" }?.value.hasPrefix("text/event-stream") ?? false)
        if isStreaming { add(.start) }
    }

    func write(_ bytes: Span<UInt8>) -> WriteState {
        guard isStreaming else {
            if errorBody.count < Self.maximumBytes { errorBody.append(bytes: bytes) }
            return .sent
        }
        var isTooLong = false
        lines.feed(bytes) { data in if !take(data) { isTooLong = true } }
        return isTooLong ? .gone : .sent
    }

    func finish() {}
    func abort() { if failure == nil, !isComplete { failure = Self.cut } }
    private static let cut = ChatProblem(status: 502, code: "upstream_fault", message: "The answer was cut off.")

    /// False when there is no more room for it.
    private func take(_ bytes: Span<UInt8>) -> Bool {
        var (type, delta, usageAt, message, block, error): (String?, Int?, Int?, Int?, Int?, Bool) = (nil, nil, nil, nil, nil, false)
        _ = JSONSkim.members(bytes, 0) { bytes, name, value in
            if JSONSkim.matches(bytes, name, "type") { type = JSONSkim.string(bytes, value) }
            if JSONSkim.matches(bytes, name, "delta") { delta = value.lowerBound }
            if JSONSkim.matches(bytes, name, "usage") { usageAt = value.lowerBound }
            if JSONSkim.matches(bytes, name, "message") { message = value.lowerBound }
            if JSONSkim.matches(bytes, name, "content_block") { block = value.lowerBound }
            if JSONSkim.matches(bytes, name, "error") { error = true }
            return true
        }
        if let usageAt { usage.overlay(bytes, usageAt) }
        switch type {
        case "message_start": if let message { begin(message: bytes, message) }
        case "content_block_start":
            var kind: String?
            if let block {
                _ = JSONSkim.members(bytes, block) { bytes, name, value in
                    if JSONSkim.matches(bytes, name, "type") { kind = JSONSkim.string(bytes, value) }
                    return true
                }
            }
            if kind == "thinking" || kind == "redacted_thinking" { add(.thinking) }
        case "content_block_delta": if let delta { return take(delta: bytes, delta) }
        case "message_delta":
            if let delta {
                _ = JSONSkim.members(bytes, delta) { bytes, name, value in
                    if JSONSkim.matches(bytes, name, "stop_reason"), let reason = JSONSkim.string(bytes, value) { stopReason = reason }
                    return true
                }
            }
        case "message_stop": isComplete = true
        case "error" where error:
            let body = (try? JSON(parsing: JSONSkim.array(bytes, 0..<bytes.count))) ?? .null
            failure = ChatProblem(status: 502, headers: [], messagesBody: body)
        default: break
        }
        return true
    }

    private func begin(message bytes: Span<UInt8>, _ from: Int) {
        _ = JSONSkim.members(bytes, from) { bytes, name, value in
            if JSONSkim.matches(bytes, name, "model"), let model = JSONSkim.string(bytes, value) { shared.withLock { $0.model = model } }
            if JSONSkim.matches(bytes, name, "usage") { usage.overlay(bytes, value.lowerBound) }
            return true
        }
    }

    private func take(delta bytes: Span<UInt8>, _ from: Int) -> Bool {
        var piece: Range<Int>?
        _ = JSONSkim.members(bytes, from) { bytes, name, value in
            if JSONSkim.matches(bytes, name, "text"), value.count > 2 { piece = value.lowerBound + 1..<value.upperBound - 1 }
            return true
        }
        guard let piece else { return true }
        let end = shared.withLock { shared -> Int? in
            guard shared.text.count + piece.count <= Self.maximumBytes else { return nil }
            shared.text.append(bytes: bytes.extracting(piece))
            return shared.text.count
        }
        guard let end else { return false }
        add(.delta(end: end))
        return true
    }

    private func add(_ frame: Frame) {
        let readers = shared.withLock { shared in
            shared.frames.append(frame)
            return shared.readers
        }
        for reader in readers.values { reader.wake(from: reactor) }
    }

    /// After the source has returned: what came of it when no stream began.
    func settleStart() {
        inner = nil
        if let leaving { reactor.cancel(leaving) }
        leaving = nil
        if isStreaming {
            if failure == nil, !isComplete { failure = Self.cut }
            return
        }
        let body = (try? JSON(parsing: errorBody)) ?? .null
        failure =
            status == 0
            ? ChatProblem(status: 499, code: "client_closed_request", message: "The client has gone.")
            : ChatProblem(status: status == 200 ? 502 : status, headers: headers, messagesBody: body)
    }

    /// The last frame; the run is then kept for readers that come back.
    func end(_ data: JSON?, at now: Timestamp) {
        let failure = isStreaming ? nil : failure
        let readers = shared.withLock { shared in
            if let data {
                // Where no stream came of it, for readers whose reply has begun all the same.
                shared.endData = data.bytes
                shared.frames.append(.end)
            }
            shared.problem = failure
            shared.overAt = now
            return shared.readers
        }
        for reader in readers.values { reader.wake(from: reactor) }
    }

    // MARK: Readers

    func add(_ reader: ChatReader) {
        shared.withLock { $0.readers[ObjectIdentifier(reader)] = reader }
        reactor.execute { [self] in
            if let leaving { reactor.cancel(leaving) }
            leaving = nil
        }
    }

    /// - Parameter isCut: the server has cut it at its own stop: nobody can come back.
    func remove(_ reader: ChatReader, isCut: Bool) {
        let isEmpty = shared.withLock { shared in
            shared.readers[ObjectIdentifier(reader)] = nil
            return shared.readers.isEmpty && shared.overAt == nil
        }
        guard isEmpty else { return }
        reactor.execute { [self] in
            guard inner != nil, leaving == nil, read({ $0.readers.isEmpty }) else { return }
            guard waitsForReaders, !isCut else {
                inner?.leave(isCut: isCut)
                return
            }
            leaving = reactor.schedule(afterNanoseconds: Self.graceNanoseconds) { [weak self] in
                guard let self, self.read({ $0.readers.isEmpty }) else { return }
                self.leaving = nil
                self.inner?.leave()
            }
        }
    }
}
