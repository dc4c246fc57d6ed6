import Domain
import HTTP
import Synchronization
import Testing

/// Keys in memory, as the store keeps them in a table.
private final class KeptKeys: Sendable {
    struct Row {
        let content: [UInt8]
        var answer: (status: Int, bytes: [UInt8])?
    }
    let rows = Mutex<[IdempotencyID: Row]>([:])
    /// What calls that fail have changed before.
    let touched: [String]
    init(touched: [String] = []) { self.touched = touched }
    var port: IdempotencyPort {
        IdempotencyPort(
            claim: { id, content, _ in
                self.rows.withLock { rows in
                    guard let row = rows[id] else {
                        rows[id] = Row(content: content)
                        return .new
                    }
                    guard row.content == content else { return .mismatch }
                    guard let answer = row.answer else { return .underWay }
                    return .done(status: answer.status, answer: answer.bytes)
                }
            },
            complete: { id, status, answer in self.rows.withLock { $0[id]?.answer = (status, answer) } },
            release: { id in
                if self.touched.isEmpty { self.rows.withLock { $0[id] = nil } }
                return self.touched
            })
    }
}

struct IdempotencyTests {
    private final class Counter: Sendable {
        let calls = Mutex(0)
        let failure: Problem?
        init(failing failure: Problem? = nil) { self.failure = failure }
        var endpoint: MountedEndpoint {
            Endpoint<Samples.Person>(
                .post, "/count", "Count", tag: "Test", audience: .customer, takes: .body(Samples.newKey), replies: .created(Samples.keyView)
            ) { _, _ in
                let count = self.calls.withLock {
                    $0 += 1
                    return $0
                }
                if let failure = self.failure { throw failure }
                return .json(["name": .string("call \(count)")], headers: ["location": "/count/\(count)\nset-cookie: a=b"])
            }.mounted { request in Samples.Person(name: request.headers["authorization"] ?? "") }
        }
    }
    private func call(_ router: Router, key: String?, body: String = #"{"name":"a"}"#, query: String = "", person: String = "anna") async
        -> Response
    {
        var headers = Headers()
        if let key { headers.add("idempotency-key", key) }
        return await router.respond(to: Samples.request(.post, "/count" + query, headers: headers, body: body, person: person))
    }

    @Test func `a repeated call gets the first answer and does nothing`() async {
        let counter = Counter()
        let router = Samples.router(idempotency: KeptKeys().port, extra: [counter.endpoint])
        let first = await call(router, key: "k-1")
        let second = await call(router, key: "k-1")
        #expect(first.status == 201 && second.status == 201 && first.body == second.body)
        #expect(
            second.headers["location"] == "/count/1 set-cookie: a=b" && second.headers["set-cookie"] == nil
                && second.headers["content-type"] == "application/json")
        #expect(first.headers["idempotency-replayed"] == nil && second.headers["idempotency-replayed"] == "true")
        #expect(counter.calls.withLock { $0 } == 1)
    }

    @Test func `another key, another actor and no key are other calls`() async {
        let counter = Counter()
        let router = Samples.router(idempotency: KeptKeys().port, extra: [counter.endpoint])
        for (key, person) in [("k-1", "anna"), ("k-2", "anna"), ("k-1", "bert"), (nil, "anna"), (nil, "anna")] {
            #expect(await call(router, key: key, person: person).status == 201)
        }
        #expect(counter.calls.withLock { $0 } == 5)
    }

    @Test func `the same key with another content is refused`() async {
        let router = Samples.router(idempotency: KeptKeys().port, extra: [Counter().endpoint])
        #expect(await call(router, key: "k-1").status == 201)
        let other = await call(router, key: "k-1", body: #"{"name":"b"}"#)
        #expect(other.status == 422 && other.code == "idempotency_mismatch")
    }

    @Test func `a call that is under way is not begun again`() async {
        let keys = KeptKeys()
        let router = Samples.router(idempotency: keys.port, extra: [Counter().endpoint])
        #expect(await call(router, key: "k-1").status == 201)
        keys.rows.withLock { rows in for id in rows.keys { rows[id]?.answer = nil } }
        let again = await call(router, key: "k-1")
        #expect(again.status == 409 && again.code == "idempotency_in_progress" && again.headers["retry-after"] == "1")
    }

    @Test func `a failed call frees its key, one with an unknown outcome keeps it`() async {
        let failed = Counter(failing: Problem(.overloaded))
        let router = Samples.router(idempotency: KeptKeys().port, extra: [failed.endpoint])
        for _ in 1...2 { #expect(await call(router, key: "k-1").status == 503) }
        #expect(failed.calls.withLock { $0 } == 2)
        var unknown = Problem(.overloaded)
        unknown.outcomeIsUnknown = true
        let unsure = Counter(failing: unknown)
        let other = Samples.router(idempotency: KeptKeys().port, extra: [unsure.endpoint])
        #expect(await call(other, key: "k-1").status == 503)
        #expect(await call(other, key: "k-1").status == 409)
        #expect(unsure.calls.withLock { $0 } == 1)
    }

    @Test func `a call that fails after it has changed something says so, and keeps its key`() async {
        for (failure, code) in [(Problem(.overloaded), "idempotency_interrupted"), (Problem(.badRequest, "It is over."), "bad_request")] {
            let failed = Counter(failing: failure)
            let router = Samples.router(idempotency: KeptKeys(touched: ["pay_1"]).port, extra: [failed.endpoint])
            let first = await call(router, key: "k-1")
            #expect(first.code == code && first.status < 500 && first.headers["retry-after"] == nil)
            #expect(code == "bad_request" || String(decoding: first.body, as: UTF8.self).contains("pay_1"))
            #expect(await call(router, key: "k-1").status == 409)
            #expect(failed.calls.withLock { $0 } == 1)
        }
    }

    @Test func `bad input frees the key for the corrected call`() async {
        let router = Samples.router(idempotency: KeptKeys().port, extra: [Counter().endpoint])
        #expect(await call(router, key: "k-1", body: "{}").status == 422)
        #expect(await call(router, key: "k-1").status == 201)
    }

    @Test(arguments: ["", " ", "a b", "ä", String(repeating: "k", count: 256)])
    func `a malformed key is refused`(key: String) async {
        let response = await call(Samples.router(idempotency: KeptKeys().port, extra: [Counter().endpoint]), key: key)
        #expect(response.status == 400 && response.code == "bad_idempotency_key")
    }
}
