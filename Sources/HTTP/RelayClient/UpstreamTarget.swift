public import Domain

/// Where an upstream lives and how to get there, read once from an operator's text. Connections are shared by equal targets. A class,
/// because every request hands it on several times, and nothing of it changes.
public final class UpstreamTarget: Hashable, Sendable, CustomStringConvertible {
    public enum Scheme: String, Sendable { case http, https }

    public let scheme: Scheme
    /// A lower case name or an address without brackets.
    public let host: String
    public let port: UInt16
    /// Goes before every path: "" or "/gateway/v2".
    public let basePath: String
    public let proxy: UpstreamProxy?
    /// PEM; nil trusts the system's certificates.
    public let certificateAuthorityFile: String?
    public let addressRule: AddressRule
    /// The host when it is an address.
    let address: IPAddress?
    private let hash: Int
    /// What follows the path of every request: " HTTP/1.1", and the `host` field.
    let hostLine: [UInt8]

    /// Reads "https://api.example.com" or "https://[2001:db8::1]:8443/base". No user, query or fragment.
    ///
    /// "http" needs `addressRule.allowsLoopback` and then reaches loopback addresses only, whatever the name resolves to.
    /// - Throws: `ParseError` for anything else, and for an address that the rule refuses. It never quotes the text.
    public init(
        parsing text: String, proxy: UpstreamProxy? = nil, certificateAuthorityFile: String? = nil, addressRule: AddressRule = AddressRule()
    ) throws(ParseError) {
        let url = try UpstreamURL(parsing: text, example: "https://api.example.com")
        guard url.userInformation == nil else { throw ParseError("a URL without user and password") }
        switch url.scheme {
        case "https": scheme = .https
        case "http":
            guard addressRule.allowsLoopback else { throw ParseError("an https URL") }
            scheme = .http
        default: throw ParseError("an https URL")
        }
        host = url.host
        port = url.port ?? (scheme == .https ? 443 : 80)
        basePath = url.path
        address = IPAddress(url.host)
        self.proxy = proxy
        self.certificateAuthorityFile = certificateAuthorityFile
        self.addressRule = addressRule
        if let address {
            guard addressRule.permits(address) else { throw ParseError("an address that may be called from here") }
            guard scheme == .https || address.isLoopback else { throw ParseError("an https URL") }
        } else if scheme == .http, proxy?.resolvesRemotely == true, host != "localhost", !host.hasSuffix(".localhost") {
            throw ParseError("an https URL when a proxy resolves the name")
        }
        var hasher = Hasher()
        for text in [host, basePath, certificateAuthorityFile ?? ""] { hasher.combine(text) }
        hasher.combine(scheme)
        hasher.combine(port)
        hasher.combine(proxy)
        hasher.combine(addressRule)
        hash = hasher.finalize()
        hostLine = Array(" HTTP/1.1\r\nhost: \(Self.authority(scheme, host, port))\r\n".utf8)
    }

    /// The value of the `host` field: with the port unless it is the scheme's own.
    public var authority: String { Self.authority(scheme, host, port) }
    private static func authority(_ scheme: Scheme, _ host: String, _ port: UInt16) -> String {
        let name = host.utf8.contains(0x3a) ? "[\(host)]" : host
        return port == (scheme == .https ? 443 : 80) ? name : "\(name):\(port)"
    }
    public var description: String { "\(scheme.rawValue)://\(authority)\(basePath)" }

    /// Looked up at every request, so the hash is made once.
    public func hash(into hasher: inout Hasher) { hasher.combine(hash) }
    public static func == (a: UpstreamTarget, b: UpstreamTarget) -> Bool {
        a === b
            || a.hash == b.hash && a.host == b.host && a.port == b.port && a.scheme == b.scheme && a.basePath == b.basePath
                && a.proxy == b.proxy && a.certificateAuthorityFile == b.certificateAuthorityFile && a.addressRule == b.addressRule
    }

    /// Whether a connection of this target may go to that address.
    func permits(_ address: IPAddress) -> Bool { addressRule.permits(address) && (scheme == .https || address.isLoopback) }
}
