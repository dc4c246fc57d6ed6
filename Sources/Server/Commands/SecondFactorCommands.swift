internal import API
internal import Domain
internal import Store

extension Command {
    static let userTOTPShow = totp("show", "Tells whether a user's logins ask for a code, and how many recovery codes are left.") {
        arguments, factors, user in
        let standing = try await factors.standing(user.id)
        Output.show(
            arguments, ["id": .string(user.id.text), "on": .bool(standing.isOn), "recovery_codes_left": .int(standing.codes)],
            standing.isOn ? "on, \(standing.codes) recovery codes left" : "off")
    }

    static let userTOTPBegin = totp(
        "begin", "Makes a secret for an authenticator app and shows it once.\nNothing is asked for before: gatehouse user totp confirm"
    ) { arguments, factors, user in
        let begun = try await factors.begin(user, actor: "command", request: nil)
        Output.show(
            arguments, ["secret": .string(begun.secret), "address": .string(begun.address)],
            "\(begun.secret)\n\(begun.address)\nshown once; type a first code into: gatehouse user totp confirm \(user.email)")
    }

    static let userTOTPConfirm = totp(
        "confirm", "Turns the second factor on with a first code, read from standard input, and shows the recovery codes once."
    ) { arguments, factors, user in
        let code = try readSecret(nil, "the code that the app shows")
        let codes = try await factors.confirm(user, code: code, keeping: nil, request: nil)
        Output.show(
            arguments, ["recovery_codes": .array(codes.map(JSON.string))],
            codes.joined(separator: "\n") + "\non; these codes are shown once, each works once in place of the app's")
    }

    static let userTOTPEnd = totp("end", "Takes a user's second factor away, for who has lost device and paper.") {
        arguments, factors, user in
        guard try await factors.end(of: user.id, actor: "command") else { throw Failure("\(user.email) has no second factor") }
        Output.show(arguments, ["id": .string(user.id.text), "on": false], "\(user.email) signs in without a code")
    }

    private static func totp(
        _ verb: String, _ about: String, _ work: @escaping @Sendable (Arguments, SecondFactors, User) async throws -> Void
    ) -> Command {
        Command(name: "user totp \(verb)", usage: "EMAIL", about: about) { arguments in
            let email = try arguments.operands("email")[0]
            try await withInstance { instance in
                let user = try await find(email, instance)
                let vault = try await Vault.open(instance.settings, instance.store)
                let factors = SecondFactors(store: instance.store, keys: vault.dataKeys, issuer: instance.settings.invoiceIssuer)
                do { try await work(arguments, factors, user) } catch let refusal as SecondFactors.Refusal {
                    switch refusal {
                    case .alreadyOn: throw Failure("\(email) has a second factor already; take it away first: gatehouse user totp end")
                    case .off: throw Failure("nothing was begun for \(email): gatehouse user totp begin")
                    case .wrongCode: throw Failure("the code is wrong or was used; is the clock of this machine right?")
                    }
                }
            }
        }
    }
}
