/// Time, the zone in which days begin, and randomness, passed in so that tests can fix both. The live one is `Ambient.live` in `Telemetry`.
public struct Ambient: Sendable {
    /// The wall clock.
    public var now: @Sendable () -> Timestamp
    /// Nanoseconds on a clock that never goes back; only differences mean anything.
    public var uptimeNanoseconds: @Sendable () -> UInt64
    /// Cryptographically secure bytes.
    public var randomBytes: @Sendable (_ count: Int) -> [UInt8]
    /// Waits, and throws `CancellationError` when the task is cancelled first.
    public var sleep: @Sendable (Duration) async throws -> Void
    /// Where days, weeks and months of limits and totals begin.
    public var zone: CivilZone

    public init(
        now: @escaping @Sendable () -> Timestamp,
        uptimeNanoseconds: @escaping @Sendable () -> UInt64,
        randomBytes: @escaping @Sendable (_ count: Int) -> [UInt8],
        sleep: @escaping @Sendable (Duration) async throws -> Void,
        zone: CivilZone = .utc
    ) {
        self.now = now
        self.uptimeNanoseconds = uptimeNanoseconds
        self.randomBytes = randomBytes
        self.sleep = sleep
        self.zone = zone
    }

    /// "2026-11-21": the civil day it is now.
    public var today: String { zone.dayText(now()) }
}
