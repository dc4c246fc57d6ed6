internal import Billing
internal import Domain
public import HTTP
internal import Provisioning
internal import Secrets
internal import Store

/// `/vpn_peers/*` and `/vpn/*` as existing apps and bots of VPN services call them. A peer is a service of kind `vpn`; its number is the id.
public struct OlderPeers: Sendable {
    let front: Storefront
    let configs: ServiceConfigs
    /// How long a caller of create waits for a node.
    static let waitMilliseconds: Int64 = 10_000

    public init(_ front: Storefront, _ configs: ServiceConfigs) { (self.front, self.configs) = (front, configs) }

    public var endpoints: [MountedEndpoint] {
        [
            create("/vpn_peers", forOthers: true), create("/vpn_peers/self", forOthers: false),
            create("/vpn/create_peer", forOthers: false),
            config("/vpn_peers/self/config"), config("/vpn/config"), status, list, get, update, pause("deactivate"), pause("activate"),
            delete,
        ].mounted { try await front.olderCustomer($0) }
    }

    static let reading = ProblemKind.ofSignIn + ProblemKind.ofStore + [.notFound, .badRequest]
    static let number = Shape(Field<Int64>.integer("id", "The peer's number.", 1...Int64.max), make: { $0 })

    struct Wish: Sendable { let user: Int64?, key: String?, address: String?, allowed: String?, device: String? }
    static let wish = Shape(
        Field<Int64>.integer("user_id", "Somebody else's number; admins only.", 1...Int64.max).optional,
        Field<String>.text("wg_public_key", "The device's own; left out: one is made.", length: 1...64).optional,
        Field<String>.text("wg_ip", "As 10.8.0.7/32; left out: the next free one.", length: 1...64).optional,
        Field<String>.text(
            "allowed_ips", "What the device sends into the tunnel, with commas; left out: as the node says.", length: 0...512
        ).optional,
        Field<String>.text("device_name", "Shown in lists, and the file's name.", length: 1...64).map { text throws(ParseError) in
            guard text.unicodeScalars.allSatisfy({ $0.value >= 0x20 }) else { throw ParseError("one line") }
            return text
        }.optional, make: Wish.init
    ).ignoringUnknownFields

    // MARK: Making

    private func create(_ template: String, forOthers: Bool) -> Endpoint<CustomerContext> {
        Endpoint(
            .post, template, "Make a peer", tag: "Older VPN interface", audience: .customer, takes: .body(Self.wish),
            replies: .ok(Self.view), problems: Storefront.writes + [.badGateway], dialect: .detail,
            about: "The private key, when we made it, is in this answer and in the config only."
        ) { input, context in
            var user = context.user
            if forOthers, let number = input.body.user, number != user.number {
                guard user.role == .admin else { throw Problem(.forbidden, "Not allowed") }
                user = try await front.user(number: number)
            }
            let service = try await make(input.body, for: user, by: context.user, input.request.id)
            let secret: [UInt8]?
            do { secret = try await front.sales.orders.secret(of: service, in: front.store) } catch is SecretsError {
                throw Problem(.configUnreadable)
            }
            let key = secret.flatMap { bytes in (try? JSON(parsing: bytes))?["private_key"].string }
            return .json(.object(try await shown(service, privateKey: key)), headers: ["cache-control": "no-store"])
        }
    }

    private func make(_ wish: Wish, for user: User, by caller: User, _ request: RequestID?) async throws -> Service {
        guard let subscription = try await subscription(of: user.id) else { throw Problem(.forbidden, "no_active_subscription") }
        var options = try Self.options(wish)
        if options["allowed_ips"] == .null { options["allowed_ips"] = nil }
        let made: (service: Service, operation: Operation)
        do throws(StoreError) {
            made = try await front.sales.addService(
                to: subscription.id, label: wish.device ?? "vpn", options: .object(options), actor: caller.id.text, request: request)
        } catch {
            throw Self.problem(error, hasKey: wish.key != nil)
        }
        let operation = try await Waiting(front.store).finish(
            made.operation.id, withinMilliseconds: Self.waitMilliseconds, firstTry: true)
        let kept = try await front.store.read { reader throws(StoreError) in try reader.service(made.service.id) } ?? made.service
        guard let failure = operation?.failure ?? kept.failure else { return kept }
        // Whoever asked hears that it failed and asks again: nothing may come of this one later.
        let id = kept.id
        _ = try await front.store.transaction { [orders = front.sales.orders] transaction throws(StoreError) in
            try orders.change(id, .terminate, actor: "system", request: request, in: transaction)
        }
        let cause = failure.prefix { $0 != ":" }
        guard cause != "no capacity" else { throw Problem(.conflict, "address pool exhausted") }
        throw Problem(.badGateway, "failed to create remote wg-easy client: \(cause)")
    }

    private static func problem(_ error: StoreError, hasKey: Bool) -> any Error {
        guard case .refused(let code) = error else { return error }
        switch Orders.Refusal(rawValue: code) {
        case .noCapacity: return Problem(.conflict, "address pool exhausted")
        case .taken: return Problem(.conflict, "public key or address in use")
        case .tooMany: return Problem(.conflict, "peer limit reached")
        case .badOptions:
            return InputErrors(fields: [FieldError(hasKey ? "wg_public_key" : "wg_ip", "cannot be used on this node")])
        default: return Problem(.forbidden, "no_active_subscription")
        }
    }

    /// The newest running one for peers.
    func subscription(of user: UserID) async throws -> Subscription? {
        try await front.store.read { reader throws(StoreError) in
            for one in try reader.subscriptions(of: user) where one.status == .active {
                if try reader.plan(one.planID)?.terms.kind == .vpn { return one }
            }
            return nil
        }
    }

    // MARK: Reading

    /// - Throws: 404, or 403 for somebody else's.
    func find(_ number: Int64, _ context: CustomerContext) async throws -> Service {
        let found = try await front.store.read { reader throws(StoreError) in try reader.service(number: number) }
        guard let found, found.kind == .vpn, found.endedAt == nil else { throw Problem(.notFound, "Peer not found") }
        guard found.ownerID == context.user.id || context.user.role == .admin else { throw Problem(.forbidden, "Not allowed") }
        return found
    }
    /// The newest that still counts.
    private func newest(of user: UserID) async throws -> Service? {
        try await front.store.read { reader throws(StoreError) in
            try reader.liveServices(ServiceFilter(owner: user, kind: .vpn), offset: 0, limit: 1000).last { $0.desired != .terminated }
        }
    }

    private func config(_ template: String) -> Endpoint<CustomerContext> {
        Endpoint(
            .get, template, "The config of one's peer", tag: "Older VPN interface", audience: .customer, takes: .query(ConfigAnswer.format),
            replies: ConfigAnswer.replies, problems: Self.reading + ConfigAnswer.problems + [.tooManyAttempts], dialect: .detail
        ) { input, context in
            guard try await subscription(of: context.user.id) != nil else { throw Problem(.forbidden, "no_active_subscription") }
            guard let peer = try await newest(of: context.user.id) else { throw Problem(.notFound, "No peer found for user") }
            let config = try await configs.deliver(peer, to: context, input.request.id)
            return try ConfigAnswer.answer(config, format: input.query, accept: input.request.headers["accept"])
        }
    }

    private var status: Endpoint<CustomerContext> {
        Endpoint(
            .get, "/vpn/status", "Whether one's peer works", tag: "Older VPN interface", audience: .customer, takes: .nothing,
            replies: .ok(Self.statusView), problems: Self.reading, dialect: .detail
        ) { _, context in
            let running = try await subscription(of: context.user.id)
            let peer = try await newest(of: context.user.id)
            let meter: ServiceMeter? =
                if let peer { try await front.store.read { reader throws(StoreError) in try reader.meter(of: peer.id) } } else { nil }
            let isActive = peer.map { $0.desired == .active && $0.actual == .active } ?? false
            return [
                "allowed": .bool(running != nil), "state": running != nil ? "active" : peer != nil ? "expired" : "none",
                "peer_active": .bool(isActive), "expires_at": running?.endsAt.map { .string($0.text) } ?? .null,
                "latest_handshake_at": meter?.handshakeAt.map { .string($0.text) } ?? .null,
                "rx": .int(meter?.transfer.totalReceived ?? 0), "tx": .int(meter?.transfer.totalSent ?? 0),
            ]
        }
    }

    private struct Selection: Sendable { let user: Int64?, skip: Int64, limit: Int64 }
    private var list: Endpoint<CustomerContext> {
        Endpoint(
            .get, "/vpn_peers", "Peers", tag: "Older VPN interface", audience: .customer,
            takes: .query(
                Shape(
                    Field<Int64>.integer("user_id", "Only this person's; admins only.", 1...Int64.max).optional,
                    Field<Int64>.integer("skip", "How many to leave out.", 0...1_000_000_000).or(0),
                    Field<Int64>.integer("limit", "How many at most.", 1...100).or(100), make: Selection.init)),
            replies: .ok(Storefront.list(Self.view)), problems: Self.reading, dialect: .detail, about: "One's own; admins see all."
        ) { input, context in
            var filter = ServiceFilter(kind: .vpn)
            if context.user.role == .admin {
                if let number = input.query.user { filter.owner = try await front.user(number: number).id }
            } else {
                guard input.query.user == nil || input.query.user == context.user.number else { throw Problem(.forbidden, "Not allowed") }
                filter.owner = context.user.id
            }
            let (chosen, part) = (filter, input.query)
            let found = try await front.store.read { reader throws(StoreError) in
                try reader.liveServices(chosen, offset: Int(part.skip), limit: Int(part.limit))
            }
            var peers: [JSON] = []
            for service in found { peers.append(.object(try await shown(service, privateKey: nil))) }
            return .json(.array(peers))
        }
    }
    private var get: Endpoint<CustomerContext> {
        Endpoint(
            .get, "/vpn_peers/{id}", "One peer", tag: "Older VPN interface", audience: .customer, takes: .path(Self.number),
            replies: .ok(Self.view), problems: Self.reading, dialect: .detail
        ) { input, context in .json(.object(try await shown(try await find(input.path, context), privateKey: nil))) }
    }

    // MARK: Changing

    private var update: Endpoint<CustomerContext> {
        Endpoint(
            .put, "/vpn_peers/{id}", "Change a peer", tag: "Older VPN interface", audience: .customer,
            takes: .path(Self.number, body: Self.wish), replies: .ok(Self.view), problems: Storefront.writes, dialect: .detail,
            about:
                "What is given changes: name, the device's key, the address, what it sends into the tunnel. The time that was paid for stays."
        ) { input, context in
            let service = try await find(input.path, context)
            try await checkOwner(input.body.user, of: service, context)
            try await reshape(service, to: input.body, context, input.request.id)
            if let label = input.body.device, label != service.label {
                let (actor, request) = (context.user.id.text, input.request.id)
                try await front.store.transaction { transaction throws(StoreError) in
                    try transaction.setServiceLabel(label, of: service.id)
                    try transaction.audit(
                        actor: actor, action: "service.rename", subject: service.id.text, before: JSON.string(service.label).text,
                        after: JSON.string(label).text, requestID: request)
                }
            }
            return .json(.object(try await shown(try await find(input.path, context), privateKey: nil)))
        }
    }

    /// A peer belongs to the time that its owner has paid for.
    private func checkOwner(_ number: Int64?, of service: Service, _ context: CustomerContext) async throws {
        guard let number else { return }
        let owner = try await front.store.read { reader throws(StoreError) in
            try service.ownerID.flatMap { id throws(StoreError) in try reader.user(id)?.number }
        }
        guard owner != number else { return }
        guard context.user.role == .admin else { throw Problem(.forbidden, "Not allowed") }
        throw Problem(.conflict, "a peer stays with its owner; make another peer")
    }

    private func reshape(_ service: Service, to wish: Wish, _ context: CustomerContext, _ request: RequestID?) async throws {
        var wishes = try Self.options(wish)
        if wish.key == service.details["public_key"].string { wishes["public_key"] = nil }
        if wish.address == Self.address(service) { wishes["address"] = nil }
        guard !wishes.isEmpty else { return }
        let operation: Operation?
        do throws(StoreError) {
            operation = try await front.sales.reshape(service, to: wishes, actor: context.user.id.text, request: request)
        } catch { throw Self.problem(error, hasKey: wishes["public_key"] != nil) }
        guard let operation else { return }
        _ = try await Waiting(front.store).finish(operation.id, withinMilliseconds: Self.waitMilliseconds, firstTry: true)
    }

    /// What was wished, as the driver's options.
    private static func options(_ wish: Wish) throws(InputErrors) -> JSONObject {
        var options: JSONObject = [:]
        if let key = wish.key { options["public_key"] = .string(key) }
        if let address = wish.address { options["address"] = .string(address) }
        if let allowed = wish.allowed {
            let networks = allowed.split(separator: ",").map { String($0.filter { $0 != " " }) }.filter { !$0.isEmpty }
            for network in networks where IPNetwork(network) == nil {
                throw InputErrors(fields: [FieldError("allowed_ips", "must be a list of networks")])
            }
            options["allowed_ips"] = networks.isEmpty ? .null : .array(networks.map { .string($0) })
        }
        return options
    }

    /// An admin's word outweighs the owner's: only an admin takes it back.
    private func pause(_ verb: String) -> Endpoint<CustomerContext> {
        let closes = verb == "deactivate"
        return Endpoint(
            .post, "/vpn_peers/{id}/\(verb)", closes ? "Close a peer for now" : "Open a peer again", tag: "Older VPN interface",
            audience: .customer, takes: .path(Self.number), replies: .ok(Self.view), problems: Storefront.writes, dialect: .detail
        ) { input, context in
            let service = try await find(input.path, context)
            let isAdmin = context.user.role == .admin && service.ownerID != context.user.id
            if !closes, let owner = service.ownerID, try await subscription(of: owner) == nil {
                throw Problem(.forbidden, "no_active_subscription")
            }
            let change: Orders.Change =
                switch (closes, isAdmin) {
                case (true, true): .suspend(Suspension(.operator, by: .operator))
                case (true, false): .suspend(.ownPause)
                case (false, true): .lift(.operator, only: [.operator])
                case (false, false): .lift(.owner)
                }
            try await apply(change, to: service, context, input.request.id)
            return .json(.object(try await shown(try await find(input.path, context), privateKey: nil)))
        }
    }

    private var delete: Endpoint<CustomerContext> {
        Endpoint(
            .delete, "/vpn_peers/{id}", "Delete a peer", tag: "Older VPN interface", audience: .customer, takes: .path(Self.number),
            replies: .ok(Storefront.messageView), problems: Storefront.writes, dialect: .detail
        ) { input, context in
            try await apply(.terminate, to: try await find(input.path, context), context, input.request.id)
            return ["msg": "deleted"]
        }
    }

    /// Waits for the node; one that does not answer is asked again in the background.
    private func apply(_ change: Orders.Change, to service: Service, _ context: CustomerContext, _ request: RequestID?) async throws {
        let operation = try await front.sales.command(
            service.id, change, isOwner: context.user.role != .admin, actor: context.user.id.text, request: request)
        _ = try await Waiting(front.store).finish(operation.id, withinMilliseconds: Self.waitMilliseconds, firstTry: true)
    }
}
