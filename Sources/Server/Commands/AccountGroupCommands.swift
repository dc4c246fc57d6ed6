internal import API
internal import Domain
internal import Store

extension Command {
    static let accountGroupAdd = Command(
        name: "account group add", usage: "NAME [--strategy \(SchedulingStrategy.allCases.map(\.rawValue).joined(separator: "|"))]",
        about: "Makes a group of accounts that keys can be bound to.", valued: ["strategy"]
    ) { arguments in
        let name = try arguments.operands("name")[0]
        let strategy = try strategy(arguments) ?? nil
        try await withAccounts(schema: .make) { accounts, _ in
            let group = try await accounts.createGroup(name: name, strategy: strategy, notes: "", members: [], actor: "command")
            Output.show(arguments, RelayAccounts.json(group), "\(group.group.id.text)  \(group.group.name)")
        }
    }

    static let accountGroupList = Command(name: "account group list", usage: "", about: "Lists groups of accounts.") { arguments in
        _ = try arguments.operands()
        try await withAccounts { accounts, _ in
            let groups = try await accounts.groups()
            Output.show(
                arguments, .array(groups.map(RelayAccounts.json)),
                Output.table(
                    ["ID", "NAME", "STRATEGY", "MEMBERS"],
                    groups.map {
                        [
                            $0.group.id.text, $0.group.name, $0.group.strategy?.rawValue ?? "pool",
                            $0.members.map(\.text).joined(separator: ","),
                        ]
                    }))
        }
    }

    static let accountGroupEdit = Command(
        name: "account group edit", usage: "GROUP [--name NAME] [--strategy STRATEGY|pool] [--add ACCOUNT-ID] [--remove ACCOUNT-ID]",
        about: "Changes a group, named by its id or its name.", valued: ["name", "strategy", "add", "remove"]
    ) { arguments in
        let word = try arguments.operands("group")[0]
        let (name, strategy) = (arguments["name"], try strategy(arguments))
        let adding = try arguments["add"].map { text throws(Failure) in try accountID(text) }
        let removing = try arguments["remove"].map { text throws(Failure) in try accountID(text) }
        try await withAccounts { accounts, _ in
            let group = try await accounts.editGroup(
                try await groupID(word, accounts), name: name, strategy: strategy, adding: adding, removing: removing, actor: "command")
            Output.show(
                arguments, RelayAccounts.json(group), "\(group.group.id.text)  \(group.group.name)  \(group.members.count) accounts")
        }
    }

    static let accountGroupDelete = Command(
        name: "account group delete", usage: "GROUP", about: "Deletes a group; its accounts stay."
    ) { arguments in
        let word = try arguments.operands("group")[0]
        try await withAccounts { accounts, _ in
            let id = try await groupID(word, accounts)
            guard try await accounts.deleteGroup(id, actor: "command") else { throw RelayAccounts.Refusal.unknownGroup }
            Output.show(arguments, ["id": .string(id.text), "deleted": true], "\(id.text) is deleted")
        }
    }

    private static func groupID(_ word: String, _ accounts: RelayAccounts) async throws -> AccountGroupID {
        if let id = try? AccountGroupID(parsing: word) { return id }
        guard let found = try await accounts.groups().first(where: { $0.group.name == word }) else {
            throw RelayAccounts.Refusal.unknownGroup
        }
        return found.group.id
    }

    /// Nil when it is not named; an inner nil is the pool's own.
    private static func strategy(_ arguments: Arguments) throws(Failure) -> SchedulingStrategy?? {
        guard let text = arguments["strategy"] else { return .none }
        if text == "pool" { return .some(nil) }
        guard let strategy = SchedulingStrategy(rawValue: text) else {
            throw Failure(
                "--strategy must be one of \(SchedulingStrategy.allCases.map(\.rawValue).joined(separator: ", ")), pool", exitCode: 2)
        }
        return strategy
    }
}
