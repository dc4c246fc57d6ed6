internal import Domain

/// A complete Messages answer as a chat completion.
enum OpenAIAnswer {
    static func completion(_ message: JSON, model: String, created: Int64) -> JSON {
        var (text, reasoning): (String?, String?) = (nil, nil)
        var calls: [JSON] = []
        for block in message["content"].array ?? [] {
            switch block["type"].string {
            case "text": text = (text ?? "") + (block["text"].string ?? "")
            case "thinking": reasoning = (reasoning ?? "") + (block["thinking"].string ?? "")
            case "tool_use":
                calls.append([
                    "id": block["id"], "type": "function",
                    "function": ["name": block["name"], "arguments": .string(block["input"].text)],
                ])
            default: break
            }
        }
        var answer: JSONObject = ["role": "assistant", "content": text.map(JSON.string) ?? .null]
        if !calls.isEmpty { answer["tool_calls"] = .array(calls) }
        if let reasoning { answer["reasoning_content"] = .string(reasoning) }
        return [
            "id": .string("chatcmpl-" + (message["id"].string ?? "")), "object": "chat.completion", "created": .int(created),
            "model": .string(model),
            "choices": [
                [
                    "index": 0, "message": .object(answer), "logprobs": nil,
                    "finish_reason": .string(finishReason(message["stop_reason"].string)),
                ]
            ], "usage": usage(message["usage"]), "service_tier": message["usage"]["service_tier"],
        ]
    }

    static func finishReason(_ reason: String?) -> String {
        switch reason {
        case "max_tokens", "model_context_window_exceeded": "length"
        case "tool_use": "tool_calls"
        case "refusal": "content_filter"
        default: "stop"
        }
    }

    private static func usage(_ usage: JSON) -> JSON {
        self.usage(
            input: usage["input_tokens"].int ?? 0, written: usage["cache_creation_input_tokens"].int ?? 0,
            read: usage["cache_read_input_tokens"].int ?? 0, output: usage["output_tokens"].int ?? 0,
            thinking: usage["output_tokens_details"]["thinking_tokens"].int ?? 0)
    }

    static func usage(input: Int64, written: Int64, read: Int64, output: Int64, thinking: Int64) -> JSON {
        // What an upstream says is bounded before it is added up.
        let all = [input, written, read, output].map { min(max(0, $0), MeteredUsage.largestCount) }
        let prompt = all[0] + all[1] + all[2]
        return [
            "prompt_tokens": .int(prompt), "completion_tokens": .int(all[3]), "total_tokens": .int(prompt + all[3]),
            "prompt_tokens_details": ["cached_tokens": .int(all[2]), "cache_creation_tokens": .int(all[1])],
            "completion_tokens_details": ["reasoning_tokens": .int(thinking)],
        ]
    }
}
