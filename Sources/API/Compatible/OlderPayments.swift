internal import Billing
internal import Domain
public import HTTP
internal import Secrets
internal import Store

/// `/payments/*` and the providers' webhooks.
public struct OlderPayments: Sendable {
    private let front: Storefront
    public init(_ front: Storefront) { self.front = front }

    public var endpoints: [MountedEndpoint] {
        [create("/payments"), create("/payments/create"), list, status, get, invoice].mounted { try await front.olderCustomer($0) }
            + [update, delete].mounted { try await front.olderAdmin($0) }
            + [webhook("/payments/webhook")].mounted { _ in PublicContext() } + [providerHook.mounted]
    }

    private struct Wish: Sendable {
        let user: Int64?, tariff: Int64?, amount: String?, currency: Currency?, provider: String, providerID: String?
    }
    private static let provider = Field<String>.text(
        "provider", "manual, webhook, telegram, stripe, balance or a shop's name.", length: 1...32
    ).map {
        text throws(ParseError) in
        guard text.utf8.allSatisfy({ (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2d || $0 == 0x5f }) else {
            throw ParseError("lower-case letters, digits, - and _")
        }
        return text
    }
    private static let providerID = Field<String>.text("provider_payment_id", "The provider's id.", length: 1...255).optional
    private static let currency = Field<String>.text("currency", "As USD.", length: 3...3).map { text throws(ParseError) in
        try Currency(parsing: text)
    }.optional
    private static let wish = Shape(
        Field<Int64>.integer("user_id", "Somebody else's number; admins only.", 1...Int64.max).optional,
        Field<Int64>.integer("tariff_id", "The tariff's number; without one the balance is topped up.", 1...Int64.max).optional,
        Field<String>.amountText("amount", "The tariff's price when left out.").optional, currency, provider, providerID, make: Wish.init
    ).ignoringUnknownFields

    private static func amount(_ text: String, _ currency: Currency) throws -> Money {
        do throws(ParseError) {
            let money = try Money(parsing: text, currency)
            guard money.minorUnits > 0 else { throw ParseError("more than 0") }
            return money
        } catch { throw InputErrors(fields: [FieldError("amount", error.message)]) }
    }

    private func create(_ template: String) -> Endpoint<CustomerContext> {
        Endpoint(
            .post, template, "Begin a payment", tag: "Older VPN interface", audience: .customer, takes: .body(Self.wish),
            replies: .ok(Storefront.paymentView), problems: Storefront.writes, dialect: .detail
        ) { input, context in
            let body = input.body
            var user = context.user
            let isAdmin = user.role == .admin
            if let number = body.user, number != user.number {
                guard isAdmin else { throw Problem(.forbidden, "Not allowed") }
                user = try await front.user(number: number)
            }
            var plan: Plan?
            if let number = body.tariff { plan = try await front.plan(number: number) }
            let currency = body.currency ?? plan?.terms.price.currency ?? .usd
            guard body.amount != nil || plan != nil else {
                throw InputErrors(fields: [FieldError("amount", "is required without a tariff")])
            }
            let mayName = isAdmin || front.doors.payerMayNameID(of: body.provider)
            try front.checkMayBuy(context.user)
            let wish = Sales.Wish(
                user: user.id, plan: plan?.id, amount: try body.amount.map { try Self.amount($0, currency) }, provider: body.provider,
                providerPaymentID: mayName ? body.providerID : nil)
            let payment: Payment
            do {
                payment = try await front.older {
                    try await front.sales.begin(wish, actor: context.user.id.text, request: input.request.id)
                }
            } catch StoreError.conflict(.providerPayment) { throw Problem(.conflict, "provider_payment_id is in use") }
            var shown = Storefront.json(payment, user: user.number)
            shown["instructions"] = front.doors.instructions(for: payment)
            return .json(.object(shown))
        }
    }

    /// The payment, its payer's number, and whether the caller may see it.
    private func find(_ number: Int64, _ context: CustomerContext) async throws -> (Payment, Int64) {
        let found = try await front.store.read { reader throws(StoreError) -> (Payment, Int64)? in
            guard let payment = try reader.payment(number: number), let user = try reader.user(payment.userID) else { return nil }
            return (payment, user.number)
        }
        guard let found else { throw Problem(.notFound, "Payment not found") }
        guard found.0.userID == context.user.id || context.user.role == .admin else { throw Problem(.forbidden, "Not allowed") }
        return found
    }

    private var list: Endpoint<CustomerContext> {
        Endpoint(
            .get, "/payments", "Payments", tag: "Older VPN interface", audience: .customer, takes: .query(Storefront.part(100)),
            replies: .ok(Storefront.list(Storefront.paymentView)), problems: ProblemKind.ofSignIn + ProblemKind.ofStore, dialect: .detail,
            about: "One's own; admins see all."
        ) { input, context in
            let (part, user) = (input.query, context.user)
            let found = try await front.store.read { reader throws(StoreError) -> [(Payment, Int64)] in
                let page = try reader.payments(
                    of: user.role == .admin ? nil : user.id, offset: Int(part.skip), limit: Int(part.limit))
                var found: [(Payment, Int64)] = []
                for payment in page.items { found.append((payment, try reader.user(payment.userID)?.number ?? 0)) }
                return found
            }
            return .json(.array(found.map { .object(Storefront.json($0.0, user: $0.1)) }))
        }
    }
    private var get: Endpoint<CustomerContext> {
        Endpoint(
            .get, "/payments/{id}", "One payment", tag: "Older VPN interface", audience: .customer, takes: .path(Storefront.number),
            replies: .ok(Storefront.paymentView), problems: ProblemKind.ofSignIn + ProblemKind.ofStore + [.notFound], dialect: .detail
        ) { input, context in
            let (payment, user) = try await find(input.path, context)
            return .json(.object(Storefront.json(payment, user: user)))
        }
    }
    private static let statusView = View(
        "OlderPaymentStatus",
        [
            .always("id", "Number.", .count), .always("status", "Where it is.", .text), .always("provider", "Its name.", .text),
            .always("amount", "As 9.99.", .text), .always("currency", "As USD.", .text),
            .always("peer_state", "What it bought; null before.", .nullable(.text)),
        ], example: ["id": 1, "status": "completed", "provider": "manual", "amount": "9.99", "currency": "USD", "peer_state": "active"])
    private var status: Endpoint<CustomerContext> {
        Endpoint(
            .get, "/payments/status/{id}", "How a payment stands", tag: "Older VPN interface", audience: .customer,
            takes: .path(Storefront.number), replies: .ok(Self.statusView),
            problems: ProblemKind.ofSignIn + ProblemKind.ofStore + [.notFound], dialect: .detail
        ) { input, context in
            let (payment, _) = try await find(input.path, context)
            let service = try await front.store.read { reader throws(StoreError) -> Service? in
                guard let id = payment.subscriptionID else { return nil }
                return try reader.services(ServiceFilter(subscription: id), limit: 1).items.first
            }
            return [
                "id": .int(payment.number), "status": .string(payment.status.rawValue), "provider": .string(payment.provider),
                "amount": .string(payment.amount.text), "currency": .string(payment.amount.currency.code),
                "peer_state": service.map { .string($0.shownState) } ?? .null,
            ]
        }
    }
    private var invoice: Endpoint<CustomerContext> {
        Endpoint(
            .get, "/payments/{id}/invoice", "The invoice of a payment", tag: "Billing", audience: .customer,
            takes: .path(
                Storefront.number,
                query: Shape(Field<String>.choice("format", "text or html.", ["text", "html"]).or("text"), make: { $0 })),
            replies: .text("text/plain; charset=utf-8", "As text, or as a page.", example: "Invoice INV-000001"),
            problems: ProblemKind.ofSignIn + ProblemKind.ofStore + [.notFound], dialect: .detail
        ) { input, context in
            let (payment, _) = try await find(input.path, context)
            let invoices = try await front.store.read { reader throws(StoreError) in try reader.invoices(of: payment.id) }
            guard !invoices.isEmpty else { throw Problem(.notFound, "Invoice not found") }
            if input.query == "text" {
                let shown = invoices.map { InvoiceText.plain($0, issuer: front.issuer) }.joined(separator: "\n")
                return .bytes(Array(shown.utf8), type: "text/plain; charset=utf-8")
            }
            return .bytes(
                Array(InvoiceText.page(invoices, issuer: front.issuer).utf8), type: "text/html; charset=utf-8",
                headers: [
                    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"
                ])
        }
    }

    private struct Correction: Sendable { let amount: String?, currency: Currency?, provider: String?, providerID: String? }
    private var update: Endpoint<CustomerContext> {
        Endpoint(
            .put, "/payments/{id}", "Correct a payment", tag: "Older VPN interface", audience: .operators(roles: ["admin"]),
            takes: .path(
                Storefront.number,
                body: Shape(
                    Field<String>.amountText("amount", "As 9.99.").optional, Self.currency, Self.provider.optional, Self.providerID,
                    make: Correction.init
                ).ignoringUnknownFields),
            replies: .ok(Storefront.paymentView), problems: Storefront.writes, dialect: .detail, about: "Never a completed one."
        ) { input, context in
            let (payment, user) = try await find(input.path, context)
            let body = input.body
            let amount = try Self.amount(body.amount ?? payment.amount.text, body.currency ?? payment.amount.currency)
            let request = input.request.id
            let changed = try await front.store.transaction { transaction throws(StoreError) -> Payment? in
                guard
                    try transaction.updatePendingPayment(
                        payment.id, amount: amount, provider: body.provider ?? payment.provider,
                        providerPaymentID: body.providerID ?? payment.providerPaymentID)
                else { return nil }
                try transaction.audit(
                    actor: context.user.id.text, action: "payment.correct", subject: payment.id.text,
                    after: JSON.object(["amount": .string(amount.text)]).text, requestID: request)
                return try transaction.payment(payment.id)
            }
            guard let changed else { throw Problem(.conflict, "Payment is completed") }
            return .json(.object(Storefront.json(changed, user: user)))
        }
    }
    private var delete: Endpoint<CustomerContext> {
        Endpoint(
            .delete, "/payments/{id}", "Delete a payment", tag: "Older VPN interface", audience: .operators(roles: ["admin"]),
            takes: .path(Storefront.number), replies: .ok(Storefront.messageView), problems: Storefront.writes, dialect: .detail,
            about: "Never a completed one."
        ) { input, context in
            let (payment, _) = try await find(input.path, context)
            let request = input.request.id
            let isGone = try await front.store.transaction { transaction throws(StoreError) -> Bool in
                try transaction.audit(
                    actor: context.user.id.text, action: "payment.delete", subject: payment.id.text, requestID: request)
                return try transaction.deletePendingPayment(payment.id)
            }
            guard isGone else { throw Problem(.conflict, "Payment is completed") }
            return ["msg": "deleted"]
        }
    }

    // MARK: What providers tell

    private static let receivedView = View(
        "PaymentReceived",
        [
            .always("ok", "Always true.", .boolean), .maybe("payment_id", "Number.", .count), .maybe("status", "Where it is.", .text),
            .maybe("duplicate", "Whether it was known.", .boolean),
        ], example: ["ok": true, "payment_id": 1, "status": "completed", "duplicate": false])
    private static let anything = Shape(make: { true }).ignoringUnknownFields
    private static let hookProblems = ProblemKind.ofStore + [.badRequest, .unauthorized, .notFound, .conflict, .doorClosed]

    private func webhook(_ template: String) -> Endpoint<PublicContext> {
        Endpoint(
            .post, template, "A provider's word about a payment", tag: "Webhooks", audience: .anyone, takes: .body(Self.anything),
            replies: .ok(Self.receivedView), problems: Self.hookProblems, dialect: .detail,
            about: "With `X-Webhook-Signature: t=<unix>,v1=<hex>`, or the secret token of the Telegram bot.", bodyLimitBytes: 65_536
        ) { input, _ in try await take(input.request, at: nil) }
    }
    private var providerHook: Endpoint<PublicContext> {
        Endpoint(
            .post, "/hooks/payments/{provider}", "A provider's word at its own address", tag: "Webhooks", audience: .anyone,
            takes: .path(Shape(Field<String>.text("provider", "Its name.", length: 1...32), make: { $0 }), body: Self.anything),
            replies: .ok(Self.receivedView), problems: Self.hookProblems, dialect: .detail, bodyLimitBytes: 65_536
        ) { input, _ in
            guard front.doors.provider(named: input.path) != nil else { throw Problem(.notFound) }
            return try await take(input.request, at: input.path)
        }
    }

    private func take(_ request: Request, at name: String?) async throws -> Answer {
        let event: PaymentEvent
        do throws(PaymentRefusal) {
            event = try front.doors.event(at: name, headers: request.headers, body: request.body, now: front.store.ambient.now())
        } catch {
            switch error {
            case .closed: throw Problem(.doorClosed)
            case .badSignature: throw Problem(.unauthorized, "bad signature")
            case .staleSignature: throw Problem(.unauthorized, "stale signature")
            case .badBody(let errors):
                throw Problem(.badRequest, errors.fields.map { "\($0.field) \($0.message)" }.joined(separator: "; "))
            case .notOurs: return ["ok": true, "duplicate": false]
            }
        }
        let digest = Hashing.sha256(request.body)
        switch try await front.sales.receive(event, bodyDigest: digest, request: request.id) {
        case .done(let payment, let isDuplicate):
            return [
                "ok": true, "payment_id": .int(payment.number), "status": .string(payment.status.rawValue), "duplicate": .bool(isDuplicate),
            ]
        case .unknownPayment: throw Problem(.notFound, "Payment not found")
        case .mismatch: throw Problem(.conflict, "payment mismatch")
        }
    }
}

extension ProblemKind {
    public static let doorClosed = ProblemKind(503, "door_closed", "No secret is set for this way in.", mayRepeat: false)
}

extension Service {
    /// One word for people: what it is, and while that is not settled, what is being done.
    var shownState: String {
        switch (desired, actual) {
        case (.active, .active): "active"
        case (.suspended, .suspended), (.suspended, .absent), (.suspended, .gone): "suspended"
        case (.terminated, .gone), (.terminated, .absent): "terminated"
        case (.active, .absent), (.active, .unknown), (.active, .gone): failure == nil ? "provisioning" : "failed"
        case (.active, .suspended): "resuming"
        case (.suspended, .active), (.suspended, .unknown): "suspending"
        case (.terminated, .active), (.terminated, .suspended), (.terminated, .unknown): "terminating"
        }
    }
}
