internal import API
internal import Domain
internal import HTTP
internal import Relay
internal import Store

extension Command {
    private static func keyID(_ text: String) throws -> APIKeyID {
        do throws(ParseError) { return try APIKeyID(parsing: text) } catch { throw Failure("the id \(error.message)", exitCode: 2) }
    }

    static let keyEdit = Command(
        name: "key edit", usage: "ID DOCUMENT",
        about:
            "Changes what a JSON document names. It may hold name, description, tags, limits, allowed_models, denied_models, ip_allowlist,\nallowed_clients, permissions, activation_seconds, price_millionths, expires_at, status, team_id, debug\n(answers name the account), store_bodies, body_retention_days, body_bytes. null takes a limit away."
    ) { arguments in
        let operands = try arguments.operands("id", "document")
        let id = try keyID(operands[0])
        guard let document = (try? JSON(parsing: operands[1]))?.object else {
            throw Failure("the document must be a JSON object", exitCode: 2)
        }
        try await edit(id, document, arguments)
    }

    private static func edit(_ id: APIKeyID, _ document: JSONObject, _ arguments: Arguments) async throws {
        try await withInstance { instance in
            let key: APIKey?
            do { key = try await relayKeys(instance).edit(id, document, actor: "command") } catch let error as InputErrors {
                throw Failure(error.fields.map { "\($0.field) \($0.message)" }.joined(separator: "; "), exitCode: 2)
            }
            guard let key else { throw Failure("there is no key \(id.text)") }
            var shown = json(key).object ?? [:]
            shown["limits"] = key.limits.json
            shown["access"] = key.access.json
            shown["tags"] = .array(key.tags.map { .string($0) })
            Output.show(arguments, .object(shown), "\(key.id.text) \(key.name): \(key.status.rawValue), limits \(key.limits.json.text)")
        }
    }

    static let keyDisable = Command(name: "key disable", usage: "ID", about: "Stops a relay key until it is enabled again.") { arguments in
        try await edit(try keyID(try arguments.operands("id")[0]), ["status": "disabled"], arguments)
    }
    static let keyEnable = Command(name: "key enable", usage: "ID", about: "Lets a disabled relay key work again.") { arguments in
        try await edit(try keyID(try arguments.operands("id")[0]), ["status": "active"], arguments)
    }

    static let keyRotate = Command(
        name: "key rotate", usage: "ID [--grace SECONDS]",
        about:
            "Gives a relay key a new secret and shows it once.\nThe old one works for --grace seconds more; without it, it ends at once.",
        valued: ["grace"]
    ) { arguments in
        let id = try keyID(try arguments.operands("id")[0])
        let grace = try arguments.number("grace", 0...RelayKeys.maximumGraceSeconds) ?? 0
        try await withInstance { instance in
            let rotated: RelayKeys.Made?
            do { rotated = try await relayKeys(instance).rotate(id, graceSeconds: grace, actor: "command") } catch let error as InputErrors
            {
                throw Failure("\(id.text) " + error.fields.map(\.message).joined(separator: "; "), exitCode: 2)
            }
            guard let made = rotated else { throw Failure("there is no key \(id.text)") }
            let secret = made.secret.reveal { $0 }
            var shown = json(made.key).object ?? [:]
            shown["key"] = .string(secret)
            shown["previous_until"] = made.key.previousUntil.map { .string($0.text) } ?? .null
            Output.show(arguments, .object(shown), "\(id.text)\n\(secret)\nThe key is shown this once.")
        }
    }

    static let keyPurge = Command(
        name: "key purge-bodies", usage: "ID", about: "Deletes all bodies that a relay key has kept (store_bodies), at once and for good."
    ) { arguments in
        let id = try keyID(try arguments.operands("id")[0])
        try await withInstance { instance in
            guard try await instance.store.read({ reader throws(StoreError) in try reader.apiKey(id) }) != nil else {
                throw Failure("there is no key \(id.text)")
            }
            let deleted = try await KeptBodies.purge(id, in: instance.store, actor: "command")
            Output.show(arguments, ["deleted": .int(Int64(deleted))], "bodies of \(deleted) requests deleted")
        }
    }

    static let keyExplain = Command(
        name: "key explain", usage: "ID [--model NAME] [--address IP] [--service messages|openai|chat|batches] [--client AGENT]",
        about:
            "Says whether a relay key would be admitted now, and every limit with its use and its reset.\nOf a request with that model, from that address, for that service, by that user agent (or claude-code); what is left out is\nnot looked at.",
        valued: ["model", "address", "service", "client"]
    ) { arguments in
        let id = try keyID(try arguments.operands("id")[0])
        if let address = arguments["address"], IPAddress(address) == nil {
            throw Failure("--address must be an address as 192.0.2.7", exitCode: 2)
        }
        if let service = arguments["service"], !APIKeyAccess.services.contains(service) {
            throw Failure("--service must be one of \(APIKeyAccess.services.joined(separator: ", "))", exitCode: 2)
        }
        let question = KeyQuestion(
            model: arguments["model"], address: arguments["address"], service: arguments["service"], client: arguments["client"])
        try await withInstance { instance in
            let vault = try await Vault.open(instance.settings, instance.store)
            guard
                let found = try await KeyExplanation.explain(
                    id, question, store: instance.store, hasher: vault.hasher)
            else { throw Failure("there is no key \(id.text)") }
            let rows = (found["limits"].array ?? []).map { limit in
                ["scope", "code", "limit", "used", "reserved", "resets_at"].map {
                    limit[$0].string ?? limit[$0].int.map(String.init) ?? "-"
                }
            }
            let verdict = found["refused_by"].string.map { "would be refused: \($0)" } ?? "would be admitted"
            Output.show(
                arguments, found,
                "\(id.text) \(verdict)\n" + Output.table(["SCOPE", "LIMIT", "MOST", "USED", "RESERVED", "RESETS"], rows))
        }
    }
}
