/// `POST /v1/messages`, whole or as a stream.
extension Exchange {
    /// false once the client has gone before the end.
    func answerMessage() -> Bool {
        let body: JSONText
        switch checkedBody() {
        case .success(let value): body = value
        case .failure(let problem): return fail(problem.status, problem.message)
        }
        let answer = Answer(seed: world.seed, request: body, bodyBytes: request.body.count, digest: digest, conduct: conduct)
        let isStream = body["stream"]?.boolean == true
        let bill = Bill(
            identifier: answer.identifier, model: answer.model, requestedModel: body["model"]?.text ?? "", isStream: isStream)
        world.update(order) { $0.bill = bill }
        if conduct.firstTokenMilliseconds > 0, !isStream, wire.waitForLeaving(milliseconds: conduct.firstTokenMilliseconds) { return false }
        if isStream { return stream(answer) }
        guard reply(200, answer.whole) else { return false }
        let hasCut = conduct.cut != nil
        world.update(order) { record in
            record.bill?.usage = conduct.hasUsage && !hasCut ? answer.usage : .null
            record.bill?.outcome = hasCut ? .cut : .complete
        }
        return true
    }

    struct Problem: Error {
        let status: Int
        let message: String
    }

    /// The checks of an upstream on what it is asked.
    private func checkedBody() -> Result<JSONText, Problem> {
        let body: JSONText
        do { body = try JSONText(reading: request.body) } catch {
            return .failure(Problem(status: 400, message: "The request body is not valid JSON"))
        }
        guard body.members != nil else { return .failure(Problem(status: 400, message: "body: Input should be an object")) }
        guard let model = body["model"]?.text, !model.isEmpty else {
            return .failure(Problem(status: 400, message: "model: Field required"))
        }
        if !model.hasPrefix("claude") { return .failure(Problem(status: 404, message: "model: \(model)")) }
        guard let messages = body["messages"]?.elements else { return .failure(Problem(status: 400, message: "messages: Field required")) }
        if messages.isEmpty { return .failure(Problem(status: 400, message: "messages: at least one message is required")) }
        if request.path == "/v1/messages", body["max_tokens"]?.integer == nil {
            return .failure(Problem(status: 400, message: "max_tokens: Field required"))
        }
        if request["anthropic-version"] == "2026-10-21" {
            for name in ["temperature", "top_p", "top_k"] where body[name] != nil {
                return .failure(Problem(status: 400, message: "\(name): not accepted by this version"))
            }
        }
        return .success(body)
    }

    /// `POST /v1/messages/count_tokens`.
    func countTokens() -> Bool {
        switch checkedBody() {
        case .success: reply(200, ["input_tokens": .int(3 + request.body.count / 4)])
        case .failure(let problem): fail(problem.status, problem.message)
        }
    }

    private func stream(_ answer: Answer) -> Bool {
        world.update(order) { $0.status = 200 }
        let isOld = request.version == "HTTP/1.0" || conduct.isCloseDelimited
        var delivery = Delivery(wire, framing: isOld ? .close : .chunked, conduct: conduct)
        var fields = ReplyHeaders.base(requestIdentifier, conduct: conduct)
        fields += [("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache")]
        if conduct.isGzip { fields.append(("content-encoding", "gzip")) }
        fields.append(isOld ? ("connection", "close") : ("transfer-encoding", "chunked"))
        guard delivery.head(200, fields) else { return false }
        var seen: [String: Int] = [:]
        if let ended = pass("headers", 1, next: nil, &delivery) { return ended }
        if let error = conduct.errorEvent, error.after == nil { return sendError(error.type, error.message, &delivery) }
        if conduct.firstTokenMilliseconds > 0, wire.waitForLeaving(milliseconds: conduct.firstTokenMilliseconds) { return false }
        let frames = answer.frames
        for (index, frame) in frames.enumerated() {
            if frame.deltaBytes > 0, let rate = conduct.tokensPerSecond, wire.waitForLeaving(milliseconds: 1000 / rate) { return false }
            guard !wire.waitForLeaving(milliseconds: 0), delivery.body(frame.bytes) else { return false }
            note(frame)
            seen[frame.event, default: 0] += 1
            let next = index + 1 < frames.count ? frames[index + 1].bytes : nil
            if let ended = pass(frame.event, seen[frame.event] ?? 0, next: next, &delivery) { return ended }
        }
        world.update(order) { $0.bill?.outcome = .complete }
        return delivery.end()
    }

    private func note(_ frame: Frame) {
        world.update(order) { record in
            record.events.append(frame.event)
            guard var bill = record.bill else { return }
            bill.deltaBytes += frame.deltaBytes
            if frame.event == "content_block_start" { bill.blocks += 1 }
            if let usage = frame.usage { bill.overlay(usage) }
            record.bill = bill
        }
    }

    /// What the conduct does after that frame; not nil when the answer ends there, with what `stream` answers.
    private func pass(_ event: String, _ occurrence: Int, next: [UInt8]?, _ delivery: inout Delivery) -> Bool? {
        let here = Conduct.Place(event: event, occurrence: occurrence)
        if let hang = conduct.hang, hang.after == here, wire.waitForLeaving(milliseconds: hang.milliseconds) { return false }
        if let cut = conduct.cut, cut.after == here {
            if cut.bytes > 0, let next, !delivery.body(Array(next.prefix(cut.bytes))) { return false }
            end(cut)
            return true
        }
        if let error = conduct.errorEvent, error.after == here { return sendError(error.type, error.message, &delivery) }
        return nil
    }

    private func sendError(_ type: String, _ named: String?, _ delivery: inout Delivery) -> Bool {
        let message = named ?? (type == "overloaded_error" ? "Overloaded" : "Scripted \(type)")
        let frame = Frame(
            event: "error",
            data: [
                "type": "error", "error": ["type": .string(type), "message": .string(message)], "request_id": .string(requestIdentifier),
            ])
        guard delivery.body(frame.bytes) else { return false }
        world.update(order) { record in
            record.events.append("error")
            record.bill?.outcome = .errorEvent
        }
        return delivery.end()
    }
}
