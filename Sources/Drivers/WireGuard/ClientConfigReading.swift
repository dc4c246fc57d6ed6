public import Domain

extension ClientConfig {
    /// What a controller may send as one.
    static let largestBytes = 65_536

    /// Reads a client file as wg-quick does: names without case, comments from "#" on, lists by comma, repeated lists added up.
    ///
    /// Names that only wg-quick or AmneziaWG know are left out of the value, but must be well-formed.
    /// - Throws: also for a file with two peers, and for one whose private key is a word instead of a key, as of an imported client
    ///   ("REPLACE_ME"). Errors never quote a value.
    public init(parsing text: String) throws(ParseError) {
        guard text.utf8.count <= Self.largestBytes else { throw ParseError("a config of at most \(Self.largestBytes) bytes") }
        var values: [String: [String]] = [:]
        var section = ""
        for raw in text.split(whereSeparator: \.isNewline) {
            let line = Self.trimmed(raw.prefix { $0 != "#" })
            if line.isEmpty { continue }
            if line.hasPrefix("[") {
                guard line.hasSuffix("]") else { throw ParseError("sections as [Peer]") }
                let name = line.dropFirst().dropLast().lowercased()
                guard name == "interface" || name == "peer", values["\(name)."] == nil else {
                    throw ParseError("one [Interface] and one [Peer]")
                }
                section = name
                values["\(name)."] = []
                continue
            }
            guard let equals = line.firstIndex(of: "="), !section.isEmpty else { throw ParseError("lines as Name = value below a section") }
            let name = Self.trimmed(line[..<equals]).lowercased()
            let value = Self.trimmed(line[line.index(after: equals)...])
            guard !name.isEmpty, name.utf8.allSatisfy({ (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) }),
                value.unicodeScalars.allSatisfy({ $0.value >= 0x20 || $0 == "\t" })
            else {
                throw ParseError("lines as Name = value, free of control characters")
            }
            values["\(section).\(name)", default: []].append(String(value))
        }
        guard values["interface."] != nil, values["peer."] != nil else { throw ParseError("one [Interface] and one [Peer]") }
        func last(_ name: String) -> String? { values[name]?.last }
        func list(_ name: String) -> [String] {
            (values[name] ?? []).flatMap { $0.split(separator: ",").map { String(Self.trimmed($0)) } }.filter { !$0.isEmpty }
        }
        let key = last("interface.privatekey") ?? ""
        var mtu: Int?
        if let text = last("interface.mtu") {
            guard let number = Int(text) else { throw ParseError("an MTU as a number") }
            mtu = number
        }
        var keepalive = 0
        if let text = last("peer.persistentkeepalive"), text.lowercased() != "off" {
            guard let number = Int(text) else { throw ParseError("a keepalive in seconds") }
            keepalive = number
        }
        guard let server = last("peer.publickey") else { throw ParseError("a config with the server's public key") }
        guard let endpoint = last("peer.endpoint") else { throw ParseError("a config with an endpoint") }
        var preshared: WireGuardKey?
        if let text = last("peer.presharedkey"), !text.isEmpty { preshared = try WireGuardKey(parsing: text) }
        try self.init(
            privateKey: key.isEmpty ? .fromDevice : .known(try WireGuardKey(parsing: key)), addresses: list("interface.address"),
            dns: list("interface.dns"), mtu: mtu, serverPublicKey: try WireGuardKey(parsing: server), presharedKey: preshared,
            allowedIPs: list("peer.allowedips"), keepalive: keepalive, endpoint: endpoint)
    }

    private static func trimmed(_ text: Substring) -> Substring {
        var text = text.drop { $0 == " " || $0 == "\t" }
        while let last = text.last, last == " " || last == "\t" { text.removeLast() }
        return text
    }
}
