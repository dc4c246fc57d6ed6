import Testing

@testable import Relay

/// What the relay reads of a request body, and what it leaves alone.
struct RequestScannerTests {
    private func scan(_ text: String) throws(MessagesRequest.Problem) -> MessagesRequest {
        let bytes = Array(text.utf8)
        return try MessagesRequest(scanning: bytes.span)
    }

    @Test func `routing fields are found wherever they stand`() throws {
        let request = try scan(
            """
             {"messages":[{"role":"user","content":"a \\"model\\": \\"no\\" {"}],"unknown":{"model":"no","stream":true},
              "max_tokens":1024,"stream" : true,"metadata":{"user_id":"u\\u0031"},"mod\\u0065l":"claude-opus-5-5","speed":"fast"}
            """)
        #expect(request.model == "claude-opus-5-5" && request.isStream && request.maxTokens == 1024)
        #expect(request.userID == "u1" && request.speed == "fast" && request.inferenceGeo == nil)
    }

    @Test(
        arguments: [
            ("64000", 64_000), ("6.4e4", 64_000), ("64E3", 64_000), ("640000e-1", 64_000), ("7.9", 7), ("0", 0), ("1.5e0", 1),
            ("-6e4", nil),
            ("1e40", nil), ("null", nil), ("6x4e1", nil),
        ] as [(String, Int64?)])
    func `a number is read in every way it can be written`(written: String, count: Int64?) throws {
        #expect(try scan(#"{"model":"m","messages":[1],"max_tokens":\#(written)}"#).maxTokens == count)
    }

    @Test(arguments: [
        ("", MessagesRequest.Problem.notAnObject), ("[]", .notAnObject), ("null", .notAnObject), ("{", .notAnObject),
        ("{\"model\":\"m\",\"messages\":[1]} x", .notAnObject), ("{\"model\":\"m\",\"messages\":[1],}", .notAnObject),
        ("{\"model\":\"m\",\"messages\":[1}]", .notAnObject), ("{\"model\" \"m\"}", .notAnObject), ("{\"a\":\"\\", .notAnObject),
        ("{\"model\":\"\(String(repeating: "m", count: 257))\",\"messages\":[1]}", .longModel),
        ("{\"model\":\"\(String(repeating: "m", count: 7000))\",\"messages\":[1]}", .longModel), ("{}", .noModel),
        ("{\"model\":\"\",\"messages\":[1]}", .noModel), ("{\"model\":7,\"messages\":[1]}", .noModel),
        ("{\"model\":null,\"messages\":[1]}", .noModel), ("{\"model\":\"m\"}", .noMessages),
        ("{\"model\":\"m\",\"messages\":[]}", .noMessages), ("{\"model\":\"m\",\"messages\":{}}", .noMessages),
        ("{\"model\":\"m\",\"messages\":[1],\"stream\":\"yes\"}", .notABoolean("stream")),
        ("{\"model\":\"m\",\"messages\":[1],\"stream\":1}", .notABoolean("stream")),
        ("{\"model\":\"m\",\"messages\":[1],\"mod\\u0065l\":\"n\"}", .duplicate("model")),
        ("{\"stream\":true,\"model\":\"m\",\"messages\":[1],\"stream\":false}", .duplicate("stream")),
    ]) func `a body that cannot be routed is refused`(text: String, problem: MessagesRequest.Problem) {
        #expect(throws: problem) { try scan(text) }
    }

    @Test func `nesting is followed to its limit and no further`() throws {
        func body(_ depth: Int) -> String {
            "{\"model\":\"m\",\"messages\":" + String(repeating: "[", count: depth) + String(repeating: "]", count: depth) + "}"
        }
        #expect(try scan(body(JSONSkim.maximumDepth)).model == "m")
        #expect(throws: MessagesRequest.Problem.notAnObject) { try scan(body(JSONSkim.maximumDepth + 1)) }
    }

    @Test func `a mapped model changes only its own bytes`() throws {
        let text = "{ \"max_tokens\" : 1.0e3, \"model\" :\t\"cl\\u0061ude\" ,\"messages\":[{\"content\":\"caf\\u00e9 é\"}] }"
        let mapped = try scan(text).body(Array(text.utf8).span, model: "up\"stream")
        #expect(String(decoding: mapped, as: UTF8.self) == text.replacing("\"cl\\u0061ude\"", with: "\"up\\\"stream\""))
    }
}
