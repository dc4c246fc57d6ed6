internal import Domain
internal import HTTP

/// Where the scripts of a host are, and the lines that call them. Every word goes through a pattern here and once more in the script: over
/// SSH a shell on the other side reads them.
struct HostScripts: Sendable, Equatable {
    let apply: String, remove: String, show: String, generate: String
    /// Folder on the host for keys that it makes.
    let keyFolder: String
    let interface: String

    /// Where existing deployments have them.
    static let standardFolder = "/srv/vpn-api/scripts"

    struct Line: Sendable, Equatable {
        let script: String
        let arguments: [String]
        /// For the standard input.
        var secret: String?
        /// Whether it changes the host.
        var changes = true
    }

    func listing() -> Line { Line(script: show, arguments: [interface], changes: false) }

    func applying(_ peer: WantedPeer, _ key: WireGuardKey, pool: AddressPool?) throws(DriverError) -> Line {
        guard !peer.addresses.isEmpty else { throw .refused("a peer without an address") }
        var addresses: [String] = []
        for text in peer.addresses {
            guard let address = IPAddress(text), pool?.permits(address) != false else {
                throw .refused("\(text) is no address of the node's pool")
            }
            addresses.append(address.description + (address.isIPv4 ? "/32" : "/128"))
        }
        return Line(
            script: apply,
            arguments: [interface, key.text, addresses.joined(separator: ",")] + (peer.presharedKey == nil ? [] : ["--psk-stdin"]),
            secret: peer.presharedKey?.text)
    }

    func removing(_ key: WireGuardKey) -> Line { Line(script: remove, arguments: [interface, key.text]) }

    func generating(_ name: String) throws(DriverError) -> Line {
        guard (1...64).contains(name.utf8.count), name.utf8.allSatisfy({ Self.isPlain($0) && $0 != 0x2e && $0 != 0x2f }) else {
            throw .refused("a key's name must be 1 to 64 of A-Z a-z 0-9 _ -")
        }
        return Line(script: generate, arguments: [keyFolder, name])
    }

    /// An absolute path of plain characters that does not go up.
    static func checkPath(_ path: String) throws(ParseError) {
        guard path.utf8.first == 0x2f, path.utf8.count > 1, path.utf8.allSatisfy(isPlain), !path.split(separator: "/").contains("..") else {
            throw ParseError("an absolute path of A-Z a-z 0-9 . _ - /", got: path)
        }
    }
    private static func isPlain(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
            || [0x2d, 0x2e, 0x2f, 0x5f].contains(byte)
    }

    /// "alice@vpn.example.com", with an address in brackets when it is IPv6.
    static func checkTarget(_ text: String) throws(ParseError) {
        let parts = text.split(separator: "@", omittingEmptySubsequences: false)
        let host = parts.last ?? ""
        let user = parts.count == 2 ? parts[0] : "root"
        let isUser =
            (user.utf8.first.map { (0x61...0x7a).contains($0) || $0 == 0x5f } ?? false) && user.utf8.count <= 32
            && user.utf8.allSatisfy { (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5f || $0 == 0x2d }
        let name = host.hasPrefix("[") && host.hasSuffix("]") ? host.dropFirst().dropLast() : host
        let isAddress = host.hasPrefix("[") && IPAddress(String(name))?.isIPv4 == false
        let isName =
            !host.hasPrefix("-") && !host.isEmpty && host.utf8.count <= 253
            && host.utf8.allSatisfy { isPlain($0) && $0 != 0x2f && $0 != 0x5f }
        guard parts.count <= 2, isUser, isAddress || isName else { throw ParseError("user@host", got: text) }
    }
}
