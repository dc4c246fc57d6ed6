internal import API
internal import Domain
internal import HTTP
internal import Relay
internal import Secrets
internal import Store

extension Command {
    static let accountFields: Set<String> = [
        "kind", "base-url", "header", "priority", "weight", "max-concurrency", "requests-per-minute", "tokens-per-minute",
        "cost-per-day-micro-usd", "model-allow", "model-deny", "map", "notes", "expires-at", "abort-policy", "email", "name", "token-url",
        "client-id", "scopes", "token-style", "secret-file", "proxy-file", "refresh-token-file", "client-secret-file",
    ]
    static let accountSwitches: Set<String> = ["unschedulable", "schedulable", "withhold-client-fields", "bill-top-level"]
    static let accountFieldsUsage =
        "[--kind api_key|bearer|oauth|cli] [--base-url URL] [--priority 1-100] [--weight N] [--max-concurrency N] [--requests-per-minute N] [--tokens-per-minute N] [--cost-per-day-micro-usd N] [--model-allow GLOBS] [--model-deny GLOBS] [--map FROM=TO,…] [--notes TEXT] [--expires-at TIME] [--abort-policy cut|drain] [--proxy-file FILE] [--secret-file FILE]"

    static let accountAdd = Command(
        name: "account add", usage: "NAME \(accountFieldsUsage)",
        about:
            "Adds an upstream account.\nIts credential is read from standard input, or from the file that --secret-file names. An oauth account needs --token-url, --client-id and --refresh-token-file instead.",
        valued: accountFields, flags: accountSwitches
    ) { arguments in
        var change = try accountChange(arguments)
        change.name = try arguments.operands("name")[0]
        if change.kind == .oauth {
            if change.refreshToken == nil { throw Failure("--refresh-token-file is missing", exitCode: 2) }
        } else if change.secret == nil {
            change.secret = try readSecret(nil, "the account's credential")
        }
        let wish = change
        try await withAccounts(schema: .make) { accounts, _ in
            let account = try await accounts.create(wish, actor: "command")
            Output.show(
                arguments, try await accounts.show(account.id),
                "\(account.id.text)  \(account.details.name)  \(account.details.baseURL)")
        }
    }

    static let accountEdit = Command(
        name: "account edit", usage: "ID [--name NAME] \(accountFieldsUsage)",
        about: "Changes an upstream account; what is not named stays.\nCaps of 0, empty texts and empty lists take a thing away.",
        valued: accountFields, flags: accountSwitches
    ) { arguments in
        let (id, change) = (try accountID(try arguments.operands("id")[0]), try accountChange(arguments))
        try await withAccounts { accounts, _ in
            let account = try await accounts.edit(id, change, actor: "command")
            Output.show(arguments, try await accounts.show(id), "\(account.id.text)  \(account.details.name)  changed")
        }
    }

    static let accountList = Command(name: "account list", usage: "", about: "Lists upstream accounts with their health.") { arguments in
        _ = try arguments.operands()
        try await withAccounts { accounts, _ in
            let all = try await accounts.list()
            Output.show(
                arguments, .array(all),
                Output.table(
                    ["ID", "NAME", "KIND", "BASE URL", "PRIORITY", "STATUS", "TEST"],
                    all.map { account in
                        func text(_ name: String) -> String { account[name].string ?? "" }
                        let until = account["until"].string.map { " until \($0)" } ?? ""
                        let reason = text("status_reason").isEmpty ? "" : " (\(text("status_reason")))"
                        return [
                            text("id"), text("name"), text("kind"), text("base_url"), String(account["priority"].int ?? 0),
                            text("status") + until + reason, text("test_outcome").isEmpty ? "-" : text("test_outcome"),
                        ]
                    }))
        }
    }

    static let accountTest = Command(
        name: "account test", usage: "ID [--model MODEL]",
        about: "Sends one message of one token with the account's credential, says what came of it and keeps that.", valued: ["model"]
    ) { arguments in
        let id = try accountID(try arguments.operands("id")[0])
        try await withAccounts { accounts, _ in
            let outcome = try await accounts.test(id, model: arguments["model"])
            Output.show(
                arguments,
                [
                    "id": .string(id.text), "works": .bool(outcome.works), "outcome": .string(outcome.code),
                    "detail": .string(outcome.detail),
                ], "\(id.text): \(outcome.detail)")
            if !outcome.works { throw Failure("the account does not work: \(outcome.code)") }
        }
    }

    static let accountRefresh = Command(
        name: "account refresh", usage: "ID",
        about: "Renews an oauth account's access token now. One that needed a new login and gets a token serves again."
    ) { arguments in
        let id = try accountID(try arguments.operands("id")[0])
        try await withAccounts { accounts, _ in
            let (isRenewed, account, token) = try await accounts.refresh(id, actor: "command")
            guard isRenewed else {
                throw Failure("the token endpoint gave no new token" + (token.lastError.isEmpty ? "" : ": \(token.lastError)"))
            }
            let ends = token.expiresAt?.text
            Output.show(
                arguments,
                [
                    "id": .string(id.text), "status": .string(account.status.rawValue), "expires_at": ends.map { .string($0) } ?? .null,
                ], "\(id.text): has a new token" + (ends.map { " until \($0)" } ?? ""))
        }
    }

    static let accountDisable = Command(
        name: "account disable", usage: "ID [--enable]", about: "Stops using an account; --enable uses it again.", flags: ["enable"]
    ) { arguments in try await setStatus(arguments, arguments.has("enable") ? .active : .disabled) }

    static let accountEnable = Command(
        name: "account enable", usage: "ID", about: "Uses an account again, and forgets what it rested from."
    ) { arguments in try await setStatus(arguments, .active) }

    private static func setStatus(_ arguments: Arguments, _ status: AccountStatus) async throws {
        let id = try accountID(try arguments.operands("id")[0])
        try await withAccounts { accounts, _ in
            _ = try await accounts.set(status, of: id, actor: "command")
            Output.show(arguments, ["id": .string(id.text), "status": .string(status.rawValue)], "\(id.text) is \(status.rawValue)")
        }
    }

    static let accountReset = Command(
        name: "account reset", usage: "ID", about: "Clears an account's cooldowns and blocks; running servers follow within seconds."
    ) { arguments in
        let id = try accountID(try arguments.operands("id")[0])
        try await withAccounts { accounts, _ in
            let account = try await accounts.reset(id, actor: "command")
            Output.show(
                arguments, ["id": .string(id.text), "status": .string(account.status.rawValue)], "\(id.text) is \(account.status.rawValue)")
        }
    }

    static let accountDelete = Command(
        name: "account delete", usage: "ID", about: "Deletes an account; history and ledger keep its id."
    ) { arguments in
        let id = try accountID(try arguments.operands("id")[0])
        try await withAccounts { accounts, _ in
            guard try await accounts.delete(id, actor: "command") else { throw RelayAccounts.Refusal.unknownAccount }
            Output.show(arguments, ["id": .string(id.text), "deleted": true], "\(id.text) is deleted")
        }
    }

    static let accountExplain = Command(
        name: "account explain", usage: "MODEL [--key ID]",
        about:
            "Says which account would serve the model now, and why each other would not.\nReads the database: cooldowns are known, requests under way in a running server are not; its /api/admin/accounts/explain knows them.",
        valued: ["key"]
    ) { arguments in
        let model = try arguments.operands("model")[0]
        var key: APIKeyID?
        if let text = arguments["key"] {
            do throws(ParseError) { key = try APIKeyID(parsing: text) } catch {
                throw Failure("the key's id \(error.message)", exitCode: 2)
            }
        }
        let wanted = key
        try await withAccounts { accounts, _ in
            let answer = try await accounts.explain(model: model, key: wanted)
            let rows = (answer["accounts"].array ?? []).map { row in
                [
                    row["would_serve"].bool == true ? "serves" : "-", row["id"].string ?? "", row["name"].string ?? "",
                    String(row["priority"].int ?? 0), row["why_not"].string ?? "",
                ]
            }
            let end = answer["free_at"].string.map { "\nnobody serves it now; the first one is free at \($0)" }
            let nobody = answer["account"].string == nil ? end ?? "\nnobody serves it, and nobody will by itself" : ""
            Output.show(arguments, answer, Output.table(["", "ID", "NAME", "PRIORITY", "WHY NOT"], rows) + nobody)
        }
    }

    static let accountBind = Command(
        name: "account bind", usage: "KEY-ID ACCOUNT-ID|group:GROUP-ID|pool [--falls-back]",
        about: "Binds a key to an account or a group, or gives it the whole pool back.", flags: ["falls-back"]
    ) { arguments in
        let words = try arguments.operands("key id", "binding")
        let key: APIKeyID
        do throws(ParseError) { key = try APIKeyID(parsing: words[0]) } catch {
            throw Failure("the key's id \(error.message)", exitCode: 2)
        }
        let (binding, fallsBack) = (words[1] == "pool" ? nil : words[1], arguments.has("falls-back"))
        try await withAccounts { accounts, _ in
            do { try await accounts.bind(key, to: binding, fallsBack: fallsBack, actor: "command") } catch let errors as InputErrors {
                throw Failure(errors.fields.map { "<binding> \($0.message), or pool" }.joined(separator: "; "), exitCode: 2)
            }
            Output.show(
                arguments, ["key": .string(key.text), "binding": binding.map { .string($0) } ?? .null, "falls_back": .bool(fallsBack)],
                "\(key.text) is bound to \(words[1])")
        }
    }

    // MARK: Parts

    static func accountID(_ text: String) throws(Failure) -> AccountID {
        do throws(ParseError) { return try AccountID(parsing: text) } catch { throw Failure("the id \(error.message)", exitCode: 2) }
    }

    /// Runs with the use cases over the database; errors in words.
    static func withAccounts(
        schema: Instance.SchemaRule = .keep, _ work: @Sendable (RelayAccounts, Settings) async throws -> Void
    ) async throws {
        try await withInstance(schema: schema) { instance in
            let vault = try await Vault.open(instance.settings, instance.store)
            let accounts = RelayAccounts.standing(alone: instance.store, vault, instance.settings)
            do { try await work(accounts, instance.settings) } catch let refusal as RelayAccounts.Refusal {
                switch refusal {
                case .unknownAccount: throw Failure("there is no such account")
                case .unknownGroup: throw Failure("there is no such group")
                case .unknownKey: throw Failure("there is no such key")
                case .notRefreshable: throw Failure("the account has no refresh token")
                case .hasBatches: throw Failure(RelayAccounts.hasBatches)
                }
            } catch let errors as InputErrors {
                let hint =
                    instance.settings.allowsLoopbackUpstream ? "" : "; for an upstream on this machine set ALLOW_LOOPBACK_UPSTREAM=true"
                throw Failure(
                    errors.fields.map {
                        "--\($0.field.split(separator: "_").joined(separator: "-")) \($0.message)" + ($0.field == "base_url" ? hint : "")
                    }.joined(separator: "\n"), exitCode: 2)
            } catch StoreError.conflict(let constraint) {
                throw Failure(
                    constraint == .accountGroupName ? "a group of that name is there already" : "it collides with \(constraint.name)")
            }
        }
    }

    static func accountChange(_ arguments: Arguments) throws -> AccountChange {
        var change = AccountChange()
        func word<Word: RawRepresentable<String> & CaseIterable>(_ name: String, _ type: Word.Type) throws(Failure) -> Word? {
            guard let text = arguments[name] else { return nil }
            guard let word = type.init(rawValue: text) else {
                throw Failure("--\(name) must be one of \(type.allCases.map(\.rawValue).joined(separator: ", "))", exitCode: 2)
            }
            return word
        }
        func list(_ name: String) -> [String]? { arguments[name].map { $0.split(separator: ",").map { SettingText.trimmed(String($0)) } } }
        change.name = arguments["name"]
        change.email = arguments["email"]
        change.kind = try word("kind", CredentialKind.self)
        change.baseURL = arguments["base-url"]
        change.header = try word("header", CredentialHeader.self)
        change.priority = try arguments.number("priority", 1...100)
        change.weight = try arguments.number("weight", 1...10_000)
        change.maxConcurrency = try arguments.number("max-concurrency", 0...1_000_000_000)
        change.requestsPerMinute = try arguments.number("requests-per-minute", 0...1_000_000_000)
        change.tokensPerMinute = try arguments.number("tokens-per-minute", 0...1_000_000_000)
        change.costPerDayMicroUSD = try arguments.number("cost-per-day-micro-usd", 0...1_000_000_000_000)
        (change.modelAllow, change.modelDeny) = (list("model-allow"), list("model-deny"))
        change.modelMap = try list("map").map { pairs in
            var map: [String: String] = [:]
            for pair in pairs {
                let halves = pair.split(separator: "=", maxSplits: 1).map(String.init)
                guard halves.count == 2 else { throw Failure("--map takes FROM=TO, several with commas", exitCode: 2) }
                map[halves[0]] = halves[1]
            }
            return map
        }
        (change.notes, change.expiresAt) = (arguments["notes"], arguments["expires-at"])
        change.abortPolicy = try word("abort-policy", AbortPolicy.self)
        if arguments.has("unschedulable") { change.isSchedulable = false }
        if arguments.has("schedulable") { change.isSchedulable = true }
        if arguments.has("withhold-client-fields") { change.withholdsClientFields = true }
        if arguments.has("bill-top-level") { change.billsTopLevel = true }
        (change.tokenURL, change.clientID, change.scopes) = (arguments["token-url"], arguments["client-id"], arguments["scopes"])
        change.tokenStyle = try word("token-style", TokenRequestStyle.self)
        // Secrets come from files, never from arguments, which everybody on the machine can read.
        func file(_ name: String, _ what: String) throws -> String? { try arguments[name].map { try readSecret($0, what) } }
        change.secret = try file("secret-file", "the account's credential")
        change.proxy = try file("proxy-file", "the proxy's URL")
        change.refreshToken = try file("refresh-token-file", "the refresh token")
        change.clientSecret = try file("client-secret-file", "the client secret")
        return change
    }
}

extension RelayAccounts {
    /// For a process that relays nothing: what the database knows.
    static func standing(alone store: Store, _ vault: Vault, _ settings: Settings) -> RelayAccounts {
        let (keyring, dataKeys) = (vault.keyring, vault.dataKeys)
        let (loopback, strategy) = (settings.allowsLoopbackUpstream, settings.accountStrategy)
        var ports = RelayAccounts.Ports()
        ports.standing = {
            try await AccountInsight.load(store, keyring: keyring, allowsLoopback: loopback, strategy: strategy).standing()
        }
        ports.explain = { model, key in
            try await AccountInsight.load(store, keyring: keyring, allowsLoopback: loopback, strategy: strategy)
                .explain(model: model, key: key)
        }
        ports.test = { id, model in try await Self.test(id, model, store, dataKeys, settings).map { ($0.works, $0.code, $0.detail) } }
        ports.refresh = { id, generation in
            try await store.read { reader throws(StoreError) in
                let token = try reader.accountToken(id)
                try dataKeys.learn([token?.refreshSealed, token?.clientSecretSealed], reader)
            }
            return await AccountInsight.renewToken(
                of: id, known: generation, store: store, keyring: dataKeys.keyring, allowsLoopback: loopback)
        }
        return RelayAccounts(store: store, keyring: { keyring }, allowsLoopback: loopback, ports: ports)
    }

    static func test(
        _ id: AccountID, _ model: String?, _ store: Store, _ dataKeys: DataKeys, _ settings: Settings
    ) async throws -> AccountTester.Outcome? {
        try await store.read { reader throws(StoreError) in
            let (row, token) = (try reader.account(id), try reader.accountToken(id))
            try dataKeys.learn([row?.secretSealed, row?.proxySealed, token?.accessSealed], reader)
        }
        let tester = AccountTester(
            store, keyring: dataKeys.keyring, allowsLoopback: settings.allowsLoopbackUpstream, program: settings.claudeCLI.program,
            folder: settings.dataDirectory + "/cli")
        return try await tester.test(id, model: model ?? AccountTester.standardModel)
    }
}
