internal import Domain
internal import HTTP
internal import Relay
internal import Secrets
internal import Store

extension Command {
    static let accountAdd = Command(
        name: "account add",
        usage: "NAME [--kind api_key|bearer] [--base-url URL] [--priority 1-100] [--max-concurrency N] [--secret-file FILE]",
        about: "Adds an upstream account.\nIts credential is read from standard input, or from the file that --secret-file names.",
        valued: ["kind", "base-url", "priority", "max-concurrency", "secret-file", "email"]
    ) { arguments in
        let name = try arguments.operands("name")[0]
        guard let kind = CredentialKind(rawValue: arguments["kind"] ?? "api_key"), kind != .oauth else {
            throw Failure("--kind must be api_key or bearer", exitCode: 2)
        }
        let details = AccountDetails(
            name: name, email: arguments["email"] ?? "", kind: kind, baseURL: arguments["base-url"] ?? ImportedAccount.defaultBaseURL,
            header: kind == .apiKey ? .xAPIKey : .authorizationBearer, priority: try arguments.number("priority", 1...100) ?? 50,
            maxConcurrency: try arguments.number("max-concurrency", 1...100_000))
        let settings = try Settings.load()
        do throws(ParseError) { try checkAccountBaseURL(details.baseURL, allowsLoopback: settings.allowsLoopbackUpstream) } catch {
            throw Failure("--base-url \(error.message); for an upstream on this machine set ALLOW_LOOPBACK_UPSTREAM=true", exitCode: 2)
        }
        let secret = try readSecret(arguments["secret-file"], "the account's credential")
        try await withInstance { instance in
            let vault = try await Vault.open(settings, instance.store)
            let account = try await instance.store.transaction { transaction throws(StoreError) in
                let account = try transaction.createAccount(details) { id in
                    vault.keyring.seal(Array(secret.utf8), for: accountSecretPlace(of: id))
                }
                try transaction.audit(actor: "command", action: "account.create", subject: account.id.text)
                return account
            }
            Output.show(arguments, json(account), "\(account.id.text)  \(account.details.name)  \(account.details.baseURL)")
        }
    }

    static let accountList = Command(name: "account list", usage: "", about: "Lists upstream accounts.") { arguments in
        _ = try arguments.operands()
        try await withInstance { instance in
            let accounts = try await instance.store.read { reader throws(StoreError) in try reader.accounts() }
            Output.show(
                arguments, .array(accounts.map(json)),
                Output.table(
                    ["ID", "NAME", "KIND", "BASE URL", "PRIORITY", "STATUS"],
                    accounts.map {
                        [
                            $0.id.text, $0.details.name, $0.details.kind.rawValue, $0.details.baseURL, String($0.details.priority),
                            $0.status.rawValue + ($0.statusReason.isEmpty ? "" : " (\($0.statusReason))"),
                        ]
                    }))
        }
    }

    static let accountTest = Command(
        name: "account test", usage: "ID", about: "Asks the upstream for its models with the account's credential, which costs nothing."
    ) { arguments in
        let id = try accountID(try arguments.operands("id")[0])
        try await withInstance { instance in
            let account = try await instance.store.read { reader throws(StoreError) in try reader.account(id) }
            guard let account else { throw Failure("there is no account \(id.text)") }
            let vault = try await Vault.open(instance.settings, instance.store)
            let outcome = await AccountProbe(instance.settings).ask(account, vault.keyring)
            Output.show(
                arguments, ["id": .string(id.text), "works": .bool(outcome.works), "detail": .string(outcome.detail)],
                "\(account.details.name): \(outcome.detail)")
            if !outcome.works { throw Failure("the account does not work: \(outcome.advice)") }
        }
    }

    static let accountDisable = Command(
        name: "account disable", usage: "ID [--enable]", about: "Stops using an account; --enable uses it again.", flags: ["enable"]
    ) { arguments in
        let id = try accountID(try arguments.operands("id")[0])
        let status: AccountStatus = arguments.has("enable") ? .active : .disabled
        try await withInstance { instance in
            let known = try await instance.store.transaction { transaction throws(StoreError) in
                guard try transaction.setAccountStatus(status, reason: "", of: id) else { return false }
                try transaction.audit(
                    actor: "command", action: "account.set_status", subject: id.text, after: "{\"status\":\"\(status.rawValue)\"}")
                return true
            }
            guard known else { throw Failure("there is no account \(id.text)") }
            Output.show(arguments, ["id": .string(id.text), "status": .string(status.rawValue)], "\(id.text) is \(status.rawValue)")
        }
    }

    private static func accountID(_ text: String) throws(Failure) -> AccountID {
        do throws(ParseError) { return try AccountID(parsing: text) } catch { throw Failure("the id \(error.message)", exitCode: 2) }
    }

    private static func json(_ account: Account) -> JSON {
        [
            "id": .string(account.id.text), "name": .string(account.details.name), "kind": .string(account.details.kind.rawValue),
            "base_url": .string(account.details.baseURL), "priority": .int(account.details.priority),
            "max_concurrency": account.details.maxConcurrency.map { .int($0) } ?? .null, "status": .string(account.status.rawValue),
            "status_reason": .string(account.statusReason), "source": .string(account.source.rawValue),
            "created_at": .string(account.createdAt.text),
        ]
    }
}
