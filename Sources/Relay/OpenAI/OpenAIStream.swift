internal import Domain

/// Turns Messages events into completion chunks, a read at a time and over bytes: texts and tool arguments are JSON strings on both sides
/// and are copied as they stand.
///
/// A class, because the splitter below calls back into it.
final class OpenAIStream {
    private let model: String
    private let created: Int64
    private let includesUsage: Bool
    /// Everything of a chunk before its delta; known once the message has its id.
    private var opening: [UInt8] = []
    private var lines = EventLines()
    private var usage = MeteredUsage()
    private var thinkingTokens: Int64 = 0
    private var toolCalls: UInt64 = 0
    /// Which of the tool calls a content block is, by the block's index: arguments may come for several blocks by turns, and those of a
    /// block that is no call of a function are nobody's.
    private var callOfBlock: [Int64: UInt64] = [:]
    private var hasFinishReason = false
    private(set) var hasFailed = false

    init(model: String, created: Int64, includesUsage: Bool) {
        (self.model, self.created, self.includesUsage) = (model, created, includesUsage)
        setID("")
    }

    private func setID(_ id: String) {
        opening = Array("data: {\"id\":".utf8)
        JSON.quote("chatcmpl-" + id, into: &opening)
        opening.append(utf8: ",\"object\":\"chat.completion.chunk\",\"created\":\(created),\"model\":")
        JSON.quote(model, into: &opening)
        opening.append(utf8: ",\"choices\":[")
    }

    /// Appends the chunks that these bytes complete.
    func translate(_ bytes: Span<UInt8>, into out: inout [UInt8]) {
        lines.feed(bytes) { translate(event: $0, into: &out) }
    }

    private enum Kind: CaseIterable {
        case start, blockStart, delta, messageDelta, stop, ping, error
        var word: StaticString {
            switch self {
            case .start: "message_start"
            case .blockStart: "content_block_start"
            case .delta: "content_block_delta"
            case .messageDelta: "message_delta"
            case .stop: "message_stop"
            case .ping: "ping"
            case .error: "error"
            }
        }
    }

    private func translate(event bytes: Span<UInt8>, into out: inout [UInt8]) {
        guard !hasFailed else { return }
        var kind: Kind?
        var (delta, block, message, usage): (Int?, Int?, Int?, Int?) = (nil, nil, nil, nil)
        var index: Int64 = 0
        _ = JSONSkim.members(bytes, 0) { bytes, name, value in
            if JSONSkim.matches(bytes, name, "type") {
                kind =
                    value.count > 2
                    ? Kind.allCases.first { JSONSkim.isWord(bytes, value.lowerBound + 1..<value.upperBound - 1, $0.word) } : nil
            } else if JSONSkim.matches(bytes, name, "index") {
                index = JSONSkim.count(bytes, value) ?? 0
            } else if JSONSkim.matches(bytes, name, "delta") {
                delta = value.lowerBound
            } else if JSONSkim.matches(bytes, name, "content_block") {
                block = value.lowerBound
            } else if JSONSkim.matches(bytes, name, "message") {
                message = value.lowerBound
            } else if JSONSkim.matches(bytes, name, "usage") {
                usage = value.lowerBound
            }
            return true
        }
        switch kind {
        case .start:
            if let message { begin(bytes, message) }
            chunk("{\"role\":\"assistant\",\"content\":\"\"}", into: &out)
        case .blockStart: if let block { begin(block: bytes, block, index, into: &out) }
        case .delta: if let delta { pass(bytes, delta, index, into: &out) }
        case .messageDelta:
            if let usage { read(usage: bytes, usage) }
            if let delta { finish(bytes, delta, into: &out) }
        case .stop: end(into: &out)
        case .ping: out.append(utf8: ": ping\n\n")
        case .error: fail(bytes, into: &out)
        case nil: break
        }
    }

    private func begin(_ bytes: Span<UInt8>, _ message: Int) {
        var (id, usage): (String?, Int?) = (nil, nil)
        _ = JSONSkim.members(bytes, message) { bytes, name, value in
            if JSONSkim.matches(bytes, name, "id") { id = JSONSkim.string(bytes, value) }
            if JSONSkim.matches(bytes, name, "usage") { usage = value.lowerBound }
            return true
        }
        if let id { setID(id) }
        if let usage { read(usage: bytes, usage) }
    }

    private func read(usage bytes: Span<UInt8>, _ from: Int) {
        usage.overlay(bytes, from)
        var thinking: Int64?
        _ = JSONSkim.members(bytes, from) { bytes, name, value in
            guard JSONSkim.matches(bytes, name, "output_tokens_details") else { return true }
            _ = JSONSkim.members(bytes, value.lowerBound) { bytes, name, value in
                if JSONSkim.matches(bytes, name, "thinking_tokens") { thinking = JSONSkim.count(bytes, value) }
                return true
            }
            return true
        }
        if let thinking { thinkingTokens = thinking }
    }

    private func begin(block bytes: Span<UInt8>, _ from: Int, _ index: Int64, into out: inout [UInt8]) {
        var isTool = false
        var (id, name): (Range<Int>?, Range<Int>?) = (nil, nil)
        _ = JSONSkim.members(bytes, from) { bytes, member, value in
            if JSONSkim.matches(bytes, member, "type") { isTool = JSONSkim.string(bytes, value) == "tool_use" }
            if JSONSkim.matches(bytes, member, "id") { id = value }
            if JSONSkim.matches(bytes, member, "name") { name = value }
            return true
        }
        guard isTool, let id, let name else { return }
        open(into: &out)
        out.append(utf8: "{\"tool_calls\":[{\"index\":")
        out.append(decimal: toolCalls)
        out.append(utf8: ",\"id\":")
        out.append(bytes: bytes.extracting(id))
        out.append(utf8: ",\"type\":\"function\",\"function\":{\"name\":")
        out.append(bytes: bytes.extracting(name))
        out.append(utf8: ",\"arguments\":\"\"}}]}")
        close(into: &out)
        callOfBlock[index] = toolCalls
        toolCalls += 1
    }

    private enum Piece { case text, thinking, input }

    /// One piece of text, thinking or arguments.
    private func pass(_ bytes: Span<UInt8>, _ from: Int, _ index: Int64, into out: inout [UInt8]) {
        var piece = Piece.text
        var value: Range<Int>?
        _ = JSONSkim.members(bytes, from) { bytes, name, range in
            if JSONSkim.matches(bytes, name, "text") {
                (piece, value) = (.text, range)
            } else if JSONSkim.matches(bytes, name, "thinking") {
                (piece, value) = (.thinking, range)
            } else if JSONSkim.matches(bytes, name, "partial_json") {
                (piece, value) = (.input, range)
            }
            return true
        }
        guard let value, bytes[value.lowerBound] == 0x22 else { return }
        let call = piece == .input ? callOfBlock[index] : 0
        guard let call else { return }
        open(into: &out)
        switch piece {
        case .text: out.append(utf8: "{\"content\":")
        case .thinking: out.append(utf8: "{\"reasoning_content\":")
        case .input:
            out.append(utf8: "{\"tool_calls\":[{\"index\":")
            out.append(decimal: call)
            out.append(utf8: ",\"function\":{\"arguments\":")
        }
        out.append(bytes: bytes.extracting(value))
        out.append(utf8: piece == .input ? "}}]}" : "}")
        close(into: &out)
    }

    private func finish(_ bytes: Span<UInt8>, _ from: Int, into out: inout [UInt8]) {
        var reason: String?
        _ = JSONSkim.members(bytes, from) { bytes, name, value in
            if JSONSkim.matches(bytes, name, "stop_reason") { reason = JSONSkim.string(bytes, value) }
            return true
        }
        guard let reason, !hasFinishReason else { return }
        hasFinishReason = true
        open(into: &out)
        out.append(utf8: "{}")
        close(finishReason: OpenAIAnswer.finishReason(reason), into: &out)
    }

    private func end(into out: inout [UInt8]) {
        if includesUsage {
            // As in every chunk, but without a choice.
            out += opening
            out.append(utf8: "],\"usage\":")
            out +=
                OpenAIAnswer.usage(
                    input: usage.input, written: usage.cacheCreation, read: usage.cacheRead, output: usage.output, thinking: thinkingTokens
                ).bytes
            out.append(utf8: "}\n\n")
        }
        out.append(utf8: "data: [DONE]\n\n")
    }

    private func fail(_ data: Span<UInt8>, into out: inout [UInt8]) {
        hasFailed = true
        let event = (try? JSON(parsing: JSONSkim.array(data, 0..<data.count))) ?? .null
        let problem = OpenAIProblem(status: 500, messagesBody: event, quotaAs429: false)
        out.append(utf8: "data: ")
        out += problem.json.bytes
        out.append(utf8: "\n\n")
    }

    // MARK: A chunk's frame

    private func chunk(_ delta: String, into out: inout [UInt8]) {
        open(into: &out)
        out.append(utf8: delta)
        close(into: &out)
    }
    private func open(into out: inout [UInt8]) {
        out += opening
        out.append(utf8: "{\"index\":0,\"delta\":")
    }
    private func close(finishReason: String? = nil, into out: inout [UInt8]) {
        out.append(utf8: ",\"finish_reason\":")
        if let finishReason { JSON.quote(finishReason, into: &out) } else { out.append(utf8: "null") }
        out.append(utf8: includesUsage ? "}],\"usage\":null}\n\n" : "}]}\n\n")
    }
}
