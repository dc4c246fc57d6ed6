/// The endpoints below `/__fake`, for the test that drives the fake. Also served on the control port, which is always plain HTTP.
struct Control: Sendable {
    let world: World
    let doors: Doors

    func answer(_ request: WireRequest) -> (status: Int, body: JSONText) {
        let fields = Self.fields(request.query)
        switch (request.method, request.path) {
        case ("GET", "/__fake/requests"):
            wait(fields)
            let records = world.records(fields["credential"])
            let showsBody = fields["bodies"] == "1"
            return (
                200,
                [
                    "requests": .array(records.map { $0.json(showsBody: showsBody) }), "finished": .int(world.finishedCount),
                    "waiting_steps": .int(world.waitingSteps),
                ]
            )
        case ("GET", "/__fake/ledger"):
            wait(fields)
            let rows = world.records(fields["credential"]).compactMap { record in
                record.bill?.json(order: record.order, credential: record.credential, requestIdentifier: identifier(record.order))
            }
            return (200, ["ledger": .array(rows)])
        case ("GET", "/__fake/violations"):
            let found = world.records(fields["credential"]).flatMap { record in
                record.violations.map { text -> JSONText in
                    [
                        "order": .int(record.order), "path": .string(record.request.path), "credential": .string(record.credential),
                        "rule": .string(text),
                    ]
                }
            }
            return (200, ["violations": .array(found)])
        case ("POST", "/__fake/script"): return script(request.body)
        case ("POST", "/__fake/connections"): return connections(request.body)
        case ("POST", "/__fake/reset"):
            world.reset()
            doors.reset()
            return (200, ["reset": true])
        default: return (404, ["error": "no such control endpoint"])
        }
    }

    private func identifier(_ order: Int) -> String { "req_" + sha256Hex(Array("\(world.seed)/\(order)".utf8)).prefix(24) }

    /// `finished=N` or `started=N` with `wait_ms=M`: answers once that many requests have ended or begun, at the latest after M.
    private func wait(_ fields: [String: String]) {
        let deadline = monotonicNanoseconds() + min(Int(fields["wait_ms"] ?? "") ?? 0, 60_000) * 1_000_000
        let finished = Int(fields["finished"] ?? "") ?? 0
        let started = Int(fields["started"] ?? "") ?? 0
        while world.finishedCount < finished || world.startedCount < started, monotonicNanoseconds() < deadline { pause(milliseconds: 2) }
    }

    /// `{"credential", "steps": ["…" | {"step","times","body_sha256"}], "default": "…"}`; credential `*` serves every other one.
    private func script(_ body: [UInt8]) -> (Int, JSONText) {
        let order: JSONText
        do { order = try JSONText(reading: body) } catch { return (400, ["error": "no JSON"]) }
        guard let credential = order["credential"]?.text else { return (400, ["error": "credential is missing"]) }
        var steps: [World.Step] = []
        for entry in order["steps"]?.elements ?? [] {
            let step = World.Step(text: entry.text ?? entry["step"]?.text ?? "ok", bodyDigest: entry["body_sha256"]?.text)
            do { _ = try Conduct(step.text) } catch { return (400, ["error": .string("unknown step: \(error.text)")]) }
            steps += Array(repeating: step, count: min(max(1, entry["times"]?.integer ?? 1), World.recordLimit))
        }
        let fallback = order["default"]?.text
        if let fallback {
            do { _ = try Conduct(fallback) } catch { return (400, ["error": .string("unknown step: \(error.text)")]) }
        }
        world.script(credential, steps, fallback: fallback.map { World.Step(text: $0, bodyDigest: nil) })
        return (200, ["queued": .int(steps.count)])
    }

    /// `{"refuse": Bool}` closes or opens the main port; `{"reset": N}` and `{"tls_fail": N}` spoil the next N connections there.
    private func connections(_ body: [UInt8]) -> (Int, JSONText) {
        let order: JSONText
        do { order = try JSONText(reading: body) } catch { return (400, ["error": "no JSON"]) }
        do throws(SocketFailure) {
            if let refuses = order["refuse"]?.boolean { try doors.setRefusing(refuses) }
        } catch { return (500, ["error": .string(error.description)]) }
        doors.spoil(resets: order["reset"]?.integer ?? 0, failedHandshakes: order["tls_fail"]?.integer ?? 0)
        return (200, ["done": true])
    }

    static func fields(_ query: String) -> [String: String] {
        let pairs = query.split(separator: "&").map { $0.split(separator: "=", maxSplits: 1).map(String.init) }
        return Dictionary(pairs.filter { $0.count == 2 }.map { ($0[0], $0[1]) }) { $1 }
    }
}
