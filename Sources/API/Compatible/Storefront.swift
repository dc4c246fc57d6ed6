public import Billing
internal import Domain
internal import HTTP
internal import Provisioning
internal import Secrets
internal import Store

/// What the surfaces that sell need: sales, the doors of providers, and who calls.
public struct Storefront: Sendable {
    public let sales: Sales
    public let doors: PaymentDoors
    let people: People
    let door: SessionDoor
    /// Development mode lets people subscribe without paying.
    let isDevelopment: Bool
    /// Shown on invoices.
    let issuer: String
    var store: Store { sales.store }
    var signIn: SignIn { door.signIn }

    public init(sales: Sales, doors: PaymentDoors, people: People, door: SessionDoor, isDevelopment: Bool, issuer: String) {
        (self.sales, self.doors, self.people, self.door) = (sales, doors, people, door)
        (self.isDevelopment, self.issuer) = (isDevelopment, issuer)
    }

    /// Who calls, in the words of the older interface.
    func olderCustomer(_ request: Request) async throws -> CustomerContext { try await door.olderCustomer(request) }
    func olderAdmin(_ request: Request) async throws -> CustomerContext {
        let context = try await olderCustomer(request)
        guard context.user.role == .admin else { throw Problem(.forbidden, "Admin privileges required") }
        return context
    }

    /// Turns the codes of refused transactions into the older interface's sentences.
    func older<Value>(_ work: () async throws -> Value) async throws -> Value {
        do { return try await work() } catch StoreError.refused(let code) {
            switch code {
            case Sales.Refusal.unknownUser.rawValue: throw Problem(.notFound, "User not found")
            case Sales.Refusal.unknownPlan.rawValue, Sales.Refusal.retiredPlan.rawValue: throw Problem(.notFound, "Tariff not found")
            case Sales.Refusal.unknownPayment.rawValue: throw Problem(.notFound, "Payment not found")
            case Sales.Refusal.alreadyActive.rawValue: throw Problem(.badRequest, code)
            case Sales.Refusal.alreadyAssigned.rawValue: throw Problem(.badRequest, "Tariff already assigned to user")
            case Sales.Refusal.wrongCurrency.rawValue:
                throw InputErrors(fields: [FieldError("currency", "must be the tariff's currency")])
            default: throw Problem(.conflict, code)
            }
        }
    }

    func plan(number: Int64) async throws -> Plan {
        guard let plan = try await store.read({ reader throws(StoreError) in try reader.plan(number: number) }) else {
            throw Problem(.notFound, "Tariff not found")
        }
        return plan
    }
    func user(number: Int64) async throws -> User {
        guard let user = try await people.find(number: number) else { throw Problem(.notFound, "User not found") }
        return user
    }

    // MARK: Views

    /// - Throws: 403 while a customer has to confirm the address first.
    func checkMayBuy(_ user: User) throws { if signIn.isPending(user) { throw Problem(.emailUnverified) } }

    func json(_ user: User) -> JSON {
        [
            "id": .int(user.number), "email": .string(user.email),
            "status": user.status == .blocked ? "blocked" : signIn.isPending(user) ? "pending" : "active",
            "is_admin": .bool(user.role == .admin), "google_id": nil, "created_at": .string(user.createdAt.text),
        ]
    }
    static func json(_ plan: Plan) -> JSON {
        let terms = plan.terms
        return [
            "id": .int(plan.number), "name": .string(terms.name), "description": .string(terms.description),
            "duration_days": terms.durationSeconds.map { .int($0 / 86_400) } ?? .null, "price": .string(terms.price.text),
            "currency": .string(terms.price.currency.code), "max_peers": .int(terms.maximumServices),
            "traffic_limit_bytes": terms.trafficLimitBytes.map { .int($0) } ?? .null, "service": .string(terms.kind.text),
            "no_auto_peer": .bool(!terms.makesService), "created_at": .string(plan.createdAt.text),
        ]
    }
    static func json(_ payment: Payment, user: Int64) -> JSONObject {
        [
            "id": .int(payment.number), "user_id": .int(user), "amount": .string(payment.amount.text),
            "currency": .string(payment.amount.currency.code), "status": .string(payment.status.rawValue),
            "provider": .string(payment.provider), "provider_payment_id": payment.providerPaymentID.map { .string($0) } ?? .null,
            "created_at": .string(payment.createdAt.text),
        ]
    }
    static func json(_ subscription: Subscription, plan: Plan?) -> JSON {
        [
            "user_tariff_id": .int(subscription.number), "tariff_id": plan.map { .int($0.number) } ?? .null,
            "tariff_name": plan.map { .string($0.terms.name) } ?? .null, "status": .string(subscription.status.rawValue),
            "started_at": .string(subscription.startedAt.text), "ended_at": subscription.endsAt.map { .string($0.text) } ?? .null,
        ]
    }

    static let userView = View(
        "OlderUser",
        [
            .always("id", "Number.", .count), .always("email", "Mail address.", .text),
            .always("status", "pending (the address is to be confirmed), active or blocked.", .text),
            .always("is_admin", "Whether an admin.", .boolean), .always("google_id", "Always null.", .nullable(.text)),
            .always("created_at", "When.", .time),
        ],
        example: [
            "id": 2, "email": "ada@example.com", "status": "active", "is_admin": false, "google_id": nil,
            "created_at": "2026-11-21T00:00:00.000Z",
        ])
    static let tariffView = View(
        "Tariff",
        [
            .always("id", "Number.", .count), .always("name", "Unique.", .text), .always("description", "For people.", .text),
            .always("duration_days", "null never ends.", .nullable(.count)), .always("price", "As 9.99.", .text),
            .always("currency", "As USD.", .text), .always("max_peers", "Services of one subscription.", .count),
            .always("traffic_limit_bytes", "null is no limit.", .nullable(.count)), .always("service", "The kind.", .text),
            .always("no_auto_peer", "Whether a payment makes no service by itself.", .boolean), .always("created_at", "When.", .time),
        ],
        example: [
            "id": 1, "name": "Starter", "description": "", "duration_days": 30, "price": "9.99", "currency": "USD", "max_peers": 1,
            "traffic_limit_bytes": nil, "service": "vpn", "no_auto_peer": false, "created_at": "2026-11-21T00:00:00.000Z",
        ])
    static let paymentFields: [FieldDoc] = [
        .always("id", "Number.", .count), .always("user_id", "Number.", .count), .always("amount", "As 9.99.", .text),
        .always("currency", "As USD.", .text), .always("status", "Where it is.", .choice(PaymentStatus.allCases.map(\.rawValue))),
        .always("provider", "Its name.", .text), .always("provider_payment_id", "The provider's id.", .nullable(.text)),
        .always("created_at", "When.", .time), .maybe("instructions", "How to pay; in the answer to create.", .anything),
    ]
    static let paymentExample: JSON = [
        "id": 1, "user_id": 2, "amount": "9.99", "currency": "USD", "status": "pending", "provider": "manual", "provider_payment_id": nil,
        "created_at": "2026-11-21T00:00:00.000Z",
    ]
    static let paymentView = View("OlderPayment", paymentFields, example: paymentExample)
    static func list(_ view: View) -> View { View(nil, .list(of: view.schema, count: 0...1000), example: [view.example]) }
    static let messageView = View(
        "OlderMessage",
        [.always("msg", "What was done.", .text), .maybe("tariff_id", "Number.", .count), .maybe("user_id", "Number.", .count)],
        example: ["msg": "tariff deleted", "tariff_id": 1])

    static let writes = ProblemKind.ofSignIn + ProblemKind.ofStore + [.csrf, .notFound, .badRequest, .conflict]
    static let number = Shape(Field<Int64>.integer("id", "The number.", 1...Int64.max), make: { $0 })
    struct Part: Sendable { let skip: Int64, limit: Int64 }
    static func part(_ standard: Int64) -> Shape<Part> {
        Shape(
            Field<Int64>.integer("skip", "How many to leave out.", 0...1_000_000_000).or(0),
            Field<Int64>.integer("limit", "How many at most.", 1...100).or(standard), make: Part.init)
    }
}

extension SessionDoor {
    /// Who calls, in the words of the older interface.
    func olderCustomer(_ request: Request) async throws -> CustomerContext {
        func refusal(_ sentence: String) -> Problem {
            var problem = Problem(.unauthorized, sentence)
            problem.headers.set("www-authenticate", "Bearer")
            return problem
        }
        guard request.headers["authorization"] != nil || request.headers["cookie"] != nil else { throw refusal("Not authenticated") }
        do { return try await customer(request) } catch is TokenError {
            throw refusal("Could not validate credentials")
        } catch let problem as Problem where problem.kind == .unauthorized {
            // Blocking ends logins. Apps of the older interface tell a blocked user from one whose login is over by the status.
            if try await isOfBlockedUser(request) { throw Problem(.forbidden, "User not active") }
            throw refusal("Could not validate credentials")
        }
    }
}
