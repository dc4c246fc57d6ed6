internal import Domain
public import HTTP
internal import Store

/// The first admin by PROMOTE_SECRET: for the signed-in person, and at the address that older deployments' scripts call.
public struct PromotionEndpoints: Sendable {
    private let promotion: Promotion
    private let people: People
    private let door: SessionDoor

    public init(_ promotion: Promotion, _ people: People, _ door: SessionDoor) {
        self.promotion = promotion
        self.people = people
        self.door = door
    }

    public var endpoints: [MountedEndpoint] { [own.mounted { try await door.signedIn($0) }, older.mounted] }

    private static let secret = Field<String>.text("secret", "What the operator has set as PROMOTE_SECRET.", length: 1...1024)
    private static let closed = "Admin privileges required to promote"

    private var own: Endpoint<CustomerContext> {
        Endpoint(
            .post, "/api/auth/promote", "Become the first admin", tag: "People", audience: .customer,
            takes: .body(Shape(Self.secret, make: { $0 })), replies: .ok(Self.meView),
            problems: ProblemKind.ofSignIn + ProblemKind.ofStore + [.csrf, .notFound, .tooManyAttempts],
            about: "Works while there is no admin and the operator has set a secret; afterwards never again.", idempotent: false
        ) { input, context in
            let user = try await refusing(closed: nil) {
                try await promotion.promote(
                    .id(context.user.id), secret: input.body, from: input.request.remoteAddress, input.request.id)
            }
            return ["user": Authentication.json(user)]
        }
    }

    private struct Older: Sendable { let number: Int64, secret: String? }
    private var older: Endpoint<PublicContext> {
        Endpoint(
            .post, "/auth/admin/promote", "Promote a user", tag: "People", audience: .anyone,
            takes: .query(
                Shape(
                    Field<Int64>.integer("user_id", "The user's number.", 1...Int64.max), Self.secret.optional, make: Older.init)),
            replies: .ok(Self.olderView),
            problems: ProblemKind.ofSignIn + ProblemKind.ofStore + [.csrf, .proofRequired, .notFound, .tooManyAttempts], dialect: .detail,
            about:
                "With the secret while there is no admin, or signed in as an admin. `/api/auth/promote` keeps the secret out of addresses."
        ) { input, _ in
            let (number, request) = (input.query.number, input.request)
            if let secret = input.query.secret {
                _ = try await refusing(closed: Self.closed) {
                    try await promotion.promote(.number(number), secret: secret, from: request.remoteAddress, request.id)
                }
            } else {
                let admin = try await door.olderCustomer(request)
                guard admin.user.role == .admin else { throw Problem(.forbidden, Self.closed) }
                // Another role asks for a login of a moment ago, wherever it is given.
                if let login = admin.login, try await !door.signIn.isProven(login) { throw Problem(.proofRequired) }
                guard let user = try await people.find(number: number) else { throw Problem(.notFound, "User not found") }
                _ = try await people.setRole(.admin, of: user.id, actor: admin.user.id.text, request: request.id)
            }
            return ["msg": "user promoted", "user_id": .int(number)]
        }
    }

    private func refusing<Value>(closed: String?, _ work: () async throws -> Value) async throws -> Value {
        do { return try await work() } catch let refusal as Promotion.Refusal {
            switch refusal {
            case .refused: throw Problem(.forbidden, closed)
            case .unknownUser: throw Problem(.notFound, "User not found")
            case .tooManyAttempts(let seconds): throw Problem(.tooManyAttempts, retryAfterSeconds: seconds)
            }
        }
    }

    private static let meView = View(
        "Promoted", [.always("user", "Who it is now.", .object(Authentication.userFields))],
        example: [
            "user": [
                "id": "usr_0193c0de8a7b7f3e9d2c4b5a69788796", "email": "ada@example.com", "name": "Ada", "role": "admin",
                "email_verified": true, "language": "en",
            ]
        ])
    private static let olderView = View(
        "OlderPromoted", [.always("msg", "Always the same.", .text), .always("user_id", "The user's number.", .count)],
        example: ["msg": "user promoted", "user_id": 2])
}
