public import Domain

/// What drivers need from above.
public struct DriverPorts: Sendable {
    public var keys: any KeyStore
    /// The keyed hash under which a relay key is found.
    public var keyHash: @Sendable ([UInt8]) -> [UInt8]
    /// How VPN nodes are reached.
    public var nodes: NodePorts
    public init(keys: any KeyStore, keyHash: @escaping @Sendable ([UInt8]) -> [UInt8], nodes: NodePorts) {
        (self.keys, self.keyHash, self.nodes) = (keys, keyHash, nodes)
    }
}

/// Every kind of service, one line each.
public enum Registry {
    public static func drivers(_ ports: DriverPorts) -> [any ServiceDriver] {
        [
            RelayKeyDriver(ports.keys, hash: ports.keyHash),
            WireGuardDriver(ports.nodes),
        ]
    }
}
