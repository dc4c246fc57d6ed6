internal import Domain

/// A chat completion as a Messages request (relay contract, section 10).
struct OpenAIRequest: Sendable {
    /// As asked for; the answer names it so.
    let model: String
    let isStream: Bool
    /// `stream_options.include_usage`.
    let includesUsage: Bool
    /// Names of fields that were given and mean nothing here, for `x-relay-ignored`.
    let ignored: [String]
    /// The Messages body.
    let body: [UInt8]
    /// Keeps a conversation on one account; nil when the caller named none.
    let stickyID: String?

    struct Rules: Sendable {
        var aliases = ModelAliases.standard
        /// Requests of more bytes get cache marks on the last tool and the last system block; nil never.
        var cachesFromBytes: Int?
        var traits: @Sendable (_ model: String) -> ModelTraits = { ModelTraits($0) }
        /// A caller's name for their user, as a digest that names nobody.
        var digest: @Sendable (String) -> String
    }

    /// Fields that change nothing here.
    private static let known: Set<String> = [
        "model", "messages", "stream", "stream_options", "max_tokens", "max_completion_tokens", "temperature", "top_p", "stop", "tools",
        "tool_choice", "parallel_tool_calls", "reasoning_effort", "response_format", "user", "prompt_cache_key", "functions",
        "function_call", "n", "logprobs",
    ]

    init(_ json: JSON, bytes: Int, rules: Rules) throws(OpenAIProblem) {
        guard let object = json.object else { throw .bad(nil, "The request body must be a JSON object.") }
        guard let model = json["model"].string, !model.isEmpty else { throw .bad("model", "model: a non-empty string is required.") }
        guard model.utf8.count <= MessagesRequest.longestModel else {
            throw .bad("model", "model: at most \(MessagesRequest.longestModel) bytes.")
        }
        guard let turns = json["messages"].array, !turns.isEmpty else { throw .bad("messages", "messages: a non-empty array is required.") }
        if let count = json["n"].int, count != 1 { throw .bad("n", "n: only 1 is supported.", code: "unsupported_parameter") }
        if json["logprobs"] == true { throw .bad("logprobs", "logprobs: not supported.", code: "unsupported_parameter") }
        self.model = model
        switch json["stream"] {
        case .null: isStream = false
        case .bool(let value): isStream = value
        default: throw .bad("stream", "stream: must be true or false.")
        }
        includesUsage = json["stream_options"]["include_usage"] == true
        let upstream = rules.aliases.model(model)
        let traits = rules.traits(upstream)
        var ignored = object.members.map(\.name).filter { !Self.known.contains($0) && json[$0] != .null }
        var conversation = OpenAIConversation()
        for (index, turn) in turns.enumerated() { try conversation.add(turn, at: index) }
        guard !conversation.messages.isEmpty else { throw .bad("messages", "messages: there is no user message.") }
        let isLarge = rules.cachesFromBytes.map { bytes > $0 } ?? false

        var out: JSONObject = ["model": .string(upstream)]
        let most = try Self.tokens("max_tokens", json)
        out["max_tokens"] = .int(try Self.tokens("max_completion_tokens", json) ?? most ?? traits.maximumOutput)
        if let system = conversation.systemJSON(marked: isLarge) { out["system"] = system }
        out["messages"] = .array(conversation.messages)
        try Self.addSampling(json, traits, &out, &ignored)
        try Self.addTools(json, marked: isLarge, &out)
        if let effort = json["reasoning_effort"].string {
            guard let mapped = ["minimal": "low", "low": "low", "medium": "medium", "high": "high"][effort] else {
                throw .bad("reasoning_effort", "reasoning_effort: must be minimal, low, medium or high.")
            }
            if traits.knowsEffort { out["output_config"] = ["effort": .string(mapped)] } else { ignored.append("reasoning_effort") }
        }
        try Self.addFormat(json["response_format"], &out, &ignored)
        let sticky = json["prompt_cache_key"].string
        if let name = json["user"].string ?? sticky { out["metadata"] = ["user_id": .string(rules.digest(name))] }
        stickyID = sticky.map(rules.digest)
        if isStream { out["stream"] = true }
        self.ignored = ignored
        body = JSON.object(out).bytes
    }

    /// nil when it is left out.
    private static func tokens(_ name: String, _ json: JSON) throws(OpenAIProblem) -> Int64? {
        guard json[name] != .null else { return nil }
        guard let count = json[name].wholeNumber, count >= 1 else { throw .bad(name, "\(name): must be a whole number of 1 or more.") }
        return count
    }

    private static func addSampling(
        _ json: JSON, _ traits: ModelTraits, _ out: inout JSONObject, _ ignored: inout [String]
    ) throws(OpenAIProblem) {
        for name in ["temperature", "top_p"] {
            let value = json[name]
            guard value != .null else { continue }
            guard let number = Self.number(value), number >= 0, number <= 2 else {
                throw .bad(name, "\(name): must be a number from 0 to 2.")
            }
            if traits.takesOnlyDefaultSampling { ignored.append(name) } else { out[name] = number > 1 ? 1 : value }
        }
        switch json["stop"] {
        case .string(let text): if !blank(text) { out["stop_sequences"] = [.string(text)] }
        case .array(let values):
            let texts = values.compactMap(\.string).filter { !blank($0) }
            if !texts.isEmpty { out["stop_sequences"] = .array(texts.map { .string($0) }) }
        default: break
        }
    }
    private static func blank(_ text: String) -> Bool { text.allSatisfy(\.isWhitespace) }
    private static func number(_ value: JSON) -> Double? {
        switch value {
        case .int(let number): Double(number)
        case .number(let text): Double(text)
        default: nil
        }
    }

    private static func addTools(_ json: JSON, marked: Bool, _ out: inout JSONObject) throws(OpenAIProblem) {
        var functions: [JSON] = []
        for (index, tool) in (json["tools"].array ?? []).enumerated() {
            guard tool["type"].string == "function" || tool["type"] == .null, tool["function"]["name"].string != nil else {
                throw .bad("tools[\(index)]", "tools[\(index)]: only functions with a name are supported.")
            }
            functions.append(tool["function"])
        }
        for (index, function) in (json["functions"].array ?? []).enumerated() {
            guard function["name"].string != nil else { throw .bad("functions[\(index)].name", "functions[\(index)].name: required.") }
            functions.append(function)
        }
        guard !functions.isEmpty else { return }
        var tools = functions.map { function -> JSONObject in
            var tool: JSONObject = ["name": function["name"]]
            if function["description"].string != nil { tool["description"] = function["description"] }
            tool["input_schema"] = function["parameters"].object == nil ? ["type": "object", "properties": [:]] : function["parameters"]
            return tool
        }
        if marked { tools[tools.count - 1]["cache_control"] = ["type": "ephemeral"] }
        out["tools"] = .array(tools.map { .object($0) })
        let asked = json["tool_choice"] == .null ? json["function_call"] : json["tool_choice"]
        var choice: JSONObject?
        switch asked {
        case .null: break
        case .string("none"): choice = ["type": "none"]
        case .string("auto"): choice = ["type": "auto"]
        case .string("required"): choice = ["type": "any"]
        default:
            guard let name = asked["function"]["name"].string ?? asked["name"].string else {
                throw .bad("tool_choice", "tool_choice: must be none, auto, required or name a function.")
            }
            choice = ["type": "tool", "name": .string(name)]
        }
        if json["parallel_tool_calls"] == false, choice?["type"] != "none" {
            var some = choice ?? ["type": "auto"]
            some["disable_parallel_tool_use"] = true
            choice = some
        }
        if let choice { out["tool_choice"] = .object(choice) }
    }

    private static func addFormat(_ format: JSON, _ out: inout JSONObject, _ ignored: inout [String]) throws(OpenAIProblem) {
        switch format["type"] {
        case .null, .string("text"): break
        case .string("json_schema"):
            guard format["json_schema"]["schema"].object != nil else {
                throw .bad("response_format", "response_format.json_schema.schema: must be an object.")
            }
            var config = out["output_config"]?.object ?? [:]
            config["format"] = ["type": "json_schema", "schema": format["json_schema"]["schema"]]
            out["output_config"] = .object(config)
        default: ignored.append("response_format")
        }
    }
}
