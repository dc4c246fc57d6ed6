public import Domain

/// What one service has used.
public struct ServiceMeter: Sendable, Equatable, RowReadable {
    public let serviceID: ServiceID
    public var transfer: TransferMeter
    /// The total at which the running period began; below 0 by what the service has taken over from one that was given up.
    public var periodBase: Int64
    public var periodStartedAt: Timestamp
    /// When the customer's device last proved that it is there; nil for never.
    public var handshakeAt: Timestamp?
    public var sampledAt: Timestamp

    /// Bytes both ways in the running period.
    public var used: Int64 { max(0, transfer.total - periodBase) }

    public init(beginning service: ServiceID, at now: Timestamp) {
        (serviceID, transfer, periodBase, periodStartedAt) = (service, TransferMeter(), 0, now)
        (handshakeAt, sampledAt) = (nil, now)
    }
    init(row: Row) throws(StoreError) {
        serviceID = try row["service_id"]
        transfer = TransferMeter(
            lastReceived: try row["last_received"], lastSent: try row["last_sent"], totalReceived: try row["total_received"],
            totalSent: try row["total_sent"])
        periodBase = try row["period_base"]
        periodStartedAt = try row["period_started_at"]
        handshakeAt = try row["handshake_at"]
        sampledAt = try row["sampled_at"]
    }
    static let columns: SQL = """
        service_id, last_received, last_sent, total_received, total_sent, period_base, period_started_at, handshake_at, sampled_at
        """

    /// Adds a reading. False, and nothing is changed, for one that was made before the last.
    public mutating func sample(_ reading: UsageReading, at time: Timestamp) -> Bool {
        guard time >= sampledAt, transfer.sample(received: reading.received, sent: reading.sent) else { return false }
        sampledAt = time
        if let handshake = reading.handshake { handshakeAt = max(handshake, handshakeAt ?? handshake) }
        return true
    }
}

extension Reader {
    public func meter(of service: ServiceID) throws(StoreError) -> ServiceMeter? {
        try first("SELECT \(ServiceMeter.columns) FROM service_meters WHERE service_id = \(service)")
    }

    /// How many bytes the service may use in a period, and after how many days a period ends by itself; nil for no limit. The service's
    /// own limits go before its plan's.
    public func trafficLimit(of service: Service) throws(StoreError) -> (bytes: Int64, days: Int64?)? {
        let days = service.limits["traffic_reset_days"].int
        if let bytes = service.limits["traffic_limit_bytes"].int { return (bytes, days) }
        guard let id = service.subscriptionID else { return nil }
        let bytes: Int64?? = try value(
            "traffic_limit_bytes",
            """
            SELECT plans.traffic_limit_bytes FROM subscriptions JOIN plans ON plans.id = subscriptions.plan_id
            WHERE subscriptions.id = \(id) AND plans.traffic_limit_bytes IS NOT NULL
            """)
        return bytes.flatMap { $0 }.map { ($0, days) }
    }
}

extension Transaction {
    public func keepMeter(_ meter: ServiceMeter) throws(StoreError) {
        let transfer = meter.transfer
        try execute(
            """
            INSERT INTO service_meters (\(ServiceMeter.columns))
            VALUES (\(meter.serviceID), \(transfer.lastReceived), \(transfer.lastSent), \(transfer.totalReceived), \(transfer.totalSent),
                \(meter.periodBase), \(meter.periodStartedAt), \(meter.handshakeAt), \(meter.sampledAt))
            ON CONFLICT (service_id) DO UPDATE SET last_received = excluded.last_received, last_sent = excluded.last_sent,
                total_received = excluded.total_received, total_sent = excluded.total_sent, period_base = excluded.period_base,
                period_started_at = excluded.period_started_at, handshake_at = excluded.handshake_at, sampled_at = excluded.sampled_at
            """)
    }

    /// The backend's counters of the service begin at zero from now on.
    public func beginMeterAnew(of service: ServiceID) throws(StoreError) {
        try execute(
            """
            UPDATE service_meters SET last_received = 0, last_sent = 0
            WHERE service_id = \(service) AND (last_received > 0 OR last_sent > 0)
            """)
    }

    /// What a service that was given up has used in its period counts for the one that takes its place: of several the one that has used
    /// most passes it on, and has used nothing then.
    public func passOnUse(to service: ServiceID, of subscription: SubscriptionID) throws(StoreError) {
        let given: ServiceMeter? = try first(
            """
            SELECT \(ServiceMeter.columns) FROM service_meters
            WHERE service_id IN (
                SELECT id FROM services WHERE subscription_id = \(subscription) AND desired = \(DesiredState.terminated))
                AND total_received + total_sent > period_base
            ORDER BY total_received + total_sent - period_base DESC, service_id LIMIT 1
            """)
        guard let given else { return }
        var meter = ServiceMeter(beginning: service, at: ambient.now())
        meter.periodBase = -given.used
        meter.periodStartedAt = given.periodStartedAt
        try keepMeter(meter)
        _ = try beginMeterPeriod(of: given.serviceID)
    }

    /// The same as `beginMeterPeriod` for all that were given up.
    public func forgetGivenUpUse(of subscription: SubscriptionID) throws(StoreError) {
        try execute(
            """
            UPDATE service_meters SET period_base = total_received + total_sent, period_started_at = \(ambient.now())
            WHERE service_id IN (
                SELECT id FROM services WHERE subscription_id = \(subscription) AND desired = \(DesiredState.terminated))
            """)
    }

    /// What was used so far counts towards no limit any more. False when nothing was ever counted.
    public func beginMeterPeriod(of service: ServiceID) throws(StoreError) -> Bool {
        try execute(
            """
            UPDATE service_meters SET period_base = total_received + total_sent, period_started_at = \(ambient.now())
            WHERE service_id = \(service)
            """) == 1
    }
}
