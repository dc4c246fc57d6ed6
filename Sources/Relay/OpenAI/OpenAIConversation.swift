internal import Domain

/// Turns of one dialect as turns of the other: system texts hoisted, tool results in user turns, turns of one role merged.
struct OpenAIConversation {
    private var system: [String] = []
    private var turns: [(role: String, blocks: [JSON])] = []

    var messages: [JSON] {
        turns.map { turn in
            // One text alone stays a text, as the caller wrote it.
            if turn.blocks.count == 1, turn.blocks[0]["type"].string == "text", turn.blocks[0].object?.count == 2 {
                return ["role": .string(turn.role), "content": turn.blocks[0]["text"]]
            }
            return ["role": .string(turn.role), "content": .array(turn.blocks)]
        }
    }

    /// nil without any system text.
    func systemJSON(marked: Bool) -> JSON? {
        guard !system.isEmpty else { return nil }
        let text = JSON.string(system.joined(separator: "\n"))
        return marked ? [["type": "text", "text": text, "cache_control": ["type": "ephemeral"]]] : text
    }

    mutating func add(_ turn: JSON, at index: Int) throws(OpenAIProblem) {
        let place = "messages[\(index)]"
        switch turn["role"].string {
        case "system", "developer":
            for part in try Self.parts(turn["content"], place) {
                guard part["type"].string == "text", let text = part["text"].string else {
                    throw .bad(place, "\(place).content: a system message has text only.")
                }
                if !text.isEmpty { system.append(text) }
            }
        case "user":
            let blocks = try Self.blocks(turn, place)
            guard !blocks.isEmpty else { throw .bad("\(place).content", "\(place).content: a user message must not be empty.") }
            append("user", blocks)
        case "assistant": append("assistant", try Self.assistant(turn, place))
        case "tool", "function":
            guard let id = turn["tool_call_id"].string ?? turn["name"].string else {
                throw .bad("\(place).tool_call_id", "\(place).tool_call_id: required.")
            }
            let blocks = try Self.blocks(turn, place)
            let isPlain = blocks.count == 1 && blocks[0]["type"].string == "text"
            append(
                "user",
                [["type": "tool_result", "tool_use_id": .string(id), "content": isPlain ? blocks[0]["text"] : .array(blocks)]])
        default: throw .bad("\(place).role", "\(place).role: must be system, developer, user, assistant or tool.")
        }
    }

    private mutating func append(_ role: String, _ blocks: [JSON]) {
        guard !blocks.isEmpty else { return }
        if let last = turns.last, last.role == role { turns[turns.count - 1].blocks += blocks } else { turns.append((role, blocks)) }
    }

    /// A text is one part.
    private static func parts(_ content: JSON, _ place: String) throws(OpenAIProblem) -> [JSON] {
        switch content {
        case .null: return []
        case .string(let text): return text.isEmpty ? [] : [["type": "text", "text": .string(text)]]
        case .array(let parts): return parts
        default: throw .bad("\(place).content", "\(place).content: must be text or a list of parts.")
        }
    }

    /// What a message says; without empty texts, which the upstream refuses.
    private static func blocks(_ turn: JSON, _ place: String) throws(OpenAIProblem) -> [JSON] {
        var blocks: [JSON] = []
        for part in try parts(turn["content"], place) {
            let block = try block(part, place)
            if block["text"].string?.isEmpty != true { blocks.append(block) }
        }
        return blocks
    }

    private static func block(_ part: JSON, _ place: String) throws(OpenAIProblem) -> JSON {
        switch part["type"].string {
        case "text":
            guard let text = part["text"].string else { throw .bad("\(place).content", "\(place).content: a text part has text.") }
            return ["type": "text", "text": .string(text)]
        case "image_url":
            guard let url = part["image_url"]["url"].string ?? part["image_url"].string else {
                throw .bad("\(place).content", "\(place).content: image_url has no url.")
            }
            if url.hasPrefix("https://") || url.hasPrefix("http://") {
                return ["type": "image", "source": ["type": "url", "url": .string(url)]]
            }
            return ["type": "image", "source": try source(url, place)]
        case "file":
            guard let data = part["file"]["file_data"].string else {
                throw .bad("\(place).content", "\(place).content: a file comes as file_data.", code: "unsupported_parameter")
            }
            let source = try source(data, place)
            guard source["media_type"].string == "application/pdf" else {
                throw .bad("\(place).content", "\(place).content: only PDF files are supported.", code: "unsupported_parameter")
            }
            return ["type": "document", "source": source]
        case "refusal": return ["type": "text", "text": .string(part["refusal"].string ?? "")]
        default:
            let kind = part["type"].string ?? "without a type"
            throw .bad(
                "\(place).content", "\(place).content: parts \(kind.debugDescription) are not supported.", code: "unsupported_parameter")
        }
    }

    /// `data:image/png;base64,…`
    private static func source(_ url: String, _ place: String) throws(OpenAIProblem) -> JSON {
        guard url.hasPrefix("data:"), let comma = url.firstIndex(of: ",") else {
            throw .bad("\(place).content", "\(place).content: must be an http(s) or data URL.")
        }
        let head = url[..<comma].dropFirst(5).split(separator: ";")
        guard let type = head.first, head.last == "base64" else {
            throw .bad("\(place).content", "\(place).content: a data URL names its type and is base64.")
        }
        return ["type": "base64", "media_type": .string(String(type)), "data": .string(String(url[url.index(after: comma)...]))]
    }

    private static func assistant(_ turn: JSON, _ place: String) throws(OpenAIProblem) -> [JSON] {
        var blocks = try blocks(turn, place)
        var calls = turn["tool_calls"].array ?? []
        if turn["function_call"].object != nil { calls.append(["id": turn["function_call"]["name"], "function": turn["function_call"]]) }
        for (index, call) in calls.enumerated() {
            let name = "\(place).tool_calls[\(index)]"
            guard let tool = call["function"]["name"].string, let id = call["id"].string else {
                throw .bad(name, "\(name): an id and a function with a name are required.")
            }
            let input = try Self.input(call["function"]["arguments"], "\(name).function.arguments")
            blocks.append(["type": "tool_use", "id": .string(id), "name": .string(tool), "input": input])
        }
        return blocks
    }

    /// A tool's arguments are the text of an object; some clients send the object itself.
    private static func input(_ arguments: JSON, _ place: String) throws(OpenAIProblem) -> JSON {
        let text: String
        switch arguments {
        case .null: return [:]
        case .object: return arguments
        case .string(let value): text = value
        default: throw .bad(place, "\(place): not a JSON object.")
        }
        if text.allSatisfy(\.isWhitespace) { return [:] }
        guard let parsed = try? JSON(parsing: Array(text.utf8)), parsed.object != nil else {
            throw .bad(place, "\(place): not a JSON object.")
        }
        return parsed
    }
}
