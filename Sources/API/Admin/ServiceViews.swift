internal import Domain
internal import HTTP
internal import Provisioning
internal import Store

/// What all surfaces that sell say alike: words of the contract, ids, and how a service is shown.
enum Sold {
    static let readers = Audience.operators(roles: [UserRole.admin.rawValue, UserRole.support.rawValue])
    static let writers = Audience.operators(roles: [UserRole.admin.rawValue])
    static let reading = ProblemKind.ofSignIn + ProblemKind.ofStore + [.notFound]
    static let writing = reading + [.csrf, .conflict]
    static let text = Shape(Field<String>.text("id", "Its id.", length: 1...64), make: { $0 })

    static let badCursor = InputErrors(fields: [FieldError("cursor", "must be the `next_cursor` of an answer")])
    /// - Throws: `InputErrors` for a cursor that is no number.
    static func number(_ cursor: String?) throws -> Int64? {
        guard let cursor else { return nil }
        guard let number = Int64(cursor), number >= 0 else { throw badCursor }
        return number
    }

    /// - Throws: 404 for what is no id of that kind.
    static func id<Kind>(_ text: String, _ kind: Kind.Type) throws -> Identifier<Kind> {
        guard let id = try? Identifier<Kind>(parsing: text) else { throw Problem(.notFound) }
        return id
    }
}

extension Storefront {
    /// - Throws: 404 for nil.
    func read<Value: Sendable>(_ body: @escaping @Sendable (Reader) throws(StoreError) -> Value?) async throws -> Value {
        guard let value = try await store.read(body) else { throw Problem(.notFound) }
        return value
    }
}

/// Services as operators and owners see them.
struct ServiceViews: Sendable {
    let front: Storefront

    static let one = View(
        "Service",
        [
            .always("id", "As svc_….", .text), .always("kind", "As relay.", .text), .always("label", "Its name.", .text),
            .always("state", "One word for people.", .text), .always("details", "What the owner sees.", .anything),
            .maybe("operation_id", "To poll, in the answer to a command.", .text),
            .maybe(
                "usage", "Of one service whose use is counted: received_bytes, sent_bytes, period_bytes, limit_bytes, handshake_at.",
                .anything),
        ],
        example: [
            "id": "svc_0193c0de8a7b7f3e9d2c4b5a69788796", "kind": "relay", "label": "laptop", "state": "active",
            "details": ["key": "cr_ab12…f9e0"],
        ])
    static func json(_ service: Service, forOperator: Bool, suspensions: Set<Suspension> = []) -> JSONObject {
        var json: JSONObject = [
            "id": .string(service.id.text), "number": .int(service.number), "kind": .string(service.kind.text),
            "label": .string(service.label), "state": .string(service.shownState), "details": service.details,
            "limits": service.limits, "subscription_id": service.subscriptionID.map { .string($0.text) } ?? .null,
            "has_secret": .bool(service.secretSealed != nil), "created_at": .string(service.createdAt.text),
        ]
        json["suspended_for"] = .array(suspensions.map { .string($0.reason.rawValue) }.sorted { $0.text < $1.text })
        guard forOperator else { return json }
        json["owner_id"] = service.ownerID.map { .string($0.text) } ?? .null
        json["desired"] = .string(service.desired.rawValue)
        json["actual"] = .string(service.actual.rawValue)
        json["failure"] = service.failure.map { .string($0) } ?? .null
        return json
    }
    func shown(_ id: ServiceID, owner: UserID?) async throws -> JSONObject {
        let found = try await front.read { reader throws(StoreError) -> (Service, Set<Suspension>, JSON?)? in
            guard let service = try reader.service(id), owner == nil || service.ownerID == owner else { return nil }
            return (service, try reader.suspensions(of: id), try Self.usage(of: service, reader))
        }
        var json = Self.json(found.0, forOperator: owner == nil, suspensions: found.1)
        if let usage = found.2 { json["usage"] = usage }
        return json
    }

    private static func usage(of service: Service, _ reader: Reader) throws(StoreError) -> JSON? {
        guard let meter = try reader.meter(of: service.id) else { return nil }
        return [
            "received_bytes": .int(meter.transfer.totalReceived), "sent_bytes": .int(meter.transfer.totalSent),
            "period_bytes": .int(meter.used), "limit_bytes": try reader.trafficLimit(of: service).map { .int($0.bytes) } ?? .null,
            "handshake_at": meter.handshakeAt.map { .string($0.text) } ?? .null,
        ]
    }

    func list(_ filter: ServiceFilter, after: ServiceID?, limit: Int, forOperator: Bool) async throws -> Answer {
        let (items, next) = try await front.store.read { reader throws(StoreError) -> ([JSON], String?) in
            let page = try reader.services(filter, after: after, limit: limit)
            var items: [JSON] = []
            for service in page.items {
                // Only those that are suspended have a reason to look for.
                let reasons = service.desired == .suspended ? try reader.suspensions(of: service.id) : []
                items.append(.object(Self.json(service, forOperator: forOperator, suspensions: reasons)))
            }
            return (items, page.hasMore ? page.items.last?.id.text : nil)
        }
        return .page("services", items, next: next)
    }

    /// How long a command waits for its end before it answers 202.
    private static let waitMilliseconds: Int64 = 5000
    func answer(_ operation: Operation, _ service: ServiceID, owner: UserID?) async throws -> Answer {
        let ended = try await Waiting(front.store).finish(operation.id, withinMilliseconds: Self.waitMilliseconds)
        var json = try await shown(service, owner: owner)
        json["operation_id"] = .string(operation.id.text)
        return .json(.object(json), status: ended == nil ? 202 : nil)
    }
}
