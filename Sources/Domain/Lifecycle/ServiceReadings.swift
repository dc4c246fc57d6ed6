/// What a backend's counters of one service say now. They may begin anew at any time; `TransferMeter` adds them up.
public struct UsageReading: Sendable, Equatable {
    /// Bytes, as the node counts: what it received is what the customer sent.
    public let received: Int64
    public let sent: Int64
    /// When the customer's device last proved that it is there; nil for never, or unknown.
    public let handshake: Timestamp?
    public init(received: Int64, sent: Int64, handshake: Timestamp?) {
        (self.received, self.sent, self.handshake) = (received, sent, handshake)
    }
}

/// A driver whose backends count what a service uses.
public protocol UsageReporting: ServiceDriver {
    /// Of many services of one backend, at most 1000, in one reading; those without counters now are left out.
    func usage(of services: [ServiceOrder]) async throws(DriverError) -> [ServiceID: UsageReading]
}

/// What a backend shows at one moment, read once, for as many services as are asked about.
public protocol BackendView: Sendable {
    /// Those left out are absent.
    func presences(of services: [ServiceOrder]) throws(DriverError) -> [ServiceID: Presence]
    /// Those without counters are left out.
    func usage(of services: [ServiceOrder]) throws(DriverError) -> [ServiceID: UsageReading]
}

/// A driver whose backends list everything they have in one answer: it is fetched once for a pass over thousands of services.
public protocol BackendViewing: UsageReporting {
    func view(of backend: BackendAccess) async throws(DriverError) -> any BackendView
}

/// A file that makes the customer's device use the service.
public struct ServiceConfig: Sendable, Equatable {
    /// Never logged.
    public let bytes: [UInt8]
    /// As "alice-phone.conf".
    public let fileName: String
    public init(bytes: [UInt8], fileName: String) { (self.bytes, self.fileName) = (bytes, fileName) }
}

/// A driver whose services come with such a file.
public protocol ConfigDelivery: ServiceDriver {
    /// - Throws: `.refused` with the reason when there is none to give, as when the key is held elsewhere.
    func config(of service: ServiceOrder) async throws(DriverError) -> ServiceConfig
    /// What stays of the secret once the config was handed over; the same where it may be handed over again.
    func secretAfterDelivery(of service: ServiceOrder) throws(DriverError) -> [UInt8]?
}

extension ConfigDelivery {
    public func secretAfterDelivery(of service: ServiceOrder) throws(DriverError) -> [UInt8]? { service.secret }
}

/// A driver whose backends may hold things of ours that nobody knows any more, as after a save that was lost.
public protocol StrayReporting: ServiceDriver {
    /// Names on the backend that look like ours and belong to no service; deleted when the backend's settings say so.
    /// - Parameters:
    ///   - view: what the backend shows, when it was fetched already; nil: it is asked.
    ///   - known: the names that services have, read after the backend was.
    func strays(
        on backend: BackendAccess, in view: (any BackendView)?, known: () async throws(DriverError) -> Set<String>
    ) async throws(DriverError) -> [String]
}
