internal import API
internal import Domain
internal import Store

extension Command {
    static func address(_ text: String) throws(Failure) -> EmailAddress {
        do throws(ParseError) { return try EmailAddress(parsing: text) } catch { throw Failure("the user \(error.message)", exitCode: 2) }
    }

    private static let passwordHelp = "The password is read from standard input, or from the file that --password-file names."

    static let userCreate = Command(
        name: "user create", usage: "EMAIL [--name NAME] [--role customer|support|admin] [--password-file FILE]",
        about: "Makes a user.\n\(passwordHelp)", valued: ["name", "role", "password-file"]
    ) { arguments in
        let email = try address(try arguments.operands("email")[0])
        guard let role = UserRole(rawValue: arguments["role"] ?? "customer") else {
            throw Failure("--role must be customer, support or admin", exitCode: 2)
        }
        let password = try readSecret(arguments["password-file"], "the password")
        try await withInstance(schema: .make) { instance in
            let user = try await instance.people().create(
                email: email, name: arguments["name"] ?? email.text, role: role, password: password, actor: "command")
            Output.show(arguments, json(user), "\(user.id.text)  \(user.email)  \(user.role.rawValue)")
        }
    }

    static let userPromote = Command(
        name: "user promote", usage: "EMAIL [--role admin|support|customer]",
        about: "Gives a user another role; admin unless said otherwise.",
        valued: ["role"]
    ) { arguments in
        let email = try arguments.operands("email")[0]
        guard let role = UserRole(rawValue: arguments["role"] ?? "admin") else {
            throw Failure("--role must be customer, support or admin", exitCode: 2)
        }
        try await withInstance { instance in
            let user = try await find(email, instance)
            do { _ = try await instance.people().setRole(role, of: user.id, actor: "command") } catch let refusal as People.Refusal {
                throw failure(refusal, email)
            }
            Output.show(arguments, ["id": .string(user.id.text), "role": .string(role.rawValue)], "\(user.email) is \(role.rawValue) now")
        }
    }

    static let userPassword = Command(
        name: "user passwd", usage: "EMAIL [--password-file FILE]",
        about: "Sets a password and ends all sessions of the user.\n\(passwordHelp)",
        valued: ["password-file"]
    ) { arguments in
        let email = try arguments.operands("email")[0]
        let password = try readSecret(arguments["password-file"], "the new password")
        try await withInstance { instance in
            let user = try await find(email, instance)
            _ = try await instance.people().setPassword(password, of: user.id, actor: "command")
            Output.show(arguments, ["id": .string(user.id.text)], "password of \(user.email) set, all sessions ended")
        }
    }

    static let userList = Command(name: "user list", usage: "", about: "Lists all users.") { arguments in
        _ = try arguments.operands()
        try await withInstance { instance in
            var users: [User] = []
            while true {
                let page = try await instance.people().list(after: users.last?.number ?? 0, limit: 1000)
                users += page.items
                guard page.hasMore else { break }
            }
            Output.show(
                arguments, .array(users.map(json)),
                Output.table(
                    ["ID", "EMAIL", "ROLE", "STATUS", "LAST LOGIN"],
                    users.map { [$0.id.text, $0.email, $0.role.rawValue, $0.status.rawValue, $0.lastLoginAt?.text ?? "-"] }))
        }
    }

    static func find(_ email: String, _ instance: Instance) async throws -> User {
        guard let user = try await instance.people().find(email: email) else { throw Failure("there is no user \(email)") }
        return user
    }

    static func json(_ user: User) -> JSON {
        [
            "id": .string(user.id.text), "number": .int(user.number), "email": .string(user.email), "name": .string(user.name),
            "role": .string(user.role.rawValue), "status": .string(user.status.rawValue), "limits": People.json(user.limits),
            "created_at": .string(user.createdAt.text),
            "last_login_at": user.lastLoginAt.map { .string($0.text) } ?? .null,
        ]
    }

    static func failure(_ refusal: People.Refusal, _ email: String) -> Failure {
        switch refusal {
        case .unknownUser: Failure("there is no user \(email)")
        case .lastAdmin: Failure("\(email) is the last admin; make another one first: gatehouse user promote")
        }
    }

    /// Opens the instance for one piece of work and closes it on every path.
    /// - Parameter schema: `.make` for what can be the first command in a new folder, because it makes something and needs nothing. Every
    ///   other one says that there is no database: an empty one made for it would hide that it looks at the wrong place.
    static func withInstance(schema: Instance.SchemaRule = .keep, _ work: (Instance) async throws -> Void) async throws {
        let instance = try await Instance.open(try Settings.load(), schema: schema)
        do { try await work(instance) } catch {
            await instance.close()
            throw error
        }
        await instance.close()
    }

    /// One line from a file or from standard input; secrets never stand among the arguments, which every user of the machine can read.
    static func readSecret(_ file: String?, _ what: String) throws -> String {
        let text: String?
        if let file {
            text = TextFile.read(file)
            if text == nil { throw Failure("\(file) cannot be read") }
        } else {
            if Console.inputIsTerminal { Console.error("type \(what) and press Enter:") }
            text = Console.readLine()
        }
        let secret = (text ?? "").split(separator: "\n", maxSplits: 1, omittingEmptySubsequences: false).first.map(String.init) ?? ""
        let clean = secret.hasSuffix("\r") ? String(secret.dropLast()) : secret
        guard !clean.isEmpty else { throw Failure("\(what) is expected on standard input or in a file; none came") }
        return clean
    }
}
