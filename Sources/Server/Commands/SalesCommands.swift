internal import Billing
internal import Domain
internal import Provisioning
internal import Store
internal import Telemetry

/// `gatehouse plan …`, `service …`, `payment …`. They change what shall be; a running server's workers carry it out within a second.
extension Command {
    static func withSales(
        schema: Instance.SchemaRule = .keep, _ work: @escaping (Instance, SalesParts) async throws -> Void
    ) async throws {
        try await withInstance(schema: schema) { instance in
            let vault = try await Vault.open(instance.settings, instance.store)
            let parts = try SalesParts(
                settings: instance.settings, store: instance.store, dataKeys: vault.dataKeys, hasher: vault.hasher, log: .silent,
                metrics: Metrics(), changed: {})
            try await work(instance, parts)
        }
    }

    /// Reads what a person wrote as an argument.
    static func read<Value>(_ name: String, _ parse: () throws(ParseError) -> Value) throws(Failure) -> Value {
        do throws(ParseError) { return try parse() } catch { throw Failure("\(name) \(error.message)", exitCode: 2) }
    }

    private static func json(_ plan: Plan) -> JSON {
        [
            "id": .string(plan.id.text), "number": .int(plan.number), "kind": .string(plan.terms.kind.text),
            "name": .string(plan.terms.name),
            "price": .string(plan.terms.price.text), "currency": .string(plan.terms.price.currency.code),
            "duration_days": plan.terms.durationSeconds.map { .int($0 / 86_400) } ?? .null, "limits": plan.terms.limits,
            "status": .string(plan.status.rawValue),
        ]
    }

    static let planCreate = Command(
        name: "plan create", usage: "NAME --kind KIND --price AMOUNT [--currency USD] [--days N] [--limits JSON] [--services N]",
        about: "Makes a plan that can be bought.\nLimits are those of the kind, as '{\"concurrent\":2}' for relay.",
        valued: ["kind", "price", "currency", "days", "limits", "services"]
    ) { arguments in
        let name = try arguments.operands("name")[0]
        let kindText = try arguments.required("kind")
        let kind = try read("--kind") { () throws(ParseError) in try ServiceKind(parsing: kindText) }
        let price = try arguments.required("price")
        let days = try arguments.number("days", 1...36_500)
        let most = try arguments.number("services", 0...1000) ?? 1
        let limits = try read("--limits") { () throws(ParseError) in
            try arguments["limits"].map { text throws(ParseError) in try JSON(parsing: text) } ?? [:]
        }
        try await withSales(schema: .make) { instance, parts in
            let currency = try read("--currency") { () throws(ParseError) in
                try arguments["currency"].map { text throws(ParseError) in try Currency(parsing: text) } ?? instance.settings.currency
            }
            let plan: Plan
            do {
                plan = try await PlanMaking(parts.sales).make(
                    kind: kind, name: name, description: "", days: days, price: price, currency: currency, limits: limits, most: most,
                    makesService: true, actor: "command")
            } catch StoreError.conflict(.planName) { throw Failure("there is a plan \(name) already") }
            Output.show(arguments, json(plan), "\(plan.id.text)  \(plan.number)  \(plan.terms.name)  \(plan.terms.price)")
        }
    }

    static let planList = Command(name: "plan list", usage: "", about: "Lists plans.") { arguments in
        _ = try arguments.operands()
        try await withInstance { instance in
            let plans = try await instance.store.read { reader throws(StoreError) in try reader.plans(limit: 1000).items }
            Output.show(
                arguments, .array(plans.map(json)),
                Output.table(
                    ["NUMBER", "NAME", "KIND", "PRICE", "DAYS", "STATUS"],
                    plans.map {
                        [
                            String($0.number), $0.terms.name, $0.terms.kind.text, "\($0.terms.price)",
                            $0.terms.durationSeconds.map { String($0 / 86_400) } ?? "-", $0.status.rawValue,
                        ]
                    }))
        }
    }

    static let planRetire = Command(name: "plan retire", usage: "NUMBER", about: "Sells a plan no more; what was bought stays.") {
        arguments in
        let text = try arguments.operands("number")[0]
        guard let number = Int64(text) else { throw Failure("the number must be a whole number", exitCode: 2) }
        try await withInstance { instance in
            let isDone = try await instance.store.transaction { transaction throws(StoreError) -> Bool in
                guard let plan = try transaction.plan(number: number) else { return false }
                try transaction.audit(actor: "command", action: "plan.retire", subject: plan.id.text)
                return try transaction.updatePlan(plan.id, plan.terms, status: .retired)
            }
            guard isDone else { throw Failure("there is no plan \(number)") }
            Output.show(arguments, ["number": .int(number), "status": "retired"], "plan \(number) retired")
        }
    }

    // MARK: Services

    private static func json(_ service: Service) -> JSON {
        [
            "id": .string(service.id.text), "number": .int(service.number), "kind": .string(service.kind.text),
            "label": .string(service.label), "desired": .string(service.desired.rawValue), "actual": .string(service.actual.rawValue),
            "owner_id": service.ownerID.map { .string($0.text) } ?? .null, "details": service.details,
            "failure": service.failure.map { .string($0) } ?? .null,
        ]
    }
    private static func serviceID(_ arguments: Arguments) throws -> ServiceID {
        let text = try arguments.operands("id")[0]
        return try read("the id") { () throws(ParseError) in try ServiceID(parsing: text) }
    }

    static let serviceList = Command(
        name: "service list", usage: "[--kind KIND] [--behind]", about: "Lists services; --behind only those with something to do.",
        valued: ["kind"], flags: ["behind"]
    ) { arguments in
        _ = try arguments.operands()
        let kind = try read("--kind") { () throws(ParseError) in
            try arguments["kind"].map { text throws(ParseError) in try ServiceKind(parsing: text) }
        }
        let filter = ServiceFilter(kind: kind, isBehind: arguments.has("behind"))
        try await withInstance { instance in
            var services: [Service] = []
            while true {
                let last = services.last?.id
                let page = try await instance.store.read { reader throws(StoreError) in
                    try reader.services(filter, after: last, limit: 1000)
                }
                services += page.items
                guard page.hasMore else { break }
            }
            Output.show(
                arguments, .array(services.map(json)),
                Output.table(
                    ["ID", "KIND", "LABEL", "SHALL BE", "IS", "FAILURE"],
                    services.map { [$0.id.text, $0.kind.text, $0.label, $0.desired.rawValue, $0.actual.rawValue, $0.failure ?? "-"] }))
        }
    }

    static let serviceShow = Command(name: "service show", usage: "ID", about: "Shows a service with its last commands.") { arguments in
        let id = try serviceID(arguments)
        try await withInstance { instance in
            let found = try await instance.store.read { reader throws(StoreError) in
                (try reader.service(id), try reader.suspensions(of: id), try reader.operations(of: id))
            }
            guard let service = found.0 else { throw Failure("there is no service \(id.text)") }
            let reasons = found.1.map { "\($0.reason.rawValue) by \($0.authority.rawValue)" }.sorted()
            var shown = json(service).object ?? [:]
            shown["suspensions"] = .array(reasons.map { .string($0) })
            var lines = ["\(service.id.text)  \(service.kind)  \(service.label)"]
            lines.append("shall be \(service.desired.rawValue), is \(service.actual.rawValue)")
            if !reasons.isEmpty { lines.append("suspended: \(reasons.joined(separator: ", "))") }
            if let failure = service.failure { lines.append("failure: \(failure)") }
            lines += found.2.map { "\($0.createdAt.text)  \($0.verb)  \($0.state.rawValue)  by \($0.actor)" }
            Output.show(arguments, .object(shown), lines.joined(separator: "\n"))
        }
    }

    private static func change(_ arguments: Arguments, _ change: Orders.Change, _ done: String) async throws {
        let id = try serviceID(arguments)
        try await withSales { instance, parts in
            do {
                let operation = try await instance.store.transaction { transaction throws(StoreError) in
                    try parts.sales.orders.change(id, change, actor: "command", in: transaction)
                }
                Output.show(
                    arguments, ["id": .string(id.text), "operation_id": .string(operation.id.text)],
                    "\(id.text) \(done); operation \(operation.id.text)")
            } catch StoreError.refused("service_unknown") { throw Failure("there is no service \(id.text)") } catch StoreError.refused(
                "service_terminated")
            { throw Failure("\(id.text) has ended for good") }
        }
    }

    static let serviceSuspend = Command(
        name: "service suspend", usage: "ID [--abuse]", about: "Stops a service until an operator resumes it.", flags: ["abuse"]
    ) { arguments in
        try await change(arguments, .suspend(Suspension(arguments.has("abuse") ? .abuse : .operator, by: .operator)), "will be suspended")
    }
    static let serviceResume = Command(
        name: "service resume", usage: "ID", about: "Lets a service run again, whatever it was suspended for."
    ) { arguments in try await change(arguments, .lift(.operator), "will be resumed") }
    static let serviceTerminate = Command(
        name: "service terminate", usage: "ID --yes", about: "Ends a service for good. Needs --yes.", flags: ["yes"]
    ) { arguments in
        guard arguments.has("yes") else { throw Failure("this cannot be undone; say --yes", exitCode: 2) }
        try await change(arguments, .terminate, "will be ended")
    }

    static let serviceReconcile = Command(
        name: "service reconcile", usage: "[--force]",
        about:
            "Compares what is at the backends with what we know and mends it.\n--force also when the difference is larger than the brake allows.",
        flags: ["force"]
    ) { arguments in
        _ = try arguments.operands()
        try await withSales { _, parts in
            let reports = try await parts.reconcile.pass(isForced: arguments.has("force"))
            _ = try await parts.workers.drain()
            Output.show(
                arguments,
                .array(
                    reports.map {
                        [
                            "place": .string($0.place), "services": .int(Int64($0.services)), "drifted": .int(Int64($0.drifted.count)),
                            "braked": .bool($0.isBraked), "failure": $0.failure.map { .string($0) } ?? .null,
                        ]
                    }),
                Output.table(
                    ["PLACE", "SERVICES", "DRIFTED", "OUTCOME"],
                    reports.map {
                        [
                            $0.place, String($0.services), String($0.drifted.count),
                            $0.failure ?? ($0.isBraked ? "braked: look, then --force" : "mended"),
                        ]
                    }))
            if reports.contains(where: { $0.isBraked || $0.failure != nil }) { throw Failure("not everything could be mended") }
        }
    }

    // MARK: Payments

    private static func json(_ payment: Payment) -> JSON {
        [
            "id": .string(payment.id.text), "number": .int(payment.number), "user_id": .string(payment.userID.text),
            "amount": .string(payment.amount.text), "refunded": .string(payment.refunded.text),
            "currency": .string(payment.amount.currency.code), "status": .string(payment.status.rawValue),
            "provider": .string(payment.provider), "provider_payment_id": payment.providerPaymentID.map { .string($0) } ?? .null,
            "created_at": .string(payment.createdAt.text),
        ]
    }

    static let paymentList = Command(name: "payment list", usage: "", about: "Lists payments, oldest first.") { arguments in
        _ = try arguments.operands()
        try await withInstance { instance in
            var payments: [Payment] = []
            while true {
                let last = payments.last?.number ?? 0
                let page = try await instance.store.read { reader throws(StoreError) in try reader.payments(after: last, limit: 1000) }
                payments += page.items
                guard page.hasMore else { break }
            }
            Output.show(
                arguments, .array(payments.map(json)),
                Output.table(
                    ["NUMBER", "AMOUNT", "STATUS", "PROVIDER", "CREATED"],
                    payments.map { [String($0.number), "\($0.amount)", $0.status.rawValue, $0.provider, $0.createdAt.text] }))
        }
    }

    private static func payment(_ arguments: Arguments, _ work: @escaping (Sales, Payment) async throws -> Payment) async throws {
        let text = try arguments.operands("number")[0]
        guard let number = Int64(text) else { throw Failure("the number must be a whole number", exitCode: 2) }
        try await withSales { instance, parts in
            guard let payment = try await instance.store.read({ reader throws(StoreError) in try reader.payment(number: number) }) else {
                throw Failure("there is no payment \(number)")
            }
            do {
                let done = try await work(parts.sales, payment)
                Output.show(arguments, json(done), "payment \(done.number)  \(done.amount)  \(done.status.rawValue)")
            } catch StoreError.refused(let code) { throw Failure("payment \(number) is \(payment.status.rawValue): \(code)") }
        }
    }

    static let paymentConfirm = Command(
        name: "payment confirm", usage: "NUMBER", about: "Confirms that a payment came, as for the provider `manual`."
    ) { arguments in try await payment(arguments) { sales, payment in try await sales.confirm(payment.id, actor: "command") } }

    static let paymentRefund = Command(
        name: "payment refund", usage: "NUMBER [--amount AMOUNT]",
        about: "Books that money went back.\nAll of it also ends the time that it bought; part of it only books.", valued: ["amount"]
    ) { arguments in
        try await payment(arguments) { sales, payment in
            let amount = try read("--amount") { () throws(ParseError) in
                try arguments["amount"].map { text throws(ParseError) in try Money(parsing: text, payment.amount.currency) }
            }
            return try await sales.refund(payment.id, amount: amount, actor: "command")
        }
    }
}
