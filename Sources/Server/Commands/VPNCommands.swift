internal import Billing
internal import Domain
internal import Provisioning
internal import Secrets
internal import Store

/// `gatehouse vpn …`: nodes and what peers use.
extension Command {
    private static func json(_ node: Backend) -> JSON {
        [
            "id": .string(node.id.text), "name": .string(node.name), "address": .string(node.address), "settings": node.settings,
            "capacity": .int(node.capacity), "status": .string(node.status.rawValue), "braked": .bool(node.brakedAt != nil),
        ]
    }
    static func node(_ name: String, _ store: Store) async throws -> Backend {
        let found = try await store.read { reader throws(StoreError) in try reader.backend(named: name) }
        guard let found, found.kind == .vpn else { throw Failure("there is no node \(name)") }
        return found
    }

    static let vpnNodeAdd = Command(
        name: "vpn node add", usage: "NAME --settings JSON [--address URL] [--secret-file FILE] [--capacity N]",
        about:
            "Makes a VPN node, or changes the one of that name.\nSettings are those of its way, as '{\"driver\":\"wg-easy\"}'. A controller's password is read from the file that --secret-file names; left out, the old one stays.",
        valued: ["settings", "address", "secret-file", "capacity"]
    ) { arguments in
        let name = try arguments.operands("name")[0]
        let text = try arguments.required("settings")
        let settings = try read("--settings") { () throws(ParseError) in try JSON(parsing: text) }
        let secret = try arguments["secret-file"].map { SecretBytes(Array(try readSecret($0, "the node's password").utf8)) }
        let capacity = try arguments.number("capacity", 0...65_000) ?? 250
        try await withSales(schema: .make) { instance, parts in
            do {
                let wish = BackendKeeping.Wish(address: arguments["address"] ?? "", settings: settings, capacity: capacity)
                let id = try await parts.nodes.keep(.vpn, wish, named: name, secret: secret, actor: "command")
                Output.show(arguments, ["id": .string(id.text), "name": .string(name)], "\(id.text)  \(name)")
            } catch let error as DriverError { throw Failure(error.description) } catch StoreError.refused("other_kind") {
                throw Failure("there is a backend \(name) of another kind")
            }
        }
    }

    static let vpnNodeList = Command(name: "vpn node list", usage: "", about: "Lists VPN nodes.") { arguments in
        _ = try arguments.operands()
        try await withInstance { instance in
            let nodes = try await instance.store.read { reader throws(StoreError) in try reader.backends(kind: .vpn) }
            Output.show(
                arguments, .array(nodes.map(json)),
                Output.table(
                    ["NAME", "WAY", "ADDRESS", "CAPACITY", "STATUS"],
                    nodes.map { [$0.name, $0.settings["driver"].string ?? "-", $0.address, String($0.capacity), $0.status.rawValue] }))
        }
    }

    static let vpnNodeTest = Command(name: "vpn node test", usage: "NAME", about: "Asks a node what it is and how many peers it has.") {
        arguments in
        let name = try arguments.operands("name")[0]
        try await withSales { instance, parts in
            do {
                let answer = try await parts.nodes.test(try await node(name, instance.store))
                Output.show(arguments, ["name": .string(name), "answer": .string(answer)], "\(name): \(answer)")
            } catch let error as DriverError { throw Failure("\(name): \(error)") }
        }
    }

    static let vpnNodeStatus = Command(
        name: "vpn node status", usage: "NAME active|draining|disabled",
        about: "Lets a node take new peers (active), keep those it has (draining), or be left alone (disabled)."
    ) { arguments in
        let words = try arguments.operands("name", "status")
        guard let status = BackendStatus(rawValue: words[1]) else {
            throw Failure("the status must be one of \(BackendStatus.allCases.map(\.rawValue).joined(separator: ", "))", exitCode: 2)
        }
        try await withSales { instance, parts in
            let node = try await node(words[0], instance.store)
            do { try await parts.nodes.setStatus(status, of: node, actor: "command") } catch let error as DriverError {
                throw Failure(error.description)
            }
            Output.show(arguments, ["name": .string(node.name), "status": .string(status.rawValue)], "\(node.name): \(status.rawValue)")
        }
    }

    static let vpnPeers = Command(name: "vpn peers", usage: "", about: "Lists peers and what they have used.") { arguments in
        _ = try arguments.operands()
        try await withInstance { instance in
            var peers: [(Service, ServiceMeter?)] = []
            while true {
                let offset = peers.count
                let page = try await instance.store.read { reader throws(StoreError) -> [(Service, ServiceMeter?)] in
                    try reader.liveServices(ServiceFilter(kind: .vpn), offset: offset, limit: 500).map { service throws(StoreError) in
                        (service, try reader.meter(of: service.id))
                    }
                }
                peers += page
                if page.count < 500 { break }
            }
            let now = instance.ambient.now()
            Output.show(
                arguments,
                .array(
                    peers.map { peer, meter in
                        [
                            "id": .string(peer.id.text), "number": .int(peer.number), "label": .string(peer.label),
                            "desired": .string(peer.desired.rawValue), "actual": .string(peer.actual.rawValue),
                            "received_bytes": .int(meter?.transfer.totalReceived ?? 0), "sent_bytes": .int(meter?.transfer.totalSent ?? 0),
                            "period_bytes": .int(meter?.used ?? 0),
                            "latest_handshake_at": meter?.handshakeAt.map { .string($0.text) } ?? .null,
                        ]
                    }),
                Output.table(
                    ["NUMBER", "NAME", "DESIRED", "ACTUAL", "RECEIVED", "SENT", "ONLINE"],
                    peers.map { peer, meter in
                        [
                            String(peer.number), peer.label, peer.desired.rawValue, peer.actual.rawValue,
                            String(meter?.transfer.totalReceived ?? 0), String(meter?.transfer.totalSent ?? 0),
                            PeerPresence.isOnline(handshake: meter?.handshakeAt, at: now) ? "yes" : "no",
                        ]
                    }))
        }
    }

    static let vpnReset = Command(
        name: "vpn reset", usage: "ID", about: "Counts a peer's traffic anew and opens it when it was closed for that."
    ) { arguments in
        let text = try arguments.operands("id")[0]
        let id = try read("the id") { () throws(ParseError) in try ServiceID(parsing: text) }
        try await withSales { instance, parts in
            let orders = parts.sales.orders
            do {
                _ = try await instance.store.transaction { transaction throws(StoreError) in
                    _ = try transaction.beginMeterPeriod(of: id)
                    return try orders.change(id, .lift(.quotaReset), actor: "command", in: transaction)
                }
            } catch StoreError.refused(let code) { throw Failure("\(id.text): \(code)") }
            Output.show(arguments, ["id": .string(id.text)], "\(id.text): counted anew")
        }
    }
}
