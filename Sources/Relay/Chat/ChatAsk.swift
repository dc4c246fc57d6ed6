internal import Domain

/// What a caller of the simple chat interface asks for, from a JSON body or a query.
struct ChatAsk: Sendable {
    /// Of `message` (relay contract, section 12).
    static let messageBytes = 1 << 20
    static let maximumAttachments = 32
    static let standardModel = "claude-sonnet-5-5"
    static let standardTokens: Int64 = 4096

    var message: String
    var model: String
    var maxTokens: Int64
    var isStream = false
    var conversationID: String?
    var system: String?
    var temperature: JSON = .null
    /// As content blocks.
    var attachments: [JSON] = []
    /// A turn that failed or was left is kept as far as it came.
    var keepsPartial = false
    /// false keeps nothing, and gives no conversation id.
    var isStored = true
    /// Most tokens of the prompt; nil takes three quarters of the model's window.
    var contextTokens: Int64?

    init(_ json: JSON, aliases: ModelAliases) throws(ChatProblem) {
        guard json.object != nil else { throw .bad("The request body must be a JSON object.") }
        func text(_ name: String) throws(ChatProblem) -> String? {
            switch json[name] {
            case .null: return nil
            case .string(let text): return text
            default: throw .bad("\(name): must be text.")
            }
        }
        func flag(_ name: String, or standard: Bool) throws(ChatProblem) -> Bool {
            switch json[name] {
            case .null: return standard
            case .bool(let value): return value
            default: throw .bad("\(name): must be true or false.")
            }
        }
        func count(_ name: String) throws(ChatProblem) -> Int64? {
            guard json[name] != .null else { return nil }
            guard let number = json[name].wholeNumber, number >= 1 else { throw .bad("\(name): must be a whole number of 1 or more.") }
            return number
        }
        guard let message = try text("message"), !message.isEmpty else { throw .bad("message: required.") }
        guard message.utf8.count <= Self.messageBytes else { throw .tooLong }
        self.message = message
        model = aliases.model(try text("model") ?? Self.standardModel)
        guard !model.isEmpty else { throw .bad("model: must not be empty.") }
        guard model.utf8.count <= MessagesRequest.longestModel else { throw .bad("model: at most \(MessagesRequest.longestModel) bytes.") }
        maxTokens = try count("max_tokens") ?? Self.standardTokens
        isStream = try flag("stream", or: false)
        conversationID = try text("conversation_id")
        system = try text("system")
        if let system, system.utf8.count > Self.messageBytes { throw .bad("system: at most \(Self.messageBytes) bytes.") }
        if json["temperature"] != .null, !ModelTraits(model).takesOnlyDefaultSampling { temperature = json["temperature"] }
        keepsPartial = try flag("keep_partial", or: false)
        isStored = try flag("store", or: true)
        contextTokens = try count("context_tokens")
        guard let list = json["attachments"].array ?? (json["attachments"] == .null ? [] : nil), list.count <= Self.maximumAttachments
        else {
            throw .bad("attachments: must be a list of at most \(Self.maximumAttachments).")
        }
        for (index, attachment) in list.enumerated() { attachments.append(try Self.block(attachment, index)) }
    }

    /// From `GET /api/chat/stream?message=&…`.
    init(query: [(name: String, value: String)], aliases: ModelAliases) throws(ChatProblem) {
        var json: JSONObject = ["stream": true]
        for (name, value) in query where !value.isEmpty {
            switch name {
            case "message", "model", "conversation_id", "system": json[name] = .string(value)
            case "max_tokens", "context_tokens":
                guard let number = Int64(value) else { throw .bad("\(name): must be a whole number of 1 or more.") }
                json[name] = .int(number)
            case "keep_partial", "store": json[name] = .bool(value == "true" || value == "1")
            default: break
            }
        }
        try self.init(.object(json), aliases: aliases)
    }

    private static func block(_ attachment: JSON, _ index: Int) throws(ChatProblem) -> JSON {
        let place = "attachments[\(index)]"
        guard let type = attachment["media_type"].string, let data = attachment["data"].string, !data.isEmpty else {
            throw .bad("\(place): media_type and data are required.")
        }
        let source: JSON = ["type": "base64", "media_type": .string(type), "data": .string(data)]
        switch attachment["type"].string {
        case "image": return ["type": "image", "source": source]
        case "document", "file": return ["type": "document", "source": source]
        default: throw .bad("\(place).type: must be image or document.")
        }
    }

    /// The new turn's content: a text alone stays a text.
    var content: JSON {
        attachments.isEmpty ? .string(message) : .array(attachments + [["type": "text", "text": .string(message)]])
    }
}

/// What is kept of a conversation, sealed: the system text and the turns, oldest first.
struct ChatContent: Sendable, Equatable {
    var system: String?
    /// Each `{"role","content"}`; user and assistant by turns.
    var messages: [JSON] = []

    /// Bytes of one conversation; past them the oldest turns are dropped.
    static let maximumBytes = 4 << 20

    init() {}
    init(parsing bytes: [UInt8]) throws {
        let json = try JSON(parsing: bytes)
        system = json["system"].string
        messages = json["messages"].array ?? []
    }

    var bytes: [UInt8] { json(messages).bytes }
    private func json(_ messages: [JSON]) -> JSON { ["system": system.map(JSON.string) ?? .null, "messages": .array(messages)] }

    /// With a turn and its answer; the oldest pairs go when it gets too large, and at last the attachments of the turn itself.
    mutating func append(_ question: JSON, _ answer: String) {
        messages += [["role": "user", "content": question], ["role": "assistant", "content": .string(answer)]]
        // Measured once, each with its comma.
        let sizes = messages.map { $0.bytes.count + 1 }
        var total = sizes.reduce(json([]).bytes.count, +)
        var dropped = 0
        while total > Self.maximumBytes, sizes.count - dropped > 2 {
            total -= sizes[dropped] + sizes[dropped + 1]
            dropped += 2
        }
        messages.removeFirst(dropped)
        guard total > Self.maximumBytes else { return }
        let text = (question.array ?? []).last?["text"].string ?? question.string ?? ""
        messages[0] = ["role": "user", "content": .string("[attachments were too large to keep] " + text)]
    }

    /// Pairs that can be sent: the upstream takes no text that is blank.
    private var answered: [JSON] {
        func isBlank(_ turn: JSON) -> Bool { turn["content"].string?.allSatisfy(\.isWhitespace) ?? false }
        var pairs: [JSON] = []
        for at in stride(from: 0, to: messages.count - 1, by: 2) where !isBlank(messages[at]) && !isBlank(messages[at + 1]) {
            pairs += messages[at...at + 1]
        }
        return pairs
    }

    /// The Messages body for the next turn.
    /// - Parameter traits: of the model; nil: what its name tells.
    func body(_ ask: ChatAsk, _ traits: ModelTraits? = nil) -> [UInt8] {
        let limit = ask.contextTokens ?? (traits ?? ModelTraits(ask.model)).window / 4 * 3
        let question: JSON = ["role": "user", "content": ask.content]
        var kept = answered
        let sizes = kept.map { PromptEstimate.tokens($0) }
        var total = sizes.reduce(PromptEstimate.tokens(question) + PromptEstimate.tokens(bytes: system?.utf8.count ?? 0), +)
        var dropped = 0
        while total > limit, sizes.count - dropped >= 2 {
            total -= sizes[dropped] + sizes[dropped + 1]
            dropped += 2
        }
        kept.removeFirst(dropped)
        // What is in front of the new turn stays the same the next time.
        if let last = kept.last, let content = last["content"].string {
            kept[kept.count - 1] = [
                "role": last["role"],
                "content": [["type": "text", "text": .string(content), "cache_control": ["type": "ephemeral"]]],
            ]
        }
        var out: JSONObject = ["model": .string(ask.model), "max_tokens": .int(ask.maxTokens), "stream": true]
        if let system { out["system"] = .string(system) }
        if ask.temperature != .null { out["temperature"] = ask.temperature }
        out["messages"] = .array(kept + [question])
        return JSON.object(out).bytes
    }
}
