internal import Domain
internal import Store

extension Command {
    static let mailList = Command(
        name: "mail list", usage: "[--state waiting|sent|dead] [--limit N]",
        about: "Lists mails, newest first: what is waiting, sent, or given up and why.", valued: ["state", "limit"]
    ) { arguments in
        _ = try arguments.operands()
        let state = try promiseState(arguments)
        let limit = Int(try arguments.number("limit", 1...1000) ?? 100)
        try await withInstance { instance in
            let mails = try await instance.store.read { reader throws(StoreError) in try reader.mails(state: state, limit: limit).items }
            Output.show(
                arguments, .array(mails.map(json)),
                Output.table(
                    ["ID", "KIND", "TO", "STATE", "TRIES", "WHY"],
                    mails.map {
                        [$0.id.text, $0.kind.rawValue, $0.email, $0.state.rawValue, String($0.attempts), $0.failure ?? "-"]
                    }))
        }
    }

    /// - Throws: `Failure` for another word than these three.
    static func promiseState(_ arguments: Arguments) throws(Failure) -> PromiseState? {
        guard let word = arguments["state"] else { return nil }
        guard let state = PromiseState(rawValue: word) else { throw Failure("--state must be waiting, sent or dead", exitCode: 2) }
        return state
    }

    static let mailRetry = Command(
        name: "mail retry", usage: "ID", about: "Sends a mail that was given up once more, unless what it says is over."
    ) { arguments in
        let text = try arguments.operands("id")[0]
        guard let id = try? MailID(parsing: text) else { throw Failure("a mail's id looks like mail_…", exitCode: 2) }
        try await withInstance { instance in
            let isWaiting = try await instance.store.transaction { transaction throws(StoreError) in
                guard try transaction.mailRetry(id) else { return false }
                try transaction.audit(actor: "command", action: "mail.retry", subject: id.text)
                return true
            }
            guard isWaiting else { throw Failure("there is no mail \(text) that was given up and may still be sent") }
            Output.show(arguments, ["id": .string(id.text), "state": "waiting"], "\(id.text) is waiting")
        }
    }

    private static func json(_ mail: Mail) -> JSON {
        [
            "id": .string(mail.id.text), "kind": .string(mail.kind.rawValue), "email": .string(mail.email),
            "state": .string(mail.state.rawValue), "attempts": .int(mail.attempts), "next_at": .string(mail.nextAt.text),
            "failure": mail.failure.map(JSON.string) ?? .null, "created_at": .string(mail.createdAt.text),
            "expires_at": .string(mail.expiresAt.text),
        ]
    }
}
