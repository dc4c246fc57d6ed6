public import Domain

/// The kinds of service this server can run.
public struct DriverTable: Sendable {
    private let drivers: [ServiceKind: any ServiceDriver]

    /// The last one of a kind wins, so that a test can put its own in.
    public init(_ drivers: [any ServiceDriver]) {
        self.drivers = Dictionary(drivers.map { ($0.kind, $0) }, uniquingKeysWith: { $1 })
    }
    public subscript(kind: ServiceKind) -> (any ServiceDriver)? { drivers[kind] }
    /// By name.
    public var all: [any ServiceDriver] { drivers.values.sorted { $0.kind.text < $1.kind.text } }
}
