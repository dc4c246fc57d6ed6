public import Domain
internal import HTTP
internal import Secrets

// Peers that others have made and that become services as they are: same key, same address, and the device notices nothing.
extension WireGuardDriver: Adopting {
    public func foundlings(on backend: BackendAccess) async throws(DriverError) -> [Foundling] {
        try await node(backend).peers.list().map { peer in
            var usage: UsageReading?
            if let received = peer.received, let sent = peer.sent, received >= 0, sent >= 0 {
                usage = UsageReading(received: received, sent: sent, handshake: peer.handshake)
            }
            return Foundling(
                name: peer.name ?? "peer", isActive: peer.isEnabled, endsAt: peer.endsAt, usage: usage,
                facts: [
                    "id": .string(peer.id), "public_key": peer.publicKey.map { .string($0.text) } ?? .null,
                    "addresses": .array(peer.addresses.map { .string($0) }),
                ])
        }
    }

    public func claims(of foundling: Foundling, on backend: BackendID) -> [(kind: String, scope: String, value: String)] {
        var claims = [(kind: "peer_name", scope: backend.text, value: foundling.name)]
        if let key = foundling.facts["public_key"].string { claims.append((kind: "public_key", scope: "", value: key)) }
        return claims
    }

    /// Facts: `public_key`, `addresses` with or without prefix, and perhaps `host_path`, where a host keeps the private key. The secret is
    /// an object with `private_key`, or with `config`, the device's file.
    public func adopt(_ foundling: Foundling, as order: ServiceOrder, _ ambient: Ambient) throws(DriverError) -> Adoption {
        guard let backend = order.backend else { throw .refused("a peer needs a node") }
        let settings = try NodeSettings(backend.settings)
        let key: WireGuardKey
        do throws(ParseError) { key = try WireGuardKey(parsing: foundling.facts["public_key"].string ?? "") } catch {
            throw .refused("its public key is no key")
        }
        let name = PeerChoice.isOurs(foundling.name) ? foundling.name : PeerChoice.name(order.label, ambient)
        let addresses = (foundling.facts["addresses"].array ?? []).compactMap { IPAddress(String(($0.string ?? "").prefix { $0 != "/" })) }
        var adopted = Adoption(
            Preparation(
                choices: foundling.facts["host_path"].string.map { ["host_path": .string($0)] } ?? [:],
                details: [
                    "name": .string(order.label), "node": .string(backend.name), "public_key": .string(key.text),
                    "addresses": .array(addresses.map { .string($0.description) }),
                ],
                claims: [
                    ClaimWish("peer_name", scope: backend.id.text, as: "peer_name", exactly: name),
                    ClaimWish("public_key", as: "public_key", exactly: key.text),
                ]))
        // A controller owns addresses and keys.
        guard let pool = settings.pool else { return adopted }
        guard let four = addresses.first(where: \.isIPv4) else { throw .refused("it has no IPv4 address") }
        guard pool.permits(four) else { throw .refused("\(four) is no address of the node's pool") }
        adopted.preparation.claims.append(
            ClaimWish("address", scope: backend.id.text, as: "address", exactly: four.description, restSeconds: settings.restSeconds))
        if pool.ipv6 != nil, let six = addresses.first(where: { !$0.isIPv4 }), pool.permits(six) {
            adopted.preparation.claims.append(
                ClaimWish("address6", scope: backend.id.text, as: "address6", exactly: six.description, restSeconds: settings.restSeconds))
        }
        keepSecret(of: foundling, key, settings, &adopted)
        return adopted
    }

    private func keepSecret(of foundling: Foundling, _ key: WireGuardKey, _ settings: NodeSettings, _ adopted: inout Adoption) {
        guard settings.policy == .database, let secret = foundling.secret, let json = try? JSON(parsing: secret) else { return }
        let config = json["config"].string.flatMap { text in try? ClientConfig(parsing: text) }
        var privateKey = json["private_key"].string.flatMap { text in try? WireGuardKey(parsing: text) }
        if privateKey == nil, case .known(let key)? = config?.privateKey { privateKey = key }
        guard let privateKey else {
            adopted.notes.append("its private key cannot be read: no config can be handed over")
            return
        }
        guard WireGuardKeys.publicKey(ofPrivate: privateKey.bytes) == key.bytes else {
            adopted.notes.append("its private key does not belong to its public key: it never connected, and no config can be handed over")
            return
        }
        var kept: JSONObject = ["private_key": .string(privateKey.text)]
        if let preshared = config?.presharedKey { kept["preshared_key"] = .string(preshared.text) }
        adopted.preparation.secret = Array(JSON.object(kept).text.utf8)
    }
}
