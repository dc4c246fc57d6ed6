public import Domain
internal import HTTP

/// Who makes a peer's private key.
public enum KeyPolicy: String, Sendable, CaseIterable {
    /// We do, and keep it sealed.
    case database = "db"
    /// The controller does, and keeps it.
    case controller = "wg-easy"
    /// A script on the node does; it stays there.
    case host
    /// The customer's device does; nobody else ever has it.
    case client
}

/// The settings of a backend of kind `vpn`, one WireGuard interface.
public struct NodeSettings: Sendable {
    /// Which way to the node.
    public let driver: String
    public let policy: KeyPolicy
    public let interface: String
    /// nil where a controller owns the addresses.
    public let pool: AddressPool?
    /// How long a freed address is nobody's.
    public let restSeconds: Int64
    let server: ServerEnd?
    /// Whether peers get a preshared key too.
    let givesPresharedKey: Bool
    /// Whether the private key is kept only until the first download.
    public let isHandedOverOnce: Bool
    /// False: nothing is executed on the host yet.
    let isApplied: Bool
    /// Peers of ours that nobody knows any more are deleted, and not only reported.
    public let removesStrays: Bool

    /// What configs that we build say about the server.
    struct ServerEnd: Sendable {
        let publicKey: WireGuardKey
        let endpoint: String
        let dns: [String]
        let mtu: Int?
        let keepalive: Int
        let allowedIPs: [String]
        let amnezia: AmneziaParameters?
    }

    /// Fields of every node; each way to a node has its own besides, under its name.
    public static let docs = shape.docs
    private struct Given: Sendable {
        let driver: String, policy: KeyPolicy?, interface: String, pool: Pool, server: Server, preshared: Bool, once: Bool, apply: Bool,
            strays: Bool
    }
    private struct Pool: Sendable { let four: String?, six: String?, excluded: [String], rest: Int64 }
    private struct Server: Sendable {
        let key: WireGuardKey?, endpoint: String?, dns: [String], mtu: Int64, keepalive: Int64, allowed: [String],
            amnezia: AmneziaParameters?
    }
    private static let poolShape = Shape(
        Field<String>.text("v4", "As 10.8.0.0/24.", length: 9...18).optional,
        Field<String>.text("v6", "As fd00:1::/112; left out: none.", length: 0...43).optional,
        Field<[String]>.texts("exclude", "Addresses and networks that nobody gets.", count: 0...256).or([]),
        Field<Int64>.integer("rest_seconds", "How long a freed address is nobody's.", 0...31_536_000).or(600), make: Pool.init)
    private static let serverShape = Shape(
        Field<String>.text("public_key", "The server's.", length: 44...44).map { text throws(ParseError) in try WireGuardKey(parsing: text)
        }
        .optional,
        Field<String>.text("endpoint", "As vpn.example.com:51820.").map { text throws(ParseError) in
            try ConfigText.endpoint(text)
            return text
        }.optional,
        Field<[String]>.texts("dns", "What devices ask.", count: 0...8).or(["1.1.1.1"]),
        Field<Int64>.integer("mtu", "Bytes.", 1024...9000).or(1420),
        Field<Int64>.integer("keepalive", "Seconds; 0 is off.", 0...65535).or(25),
        Field<[String]>.texts("allowed_ips", "What devices send into the tunnel.", count: 1...64).or(["0.0.0.0/0", "::/0"]),
        AmneziaParameters.field, make: Server.init)
    private static let shape = Shape(
        .choice("driver", "Which way to the node.", NodeWays.all.keys.sorted()),
        Field<String>.choice("key_policy", "Who makes private keys.", KeyPolicy.allCases.map(\.rawValue)).map { text throws(ParseError) in
            guard let policy = KeyPolicy(rawValue: text) else { throw ParseError("a key policy", got: text) }
            return policy
        }.optional,
        Field<String>.text("interface", "As wg0.", length: 1...15).map { text throws(ParseError) in
            try ConfigText.interfaceName(text)
            return text
        }.or("wg0"), poolShape.field("pool", "Tunnel addresses that we hand out.").or(Pool(four: nil, six: nil, excluded: [], rest: 600)),
        serverShape.field("server", "What configs say about the server.").or(
            Server(key: nil, endpoint: nil, dns: ["1.1.1.1"], mtu: 1420, keepalive: 25, allowed: ["0.0.0.0/0", "::/0"], amnezia: nil)),
        Field<Bool>.boolean("preshared_keys", "Whether peers get a preshared key.").or(true),
        Field<Bool>.boolean("once", "Whether the private key is dropped after the first download.").or(false),
        Field<Bool>.boolean("apply", "Whether hosts are written to.").or(true),
        Field<Bool>.boolean("remove_strays", "Whether peers of ours that nobody knows are deleted.").or(false), make: Given.init
    ).ignoringUnknownFields

    /// - Throws: `.refused` with what is wrong; never a secret.
    public init(_ json: JSON) throws(DriverError) {
        let given: Given
        do throws(InputErrors) { given = try Self.shape.parse(json) } catch {
            throw .refused("the node's settings: " + error.fields.map { "\($0.field) \($0.message)" }.joined(separator: "; "))
        }
        let isController = given.driver == "wg-easy"
        driver = given.driver
        policy = given.policy ?? (isController ? .controller : .database)
        interface = given.interface
        restSeconds = given.pool.rest
        (givesPresharedKey, isHandedOverOnce) = (given.preshared, given.once)
        (isApplied, removesStrays) = (given.apply, given.strays)
        guard (policy == .controller) == isController else {
            throw .refused("the node's settings: key_policy \(policy.rawValue) does not go with driver \(driver)")
        }
        guard policy != .host || driver != "none" else { throw .refused("the node's settings: key_policy host needs a host") }
        guard !isController else {
            (pool, server) = (nil, nil)
            return
        }
        guard let four = given.pool.four else { throw .refused("the node's settings: pool.v4 is required") }
        do throws(ParseError) { pool = try AddressPool(ipv4: four, ipv6: given.pool.six, excluded: given.pool.excluded) } catch {
            throw .refused("the node's settings: pool \(error.message)")
        }
        guard let key = given.server.key, let endpoint = given.server.endpoint else {
            if policy == .host {
                server = nil
                return
            }
            throw .refused("the node's settings: server.public_key and server.endpoint are required")
        }
        server = ServerEnd(
            publicKey: key, endpoint: endpoint, dns: given.server.dns, mtu: Int(given.server.mtu), keepalive: Int(given.server.keepalive),
            allowedIPs: given.server.allowed, amnezia: given.server.amnezia)
    }
}

/// One writer an interface: a controller removes what it has not written itself.
public enum NodeRules {
    private struct Writer {
        let name: String
        let isController: Bool
        /// Of a controller host, port and path, whatever the scheme: two of them beside each other have an interface each, in containers
        /// of their own.
        let address: String
        let host: String
        let interface: String

        /// nil when the settings cannot be read, or nobody writes.
        init?(_ node: BackendAccess) {
            guard let settings = try? NodeSettings(node.settings), settings.driver != "none" else { return nil }
            (name, interface) = (node.name, settings.interface)
            isController = settings.driver == "wg-easy"
            (address, host) = (NodeRules.place(node.address), NodeRules.host(node.address))
        }

        func clashes(with other: Writer) -> String? {
            if isController, other.isController {
                return address == other.address ? "nodes \(other.name) and \(name) are one controller" : nil
            }
            guard host == other.host, interface == other.interface else { return nil }
            return "nodes \(other.name) and \(name) both write to interface \(interface) of one host"
        }
    }

    /// Sentences about nodes that write to one host's interface; empty when all is well. A controller writes to the interface of its name
    /// on its host as far as scripts on that host are concerned.
    public static func conflicts(_ nodes: [BackendAccess]) -> [String] {
        var writers: [Writer] = []
        var found: [String] = []
        for node in nodes {
            guard let writer = Writer(node) else { continue }
            // The first one is named, as it was there before.
            if let sentence = writers.lazy.compactMap({ writer.clashes(with: $0) }).first {
                found.append(sentence)
            } else {
                writers.append(writer)
            }
        }
        return found
    }

    /// Host, port and path of a URL.
    fileprivate static func place(_ address: String) -> String {
        var rest = Substring(address)
        var port = "80"
        if let scheme = rest.firstRange(of: "://") {
            if rest[..<scheme.lowerBound].lowercased() == "https" { port = "443" }
            rest = rest[scheme.upperBound...]
        }
        var authority = rest.prefix { $0 != "/" }
        var path = rest[authority.endIndex...]
        while path.hasSuffix("/") { path.removeLast() }
        if let at = authority.lastIndex(of: "@") { authority = authority[authority.index(after: at)...] }
        if let colon = authority.lastIndex(of: ":"), !authority[colon...].contains("]") { port = String(authority[colon...].dropFirst()) }
        return "\(host(address)) \(port) \(path)"
    }

    /// Of a URL, of user@host, or of "" for this machine.
    fileprivate static func host(_ address: String) -> String {
        var rest = Substring(address)
        if let scheme = rest.firstRange(of: "://") { rest = rest[scheme.upperBound...] }
        rest = rest.prefix { $0 != "/" }
        if let at = rest.lastIndex(of: "@") { rest = rest[rest.index(after: at)...] }
        let name =
            rest.hasPrefix("[")
            ? String(rest.dropFirst().prefix { $0 != "]" })
            : rest.filter { $0 == ":" }.count > 1 ? String(rest) : String(rest.prefix { $0 != ":" })
        return name.isEmpty || name == "localhost" || IPAddress(name)?.isLoopback == true ? "this machine" : name.lowercased()
    }
}
