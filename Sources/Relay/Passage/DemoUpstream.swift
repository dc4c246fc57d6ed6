internal import Domain
internal import HTTP
internal import Store

/// Answers Messages requests while no account exists, so that the first `curl` works. It says what it is, and costs nothing.
struct DemoUpstream: Sendable {
    static let text = "This is Gatehouse's built-in demo answer (演示). Add an account, and this key talks to the real model."
    /// Fixed numbers: there is no model behind them.
    private static let usage: JSON = [
        "input_tokens": 10, "output_tokens": 24, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "service_tier": "standard",
    ]

    func answer(_ passage: Passage) async {
        passage.attempts = 1
        let model = passage.request.model
        let id = "msg_demo_" + passage.exchange.id.text.dropFirst(4)
        let metered = Settlement.Used(
            tokens: TokenCounts(input: 10, output: 24), metered: MeteredUsage(), model: model, source: .final, isFree: true)
        var headers = HeaderBlock()
        headers.add("x-relay-request-id", passage.exchange.id.text)
        headers.add("x-relay-demo", "true")
        headers.add("request-id", passage.exchange.id.text)
        let isStream = passage.request.isStream
        let body = isStream ? Self.events(id: id, model: model) : Self.message(id: id, model: model, text: Self.text, isEmpty: false).bytes
        headers.add("content-type", isStream ? "text/event-stream; charset=utf-8" : "application/json")
        headers.add("cache-control", isStream ? "no-cache" : "no-store")
        passage.recording?.answered(body.span)
        passage.settle(.success, httpStatus: 200, usage: metered)
        passage.exchange.startResponse(status: 200, headers: headers, framing: isStream ? .chunked : .length(body.count))
        passage.exchange.write(body)
        passage.exchange.finish()
    }

    private static func message(id: String, model: String, text: String, isEmpty: Bool) -> JSON {
        [
            "id": .string(id), "type": "message", "role": "assistant", "model": .string(model),
            "content": isEmpty ? [] : [["type": "text", "text": .string(text)]], "stop_reason": isEmpty ? nil : "end_turn",
            "stop_sequence": nil, "usage": usage,
        ]
    }

    private static func events(id: String, model: String) -> [UInt8] {
        var out: [UInt8] = []
        func event(_ name: String, _ data: JSON) { out += "event: \(name)\ndata: \(data.text)\n\n".utf8 }
        event("message_start", ["type": "message_start", "message": message(id: id, model: model, text: "", isEmpty: true)])
        event("content_block_start", ["type": "content_block_start", "index": 0, "content_block": ["type": "text", "text": ""]])
        for word in text.split(separator: " ") {
            event(
                "content_block_delta",
                ["type": "content_block_delta", "index": 0, "delta": ["type": "text_delta", "text": .string(word + " ")]])
        }
        event("content_block_stop", ["type": "content_block_stop", "index": 0])
        event(
            "message_delta",
            ["type": "message_delta", "delta": ["stop_reason": "end_turn", "stop_sequence": nil], "usage": ["output_tokens": 24]])
        event("message_stop", ["type": "message_stop"])
        return out
    }
}
