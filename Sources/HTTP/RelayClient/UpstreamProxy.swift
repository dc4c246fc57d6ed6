public import Domain

/// A proxy between us and an upstream. Its password is in no description and no error.
public struct UpstreamProxy: Hashable, Sendable, CustomStringConvertible, CustomReflectable {
    public enum Kind: String, Sendable {
        /// HTTP CONNECT, for http targets too; the proxy resolves the target's name.
        case http
        /// SOCKS 5 (RFC 1928) to an address that we resolve.
        case socks5
        /// SOCKS 5, the proxy resolves the name.
        case socks5h
    }
    public let kind: Kind
    public let host: String
    public let port: UInt16
    /// Both empty when the proxy asks for none. At most 255 bytes each (RFC 1929).
    let user: [UInt8]
    let password: [UInt8]
    let addressRule: AddressRule
    let address: IPAddress?

    /// Reads "http://proxy.example.com:3128", "socks5://user:pass%20word@192.0.2.1" or "socks5h://…". The default port is 80 for
    /// http and 1080 for SOCKS. Its own address must pass the rule.
    public init(parsing text: String, addressRule: AddressRule = AddressRule()) throws(ParseError) {
        let url = try UpstreamURL(parsing: text, example: "http://proxy.example.com:3128 or socks5h://user:password@proxy.example.com:1080")
        guard let kind = Kind(rawValue: url.scheme) else { throw ParseError("an http, socks5 or socks5h proxy URL") }
        guard url.path.isEmpty else { throw ParseError("a proxy URL without a path") }
        self.kind = kind
        host = url.host
        port = url.port ?? (kind == .http ? 80 : 1080)
        self.addressRule = addressRule
        address = IPAddress(url.host)
        if let address, !addressRule.permits(address) { throw ParseError("a proxy address that may be called from here") }
        guard let information = url.userInformation else {
            (user, password) = ([], [])
            return
        }
        let parts = information.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard let user = UpstreamURL.percentDecoded(parts[0]), let password = UpstreamURL.percentDecoded(parts.count == 2 ? parts[1] : ""),
            (1...255).contains(user.count), password.count <= 255, kind != .http || !user.contains(0x3a)
        else { throw ParseError("a proxy user and password of at most 255 bytes each, percent-encoded") }
        (self.user, self.password) = (user, password)
    }

    var resolvesRemotely: Bool { kind != .socks5 }
    public var description: String { "\(kind.rawValue)://\(host.utf8.contains(0x3a) ? "[\(host)]" : host):\(port)" }
    public var customMirror: Mirror { Mirror(self, children: [:]) }
}
