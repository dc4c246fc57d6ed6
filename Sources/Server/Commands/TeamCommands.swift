internal import API
internal import Domain
internal import Store

/// `gatehouse team …` and `user shared-limits`: limits that several keys share. A running server knows them within seconds.
extension Command {
    private static let limitsAbout =
        "Limits are a JSON object as `key edit` takes it: '{\"tokens_per_day\":1000000}'; null takes one away, what is not named stays.\nRules for each key stand beside them: allowed_models, denied_models, allowed_clients, ip_allowlist, permissions, expires_at,\nactivation_seconds (from the first request of any of the keys)."

    static let teamAdd = Command(
        name: "team add", usage: "NAME [--limits JSON]", about: "Makes a team, whose people's keys share limits.\n" + limitsAbout,
        valued: ["limits"]
    ) { arguments in
        let name = try arguments.operands("name")[0]
        let limits = try limits(arguments)
        try await withTeams(schema: .make) { teams, _ in
            let team = try await teams.create(name, limits: limits, actor: "command")
            Output.show(arguments, team, words(team))
        }
    }

    static let teamEdit = Command(
        name: "team edit", usage: "ID [--name NAME] [--limits JSON]", about: "Changes a team.\n" + limitsAbout, valued: ["name", "limits"]
    ) { arguments in
        let id = try teamID(try arguments.operands("id")[0])
        let (name, limits) = (arguments["name"], try limits(arguments))
        try await withTeams { teams, _ in
            let team = try await teams.edit(id, name: name, limits: limits, actor: "command")
            Output.show(arguments, team, words(team))
        }
    }

    static let teamList = Command(name: "team list", usage: "", about: "Lists teams, their limits and how many people are in each.") {
        arguments in
        _ = try arguments.operands()
        try await withTeams { teams, _ in
            let all = try await teams.list()
            Output.show(
                arguments, .array(all),
                Output.table(
                    ["ID", "NAME", "PEOPLE", "LIMITS"],
                    all.map {
                        [$0["id"].string ?? "", $0["name"].string ?? "", String($0["members"].array?.count ?? 0), $0["limits"].text]
                    }))
        }
    }

    static let teamDelete = Command(
        name: "team delete", usage: "ID", about: "Deletes a team that nobody and no key is in."
    ) { arguments in
        let id = try teamID(try arguments.operands("id")[0])
        try await withTeams { teams, _ in
            try await teams.delete(id, actor: "command")
            Output.show(arguments, ["id": .string(id.text), "deleted": true], "\(id.text) is deleted")
        }
    }

    static let userTeam = Command(
        name: "user team", usage: "EMAIL ID|none", about: "Moves a user into a team, or out of any."
    ) { arguments in
        let words = try arguments.operands("email", "team")
        let team = words[1] == "none" ? nil : try teamID(words[1])
        try await withTeams { teams, instance in
            let user = try await find(words[0], instance)
            try await teams.move(user.id, to: team, actor: "command")
            Output.show(
                arguments, ["email": .string(user.email), "team": team.map { .string($0.text) } ?? .null],
                "\(user.email) is in \(team?.text ?? "no team")")
        }
    }

    static let userShared = Command(
        name: "user shared-limits", usage: "EMAIL [--limits JSON]",
        about: "Shows or changes what all relay keys of a user may use together.\n" + limitsAbout, valued: ["limits"]
    ) { arguments in
        let email = try arguments.operands("email")[0]
        let change = arguments["limits"] == nil ? nil : try limits(arguments)
        try await withTeams { teams, instance in
            let user = try await find(email, instance)
            let shown: JSON =
                if let change { try await teams.share(user.id, limits: change, actor: "command") } else {
                    try await teams.shared(of: user.id)
                }
            Output.show(arguments, ["email": .string(user.email), "limits": shown], "\(user.email): together \(shown.text)")
        }
    }

    private static func words(_ team: JSON) -> String {
        "\(team["id"].string ?? "")  \(team["name"].string ?? "")  \(team["limits"].text)"
    }
    private static func teamID(_ text: String) throws(Failure) -> TeamID {
        do throws(ParseError) { return try TeamID(parsing: text) } catch { throw Failure("the team's id \(error.message)", exitCode: 2) }
    }
    private static func limits(_ arguments: Arguments) throws(Failure) -> JSONObject {
        guard let text = arguments["limits"] else { return [:] }
        guard let object = (try? JSON(parsing: Array(text.utf8)))?.object else {
            throw Failure("--limits must be a JSON object", exitCode: 2)
        }
        return object
    }

    private static func withTeams(
        schema: Instance.SchemaRule = .keep, _ work: @escaping @Sendable (RelayTeams, Instance) async throws -> Void
    ) async throws {
        try await withInstance(schema: schema) { instance in
            do { try await work(RelayTeams(store: instance.store), instance) } catch let refusal as RelayTeams.Refusal {
                switch refusal {
                case .unknownTeam: throw Failure("there is no such team")
                case .unknownUser: throw Failure("there is no such user")
                case .inUse: throw Failure("people or keys are in the team; move them first")
                }
            } catch let errors as InputErrors {
                throw Failure(errors.fields.map { "\($0.field) \($0.message)" }.joined(separator: "; "), exitCode: 2)
            } catch StoreError.conflict(.teamName) { throw Failure("a team of that name is there already") }
        }
    }
}
