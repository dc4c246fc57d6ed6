internal import Foundation

/// A running fake upstream. Its control endpoints and steps are listed in Sources/FakeUpstreamParts/README.md.
public struct FakeUpstream: Sendable {
    public let port: UInt16
    public let controlPort: UInt16
    /// For an account's `baseUrl`.
    public var baseURL: String { "http://127.0.0.1:\(port)" }

    /// Queues steps for the next requests with that upstream credential (`*`: any). `default` serves once the queue is empty.
    public func script(_ credential: String, _ steps: [String], default fallback: String? = nil) async throws {
        var order: [String: Any] = ["credential": credential, "steps": steps]
        if let fallback { order["default"] = fallback }
        let body = try JSONSerialization.data(withJSONObject: order)
        _ = try await call("POST", "/__fake/script", body)
    }

    /// Answers at the latest after ten seconds, sooner once that many requests have ended. Members: see `RequestRecord.json`.
    /// `started` waits for requests that have been read, whether answered or not.
    public func requests(finished: Int = 0, started: Int = 0) async throws -> [[String: Any]] {
        try await rows("requests?finished=\(finished)&started=\(started)&wait_ms=10000", "requests")
    }
    public func ledger(finished: Int = 0) async throws -> [[String: Any]] {
        try await rows("ledger?finished=\(finished)&wait_ms=10000", "ledger")
    }
    /// The rules that were broken, as text with the request's order.
    public func violations() async throws -> [String] {
        try await rows("violations", "violations").map { "request \($0["order"] ?? "?"): \($0["rule"] ?? "?")" }
    }
    /// `["refuse": true]`, `["reset": 3]`, `["tls_fail": 1]`.
    public func connections(_ order: [String: Any]) async throws {
        let body = try JSONSerialization.data(withJSONObject: order)
        _ = try await call("POST", "/__fake/connections", body)
    }
    public func reset() async throws { _ = try await call("POST", "/__fake/reset", Data("{}".utf8)) }

    private func rows(_ path: String, _ name: String) async throws -> [[String: Any]] {
        let answer = try await call("GET", "/__fake/\(path)", nil)
        let object = try JSONSerialization.jsonObject(with: answer) as? [String: Any]
        guard let rows = object?[name] as? [[String: Any]] else { throw ChildProcess.Failure(description: "no \(name) in the answer") }
        return rows
    }

    private func call(_ method: String, _ path: String, _ body: Data?) async throws -> Data {
        let client = try RawClient(port: controlPort)
        defer { client.close() }
        let length = body.map { "content-length: \($0.count)\r\n" } ?? ""
        try await client.send(Array("\(method) \(path) HTTP/1.1\r\nhost: localhost\r\n\(length)\r\n".utf8) + (body ?? Data()))
        let reply = try await client.reply()
        guard reply.status == 200 else { throw ChildProcess.Failure(description: "\(path): \(reply.status) \(reply.text)") }
        return Data(reply.body)
    }
}

/// Starts the fake upstream as a process of its own, and ends it after the closure.
public func withFakeUpstream<Result>(_ arguments: [String] = [], _ use: (FakeUpstream) async throws -> Result) async throws -> Result {
    let child = try ChildProcess(ChildProcess.builtProgram("FakeUpstream"), ["--port", "0", "--end-with-input"] + arguments)
    defer { child.terminate() }
    func port(_ word: String) throws -> UInt16 {
        let prefix = "\(word) 127.0.0.1:"
        guard let line = child.line(), line.hasPrefix(prefix), let port = UInt16(line.dropFirst(prefix.count)) else {
            throw ChildProcess.Failure(description: "the fake upstream did not say that it is \(word)")
        }
        return port
    }
    return try await use(FakeUpstream(port: try port("listening"), controlPort: try port("control")))
}
