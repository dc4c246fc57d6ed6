/// Models, batches and the token endpoint.
extension Exchange {
    static let models = [
        ("claude-opus-5-5", "Claude Opus 5.5", "opus"), ("claude-sonnet-5-5", "Claude Sonnet 5.5", "sonnet"),
        ("claude-haiku-5-5", "Claude Haiku 5.5", "haiku"),
    ]

    private static func entry(_ model: (String, String, String)) -> JSONText {
        [
            "id": .string(model.0), "type": "model", "display_name": .string(model.1), "created_at": "2026-09-29T00:00:00Z",
            "lifecycle": "active", "deprecated_at": nil, "retires_at": nil, "max_input_tokens": 1_000_000, "max_tokens": 64_000,
            "line": .string(model.2),
        ]
    }

    func listModels() -> Bool {
        let entries = Self.models.map(Self.entry)
        return reply(
            200,
            [
                "data": .array(entries), "has_more": false, "first_id": entries.first?["id"] ?? .null,
                "last_id": entries.last?["id"] ?? .null,
            ])
    }

    func showModel(_ identifier: String) -> Bool {
        guard let model = Self.models.first(where: { $0.0 == identifier }) else { return fail(404, "model: \(identifier)") }
        return reply(200, Self.entry(model))
    }

    // MARK: Batches

    /// - Parameter rest: what follows `/v1/messages/batches`.
    func batches(_ rest: [String]) -> Bool {
        switch (request.method, rest.count, rest.dropFirst().first) {
        case ("POST", 0, _): return createBatch()
        case ("GET", 0, _):
            var all = world.batches(credential).map { batchJSON($0.0, $0.1) }
            let fields = Control.fields(request.query)
            if let after = fields["after_id"], let at = all.firstIndex(where: { $0["id"]?.text == after }) { all.removeFirst(at + 1) }
            let page = Array(all.prefix(fields["limit"].flatMap { Int($0) } ?? 20))
            return reply(
                200,
                [
                    "data": .array(page), "has_more": .bool(all.count > page.count), "first_id": page.first?["id"] ?? .null,
                    "last_id": page.last?["id"] ?? .null,
                ])
        default: break
        }
        guard let identifier = rest.first, let batch = world.batch(identifier, credential: credential) else {
            return fail(404, "batch not found")
        }
        switch (request.method, rest.dropFirst().first) {
        case ("GET", nil): return reply(200, batchJSON(identifier, batch))
        case ("POST", "cancel"):
            world.setBatch(identifier, status: "canceling")
            return reply(200, batchJSON(identifier, world.batch(identifier, credential: credential) ?? batch))
        case ("DELETE", nil):
            world.setBatch(identifier, status: nil)
            return reply(200, ["id": .string(identifier), "type": "message_batch_deleted"])
        case ("GET", "results"): return batchResults(batch)
        default: return fail(404, "not found")
        }
    }

    private func createBatch() -> Bool {
        let body: JSONText
        do { body = try JSONText(reading: request.body) } catch { return fail(400, "The request body is not valid JSON") }
        guard let requests = body["requests"]?.elements, !requests.isEmpty else { return fail(400, "requests: Field required") }
        let identifier = "msgbatch_01" + digest.prefix(22)
        world.add(identifier, credential: credential, requests: requests)
        guard let batch = world.batch(identifier, credential: credential) else { return fail(500, "batch lost") }
        return reply(200, batchJSON(identifier, batch))
    }

    private func batchJSON(_ identifier: String, _ batch: World.Batch) -> JSONText {
        [
            "id": .string(identifier), "type": "message_batch", "processing_status": .string(batch.status),
            "request_counts": [
                "processing": 0, "succeeded": .int(batch.requests.count), "errored": 0, "canceled": 0, "expired": 0,
            ],
            "created_at": "2026-11-01T00:00:00Z", "expires_at": "2026-11-02T00:00:00Z", "ended_at": "2026-11-01T00:01:00Z",
            "cancel_initiated_at": batch.status == "canceling" ? "2026-11-01T00:00:30Z" : .null, "archived_at": nil,
            "results_url": .string("\(wire.scheme)://\(request["host"] ?? "")/v1/messages/batches/\(identifier)/results"),
        ]
    }

    private func batchResults(_ batch: World.Batch) -> Bool {
        var lines: [UInt8] = []
        for entry in batch.requests {
            let bytes = entry["params"]?.bytes ?? []
            let answer = Answer(
                seed: world.seed, request: entry["params"] ?? .null, bodyBytes: bytes.count, digest: sha256Hex(bytes), conduct: conduct)
            let line: JSONText = [
                "custom_id": entry["custom_id"] ?? .null, "result": ["type": "succeeded", "message": answer.whole],
            ]
            lines += line.bytes + [10]
        }
        return reply(200, contentType: "application/x-jsonl", lines)
    }

    // MARK: OAuth

    /// `POST /oauth/token` with a refresh token or a code. Steps are taken from the queue of that refresh token.
    func refreshToken() -> Bool {
        let fields = tokenFields()
        if fields["grant_type"] == "authorization_code" { return tradeCode(fields) }
        guard fields["grant_type"] == "refresh_token", let token = fields["refresh_token"], !token.isEmpty else {
            return reply(400, ["error": "unsupported_grant_type"])
        }
        switch conduct.refreshFailure {
        case .invalidGrant: return reply(400, ["error": "invalid_grant", "error_description": "Refresh token not found or invalid"])
        case .serverError: return reply(500, ["error": "server_error"])
        case nil: break
        }
        guard let entry = world.refresh(token, rotates: conduct.rotatesRefresh) else {
            return reply(400, ["error": "invalid_grant", "error_description": "Refresh token reused"])
        }
        let mark = sha256Hex(Array("\(world.seed)/\(token)/\(entry.generation)".utf8)).prefix(32)
        var answer: JSONText = [
            "token_type": "Bearer", "access_token": .string("sk-ant-oat01-\(mark)"), "expires_in": 28_800, "scope": "user:inference",
        ]
        if conduct.rotatesRefresh { answer = answer.setting("refresh_token", .string("sk-ant-ort01-\(mark)")) }
        return reply(200, answer)
    }

    /// A code is the challenge that it was asked for with (RFC 7636); `code.` before it, so that nothing else passes for one.
    private func tradeCode(_ fields: [String: String]) -> Bool {
        let challenge = base64URL(sha256(Array((fields["code_verifier"] ?? "").utf8)))
        guard fields["code"] == "code.\(challenge)", fields["client_id"]?.isEmpty == false, fields["redirect_uri"]?.isEmpty == false else {
            return reply(400, ["error": "invalid_grant"])
        }
        let mark = sha256Hex(Array("\(world.seed)/\(challenge)".utf8)).prefix(32)
        var answer: JSONText = ["token_type": "Bearer", "access_token": .string("sk-ant-oat01-\(mark)"), "expires_in": 28_800]
        if fields["client_id"] != "without-refresh" { answer = answer.setting("refresh_token", .string("sk-ant-ort01-\(mark)")) }
        return reply(200, answer)
    }

    private func base64URL(_ bytes: [UInt8]) -> String {
        let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
        var (out, buffer, bits) = ("", 0, 0)
        for byte in bytes + [0] {
            (buffer, bits) = (buffer << 8 | Int(byte), bits + 8)
            while bits >= 6, out.count < (bytes.count * 8 + 5) / 6 {
                bits -= 6
                out.append(digits[buffer >> bits & 63])
            }
            buffer &= 63
        }
        return out
    }

    private func tokenFields() -> [String: String] { Self.tokenFields(request.body) }

    /// The fields of a JSON object, or of a form without percent escapes.
    static func tokenFields(_ body: [UInt8]) -> [String: String] {
        do {
            let members = try JSONText(reading: body).members ?? []
            return Dictionary(members.compactMap { member in member.value.text.map { (member.name, $0) } }) { $1 }
        } catch {
            let pairs = String(decoding: body, as: UTF8.self).split(separator: "&").map { $0.split(separator: "=", maxSplits: 1) }
            return Dictionary(pairs.filter { $0.count == 2 }.map { (String($0[0]), String($0[1])) }) { $1 }
        }
    }
}
