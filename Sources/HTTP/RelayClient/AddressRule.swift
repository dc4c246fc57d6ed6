/// Which addresses an outgoing connection may reach. Asked about every address after the name was resolved, so a name cannot
/// lead somewhere that the number could not.
///
/// Always refused: unspecified, link-local, multicast, broadcast and reserved addresses and the known metadata services of
/// clouds. Addresses that carry an IPv4 address inside (mapped, compatible, NAT64, 6to4) are judged by that one.
public struct AddressRule: Hashable, Sendable {
    /// 127.0.0.0/8 and ::1; also what makes plain http possible, to these addresses only.
    public var allowsLoopback: Bool
    /// Private, shared, unique-local, documentation and benchmark networks.
    public var allowsPrivate: Bool

    public init(allowsLoopback: Bool = false, allowsPrivate: Bool = true) {
        self.allowsLoopback = allowsLoopback
        self.allowsPrivate = allowsPrivate
    }
    /// The public internet and nothing else.
    public static let publicOnly = AddressRule(allowsLoopback: false, allowsPrivate: false)

    public func permits(_ address: IPAddress) -> Bool {
        let address = Self.innermost(address)
        if Self.metadata.contains(address) || Self.never.contains(where: { $0.contains(address) }) { return false }
        if address.isLoopback { return allowsLoopback }
        return allowsPrivate || !Self.notPublic.contains { $0.contains(address) }
    }

    /// The IPv4 address that an IPv6 one stands for, or the address itself.
    private static func innermost(_ address: IPAddress) -> IPAddress {
        if address.isIPv4 { return address }
        let ipv4: UInt64
        switch (address.high, address.low >> 32) {
        case (0, 0) where address.low > 1: ipv4 = address.low  // ::a.b.c.d, deprecated but still understood
        case (0, 0xffff_0000): ipv4 = address.low  // ::ffff:0:a.b.c.d (RFC 2765)
        case (0x0064_ff9b_0000_0000, 0): ipv4 = address.low  // 64:ff9b::/96 (RFC 6052)
        case (0x2002_0000_0000_0000...0x2002_ffff_ffff_ffff, _): ipv4 = address.high >> 16  // 6to4 (RFC 3056)
        default: return address
        }
        return IPAddress(ipv4: UInt32(truncatingIfNeeded: ipv4))
    }

    /// Outside the link-local networks, these answer with credentials of the machine: Amazon (IPv6), Alibaba, Oracle, Azure.
    private static let metadata = Set(["fd00:ec2::254", "100.100.100.200", "192.0.0.192", "168.63.129.16"].compactMap { IPAddress($0) })
    private static let never = [
        "0.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4",
        "::/128", "fe80::/10", "fec0::/10", "ff00::/8", "100::/64", "64:ff9b:1::/48", "2001::/32",
    ].compactMap { IPNetwork($0) }
    private static let notPublic = [
        "10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "fc00::/7", "2001:db8::/32", "3fff::/20",
    ].compactMap { IPNetwork($0) }
}
