public import Domain
internal import HTTP

/// The file a device reads: `[Interface]` and one `[Peer]`, the server.
public struct ClientConfig: Sendable, Equatable {
    public enum PrivateKey: Sendable, Equatable {
        case known(WireGuardKey)
        /// "PrivateKey = " with nothing behind: the device puts its own there.
        case fromDevice
    }
    public var privateKey: PrivateKey
    /// The device's own, with prefix: "10.8.0.7/32".
    public var addresses: [String]
    /// Addresses, and search domains.
    public var dns: [String]
    public var mtu: Int?
    /// Of a node that speaks AmneziaWG.
    public var amnezia: AmneziaParameters?
    public var serverPublicKey: WireGuardKey
    public var presharedKey: WireGuardKey?
    /// What the device sends into the tunnel; never to be written on the server.
    public var allowedIPs: [String]
    /// Seconds; 0 is off.
    public var keepalive: Int
    /// "host:port", "192.0.2.1:51820", "[2001:db8::1]:51820".
    public var endpoint: String

    public init(
        privateKey: PrivateKey, addresses: [String], dns: [String] = [], mtu: Int? = nil, serverPublicKey: WireGuardKey,
        presharedKey: WireGuardKey? = nil, allowedIPs: [String] = ["0.0.0.0/0", "::/0"], keepalive: Int = 0, endpoint: String
    ) throws(ParseError) {
        (self.privateKey, self.addresses, self.dns, self.mtu) = (privateKey, addresses, dns, mtu)
        (self.serverPublicKey, self.presharedKey, self.allowedIPs) = (serverPublicKey, presharedKey, allowedIPs)
        (self.keepalive, self.endpoint) = (keepalive, endpoint)
        try check()
    }

    /// Smaller breaks IPv6, larger no link carries.
    public static let mtuRange = 1024...9000

    private func check() throws(ParseError) {
        guard !addresses.isEmpty, addresses.count <= 8 else { throw ParseError("one to eight addresses") }
        for address in addresses { try ConfigText.addressWithPrefix(address) }
        guard dns.count <= 8 else { throw ParseError("at most eight DNS entries") }
        for name in dns where IPAddress(name) == nil { try ConfigText.host(name) }
        if let mtu, !Self.mtuRange.contains(mtu) { throw ParseError("an MTU of 1024 to 9000", got: String(mtu)) }
        guard !allowedIPs.isEmpty, allowedIPs.count <= 64 else { throw ParseError("one to 64 allowed networks") }
        for network in allowedIPs { try ConfigText.addressWithPrefix(network) }
        guard (0...65535).contains(keepalive) else { throw ParseError("a keepalive of 0 to 65535 seconds", got: String(keepalive)) }
        try ConfigText.endpoint(endpoint)
    }

    /// In the order that clients are used to, with LF ends.
    public var text: String {
        var lines = ["[Interface]"]
        switch privateKey {
        case .known(let key): lines.append("PrivateKey = \(key.text)")
        case .fromDevice: lines.append("PrivateKey = ")
        }
        lines.append("Address = \(addresses.joined(separator: ", "))")
        if !dns.isEmpty { lines.append("DNS = \(dns.joined(separator: ", "))") }
        if let mtu { lines.append("MTU = \(mtu)") }
        lines += amnezia?.lines ?? []
        lines += ["", "[Peer]", "PublicKey = \(serverPublicKey.text)"]
        if let presharedKey { lines.append("PresharedKey = \(presharedKey.text)") }
        lines.append("AllowedIPs = \(allowedIPs.joined(separator: ", "))")
        if keepalive > 0 { lines.append("PersistentKeepalive = \(keepalive)") }
        lines.append("Endpoint = \(endpoint)")
        return lines.joined(separator: "\n") + "\n"
    }

    /// "alice-phone.conf": what is not in `[A-Za-z0-9_=+.-]` becomes "-", and 15 characters stay, since the Android client names the tunnel
    /// so and refuses more.
    public static func fileName(_ label: String) -> String {
        var name = ""
        for scalar in label.unicodeScalars {
            if ConfigText.nameCharacters.contains(scalar) {
                name.unicodeScalars.append(scalar)
            } else if name.last != "-" {
                name.append("-")
            }
        }
        let short = name.drop { $0 == "-" || $0 == "." }.prefix(15)
        return (short.isEmpty ? "peer" : String(short)) + ".conf"
    }
}

/// The checks that no text passes into a config without.
public enum ConfigText {
    static let nameCharacters = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_=+.-".unicodeScalars)

    /// "10.8.0.7", "10.8.0.7/32", "fd00::7/128"; host bits may be set.
    static func addressWithPrefix(_ text: String) throws(ParseError) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, let address = IPAddress(String(first)) else { throw ParseError("an address with prefix", got: text) }
        guard parts.count == 2 else { return }
        guard (1...3).contains(parts[1].utf8.count), parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let bits = Int(parts[1]), bits <= (address.isIPv4 ? 32 : 128)
        else { throw ParseError("an address with prefix", got: text) }
    }

    /// A DNS name (RFC 1123) of at most 253 characters.
    public static func host(_ text: String) throws(ParseError) {
        let labels = text.split(separator: ".", omittingEmptySubsequences: false)
        let isName =
            (1...253).contains(text.utf8.count)
            && labels.allSatisfy { label in
                (1...63).contains(label.utf8.count) && label.first != "-" && label.last != "-"
                    && label.utf8.allSatisfy {
                        (0x61...0x7a).contains($0 | 0x20) || (0x30...0x39).contains($0) || $0 == 0x2d
                    }
            }
        guard isName else { throw ParseError("an address or a host name", got: text) }
    }

    /// "host:port", "192.0.2.1:51820" or "[2001:db8::1]:51820".
    public static func endpoint(_ text: String) throws(ParseError) {
        let expected = "an endpoint as vpn.example.com:51820 or [2001:db8::1]:51820"
        guard let colon = text.lastIndex(of: ":") else { throw ParseError(expected, got: text) }
        let port = text[text.index(after: colon)...]
        guard port.utf8.count <= 5, port.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(port),
            (1...65535).contains(number)
        else { throw ParseError(expected, got: text) }
        let host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            guard host.contains(":"), IPAddress(String(host.dropFirst().dropLast())) != nil else { throw ParseError(expected, got: text) }
        } else {
            // A name whose last part is digits alone would be read as an address.
            let isNumeric = host.split(separator: ".").last?.allSatisfy(\.isNumber) ?? true
            guard !isNumeric || IPAddress(String(host))?.isIPv4 == true else { throw ParseError(expected, got: text) }
            if !isNumeric { try Self.host(String(host)) }
        }
    }

    /// The name of an interface, as Linux and wg-quick take it.
    public static func interfaceName(_ text: String) throws(ParseError) {
        guard (1...15).contains(text.utf8.count), text.unicodeScalars.allSatisfy(nameCharacters.contains), text.first != "-",
            text.first != "."
        else { throw ParseError("an interface name of at most 15 letters, digits and _=+.-", got: text) }
    }
}
