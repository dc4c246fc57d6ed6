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
        let allowed: [String]?
    }
    static let wishes = Shape(
        Field<String>.text("public_key", "The device's own; then no private key is made.", length: 44...44).map {
            text throws(ParseError) in try WireGuardKey(parsing: text)
        }.optional,
        Field<String>.text("address", "A free IPv4 address of the node's pool.", length: 7...18).optional,
        Field<[String]>.texts("allowed_ips", "What the device sends into the tunnel; left out: as the node says.", count: 1...64).map {
            networks throws(ParseError) in
            for network in networks { try ConfigText.addressWithPrefix(network) }
            return networks
        }.optional, make: Wishes.init)

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
        if settings.server?.amnezia != nil { prepared.details["amnezia"] = true }
        try keys(&prepared, wishes, settings, ambient)
        if let text = wishes.address {
            let address = try self.address(text, pool, strangers)
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

    private static func address(_ text: String, _ pool: AddressPool, _ strangers: Set<String>) throws(DriverError) -> String {
        // Existing clients write 10.8.0.7/32.
        let plain = text.hasSuffix("/32") ? String(text.dropLast(3)) : text
        guard let address = pool.permitted(plain), !strangers.contains(address) else {
            throw bad("address", "must be a free IPv4 address of the node's pool")
        }
        return address
    }

    /// Another key or address for a peer that is there. The old key stays among the choices until the node has lost it.
    static func reshape(
        _ order: ServiceOrder, to options: JSON, _ settings: NodeSettings, strangers: Set<String>
    ) throws(DriverError) -> Reshape {
        let wishes: Wishes
        do throws(InputErrors) { wishes = try Self.wishes.parse(options) } catch { throw .badOptions(error) }
        let scope = order.backend?.id.text ?? ""
        var reshape = Reshape(choices: order.choices.object ?? [:], details: order.details.object ?? [:], secret: order.secret)
        let (old, oldAddress) = (key(order.choices["public_key"]), order.choices["address"].string)
        guard let pool = settings.pool else {
            guard wishes.publicKey == nil || wishes.publicKey?.text == order.details["public_key"].string, wishes.address == nil else {
                throw bad(wishes.publicKey == nil ? "address" : "public_key", "is chosen by the controller of this node")
            }
            return reshape
        }
        if let new = wishes.publicKey, new != old {
            guard settings.policy != .host else { throw bad("public_key", "is made by the host of this node") }
            let retired = (order.choices["retired_keys"].array ?? []) + (old.map { [.string($0.text)] } ?? [])
            reshape.choices["retired_keys"] = .array(retired.filter { $0.string != new.text })
            reshape.details["public_key"] = .string(new.text)
            // The private key of the old one is of no use to anybody.
            reshape.secret = order.secret.flatMap { withoutPrivateKey($0) }
            reshape.claims.append(ClaimWish("public_key", as: "public_key", exactly: new.text))
            reshape.beginsAnew = true
        }
        if let text = wishes.address {
            let address = text.hasSuffix("/32") ? String(text.dropLast(3)) : text
            guard address != oldAddress else { return reshape }
            // As the node shows them once it has them.
            reshape.details["addresses"] = nil
            reshape.claims.append(
                ClaimWish(
                    "address", scope: scope, as: "address", exactly: try self.address(text, pool, strangers),
                    restSeconds: settings.restSeconds))
        }
        return reshape
    }
    /// Keys that the peer had and the node shall lose.
    static func retired(_ service: ServiceOrder) -> [WireGuardKey] { (service.choices["retired_keys"].array ?? []).compactMap(key) }

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
            addresses: [service.choices["address"].string, service.choices["address6"].string].compactMap { $0 }, endsAt: service.endsAt,
            knownID: service.details["remote_id"].string)
    }
    /// Those that we chose; on a node that hands them out, those that it gave the peer when it was made.
    static func addresses(_ service: ServiceOrder, _ settings: NodeSettings) -> [String] {
        if settings.pool == nil { return (service.details["addresses"].array ?? []).compactMap(\.string) }
        return [service.choices["address"].string, service.choices["address6"].string].compactMap { $0 }
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
