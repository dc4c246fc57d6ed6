internal import API
internal import Domain
internal import Store

/// Who may come in, and how much they may use.
extension Command {
    static let userBlock = access(
        "user block", "Shuts a user out: ends all sessions and stops all keys.\nA running server knows it within five seconds.", .blocked)
    static let userUnblock = access("user unblock", "Lets a blocked user in again; keys work again, sessions do not come back.", .active)

    private static func access(_ name: String, _ about: String, _ status: UserStatus) -> Command {
        Command(name: name, usage: "EMAIL", about: about) { arguments in
            let email = try arguments.operands("email")[0]
            try await withInstance { instance in
                let user = try await find(email, instance)
                let changed: User
                do { changed = try await instance.people().setStatus(status, of: user.id, actor: "command") } catch let refusal
                    as People.Refusal
                {
                    throw failure(refusal, email)
                }
                Output.show(arguments, json(changed), "\(changed.email) is \(changed.status.rawValue)")
            }
        }
    }

    static let userLimits = Command(
        name: "user limits",
        usage: "EMAIL [--requests-per-minute N] [--tokens-per-day N] [--concurrent N] [--cost-per-day MICRO-USD] [--keys N] [--services N]",
        about:
            "Shows or changes what each relay key of a user may have at most, and how many keys and services there may be.\nA limit that is not named stays; `none` lifts it. Keys that have more are lowered.",
        valued: ["requests-per-minute", "tokens-per-day", "concurrent", "cost-per-day", "keys", "services"]
    ) { arguments in
        let email = try arguments.operands("email")[0]
        try await withInstance { instance in
            let user = try await find(email, instance)
            var limits = user.limits
            try change(&limits.perKey.requestsPerMinute, arguments, "requests-per-minute")
            try change(&limits.perKey.tokensPerDay, arguments, "tokens-per-day")
            try change(&limits.perKey.concurrency, arguments, "concurrent")
            try change(&limits.perKey.costPerDayMicroUSD, arguments, "cost-per-day")
            try change(&limits.maximumKeys, arguments, "keys", from: 0)
            try change(&limits.maximumServices, arguments, "services", from: 0)
            var shown = user
            if limits != user.limits {
                do { shown = try await instance.people().setLimits(limits, of: user.id, actor: "command") } catch let refusal
                    as People.Refusal
                {
                    throw failure(refusal, email)
                }
            }
            let rows = People.json(shown.limits).object?.members.map { [$0.name, $0.value.int.map(String.init) ?? "none"] } ?? []
            Output.show(arguments, json(shown), Output.table(["LIMIT", "MOST"], rows))
        }
    }

    private static func change(_ limit: inout Int64?, _ arguments: Arguments, _ name: String, from least: Int64 = 1) throws {
        guard let text = arguments[name] else { return }
        limit = text == "none" ? nil : try arguments.number(name, least...1_000_000_000_000)
    }

    static let userInvite = Command(
        name: "user invite", usage: "EMAIL",
        about: "Makes an invitation for one address, for servers where REGISTRATION is `invite`. It ends after seven days."
    ) { arguments in
        let email = try address(try arguments.operands("email")[0])
        try await withInstance { instance in
            let vault = try await Vault.open(instance.settings, instance.store)
            let invitations = Invitations(key: vault.tokenKey)
            let made = try await instance.people().invite(email, with: invitations, actor: "command")
            Output.show(
                arguments, ["email": .string(email.text), "invitation": .string(made.text), "expires_at": .string(made.endsAt.text)],
                "\(made.text)\nfor \(email.text), until \(made.endsAt.text)")
            if instance.settings.registration == "off" { Console.error("warning: REGISTRATION is off, so nobody can use it yet") }
        }
    }
}
