import Domain
import HTTP
import Testing

struct InputTests {
    @Test func `every bad field of path, query and body is reported at once`() async {
        let response = await Samples.router().respond(
            to: Samples.request(.patch, "/api/keys/0?notify=yes&notfy=1", body: #"{"limit":1000,"nmae":"x"}"#))
        #expect(response.status == 422 && response.code == "invalid_input")
        #expect(response.faults == ["path id", "query notfy", "query notify", "body nmae", "body name", "body limit"])
    }

    @Test func `good input arrives typed`() async {
        let response = await Samples.router().respond(to: Samples.request(.patch, "/api/keys/12?notify=true", body: #"{"name":"a b"}"#))
        #expect(response.status == 200 && response.json["name"] == "12 true a b")
        #expect(response.headers["cache-control"] == "no-store" && response.headers["content-type"] == "application/json")
    }

    @Test(arguments: [
        ("", 200, "10"), ("?limit=20", 200, "20"), ("?limit=21", 422, ""), ("?limit=0", 422, ""), ("?limit=+5", 422, ""),
        ("?limit=5&limit=6", 422, ""),
        ("?limit=%35", 200, "5"), ("?limit=", 422, ""), ("?limit=5x", 422, ""), ("?limit=99999999999999999999", 422, ""), ("?x=1", 422, ""),
        ("?limit=%zz", 422, ""), ("?cursor=a%20b+c", 200, "10"), ("?&&limit=5&", 200, "5"),
    ])
    func `a query is read strictly`(query: String, status: Int, limit: String) async {
        let response = await Samples.router().respond(to: Samples.request(.get, "/api/keys" + query))
        #expect(response.status == status)
        if status == 200 { #expect(response.json["keys"].array?.first?["name"].string == limit) }
        if query.hasPrefix("?cursor") { #expect(response.json["next_cursor"] == "a b c") }
    }

    @Test(
        arguments: [
            (nil, "{}", 415), ("text/plain", "{}", 415), ("application/x-www-form-urlencoded", "name=a", 415),
            ("application/json", #"{"name":"a"}"#, 201), ("application/json; charset=UTF-8", #"{"name":"a"}"#, 201),
            ("application/json;charset=latin1", #"{"name":"a"}"#, 415), ("application/merge-patch+json", #"{"name":"a"}"#, 201),
            ("application/json", "{", 400), ("application/json", "[]", 422), ("application/json", "", 400),
            ("application/jsonx", "{}", 415),
            ("application/json", #"{"name":"a","name2":"}"#, 400), ("application/json", #"{"name":"aaaaaaaaa"}"#, 422),
        ] as [(String?, String, Int)])
    func `a body is JSON or refused`(type: String?, body: String, status: Int) async {
        var request = Samples.request(.post, "/api/keys", body: body)
        request.headers.remove("content-type")
        if let type { request.headers.add("content-type", type) }
        #expect(await Samples.router().respond(to: request).status == status)
    }

    @Test func `a coded body and one that is too large are refused`() async {
        let router = Samples.router()
        let coded = Samples.request(.post, "/api/keys", headers: ["content-encoding": "gzip"], body: #"{"name":"a"}"#)
        #expect(await router.respond(to: coded).status == 415)
        let atLimit = #"{"name":"a"}"# + String(repeating: " ", count: 256 - 12)
        #expect(await router.respond(to: Samples.request(.post, "/api/keys", body: atLimit)).status == 201)
        let over = await router.respond(to: Samples.request(.post, "/api/keys", body: atLimit + " "))
        #expect(over.status == 413 && over.code == "body_too_large")
    }

    @Test func `strangers are refused before their body is looked at`() async {
        let response = await Samples.router().respond(
            to: Samples.request(.post, "/api/keys", body: String(repeating: "x", count: 1000), person: nil))
        #expect(response.status == 401)
    }

    @Test(
        arguments: [
            (nil, 200), ("*/*", 200), ("application/json", 200), ("application/*", 200), ("text/html", 406), ("text/html, */*;q=0.1", 200),
            ("application/json;q=0", 406), ("application/json;q=0, */*", 406), ("APPLICATION/JSON", 200), ("nonsense", 406), ("", 200),
        ] as [(String?, Int)])
    func `an answer nobody takes is not made`(accept: String?, status: Int) async {
        var request = Samples.request(.get, "/api/keys/7")
        if let accept { request.headers.add("accept", accept) }
        #expect(await Samples.router().respond(to: request).status == status)
    }

    @Test(arguments: [
        ("text/plain", "text/plain"), ("application/json", "application/json"), ("*/*", "text/plain"),
        ("application/json, */*", "text/plain"),
        ("application/json, */*;q=0.5", "application/json"), ("text/*;q=0.3, application/json;q=0.4", "application/json"),
    ])
    func `the caller's preference decides between media types`(accept: String, wanted: String) {
        let request = Samples.request(.get, "/", headers: ["accept": accept])
        #expect(request.preferred(["text/plain", "application/json"]) == wanted)
    }
}

struct DialectTests {
    private let id = RequestID(high: 1, low: 2)

    @Test func `each dialect has its shape`() {
        var problem = Problem(.overloaded, retryAfterSeconds: 3)
        problem.faults = [InputFault(.body, "name", "is required")]
        let control = ErrorDialect.control.response(problem, id: id)
        #expect(
            control.json == [
                "error": [
                    "code": "overloaded", "message": "The server is too busy; try again shortly.", "request_id": .string(id.text),
                    "retry_after": 3, "fields": [["in": "body", "field": "name", "message": "is required"]],
                ]
            ])
        #expect(control.status == 503 && control.headers["retry-after"] == "3" && control.headers["request-id"] == nil)
        let messages = ErrorDialect.messages.response(problem, id: id)
        #expect(
            messages.json == [
                "type": "error",
                "error": ["type": "api_error", "message": "name: is required", "details": ["error_code": "overloaded"]],
                "request_id": .string(id.text),
            ])
        #expect(messages.headers["request-id"] == id.text && messages.headers["x-should-retry"] == nil)
        #expect(
            ErrorDialect.olderRelay.response(Problem(.overloaded), id: id).json
                == ["error": "Service unavailable", "message": "The server is too busy; try again shortly."])
        #expect(
            ErrorDialect.chat.response(Problem(.notFound), id: id).json
                == ["error": ["code": "not_found", "message": "There is nothing at this address.", "request_id": .string(id.text)]])
    }

    @Test(arguments: [
        (400, "invalid_request_error"), (401, "authentication_error"), (402, "billing_error"), (403, "permission_error"),
        (404, "not_found_error"), (409, "conflict_error"), (413, "request_too_large"), (422, "invalid_request_error"),
        (429, "rate_limit_error"),
        (500, "api_error"), (502, "api_error"), (503, "api_error"), (504, "timeout_error"), (529, "overloaded_error"),
    ])
    func `the Messages type follows the status`(status: Int, type: String) { #expect(ErrorDialect.messagesType(status) == type) }

    @Test func `nobody is told to wait for hours by himself`() {
        let long = ErrorDialect.control.response(Problem(.overloaded, retryAfterSeconds: 61), id: id)
        #expect(long.headers["retry-after"] == "61" && long.headers["x-should-retry"] == "false")
        #expect(ErrorDialect.control.response(Problem(.overloaded, retryAfterSeconds: 60), id: id).headers["x-should-retry"] == nil)
        #expect(ErrorDialect.messages.response(Problem(.notFound), id: id).headers["x-should-retry"] == "false")
    }

    @Test func `what a handler throws says nothing private`() async {
        let response = await Samples.router().respond(to: Samples.request(.get, "/v1/models"))
        #expect(response.status == 500 && response.json["type"] == "error")
        #expect(!String(decoding: response.body, as: UTF8.self).contains("hunter2"))
    }
}
