public import Domain
public import HTTP

/// The tunnel addresses of one node: an IPv4 network and perhaps an IPv6 one, without what nobody may have.
public struct AddressPool: Sendable, Equatable {
    public let ipv4: IPNetwork
    public let ipv6: IPNetwork?
    /// Never handed out, as the addresses of a router behind the node.
    public let excluded: [IPNetwork]

    /// - Parameters:
    ///   - ipv4: as "10.8.0.0/24"; /16 … /30.
    ///   - ipv6: as "fd00:1::/112"; /48 … /126, of fd00::/8.
    ///   - excluded: networks or addresses.
    public init(ipv4: String, ipv6: String? = nil, excluded: [String] = []) throws(ParseError) {
        guard let four = IPNetwork(ipv4), four.base.isIPv4, (112...126).contains(four.prefixBits) else {
            throw ParseError("an IPv4 network of /16 to /30 as 10.8.0.0/24", got: ipv4)
        }
        var six: IPNetwork?
        if let ipv6, !ipv6.isEmpty {
            guard let network = IPNetwork(ipv6), network.base.high >> 56 == 0xfd, (48...126).contains(network.prefixBits) else {
                throw ParseError("an IPv6 network of /48 to /126 within fd00::/8, as fd00:1::/112", got: ipv6)
            }
            six = network
        }
        var networks: [IPNetwork] = []
        for text in excluded {
            guard let network = IPNetwork(text) else { throw ParseError("a list of networks or addresses", got: text) }
            networks.append(network)
        }
        (self.ipv4, self.ipv6, self.excluded) = (four, six, networks)
    }

    /// The node's own: the first host.
    public var serverIPv4: IPAddress { IPAddress(Self.first(ipv4) + 1) }
    public var serverIPv6: IPAddress? { ipv6.map { IPAddress(Self.first($0) + 1) } }

    /// The lowest free address; nil when all are taken. Looks at most at as many as are taken or excluded, and one.
    /// - Parameter taken: as `IPAddress` prints them.
    public func firstFreeIPv4(taken: Set<String>) -> IPAddress? { firstFree(ipv4, taken) }
    public func firstFreeIPv6(taken: Set<String>) -> IPAddress? { ipv6.flatMap { firstFree($0, taken) } }

    /// Whether a peer may have it: in the pool, and neither network, server, last nor excluded address.
    public func permits(_ address: IPAddress) -> Bool {
        guard let network = [ipv4, ipv6].compactMap({ $0 }).first(where: { $0.contains(address) }) else { return false }
        let number = address.number
        return number > Self.first(network) + 1 && number < Self.last(network) && !excluded.contains { $0.contains(address) }
    }

    /// The IPv4 address as `IPAddress` prints it, when a peer may have it.
    public func permitted(_ text: String) -> String? {
        guard let address = IPAddress(text), address.isIPv4, permits(address) else { return nil }
        return address.description
    }

    private func firstFree(_ network: IPNetwork, _ taken: Set<String>) -> IPAddress? {
        // The network itself, the server and the last address are nobody's.
        var number = Self.first(network) + 2
        while number < Self.last(network) {
            let address = IPAddress(number)
            if let around = excluded.first(where: { $0.contains(address) }) {
                number = Self.last(around) + 1
            } else if taken.contains(address.description) {
                number += 1
            } else {
                return address
            }
        }
        return nil
    }

    private static func first(_ network: IPNetwork) -> UInt128 { network.base.number }
    private static func last(_ network: IPNetwork) -> UInt128 {
        // A network of everything ends at the largest number; adding one to it would trap, so the loop above stops one before.
        min(.max - 1, network.base.number | (network.prefixBits == 0 ? .max : UInt128.max >> UInt128(network.prefixBits)))
    }
}

extension IPAddress {
    fileprivate var number: UInt128 { UInt128(high) << 64 | UInt128(low) }
    fileprivate init(_ number: UInt128) {
        self.init(high: UInt64(truncatingIfNeeded: number >> 64), low: UInt64(truncatingIfNeeded: number))
    }
}
