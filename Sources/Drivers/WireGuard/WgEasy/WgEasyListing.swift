internal import Domain
internal import HTTP

extension NodePeer {
    /// One client of a controller's list; what else the list holds, private keys included, is dropped here. nil for an entry that is no
    /// client we could act on: its id goes into paths.
    init?(listed json: JSON) {
        let id = json["id"].string ?? json["id"].int.map(String.init) ?? json["uid"].string ?? ""
        guard (1...64).contains(id.utf8.count), let name = json["name"].string,
            id.utf8.allSatisfy({ (0x61...0x7a).contains($0 | 0x20) || (0x30...0x39).contains($0) || $0 == 0x2d })
        else { return nil }
        let addresses = [json["address"].string ?? json["ipv4Address"].string, json["ipv6Address"].string].compactMap { $0 }
            .filter { IPAddress($0) != nil }
        let key = (json["publicKey"].string ?? json["public_key"].string).flatMap { text in try? WireGuardKey(parsing: text) }
        self.init(
            id: id, name: name, publicKey: key, isEnabled: json["enabled"].bool ?? true, addresses: addresses,
            received: json["transferRx"].int, sent: json["transferTx"].int, handshake: Self.time(json["latestHandshakeAt"]),
            endsAt: Self.time(json["expiresAt"]) ?? Self.time(json["expiredAt"]))
    }
    private static func time(_ json: JSON) -> Timestamp? { json.string.flatMap { text in try? Timestamp(parsing: text) } }
}

/// What a controller speaks.
enum WgEasyDialect: String, Sendable, CaseIterable {
    /// Version 14 and older, and the interim builds after it.
    case older = "v14"
    case newer = "v15"
    /// `/clients` with a raw header.
    case rawClients = "raw-clients"

    var clients: String {
        switch self {
        case .older: "/api/wireguard/client"
        case .newer: "/api/client"
        case .rawClients: "/clients"
        }
    }
}
