internal import Domain
public import HTTP
internal import Store

/// `/api/auth`: registration, login, logout, who am I, password.
public struct Authentication: Sendable {
    let door: SessionDoor
    var signIn: SignIn { door.signIn }
    public init(_ door: SessionDoor) { self.door = door }

    public var endpoints: [MountedEndpoint] {
        [register.mounted, login.mounted] + [logout, changePassword].mounted { try await door.signedIn($0) }
            + [me].mounted { try await door.customer($0) }
            + [invite].mounted { try await door.person($0, roles: [.admin]) }
    }

    private static let carrier = Field<String>.choice(
        "session", "How the token travels: `bearer` puts it into the answer, `cookie` into a cookie and a CSRF token into the answer.",
        ["bearer", "cookie"]
    ).map { text throws(ParseError) in text == "cookie" ? SessionCarrier.cookie : .bearer }.or(.bearer)
    /// Any length is read so that the answer can say what is wrong; the password rule has its own limit.
    private static func password(_ name: String, _ about: String) -> Field<String> {
        .text(name, about, length: 1...1024, format: "password")
    }

    private struct Registering: Sendable {
        let email: EmailAddress, password: String, name: String, invitation: String?, carrier: SessionCarrier
    }
    private var register: Endpoint<PublicContext> {
        Endpoint(
            .post, "/api/auth/register", "Register", tag: "People", audience: .anyone,
            takes: .body(
                Shape(
                    .email("email", "Mail address; the login name."),
                    Self.password("password", "At least 8 characters, none of the common ones."),
                    .text("name", "Shown name.", length: 1...100),
                    Field<String>.text("invitation", "Where registration is by invitation.").optional,
                    Self.carrier, make: Registering.init)),
            replies: .created(Self.registeredView), problems: ProblemKind.ofStore + [.forbidden, .emailTaken, .tooManyAttempts],
            about:
                "Open, by invitation or off, as the operator has set it. Where addresses have to be confirmed before the first login there is no token yet."
        ) { input, _ in
            let (body, request) = (input.body, input.request)
            let registered = try await refusing {
                try await signIn.register(
                    body.email, name: body.name, password: body.password, invitation: body.invitation,
                    language: Language(accepting: request.headers["accept-language"]), from: request.remoteAddress, by: body.carrier,
                    agent: request.headers["user-agent"] ?? "", request.id)
            }
            switch registered {
            case .signedIn(let made): return answer(made, body.carrier)
            case .pending(let user): return ["token_type": "Bearer", "expires_in": 0, "user": Self.json(user)]
            }
        }
    }

    private struct LoggingIn: Sendable { let email: String, password: String, code: String?, carrier: SessionCarrier }
    /// Of the second factor, for every way to log in.
    static let code = Field<String>.text("code", "Of the authenticator app, or a recovery code; where it is on.", length: 6...40).optional
    private var login: Endpoint<PublicContext> {
        Endpoint(
            .post, "/api/auth/login", "Log in", tag: "People", audience: .anyone,
            takes: .body(
                Shape(
                    .text("email", "Mail address."), Self.password("password", "The password."), Self.code, Self.carrier,
                    make: LoggingIn.init)),
            replies: .ok(Self.loginView), problems: ProblemKind.ofStore + ProblemKind.ofLogin
        ) { input, _ in
            let (body, request) = (input.body, input.request)
            let email = try Self.email(body.email)
            let made = try await refusing {
                try await signIn.login(
                    email, body.password, code: body.code, from: request.remoteAddress, by: body.carrier,
                    agent: request.headers["user-agent"] ?? "",
                    request.id)
            }
            return answer(made, body.carrier)
        }
    }
    private static func email(_ text: String) throws -> EmailAddress {
        do throws(ParseError) { return try EmailAddress(parsing: text) } catch {
            throw InputErrors(fields: [FieldError("email", error.message)])
        }
    }

    private var logout: Endpoint<CustomerContext> {
        Endpoint(
            .post, "/api/auth/logout", "Log out", tag: "People", audience: .customer, takes: .nothing, replies: .noContent,
            problems: ProblemKind.ofSignIn + ProblemKind.ofStore + [.csrf], idempotent: false
        ) { input, context in
            try await signIn.logout(try context.session, of: context.user.id, input.request.id)
            return .empty(headers: ["set-cookie": door.cookie.cleared])
        }
    }

    private var me: Endpoint<CustomerContext> {
        Endpoint(
            .get, "/api/auth/me", "Who am I", tag: "People", audience: .customer, takes: .nothing, replies: .ok(Self.meView),
            problems: ProblemKind.ofSignIn + ProblemKind.ofStore
        ) { _, context in
            var members: JSONObject = ["user": Self.json(context.user)]
            if let login = context.login { members["csrf_token"] = .string(signIn.csrfToken(login)) }
            return .json(.object(members))
        }
    }

    private struct NewPassword: Sendable { let old: String, new: String }
    private var changePassword: Endpoint<CustomerContext> {
        Endpoint(
            .post, "/api/auth/password", "Change the password", tag: "People", audience: .customer,
            takes: .body(
                Shape(
                    Self.password("current_password", "The present one."),
                    Self.password("new_password", "At least 8 characters, none of the common ones."), make: NewPassword.init)),
            replies: .noContent,
            problems: ProblemKind.ofSignIn + ProblemKind.ofStore + [.csrf, .wrongCredentials, .tooManyAttempts],
            about: "Ends every other session.", idempotent: false
        ) { input, context in
            try await refusing {
                try await signIn.changePassword(
                    of: context.user, in: context.session, from: input.body.old, to: input.body.new, address: input.request.remoteAddress,
                    input.request.id)
            }
            return .empty()
        }
    }

    private var invite: Endpoint<CustomerContext> {
        Endpoint(
            .post, "/api/admin/invitations", "Invite somebody", tag: "People", audience: .operators(roles: [UserRole.admin.rawValue]),
            takes: .body(Shape(.email("email", "Who may register."), make: { $0 })), replies: .created(Self.invitationView),
            problems: ProblemKind.ofSignIn + ProblemKind.ofStore + [.csrf], idempotent: false
        ) { input, context in
            let made = try await signIn.invite(input.body, actor: context.user.id.text, request: input.request.id)
            return ["invitation": .string(made.text), "expires_at": .string(made.endsAt.text)]
        }
    }

    private func refusing<Value>(_ work: () async throws -> Value) async throws -> Value {
        do { return try await work() } catch let refusal as SignIn.Refusal { throw Self.problem(refusal) }
    }

    static func problem(_ refusal: SignIn.Refusal) -> Problem {
        switch refusal {
        case .wrongCredentials: Problem(.wrongCredentials)
        case .tooManyAttempts(let seconds): Problem(.tooManyAttempts, retryAfterSeconds: seconds)
        case .unverified: Problem(.emailUnverified)
        case .codeRequired: Problem(.secondFactorRequired)
        case .wrongCode: Problem(.wrongCode)
        case .registrationOff: Problem(.forbidden, "Registration is closed.")
        case .notInvited: Problem(.forbidden, "Registration is by invitation; this one is missing, has ended or is for another address.")
        }
    }

    private func answer(_ made: SignIn.Made, _ carrier: SessionCarrier) -> Answer {
        var members: JSONObject = [
            "token_type": "Bearer", "expires_in": .int(signIn.lifetimeSeconds), "user": Self.json(made.user),
        ]
        guard carrier == .cookie else {
            members["token"] = .string(made.token)
            return .json(.object(members))
        }
        members["csrf_token"] = .string(signIn.csrfToken(made.session))
        return .json(.object(members), headers: ["set-cookie": door.cookie.set(made.token, seconds: signIn.lifetimeSeconds)])
    }

    /// `customer` is shown as `user` here, as clients know it.
    static func json(_ user: User) -> JSON {
        [
            "id": .string(user.id.text), "email": .string(user.email), "name": .string(user.name),
            "role": .string(user.role == .customer ? "user" : user.role.rawValue), "email_verified": .bool(user.emailVerifiedAt != nil),
            "language": .string(user.language.rawValue),
        ]
    }

    static let userFields: [FieldDoc] = [
        .always("id", "As usr_….", .text), .always("email", "In lower case.", .text), .always("name", "Shown name.", .text),
        .always("role", "What they may do.", .choice(["user", "support", "admin"])),
        .always("email_verified", "Whether the address was shown to be theirs.", .boolean),
        .always("language", "Of mails to them.", .choice(Language.allCases.map(\.rawValue))),
    ]
    private static let userExample: JSON = [
        "id": "usr_0193c0de8a7b7f3e9d2c4b5a69788796", "email": "ada@example.com", "name": "Ada", "role": "user",
        "email_verified": true, "language": "en",
    ]
    private static let loginFields: [FieldDoc] = [
        .maybe("token", "For `Authorization: Bearer`.", .text), .maybe("csrf_token", "For `x-csrf-token`, with a cookie.", .text),
        .always("token_type", "Always Bearer.", .text), .always("expires_in", "Seconds.", .count),
        .always("user", "Who it is.", .object(userFields)),
    ]
    private static let loginExample: JSON = ["token": "eyJ…", "token_type": "Bearer", "expires_in": 3600, "user": userExample]
    private static let loginView = View("Login", loginFields, example: loginExample)
    private static let registeredView = View("Registered", loginFields, example: loginExample)
    private static let meView = View(
        "Me",
        [
            .always("user", "Who it is.", .object(userFields)),
            .maybe("csrf_token", "For `x-csrf-token`, with a cookie; not with a personal token.", .text),
        ],
        example: ["user": userExample, "csrf_token": "5f0c…"])
    private static let invitationView = View(
        "Invitation", [.always("invitation", "To hand to that person.", .text), .always("expires_at", "When it ends.", .time)],
        example: ["invitation": "inv_1795824000_5f0c…", "expires_at": "2026-11-28T00:00:00.000Z"])
}
