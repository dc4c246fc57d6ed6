internal import Domain
public import HTTP
public import Provisioning
internal import Secrets
internal import Store

/// `/api/admin/nodes`: the backends that services live on, as WireGuard nodes.
public struct Nodes: Sendable {
    private let front: Storefront
    private let keeping: BackendKeeping

    public init(_ front: Storefront, _ keeping: BackendKeeping) { (self.front, self.keeping) = (front, keeping) }

    public var endpoints: [MountedEndpoint] {
        let door = front.door
        return [list, get].mounted { try await door.person($0, roles: [.admin, .support]) }
            + ([create, change, test] + [("activate", BackendStatus.active), ("drain", .draining), ("disable", .disabled)].map(status))
            .mounted { try await door.guarded($0, roles: [.admin]) }
    }

    private static let view = View(
        "Node",
        [
            .always("id", "As bck_….", .text), .always("kind", "Of its services.", .text), .always("name", "Its name.", .text),
            .always("address", "As its way reads it.", .text), .always("settings", "Of its way; nothing in them is secret.", .anything),
            .always("has_secret", "Whether a password or key is kept for it.", .boolean),
            .always("capacity", "Services it takes.", .count), .always("services", "Services that live there.", .count),
            .always(
                "status", "Whether it takes new ones, keeps what it has, or is left alone.", .choice(BackendStatus.allCases.map(\.rawValue))
            ),
            .always("braked_at", "Since when reconcile waits for an operator.", .nullable(.time)),
        ],
        example: [
            "id": "bck_0193c0de8a7b7f3e9d2c4b5a69788796", "kind": "vpn", "name": "berlin", "address": "https://vpn.example.com",
            "settings": ["driver": "wg-easy"], "has_secret": true, "capacity": 250, "services": 12, "status": "active", "braked_at": nil,
        ])
    private static let answerView = View(
        "NodeTest", [.always("answer", "What answers there.", .text)], example: ["answer": "wg-easy v15.3.0, 12 peers"])

    private func shown(_ node: Backend) async throws -> JSON {
        let count = try await front.store.read { reader throws(StoreError) in
            try reader.serviceCount(ServiceFilter(backend: node.id, isAlive: true))
        }
        return [
            "id": .string(node.id.text), "kind": .string(node.kind.text), "name": .string(node.name), "address": .string(node.address),
            "settings": node.settings, "has_secret": .bool(node.secretSealed != nil), "capacity": .int(node.capacity),
            "services": .int(count), "status": .string(node.status.rawValue), "braked_at": node.brakedAt.map { .string($0.text) } ?? .null,
        ]
    }
    private func node(_ text: String) async throws -> Backend {
        let id = try Sold.id(text, BackendKind.self)
        return try await front.read { reader throws(StoreError) in try reader.backend(id) }
    }

    private var list: Endpoint<CustomerContext> {
        Endpoint(
            .get, "/api/admin/nodes", "Nodes", tag: "Nodes", audience: Sold.readers, takes: .nothing,
            replies: .ok(Storefront.list(Self.view)), problems: Sold.reading
        ) { _, _ in
            var nodes: [JSON] = []
            for node in try await front.store.read({ reader throws(StoreError) in try reader.backends() }) {
                nodes.append(try await shown(node))
            }
            return .json(.array(nodes))
        }
    }
    private var get: Endpoint<CustomerContext> {
        Endpoint(
            .get, "/api/admin/nodes/{id}", "One node", tag: "Nodes", audience: Sold.readers, takes: .path(Sold.text),
            replies: .ok(Self.view), problems: Sold.reading
        ) { input, _ in .json(try await shown(try await node(input.path))) }
    }

    private struct Given: Sendable {
        let kind: ServiceKind?, name: String?, address: String?, settings: JSON?, secret: String?, capacity: Int64?
    }
    private static func shape(isNew: Bool) -> Shape<Given> {
        let name = Field<String>.text("name", "A word for it.", length: 1...64).map { text throws(ParseError) in
            try BackendKeeping.checkName(text)
            return text
        }
        let settings = Field<JSON>("settings", "Of its way, as {\"driver\":\"wg-easy\"}.", .anything) { json throws(ParseError) in
            guard json.object != nil else { throw ParseError("an object") }
            return json
        }
        return Shape(
            Field<String>.text("kind", "Of its services; left out: vpn.", length: 1...32).map { text throws(ParseError) in
                try ServiceKind(parsing: text)
            }.optional,
            name.optional, Field<String>.text("address", "As its way reads it.", length: 0...500).optional, settings.optional,
            Field<String>.text("secret", "A controller's password; left out: the old one stays. Never shown.", length: 1...1024).optional,
            Field<Int64>.integer("capacity", "Services it takes.", 0...65_000).optional, make: Given.init)
    }

    private var create: Endpoint<CustomerContext> {
        Endpoint(
            .post, "/api/admin/nodes", "Make a node", tag: "Nodes", audience: Sold.writers, takes: .body(Self.shape(isNew: true)),
            replies: .created(Self.view), problems: Sold.writing + [.proofRequired]
        ) { input, context in
            let given = input.body
            guard let name = given.name, let settings = given.settings else {
                throw InputErrors(fields: [FieldError(given.name == nil ? "name" : "settings", "is required")])
            }
            let known = try await front.store.read { reader throws(StoreError) in try reader.backend(named: name) }
            guard known == nil else { throw Problem(.conflict, "There is a node of that name.") }
            let wish = BackendKeeping.Wish(address: given.address ?? "", settings: settings, capacity: given.capacity ?? 250)
            let id = try await keep(given.kind ?? .vpn, wish, name, given.secret, context, input.request.id)
            return .json(try await shown(try await node(id.text)), status: 201)
        }
    }

    private var change: Endpoint<CustomerContext> {
        Endpoint(
            .put, "/api/admin/nodes/{id}", "Change a node", tag: "Nodes", audience: Sold.writers,
            takes: .path(Sold.text, body: Self.shape(isNew: false)), replies: .ok(Self.view), problems: Sold.writing + [.proofRequired],
            about: "What is given changes; what lives there stays there. Its name and kind do not change."
        ) { input, context in
            let (old, given) = (try await node(input.path), input.body)
            guard given.name == nil || given.name == old.name, given.kind == nil || given.kind == old.kind else {
                throw Problem(.conflict, "Name and kind of a node stay.")
            }
            let wish = BackendKeeping.Wish(
                address: given.address ?? old.address, settings: given.settings ?? old.settings, capacity: given.capacity ?? old.capacity)
            _ = try await keep(old.kind, wish, old.name, given.secret, context, input.request.id)
            return .json(try await shown(try await node(input.path)))
        }
    }

    private func keep(
        _ kind: ServiceKind, _ wish: BackendKeeping.Wish, _ name: String, _ secret: String?, _ context: CustomerContext,
        _ request: RequestID?
    ) async throws -> BackendID {
        do {
            return try await keeping.keep(
                kind, wish, named: name, secret: secret.map { SecretBytes(Array($0.utf8)) }, actor: context.user.id.text, request: request)
        } catch let error as DriverError { throw InputErrors(fields: [FieldError("settings", error.description)]) }
    }

    private func status(_ verb: String, _ status: BackendStatus) -> Endpoint<CustomerContext> {
        let about =
            switch status {
            case .active: "It takes new services."
            case .draining: "It keeps what it has and gets nothing new."
            case .disabled: "It is left alone: nothing there is changed, counted or closed."
            }
        return Endpoint(
            .post, "/api/admin/nodes/{id}/\(verb)", "\(verb.prefix(1).uppercased() + verb.dropFirst()) a node", tag: "Nodes",
            audience: Sold.writers, takes: .path(Sold.text), replies: .ok(Self.view), problems: Sold.writing + [.proofRequired],
            about: about
        ) { input, context in
            let node = try await node(input.path)
            do {
                try await keeping.setStatus(status, of: node, actor: context.user.id.text, request: input.request.id)
            } catch let error as DriverError { throw Problem(.conflict, error.description) }
            return .json(try await shown(try await self.node(input.path)))
        }
    }

    private var test: Endpoint<CustomerContext> {
        Endpoint(
            .post, "/api/admin/nodes/{id}/test", "Ask a node what it is", tag: "Nodes", audience: Sold.writers, takes: .path(Sold.text),
            replies: .ok(Self.answerView), problems: Sold.writing + [.proofRequired, .badGateway]
        ) { input, _ in
            do { return ["answer": .string(try await keeping.test(try await node(input.path)))] } catch let error as DriverError {
                throw Problem(.badGateway, error.description)
            }
        }
    }
}
