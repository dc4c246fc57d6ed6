internal import API
internal import Billing
internal import Domain
internal import Provisioning
internal import Secrets
internal import Store

/// `gatehouse import …`: what other programs have sold or made, as it is.
extension Command {
    static let importVPN = Command(
        name: "import vpn-api",
        usage: "--from URL | --from-file FILE [--node NAME] [--source NAME] [--currency USD] [--dry-run]",
        about: """
            Takes over users, tariffs, user_tariffs, vpn_peers and payments of a compatible VPN API's PostgreSQL database.
            All of it or nothing; a second run takes what is new. Passwords, numbers, keys and addresses stay, and nothing is changed in that
            database. Peers become services on the node (default: default), whose controller or host is asked what it has. --dry-run does all
            of it and undoes it. A URL with a password belongs in a file, since every user of the machine can read arguments. Private keys
            that were sealed there are opened with CONFIG_ENCRYPTION_KEY. --source tells several such databases apart.
            """,
        valued: ["from", "from-file", "node", "source", "currency"], flags: ["dry-run"]
    ) { arguments in
        _ = try arguments.operands()
        let location = try foreignDatabase(arguments)
        try await withSales(schema: .make) { instance, parts in
            let currency = try read("--currency") { () throws(ParseError) in
                try arguments["currency"].map { text throws(ParseError) in try Currency(parsing: text) } ?? instance.settings.currency
            }
            let tables: ForeignTables
            do throws(StoreError) { tables = try await ForeignTables.read(location, ambient: instance.ambient) } catch {
                if case .refused(let reason) = error { throw Failure(reason) }
                throw Failure("the database at \(location) cannot be read: \(error)")
            }
            var node: Takeover.Node?
            if tables.rows[.peers]?.isEmpty == false {
                let backend = try await Self.node(arguments["node"] ?? Settings.standardNode, instance.store)
                node = Takeover.Node(backend: backend, seen: try await seen(on: backend, parts))
            }
            let vault = try await Vault.open(instance.settings, instance.store)
            let takeover = Takeover(
                store: instance.store, orders: parts.sales.orders, keyring: vault.keyring, currency: currency,
                retentionSeconds: instance.settings.retentionSeconds)
            show(
                arguments,
                try await takeover.run(
                    tables, from: arguments["source"] ?? "vpn-api", to: node, isRehearsal: arguments.has("dry-run")))
        }
    }

    static let importPeers = Command(
        name: "import peers", usage: "NODE [--owner EMAIL] [--dry-run]",
        about: """
            Makes services of the peers that are on a node already, as of a wg-easy controller that was run by hand so far.
            Keys, addresses and names stay, and nobody is cut off. A peer that is named after somebody's mail address becomes theirs; others
            are nobody's, or --owner's. --dry-run does all of it and undoes it.
            """,
        valued: ["owner"], flags: ["dry-run"]
    ) { arguments in
        let name = try arguments.operands("node")[0]
        try await withSales { instance, parts in
            var owner: User?
            if let email = arguments["owner"] {
                owner = try await instance.store.read { reader throws(StoreError) in try reader.user(email: email) }
                guard owner != nil else { throw Failure("there is no user \(email)") }
            }
            let backend = try await Self.node(name, instance.store)
            let takeover = PeerTakeover(store: instance.store, orders: parts.sales.orders)
            show(
                arguments,
                try await takeover.run(
                    try await seen(on: backend, parts), on: backend, owner: owner, isRehearsal: arguments.has("dry-run")))
        }
    }

    static let importKeys = Command(
        name: "import relay-keys", usage: "FILE --encryption-key-file FILE [--dry-run]",
        about: """
            Takes over the keys of the older relay, with their limits and restrictions: what customers hold keeps working.
            FILE is its export as JSON (a list of keys, or one as apiKeys or data.apiKeys), each with the hash that it keeps as apiKey. The
            other file holds its ENCRYPTION_KEY, which is part of those hashes and is kept here, sealed. A second run takes what is new. A
            running server knows the keys after its next start. --dry-run takes nothing.
            """,
        valued: ["encryption-key-file"], flags: ["dry-run"]
    ) { arguments in
        let file = try arguments.operands("file")[0]
        guard let saltFile = arguments["encryption-key-file"] else { throw Failure("--encryption-key-file is needed", exitCode: 2) }
        let salt = SecretBytes(Array(try readSecret(saltFile, "the older relay's ENCRYPTION_KEY").utf8))
        guard let text = TextFile.bytes(file, limit: importBytes) else {
            throw Failure("\(file) cannot be read, or is larger than \(importBytes >> 20) MiB")
        }
        guard let document = try? JSON(parsing: text) else { throw Failure("\(file) is no JSON") }
        let isRehearsal = arguments.has("dry-run")
        try await withInstance(schema: .make) { instance in
            let vault = try await Vault.open(instance.settings, instance.store)
            if !isRehearsal, try await !vault.keepOlderSalt(salt, instance.store) {
                throw Failure("keys of another older relay were taken over already, and only one ENCRYPTION_KEY can be kept")
            }
            let report: OlderKeyImport.Report
            do { report = try await OlderKeyImport(instance.store).run(document, isRehearsal: isRehearsal) } catch let errors as InputErrors
            {
                throw Failure("\(file) " + errors.fields.map(\.message).joined(separator: "; "))
            }
            let lines =
                [
                    "found \(report.found), \(isRehearsal ? "would take" : "taken") \(report.taken), known \(report.known), left out \(report.leftOut.count)"
                ]
                + report.leftOut.map { "left out: \($0)" } + report.notes.map { "- \($0)" } + (isRehearsal ? ["Nothing was changed."] : [])
            func list(_ texts: [String]) -> JSON { .array(texts.map { .string($0) }) }
            Output.show(
                arguments,
                [
                    "found": .int(Int64(report.found)), "taken": .int(Int64(report.taken)), "known": .int(Int64(report.known)),
                    "left_out": list(report.leftOut), "notes": list(report.notes), "dry_run": .bool(isRehearsal),
                ], lines.joined(separator: "\n"))
        }
    }
    /// Of an export: some hundred thousand keys.
    private static let importBytes = 64 << 20

    private static func foreignDatabase(_ arguments: Arguments) throws -> DatabaseLocation {
        guard (arguments["from"] == nil) != (arguments["from-file"] == nil) else {
            throw Failure("one of --from and --from-file is needed", exitCode: 2)
        }
        let text = try arguments["from"] ?? readSecret(arguments["from-file"], "the database's URL")
        let location = try read("the database's URL must be") { () throws(ParseError) in try DatabaseLocation(parsing: text) }
        guard case .postgres(let address) = location else {
            throw Failure("the database's URL must be one of PostgreSQL, as postgresql://USER@HOST/DATABASE", exitCode: 2)
        }
        if arguments["from"] != nil, address.hasPassword {
            Console.error("warning: every user of this machine can read the password in --from while this runs; --from-file hides it")
        }
        return location
    }

    private static func seen(on backend: Backend, _ parts: SalesParts) async throws -> [Orders.Seen] {
        do { return try await parts.sales.orders.foundlings(on: backend, parts.sales.store) } catch let error as DriverError {
            throw Failure("\(backend.name): \(error)")
        }
    }

    private static func show(_ arguments: Arguments, _ report: TakeoverReport) {
        let isRehearsal = arguments.has("dry-run")
        var json = report.json.object ?? [:]
        json["dry_run"] = .bool(isRehearsal)
        var lines = [
            Output.table(
                ["TABLE", "FOUND", isRehearsal ? "WOULD TAKE" : "TAKEN", "KNOWN", "LEFT OUT"],
                report.parts.map { [$0.name, String($0.found), String($0.taken), String($0.known), String($0.skipped)] })
        ]
        lines += report.notes.map { "- \($0)" }
        if report.furtherNotes > 0 { lines.append("- and \(report.furtherNotes) more") }
        if isRehearsal { lines.append("Nothing was changed.") }
        Output.show(arguments, .object(json), lines.joined(separator: "\n"))
    }
}
