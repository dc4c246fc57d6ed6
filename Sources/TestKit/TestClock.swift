public import Domain
private import Synchronization

/// A clock that stands still until a test moves it, with random bytes that are the same in every run.
public final class TestClock: Sendable {
    private struct Face {
        var milliseconds: Int64
        var uptimeNanoseconds: UInt64 = 0
        var seed: UInt64
    }
    private let face: Mutex<Face>
    private let sleeping: Sleeping
    private let zone: CivilZone

    /// What a sleep on this clock does.
    public enum Sleeping: Sendable {
        /// Moves the clock forward by its whole length and returns.
        case jumps
        /// Lets a real moment pass and leaves the clock alone: for loops that run beside the test and would race the clock away.
        case pauses
    }

    /// - Parameter start: 2026-11-21T00:00:00Z unless told.
    public init(
        start: Timestamp = Timestamp(seconds: 1_795_219_200), seed: UInt64 = 1, sleeping: Sleeping = .jumps, zone: CivilZone = .utc
    ) {
        face = Mutex(Face(milliseconds: start.milliseconds, seed: seed))
        self.sleeping = sleeping
        self.zone = zone
    }

    public func advance(milliseconds: Int64) {
        face.withLock {
            $0.milliseconds += milliseconds
            $0.uptimeNanoseconds += UInt64(clamping: milliseconds) * 1_000_000
        }
    }

    /// Sets the wall clock and leaves the monotonic one alone, as an operator or a time server does.
    public func set(_ now: Timestamp) { face.withLock { $0.milliseconds = now.milliseconds } }

    public var ambient: Ambient {
        Ambient(
            now: { self.face.withLock { Timestamp(milliseconds: $0.milliseconds) } },
            uptimeNanoseconds: { self.face.withLock { $0.uptimeNanoseconds } },
            randomBytes: { count in self.face.withLock { face in (0..<count).map { _ in Self.next(&face.seed) } } },
            sleep: { duration in
                try Task.checkCancellation()
                switch self.sleeping {
                case .jumps:
                    self.advance(milliseconds: Int64(duration / .milliseconds(1)))
                    await Task.yield()
                case .pauses: try await Task.sleep(for: min(duration, .milliseconds(5)))
                }
            }, zone: zone)
    }

    // SplitMix64, the public-domain generator of Sebastiano Vigna.
    private static func next(_ seed: inout UInt64) -> UInt8 {
        seed &+= 0x9e37_79b9_7f4a_7c15
        var mixed = (seed ^ (seed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return UInt8(truncatingIfNeeded: mixed ^ (mixed >> 31))
    }
}
