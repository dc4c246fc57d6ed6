public import Domain
internal import HTTP
public import Secrets
internal import Store

/// A system of the operator that is told of events.
public struct WebhookTarget: Sendable {
    /// Unique; the outbox remembers under it who has an event.
    public let name: String
    public let address: String
    /// `whsec_…`, or any other text.
    public let secret: SecretBytes
    /// Kinds it is told of: as "payment.completed", or with a star at the end, as "relay.*".
    public let events: [String]
    /// Which addresses its name may lead to; nil: those of the client.
    private let rule: AddressRule?
    /// The row it is, as it was when it was read; nil: it is one of the settings.
    let stored: (id: WebhookID, updatedAt: Timestamp)?

    private static let maximumTargets = 20
    private static let maximumEvents = 100

    public init(name: String, address: String, secret: SecretBytes, events: [String] = ["*"]) {
        (self.name, self.address, self.secret, self.events) = (name, address, secret, events)
        (rule, stored) = (nil, nil)
    }

    /// One that a page has added: who may use pages is not meant to reach this machine and its neighbours through them.
    init(_ row: StoredWebhook, address: String, secret: SecretBytes, allowsInside: Bool) {
        (name, self.address, self.secret, events) = (row.name, address, secret, row.events)
        (rule, stored) = (Self.rule(allowsInside: allowsInside), (row.id, row.updatedAt))
    }

    /// - Parameter allowsInside: `ALLOW_LOOPBACK_UPSTREAM`.
    static func rule(allowsInside: Bool) -> AddressRule { AddressRule(allowsLoopback: allowsInside, allowsPrivate: allowsInside) }

    /// False for a number that is refused when it is connected to, and for this machine's own name; what other names lead to is judged at
    /// each connection.
    static func mayReach(_ address: String, allowsInside: Bool) -> Bool {
        let name = hostName(address)
        if let number = IPAddress(name) { return rule(allowsInside: allowsInside).permits(number) }
        return allowsInside || name != "localhost" && !name.hasSuffix(".localhost")
    }

    /// As "ops.example.com" or "::1"; empty: it names none.
    static func hostName(_ address: String) -> String {
        var host = Self.host(address).split(separator: "/").dropFirst().joined()[...]
        if host.hasPrefix("["), let end = host.firstIndex(of: "]") {
            host = host[host.index(after: host.startIndex)..<end]
        } else {
            host = host.prefix { $0 != ":" }
        }
        return host.lowercased()
    }

    /// Why no place of the settings can have the address; nil: it can. They may be inside, also by plain http, and never where the client
    /// does not call.
    public static func fault(ofAddress address: String) -> String? {
        let isPlain = address.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != 0x5c }
        guard address.hasPrefix("https://") || address.hasPrefix("http://"), isPlain, !hostName(address).isEmpty else {
            return "must be an address as https://ops.example.com/hook"
        }
        return mayReach(address, allowsInside: true) ? nil : "must not be an address that is never called, as that of a metadata service"
    }

    /// Why a secret cannot sign; nil: it can.
    public static func fault(ofSecret secret: String) -> String? { WebhookSignature.fault(ofSecret: secret) }

    public func takes(_ kind: String) -> Bool {
        events.contains { $0.last == "*" ? kind.hasPrefix($0.dropLast()) : $0 == kind }
    }

    /// What kinds of events begin with.
    private static let families = ["payment.", "subscription.", "service.", "backend.", "books.", "relay.", "webhook."]

    /// False for kinds, also such with a star, that no event will ever have.
    public static func mayHappen(_ kind: String) -> Bool {
        let isOpen = kind.last == "*"
        let text = isOpen ? kind.dropLast() : kind[...]
        return families.contains { text.hasPrefix($0) && (isOpen || text.count > $0.count) || isOpen && $0.hasPrefix(text) }
    }

    /// As "https://ops.example.com:8443": paths and queries of such addresses often hold a secret.
    public static func host(_ address: String) -> String {
        let parts = address.split(separator: "/", maxSplits: 3, omittingEmptySubsequences: false)
        guard parts.count >= 3 else { return "" }
        let authority = parts[2].prefix { $0 != "?" && $0 != "#" }
        return parts.prefix(2).joined(separator: "/") + "/" + (authority.split(separator: "@").last ?? "")
    }

    private static let timeoutMilliseconds = 10_000

    static func body(id: String, kind: String, at time: Timestamp, _ data: JSON) -> [UInt8] {
        JSON.object(["id": .string(id), "type": .string(kind), "timestamp": .string(time.text), "data": data]).bytes
    }

    /// Signed as of now; the id stays the same over all tries.
    func request(id: String, body: [UInt8], at now: Timestamp) -> OutgoingRequest {
        var request = OutgoingRequest(.post, address, body: body)
        request.timeoutMilliseconds = Self.timeoutMilliseconds
        request.addressRule = rule
        request.headers = [
            "content-type": "application/json", "webhook-id": id, "webhook-timestamp": String(now.milliseconds / 1000),
            "webhook-signature": WebhookSignature.sign(id: id, at: now, body: body, secret: secret),
        ]
        return request
    }

    /// Reads `[{"name","url","secret","events"?}]`; without `events` everything is told.
    public static func list(parsing text: String) throws(ParseError) -> [WebhookTarget] {
        let shape = #"a JSON list as [{"name":"ops","url":"https://ops.example.com/hook","secret":"whsec_…","events":["relay.*"]}]"#
        guard let list = try? JSON(parsing: Array(text.utf8)).array, list.count <= maximumTargets else {
            throw ParseError(shape)
        }
        var targets: [WebhookTarget] = []
        for (index, one) in list.enumerated() {
            guard let name = one["name"].string, isName(name), let url = one["url"].string, let secret = one["secret"].string else {
                throw ParseError("\(shape); entry \(index + 1) has no name of a-z, 0-9 and -, no url or no secret")
            }
            if let fault = fault(ofAddress: url) { throw ParseError("\(shape); url of entry \(index + 1) \(fault)") }
            if let fault = fault(ofSecret: secret) { throw ParseError("\(shape); secret of entry \(index + 1) \(fault)") }
            guard !targets.contains(where: { $0.name == name }) else { throw ParseError("\(shape); \(name) is there twice") }
            let events = one["events"] == .null ? ["*"] : (one["events"].array ?? []).compactMap(\.string)
            guard (1...maximumEvents).contains(events.count), events.count == one["events"].array?.count ?? 1 else {
                throw ParseError("\(shape); events of entry \(index + 1) must be a list of texts")
            }
            targets.append(WebhookTarget(name: name, address: url, secret: SecretBytes(Array(secret.utf8)), events: events))
        }
        return targets
    }

    static func isName(_ text: String) -> Bool {
        (1...32).contains(text.utf8.count)
            && text.utf8.allSatisfy { (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2d }
    }
}
