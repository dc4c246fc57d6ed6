internal import Billing
internal import Domain
public import HTTP
internal import Store

/// `/auth/*` as existing apps and bots of VPN services call it.
public struct OlderAuth: Sendable {
    private let front: Storefront
    public init(_ front: Storefront) { self.front = front }

    public var endpoints: [MountedEndpoint] {
        [register.mounted, login.mounted] + [me, subscription, subscribe].mounted { try await front.olderCustomer($0) }
            + [assign("/auth/assign_tariff"), assign("/tariffs/assign")].mounted { try await front.olderAdmin($0) }
    }

    private struct Credentials: Sendable { let email: EmailAddress, password: String?, code: String? }
    private static let credentials = Shape(
        .email("email", "Mail address."),
        Field<String>.text("password", "At least 8 characters.", length: 0...1024, format: "password").optional, Authentication.code,
        make: Credentials.init
    ).ignoringUnknownFields

    private var register: Endpoint<PublicContext> {
        Endpoint(
            .post, "/auth/register", "Register", tag: "Older VPN interface", audience: .anyone, takes: .body(Self.credentials),
            replies: .ok(Storefront.userView), problems: ProblemKind.ofStore + [.badRequest, .forbidden, .tooManyAttempts], dialect: .detail
        ) { input, _ in
            let (body, request) = (input.body, input.request)
            guard let password = body.password, !password.isEmpty else {
                throw Problem(.badRequest, "Password is required for registration")
            }
            guard password.unicodeScalars.count >= 8 else { throw Problem(.badRequest, "Password must be at least 8 characters") }
            do {
                let made = try await front.signIn.registerOlder(
                    body.email, password, language: Language(accepting: request.headers["accept-language"]), from: request.remoteAddress,
                    request.id)
                return .json(front.json(made))
            } catch StoreError.conflict(.userEmail) { throw Problem(.badRequest, "Email already registered") } catch let refusal
                as SignIn.Refusal
            { throw Self.problem(refusal) }
        }
    }

    private var login: Endpoint<PublicContext> {
        Endpoint(
            .post, "/auth/login", "Log in", tag: "Older VPN interface", audience: .anyone, takes: .body(Self.credentials),
            replies: .ok(
                View(
                    "OlderToken", [.always("access_token", "For Authorization: Bearer.", .text), .always("token_type", "bearer.", .text)],
                    example: ["access_token": "eyJ…", "token_type": "bearer"])),
            problems: ProblemKind.ofStore + ProblemKind.ofLogin, dialect: .detail
        ) { input, _ in
            let request = input.request
            do {
                let made = try await front.signIn.login(
                    input.body.email, input.body.password ?? "", code: input.body.code, from: request.remoteAddress, by: .bearer,
                    agent: request.headers["user-agent"] ?? "", request.id)
                return ["access_token": .string(made.token), "token_type": "bearer"]
            } catch let refusal as SignIn.Refusal { throw Self.problem(refusal) }
        }
    }
    private static func problem(_ refusal: SignIn.Refusal) -> Problem {
        switch refusal {
        case .wrongCredentials: Problem(.wrongCredentials, "Invalid credentials")
        case .tooManyAttempts, .unverified, .codeRequired, .wrongCode: Authentication.problem(refusal)
        case .registrationOff, .notInvited: Problem(.forbidden, "Registration is closed")
        }
    }

    private var me: Endpoint<CustomerContext> {
        Endpoint(
            .get, "/auth/me", "Who am I", tag: "Older VPN interface", audience: .customer, takes: .nothing,
            replies: .ok(Storefront.userView), problems: ProblemKind.ofSignIn + ProblemKind.ofStore, dialect: .detail
        ) { _, context in .json(front.json(context.user)) }
    }

    private static let subscriptionView = View(
        "OlderSubscription",
        .nullable(
            .object([
                .always("user_tariff_id", "Number.", .count), .always("tariff_id", "Number.", .nullable(.count)),
                .always("tariff_name", "Its name.", .nullable(.text)), .always("status", "Where it is.", .text),
                .always("started_at", "When.", .time), .always("ended_at", "null never ends.", .nullable(.time)),
            ])),
        example: [
            "user_tariff_id": 1, "tariff_id": 1, "tariff_name": "Starter", "status": "active", "started_at": "2026-11-21T00:00:00.000Z",
            "ended_at": "2026-12-21T00:00:00.000Z",
        ])
    private var subscription: Endpoint<CustomerContext> {
        Endpoint(
            .get, "/auth/me/subscription", "My subscription", tag: "Older VPN interface", audience: .customer, takes: .nothing,
            replies: .ok(Self.subscriptionView), problems: ProblemKind.ofSignIn + ProblemKind.ofStore, dialect: .detail
        ) { _, context in
            let id = context.user.id
            let (found, plan) = try await front.store.read { reader throws(StoreError) -> (Subscription?, Plan?) in
                let found = try reader.subscriptions(of: id).first { $0.status == .active }
                guard let found else { return (nil, nil) }
                return (found, try reader.plan(found.planID))
            }
            return .json(found.map { Storefront.json($0, plan: plan) } ?? .null)
        }
    }

    private struct Assignment: Sendable { let tariff: Int64, user: Int64? }
    private static let tariff = Field<Int64>.integer("tariff_id", "The tariff's number.", 1...Int64.max)
    private static let user = Field<Int64>.integer("user_id", "The user's number.", 1...Int64.max)

    private func assign(_ template: String) -> Endpoint<CustomerContext> {
        Endpoint(
            .post, template, "Give a user a tariff", tag: "Older VPN interface", audience: .operators(roles: ["admin"]),
            takes: InputShape(
                path: .nothing, query: Shape(Self.user.optional, make: { $0 }),
                body: Shape(Self.tariff, Self.user.optional, make: Assignment.init).ignoringUnknownFields),
            replies: .ok(Storefront.messageView), problems: Storefront.writes, dialect: .detail
        ) { input, context in
            guard let number = input.query ?? input.body.user else {
                throw InputErrors(fields: [FieldError("user_id", "is required")])
            }
            let (user, plan) = (try await front.user(number: number), try await front.plan(number: input.body.tariff))
            _ = try await front.older {
                try await front.sales.assign(
                    plan.id, to: user.id, makesService: false, actor: context.user.id.text, request: input.request.id)
            }
            return ["msg": "tariff assigned", "user_id": .int(number), "tariff_id": .int(plan.number)]
        }
    }

    private var subscribe: Endpoint<CustomerContext> {
        Endpoint(
            .post, "/auth/subscribe", "Take a free tariff", tag: "Older VPN interface", audience: .customer,
            takes: .body(Shape(Self.tariff, make: { $0 }).ignoringUnknownFields), replies: .ok(Storefront.subscribedView),
            problems: Storefront.writes, dialect: .detail, about: "Any tariff while developing; otherwise free ones only."
        ) { input, context in
            try front.checkMayBuy(context.user)
            let plan = try await front.plan(number: input.body)
            guard plan.terms.price.minorUnits == 0 || front.isDevelopment else { throw Problem(.forbidden, "Tariff is not free") }
            let made = try await front.older {
                try await front.sales.assign(
                    plan.id, to: context.user.id, byUser: true, makesService: true, actor: context.user.id.text,
                    request: input.request.id)
            }
            return [
                "msg": "subscription activated", "user_tariff_id": .int(made.number), "tariff_id": .int(plan.number),
                "started_at": .string(made.startedAt.text), "ended_at": made.endsAt.map { .string($0.text) } ?? .null,
            ]
        }
    }
}

extension Storefront {
    static let subscribedView = View(
        "OlderSubscribed",
        [
            .always("msg", "Always the same.", .text), .always("user_tariff_id", "Number.", .count),
            .always("tariff_id", "Number.", .count),
            .always("started_at", "When.", .time), .always("ended_at", "null never ends.", .nullable(.time)),
        ],
        example: [
            "msg": "subscription activated", "user_tariff_id": 1, "tariff_id": 1, "started_at": "2026-11-21T00:00:00.000Z", "ended_at": nil,
        ])
}
