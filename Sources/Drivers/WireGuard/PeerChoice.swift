internal import Domain
internal import HTTP
internal import Secrets
internal import Synchronization

/// What is chosen for a peer before the first call, and read back later.
struct PeerChoice: Sendable {
    /// What a customer may choose.
    struct Wishes: Sendable {
        let publicKey: WireGuardKey?
        let address: String?
    }
    static let wishes = Shape(
        Field<String>.text("public_key", "The device's own; then no private key is made.", length: 44...44).map {
            text throws(ParseError) in try WireGuardKey(parsing: text)
        }.optional,
        Field<String>.text("address", "A free IPv4 address of the node's pool.", length: 7...18).optional, make: Wishes.init)

    /// The rest that makes a name unique, in bytes.
    private static let nameBytes = 6

    static func name(_ label: String, _ ambient: Ambient) -> String {
        "\(ClientConfig.fileName(label).dropLast(".conf".count))-\(Hex.text(ambient.randomBytes(nameBytes)))"
    }
    /// Whether a peer of that name is one of ours.
    static func isOurs(_ name: String) -> Bool {
        guard let dash = name.lastIndex(of: "-"), dash != name.startIndex else { return false }
        let tail = name[name.index(after: dash)...]
        return tail.utf8.count == 2 * nameBytes && tail.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    }

    /// - Parameter strangers: addresses that others have on the node, as far as it was seen.
    static func prepare(_ order: ServiceOrder, _ settings: NodeSettings, strangers: Set<String>, _ ambient: Ambient) throws(DriverError)
        -> Preparation
    {
        let wishes: Wishes
        do throws(InputErrors) { wishes = try Self.wishes.parse(order.options) } catch { throw .badOptions(error) }
        let scope = order.backend?.id.text ?? ""
        var prepared = Preparation(
            details: ["name": .string(order.label), "node": order.backend.map { .string($0.name) } ?? .null],
            claims: [ClaimWish("peer_name", scope: scope, as: "peer_name", exactly: name(order.label, ambient))])
        guard let pool = settings.pool else {
            guard wishes.publicKey == nil, wishes.address == nil else {
                throw bad(wishes.publicKey == nil ? "address" : "public_key", "is chosen by the controller of this node")
            }
            return prepared
        }
        try keys(&prepared, wishes, settings, ambient)
        if let text = wishes.address {
            // Existing clients write 10.8.0.7/32.
            let plain = text.hasSuffix("/32") ? String(text.dropLast(3)) : text
            guard let address = pool.permitted(plain), !strangers.contains(address) else {
                throw bad("address", "must be a free IPv4 address of the node's pool")
            }
            prepared.claims.append(ClaimWish("address", scope: scope, as: "address", exactly: address, restSeconds: settings.restSeconds))
        } else {
            prepared.claims.append(
                ClaimWish("address", scope: scope, as: "address", restSeconds: settings.restSeconds) {
                    pool.firstFreeIPv4(taken: $0.union(strangers))?.description
                })
        }
        if pool.ipv6 != nil {
            prepared.claims.append(
                ClaimWish("address6", scope: scope, as: "address6", restSeconds: settings.restSeconds) {
                    pool.firstFreeIPv6(taken: $0.union(strangers))?.description
                })
        }
        return prepared
    }

    private static func keys(_ prepared: inout Preparation, _ wishes: Wishes, _ settings: NodeSettings, _ ambient: Ambient)
        throws(DriverError)
    {
        var secret: JSONObject = [:]
        var publicKey = wishes.publicKey
        switch settings.policy {
        case .client:
            guard publicKey != nil else { throw bad("public_key", "is required: this node takes keys of devices only") }
        case .host:
            guard publicKey == nil else { throw bad("public_key", "is made by the host of this node") }
        case .database, .controller:
            if publicKey == nil {
                let privateKey = WireGuardKeys.makePrivate(ambient)
                secret["private_key"] = .string(Base64.text(privateKey))
                publicKey = WireGuardKeys.publicKey(ofPrivate: privateKey).flatMap { bytes in try? WireGuardKey(bytes) }
                guard publicKey != nil else { throw .refused("a new key could not be made") }
            }
        }
        if settings.givesPresharedKey { secret["preshared_key"] = .string(Base64.text(WireGuardKeys.makePreshared(ambient))) }
        if !secret.isEmpty { prepared.secret = Array(JSON.object(secret).text.utf8) }
        if let publicKey {
            prepared.claims.append(ClaimWish("public_key", as: "public_key", exactly: publicKey.text))
            prepared.details["public_key"] = .string(publicKey.text)
        }
    }

    private static func bad(_ field: String, _ message: String) -> DriverError {
        .badOptions(InputErrors(fields: [FieldError(field, message)]))
    }

    // MARK: Reading it back

    static func peer(_ service: ServiceOrder) throws(DriverError) -> WantedPeer {
        guard let name = service.choices["peer_name"].string else { throw .refused("the service has no peer name") }
        return WantedPeer(
            name: name, publicKey: key(service.choices["public_key"]), presharedKey: key(secret(service)["preshared_key"]),
            addresses: [service.choices["address"].string, service.choices["address6"].string].compactMap { $0 }, endsAt: service.endsAt)
    }
    static func privateKey(_ service: ServiceOrder) -> WireGuardKey? { key(secret(service)["private_key"]) }

    /// What stays of a secret when the private key has been handed over; nil when nothing does.
    static func withoutPrivateKey(_ secret: [UInt8]) -> [UInt8]? {
        guard var object = (try? JSON(parsing: secret))?.object else { return nil }
        object["private_key"] = nil
        return object.isEmpty ? nil : Array(JSON.object(object).text.utf8)
    }

    private static func secret(_ service: ServiceOrder) -> JSON {
        guard let bytes = service.secret, let json = try? JSON(parsing: bytes) else { return .null }
        return json
    }
    private static func key(_ json: JSON) -> WireGuardKey? { json.string.flatMap { text in try? WireGuardKey(parsing: text) } }
}
