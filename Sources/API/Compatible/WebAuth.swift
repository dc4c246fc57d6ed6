internal import Domain
public import HTTP
internal import Store

/// `/web/auth`: signing in as dashboards of the older relay do. The token works as Bearer and as the cookie `adminToken`.
public struct WebAuth: Sendable {
    private let door: SessionDoor
    private let adminEmail: String
    private let isSecure: Bool
    private var signIn: SignIn { door.signIn }

    /// - Parameters:
    ///   - adminEmail: ADMIN_EMAIL; its part before the "@" is a user name here, as in older set-ups.
    ///   - isSecure: whether browsers come by TLS.
    public init(_ door: SessionDoor, adminEmail: String, isSecure: Bool) {
        (self.door, self.adminEmail, self.isSecure) = (door, adminEmail, isSecure)
    }

    public var endpoints: [MountedEndpoint] {
        [login.mounted] + [logout, refresh, user, changePassword].mounted { try await door.person($0, roles: [.admin]) }
    }

    private static let admins = Audience.operators(roles: [UserRole.admin.rawValue])
    private static let problems = ProblemKind.ofSignIn + ProblemKind.ofStore
    private static func password(_ name: String, _ about: String) -> Field<String> {
        .text(name, about, length: 1...1024, format: "password")
    }

    private struct Credentials: Sendable { let username: String, password: String, code: String? }
    private var login: Endpoint<PublicContext> {
        Endpoint(
            .post, "/web/auth/login", "Log in to a dashboard", tag: "Older dashboards", audience: .anyone,
            takes: .body(
                Shape(
                    .text("username", "Mail address, or the first admin's name."), Self.password("password", "The password."),
                    Authentication.code, make: Credentials.init
                )
                .ignoringUnknownFields),
            replies: .ok(Self.loginView), problems: ProblemKind.ofStore + ProblemKind.ofLogin, dialect: .olderRelay
        ) { input, _ in
            let (body, request) = (input.body, input.request)
            let name = body.username.contains("@") ? body.username : "\(body.username)@\(adminEmail.split(separator: "@").last ?? "")"
            let email: EmailAddress
            do throws(ParseError) { email = try EmailAddress(parsing: name) } catch { throw Problem(.wrongCredentials) }
            do {
                let made = try await signIn.login(
                    email, body.password, code: body.code, from: request.remoteAddress, by: .bearer,
                    agent: request.headers["user-agent"] ?? "", request.id)
                guard made.user.role == .admin else {
                    try await signIn.logout(made.session, of: made.user.id, request.id)
                    throw SignIn.Refusal.wrongCredentials
                }
                return answer(made)
            } catch let refusal as SignIn.Refusal {
                throw Authentication.problem(refusal)
            }
        }
    }

    private var logout: Endpoint<CustomerContext> {
        Endpoint(
            .post, "/web/auth/logout", "Log out of a dashboard", tag: "Older dashboards", audience: Self.admins, takes: .nothing,
            replies: .ok(Self.doneView), problems: Self.problems + [.csrf], dialect: .olderRelay, idempotent: false
        ) { input, context in
            try await signIn.logout(context.session, of: context.user.id, input.request.id)
            return .json(["success": true, "message": "Logged out."], headers: ["set-cookie": cookie("", seconds: 0)])
        }
    }

    private var refresh: Endpoint<CustomerContext> {
        Endpoint(
            .post, "/web/auth/refresh", "A new token", tag: "Older dashboards", audience: Self.admins, takes: .nothing,
            replies: .ok(Self.loginView), problems: Self.problems + [.csrf], dialect: .olderRelay, about: "The one that was sent ends.",
            idempotent: false
        ) { input, context in
            let made = try await signIn.renew(
                context.session, of: context.user, agent: input.request.headers["user-agent"] ?? "", input.request.id)
            guard let made else { throw Problem(.unauthorized) }
            return answer(made)
        }
    }

    private var user: Endpoint<CustomerContext> {
        Endpoint(
            .get, "/web/auth/user", "Who is logged in", tag: "Older dashboards", audience: Self.admins, takes: .nothing,
            replies: .ok(
                View(
                    "WebUser", [.always("success", "Always true.", .boolean), .always("user", "Who and since when.", .anything)],
                    example: [
                        "success": true,
                        "user": [
                            "username": "admin@example.com", "loginTime": "2026-11-21T00:00:00.000Z",
                            "lastActivity": "2026-11-21T00:00:00.000Z",
                        ],
                    ])), problems: Self.problems, dialect: .olderRelay
        ) { _, context in
            let login = try context.session
            let session = try await signIn.store.read { reader throws(StoreError) in try reader.session(login) }
            return [
                "success": true,
                "user": [
                    "username": .string(context.user.email), "loginTime": session.map { .string($0.createdAt.text) } ?? .null,
                    "lastActivity": .string(signIn.store.ambient.now().text),
                ],
            ]
        }
    }

    private struct NewPassword: Sendable { let old: String, new: String }
    private var changePassword: Endpoint<CustomerContext> {
        Endpoint(
            .post, "/web/auth/change-password", "Change the password in a dashboard", tag: "Older dashboards", audience: Self.admins,
            takes: .body(
                Shape(
                    Self.password("currentPassword", "The present one."), Self.password("newPassword", "At least 8 characters."),
                    make: NewPassword.init
                ).ignoringUnknownFields),
            replies: .ok(Self.doneView), problems: Self.problems + [.csrf, .wrongCredentials, .tooManyAttempts], dialect: .olderRelay,
            about: "Ends every other session.", idempotent: false
        ) { input, context in
            do {
                try await signIn.changePassword(
                    of: context.user, in: context.session, from: input.body.old, to: input.body.new, address: input.request.remoteAddress,
                    input.request.id)
            } catch let refusal as SignIn.Refusal {
                if case .tooManyAttempts(let seconds) = refusal { throw Problem(.tooManyAttempts, retryAfterSeconds: seconds) }
                throw Problem(.wrongCredentials)
            }
            return ["success": true, "message": "The password is changed."]
        }
    }

    private func answer(_ made: SignIn.Made) -> Answer {
        .json(
            [
                "success": true, "token": .string(made.token), "expiresIn": .int(signIn.lifetimeSeconds * 1000),
                "username": .string(made.user.email),
            ], headers: ["set-cookie": cookie(made.token, seconds: signIn.lifetimeSeconds)])
    }
    private func cookie(_ token: String, seconds: Int64) -> String {
        "\(SessionCookie.olderName)=\(token); Max-Age=\(seconds); Path=/; HttpOnly; SameSite=Strict" + (isSecure ? "; Secure" : "")
    }

    private static let loginView = View(
        "WebLogin",
        [
            .always("success", "Always true.", .boolean), .always("token", "For `Authorization: Bearer`.", .text),
            .always("expiresIn", "Milliseconds.", .count), .always("username", "Who it is.", .text),
        ], example: ["success": true, "token": "eyJ…", "expiresIn": 3_600_000, "username": "admin@example.com"])
    private static let doneView = View(
        "Done", [.always("success", "Always true.", .boolean), .always("message", "For people.", .text)],
        example: ["success": true, "message": "Logged out."])
}
