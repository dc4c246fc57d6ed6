internal import API
internal import Domain
internal import Store

extension Command {
    static func relayKeys(_ instance: Instance) async throws -> RelayKeys {
        let vault = try await Vault.open(instance.settings, instance.store)
        // A running server sees the change in its own database within seconds.
        return RelayKeys(store: instance.store, hasher: vault.hasher, changed: {})
    }

    static let keyCreate = Command(
        name: "key create",
        usage:
            "NAME [--owner EMAIL] [--requests-per-minute N] [--tokens-per-day N] [--concurrent N] [--cost-per-day MICRO-USD] [--models A,B] [--expires TIME]",
        about: "Makes a relay key and shows it once.\nA running server knows it within five seconds.",
        valued: ["owner", "requests-per-minute", "tokens-per-day", "concurrent", "cost-per-day", "models", "expires"]
    ) { arguments in
        let name = try arguments.operands("name")[0]
        let limits = APIKeyLimits(
            requestsPerMinute: try arguments.number("requests-per-minute", 1...1_000_000_000),
            tokensPerDay: try arguments.number("tokens-per-day", 1...1_000_000_000_000),
            concurrency: try arguments.number("concurrent", 1...1_000_000),
            costPerDayMicroUSD: try arguments.number("cost-per-day", 1...1_000_000_000_000_000))
        let expires: Timestamp?
        do throws(ParseError) { expires = try arguments["expires"].map { text throws(ParseError) in try Timestamp(parsing: text) } } catch {
            throw Failure("--expires \(error.message)", exitCode: 2)
        }
        guard (1...64).contains(name.count) else { throw Failure("the name must be 1 to 64 characters long", exitCode: 2) }
        try await withInstance(schema: .make) { instance in
            var owner: UserID?
            if let email = arguments["owner"] {
                guard let user = try await instance.people().find(email: email) else { throw Failure("there is no user \(email)") }
                owner = user.id
            }
            let made = try await relayKeys(instance).create(
                RelayKeys.Wish(
                    name: name, limits: limits, allowedModels: arguments["models"].flatMap(SettingText.list), expiresAt: expires),
                owner: owner, actor: "command")
            let secret = made.secret.reveal { $0 }
            var shown = json(made.key).object ?? [:]
            shown["key"] = .string(secret)
            Output.show(arguments, .object(shown), "\(made.key.id.text)  \(made.key.name)\n\(secret)\nThe key is shown this once.")
        }
    }

    static let keyList = Command(name: "key list", usage: "[--owner EMAIL]", about: "Lists relay keys.", valued: ["owner"]) { arguments in
        _ = try arguments.operands()
        try await withInstance { instance in
            var owner: UserID?
            if let email = arguments["owner"] {
                guard let user = try await instance.people().find(email: email) else { throw Failure("there is no user \(email)") }
                owner = user.id
            }
            let relayKeys = try await relayKeys(instance)
            var keys: [APIKey] = []
            while true {
                let page = try await relayKeys.list(owner: owner, after: keys.last?.id, limit: 1000)
                keys += page.items
                guard page.hasMore else { break }
            }
            Output.show(
                arguments, .array(keys.map(json)),
                Output.table(
                    ["ID", "NAME", "KEY", "STATUS", "LAST USED"],
                    keys.map {
                        [$0.id.text, $0.name, "\($0.shownPrefix)…\($0.shownSuffix)", $0.status.rawValue, $0.lastUsedAt?.text ?? "-"]
                    }))
        }
    }

    static let keyRevoke = Command(name: "key revoke", usage: "ID", about: "Ends a relay key for good; its history stays.") { arguments in
        let text = try arguments.operands("id")[0]
        let id: APIKeyID
        do throws(ParseError) { id = try APIKeyID(parsing: text) } catch { throw Failure("the id \(error.message)", exitCode: 2) }
        try await withInstance { instance in
            guard try await relayKeys(instance).revoke(id, actor: "command") else { throw Failure("there is no key \(id.text)") }
            Output.show(arguments, ["id": .string(id.text), "revoked": true], "\(id.text) revoked")
        }
    }

    static func json(_ key: APIKey) -> JSON {
        func number(_ value: Int64?) -> JSON { value.map { .int($0) } ?? .null }
        return [
            "id": .string(key.id.text), "name": .string(key.name), "owner": key.ownerID.map { .string($0.text) } ?? .null,
            "prefix": .string(key.shownPrefix), "suffix": .string(key.shownSuffix), "status": .string(key.status.rawValue),
            "limits": [
                "requests_per_minute": number(key.limits.requestsPerMinute), "tokens_per_day": number(key.limits.tokensPerDay),
                "concurrent": number(key.limits.concurrency), "cost_per_day_micro_usd": number(key.limits.costPerDayMicroUSD),
            ], "expires_at": key.expiresAt.map { .string($0.text) } ?? .null, "created_at": .string(key.createdAt.text),
            "last_used_at": key.lastUsedAt.map { .string($0.text) } ?? .null,
        ]
    }
}
