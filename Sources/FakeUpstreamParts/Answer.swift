/// One frame of a stream and what it adds to the bill.
struct Frame: Sendable {
    let event: String
    let data: JSONText
    /// UTF-8 bytes of generated text in it: text, thinking and tool input.
    var deltaBytes = 0
    var usage: JSONText?
    var bytes: [UInt8] { Array("event: \(event)\ndata: ".utf8) + data.bytes + [10, 10] }
}

/// A whole message, decided before its first byte: it depends on the seed, the request's bytes and the conduct, never on time or order.
struct Answer: Sendable {
    enum Block: Sendable {
        case text([String])
        case thinking([String], signature: String)
        case tool(id: String, name: String, parts: [String])
    }
    /// Text that an answer is made of, one word a token; most hold characters of more than one byte.
    static let words = [
        "Grüße", " aus", " 世界", " naïve", " café", " —", " 🌍", " straße", " ok", " здравствуй", " señor", " 東京", " plain", " ∑", " 👩‍👩‍👧",
    ]
    static let defaultTokens = 12

    let identifier: String
    let model: String
    let blocks: [Block]
    let stopReason: String
    let usage: JSONText
    let conduct: Conduct

    init(seed: Int, request: JSONText, bodyBytes: Int, digest: String, conduct: Conduct) {
        var dice = Dice(text: "\(seed)/\(digest)")
        self.conduct = conduct
        identifier = "msg_01" + dice.letters(22)
        model = conduct.answeringModel ?? request["model"]?.text ?? ""
        let count = conduct.tokens ?? Self.defaultTokens
        var pieces = (0..<count).map { _ in Self.words[dice.below(Self.words.count)] }
        if let size = conduct.frameBytes { pieces = ["x" + String(repeating: "é", count: max(0, size / 2 - 1)), " end"] }
        var blocks: [Block] = []
        if conduct.dialect == .thinking {
            blocks.append(.thinking(["Let me", " überlegen", " …"], signature: "sig_" + dice.letters(40)))
        }
        if conduct.dialect != .refusal { blocks.append(.text(pieces)) }
        if conduct.dialect == .tool {
            let name = conduct.toolCall?.name ?? request["tools"]?.elements?.first?["name"]?.text ?? "get_weather"
            let parts = conduct.toolCall.map { ["", String($0.input.prefix(7)), String($0.input.dropFirst(7))] }
            blocks.append(
                .tool(
                    id: "toolu_01" + dice.letters(22), name: name,
                    parts: parts ?? ["", "{\"city\":", " \"Zür", "ich\", \"days\":", " 3}"]))
        }
        self.blocks = blocks
        stopReason =
            switch conduct.dialect {
            case .plain, .thinking: "end_turn"
            case .tool: "tool_use"
            case .refusal: "refusal"
            case .pauseTurn: "pause_turn"
            case .maxTokens: "max_tokens"
            }
        usage = Self.usage(&dice, bodyBytes: bodyBytes, blocks: blocks, conduct: conduct)
    }

    private static func usage(_ dice: inout Dice, bodyBytes: Int, blocks: [Block], conduct: Conduct) -> JSONText {
        let thinking = blocks.reduce(0) { if case .thinking(let parts, _) = $1 { $0 + parts.count } else { $0 } }
        let output = blocks.reduce(1) { sum, block in
            switch block {
            case .text(let parts), .thinking(let parts, _), .tool(_, _, let parts): sum + parts.count
            }
        }
        let (fiveMinutes, oneHour) = dice.below(3) == 0 ? (dice.below(400), dice.below(200)) : (0, 0)
        var usage: JSONText = [
            "input_tokens": .int(3 + bodyBytes / 4 + dice.below(9)), "output_tokens": .int(output),
            "cache_creation_input_tokens": .int(fiveMinutes + oneHour), "cache_read_input_tokens": .int(dice.below(2) * dice.below(3000)),
            "cache_creation": ["ephemeral_5m_input_tokens": .int(fiveMinutes), "ephemeral_1h_input_tokens": .int(oneHour)],
            "server_tool_use": ["web_search_requests": 0, "web_fetch_requests": 0],
            "output_tokens_details": ["thinking_tokens": .int(thinking)],
            "service_tier": "standard", "inference_geo": "global", "speed": "standard",
        ]
        if conduct.isCacheNull {
            for name in ["cache_creation_input_tokens", "cache_read_input_tokens", "cache_creation", "server_tool_use"] {
                usage = usage.setting(name, nil)
            }
        }
        for member in conduct.usage?.members ?? [] { usage = usage.setting(member.name, member.value) }
        if let iterations = conduct.iterations { usage = usage.setting("iterations", iterations) }
        return usage
    }

    private func envelope(content: [JSONText], stopReason: JSONText, details: JSONText, usage: JSONText?) -> JSONText {
        let message: JSONText = [
            "id": .string(identifier), "type": "message", "role": "assistant", "model": .string(model), "content": .array(content),
            "stop_reason": stopReason, "stop_sequence": nil, "stop_details": details, "container": nil,
        ]
        return usage.map { message.setting("usage", $0) } ?? message
    }

    private var details: JSONText {
        conduct.dialect == .refusal ? ["type": "refusal", "category": "cyber", "explanation": "Declined."] : .null
    }

    /// The body of an answer that is no stream.
    var whole: JSONText {
        let content = blocks.map { block -> JSONText in
            switch block {
            case .text(let parts): ["type": "text", "text": .string(parts.joined())]
            case .thinking(let parts, let signature):
                ["type": "thinking", "thinking": .string(parts.joined()), "signature": .string(signature)]
            case .tool(let id, let name, let parts):
                ["type": "tool_use", "id": .string(id), "name": .string(name), "input": Self.toolInput(parts)]
            }
        }
        return envelope(content: content, stopReason: .string(stopReason), details: details, usage: conduct.hasUsage ? usage : nil)
    }

    private static func toolInput(_ parts: [String]) -> JSONText {
        do { return try JSONText(reading: Array(parts.joined().utf8)) } catch { return [:] }
    }

    /// The same as a stream, from message_start to message_stop.
    var frames: [Frame] {
        var frames = [startFrame]
        for (index, block) in blocks.enumerated() {
            frames += Self.frames(of: block, index: index)
            if index == 0 { frames.insert(Frame(event: "ping", data: ["type": "ping"]), at: 2) }
        }
        let total = usage["output_tokens"]?.integer ?? 0
        for part in 1...conduct.messageDeltas {
            let isLast = part == conduct.messageDeltas
            let delta: JSONText = [
                "stop_reason": isLast ? .string(stopReason) : .null, "stop_sequence": nil, "stop_details": isLast ? details : .null,
            ]
            let reached = isLast ? usage : usage.setting("output_tokens", .int(total * part / conduct.messageDeltas))
            var data: JSONText = ["type": "message_delta", "delta": delta]
            if conduct.hasUsage { data = data.setting("usage", reached) }
            frames.append(Frame(event: "message_delta", data: data, usage: conduct.hasUsage ? reached : nil))
        }
        frames.append(Frame(event: "message_stop", data: ["type": "message_stop"]))
        return frames
    }

    private var startFrame: Frame {
        var early = usage.setting("output_tokens", 1)
        if case .object(let members) = early { early = .object(members.filter { $0.name != "iterations" && $0.name != "server_tool_use" }) }
        if conduct.isInputLate { early = early.setting("input_tokens", 1) }
        let message = envelope(content: [], stopReason: .null, details: .null, usage: conduct.hasUsage ? early : nil)
        return Frame(
            event: "message_start", data: ["type": "message_start", "message": message], usage: conduct.hasUsage ? early : nil)
    }

    private static func frames(of block: Block, index: Int) -> [Frame] {
        let start: JSONText
        var deltas: [(delta: JSONText, bytes: Int)] = []
        func add(_ type: String, _ name: String, _ parts: [String]) {
            for part in parts {
                deltas.append(
                    (
                        JSONText.object([.init(name: "type", value: .string(type)), .init(name: name, value: .string(part))]),
                        part.utf8.count
                    ))
            }
        }
        switch block {
        case .text(let parts):
            start = ["type": "text", "text": ""]
            add("text_delta", "text", parts)
        case .thinking(let parts, let signature):
            start = ["type": "thinking", "thinking": "", "signature": ""]
            add("thinking_delta", "thinking", parts)
            deltas.append((["type": "signature_delta", "signature": .string(signature)], 0))
        case .tool(let id, let name, let parts):
            start = ["type": "tool_use", "id": .string(id), "name": .string(name), "input": [:]]
            add("input_json_delta", "partial_json", parts)
        }
        let number = JSONText.int(index)
        return [Frame(event: "content_block_start", data: ["type": "content_block_start", "index": number, "content_block": start])]
            + deltas.map {
                Frame(
                    event: "content_block_delta", data: ["type": "content_block_delta", "index": number, "delta": $0.delta],
                    deltaBytes: $0.bytes)
            } + [Frame(event: "content_block_stop", data: ["type": "content_block_stop", "index": number])]
    }
}

/// Numbers that follow from a text alone: 32 bytes of its SHA-256 at a time.
struct Dice {
    private var pool: [UInt8] = []
    private var block: [UInt8]
    init(text: String) { block = sha256(Array(text.utf8)) }

    mutating func byte() -> UInt8 {
        if pool.isEmpty {
            pool = block
            block = sha256(block)
        }
        return pool.removeLast()
    }
    mutating func below(_ limit: Int) -> Int { (Int(byte()) << 16 | Int(byte()) << 8 | Int(byte())) % max(1, limit) }
    mutating func letters(_ count: Int) -> String {
        let alphabet = Array("ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789")
        return String((0..<count).map { _ in alphabet[below(alphabet.count)] })
    }
}
