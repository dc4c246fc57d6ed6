internal import Domain
internal import HTTP
internal import Store

// How a peer looks in the older interface.
extension OlderPeers {
    static let view = View(
        "OlderPeer",
        [
            .always("id", "Number.", .count), .always("user_id", "The owner's number.", .nullable(.count)),
            .always("wg_public_key", "null until the node has made it.", .nullable(.text)),
            .always("wg_private_key", "In the answer to create, when we made it; else null.", .nullable(.text)),
            .always("wg_ip", "With prefix.", .nullable(.text)), .always("allowed_ips", "What the device sends into the tunnel.", .text),
            .always("active", "Whether it works.", .boolean), .always("created_at", "When.", .time),
            .always("device_name", "Its name.", .text), .always("state", "One word.", .choice(states)),
            .always("applied", "Whether the node has it.", .boolean), .always("expires_at", "null never ends.", .nullable(.time)),
        ],
        example: [
            "id": 7, "user_id": 2, "wg_public_key": "hHwNLDdSNPNl5mCVUYejc1oPdhPRYJ06ak2MU66qWiI=", "wg_private_key": nil,
            "wg_ip": "10.8.0.7/32", "allowed_ips": "0.0.0.0/0, ::/0", "active": true, "created_at": "2026-11-21T00:00:00.000Z",
            "device_name": "phone", "state": "active", "applied": true, "expires_at": "2026-12-21T00:00:00.000Z",
        ])
    static let states = ["provisioning", "active", "expired", "limited", "disabled", "deleting", "deleted", "failed"]
    static let statusView = View(
        "OlderPeerStatus",
        [
            .always("allowed", "Whether there is a running subscription.", .boolean),
            .always("state", "One word.", .choice(["active", "expired", "none"])),
            .always("peer_active", "Whether the peer works.", .boolean),
            .always("expires_at", "null never ends.", .nullable(.time)),
            .always("latest_handshake_at", "When the device was last there.", .nullable(.time)),
            .always("rx", "Bytes that the device sent.", .count), .always("tx", "Bytes that it got.", .count),
        ],
        example: [
            "allowed": true, "state": "active", "peer_active": true, "expires_at": "2026-12-21T00:00:00.000Z", "latest_handshake_at": nil,
            "rx": 0, "tx": 0,
        ])

    static func address(_ service: Service) -> String? {
        let first = service.details["addresses"].array?.first?.string ?? service.choices["address"].string
        return first.map { $0.contains(":") ? "\($0)/128" : "\($0)/32" }
    }

    func shown(_ service: Service, privateKey: String?) async throws -> JSONObject {
        let (owner, endsAt, reasons) = try await front.store.read {
            reader throws(StoreError) -> (Int64?, Timestamp?, Set<Suspension>) in
            let owner = try service.ownerID.flatMap { id throws(StoreError) in try reader.user(id)?.number }
            let end = try service.subscriptionID.flatMap { id throws(StoreError) in try reader.subscription(id)?.endsAt }
            return (owner, end, try reader.suspensions(of: service.id))
        }
        let isActive = service.desired == .active && service.actual == .active
        return [
            "id": .int(service.number), "user_id": owner.map { .int($0) } ?? .null,
            "wg_public_key": service.details["public_key"].string.map { .string($0) } ?? .null,
            "wg_private_key": privateKey.map { .string($0) } ?? .null, "wg_ip": Self.address(service).map { .string($0) } ?? .null,
            "allowed_ips": .string(service.options["allowed_ips"].array?.compactMap(\.string).joined(separator: ", ") ?? "0.0.0.0/0, ::/0"),
            "active": .bool(isActive), "created_at": .string(service.createdAt.text),
            "device_name": .string(service.label), "state": .string(Self.state(service, reasons)),
            "applied": .bool(isActive && service.details["applied"].bool == true),
            "expires_at": endsAt.map { .string($0.text) } ?? .null,
        ]
    }

    /// While a node cannot be reached the word says what shall be; `applied` says what is.
    static func state(_ service: Service, _ suspensions: Set<Suspension>) -> String {
        switch service.desired {
        case .terminated: return service.endedAt == nil ? "deleting" : "deleted"
        case .suspended:
            let reasons = Set(suspensions.map(\.reason))
            if reasons.contains(.expired) || reasons.contains(.payment) { return "expired" }
            return reasons == [.quota] ? "limited" : "disabled"
        case .active:
            if service.actual == .active { return "active" }
            return service.failure == nil ? "provisioning" : "failed"
        }
    }
}
