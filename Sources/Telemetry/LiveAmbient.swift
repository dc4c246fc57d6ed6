public import Domain
internal import Glibc

extension Ambient {
    /// The machine's own clocks and its secure random source (`getrandom` through the standard library).
    public static let live = Ambient(
        now: {
            let time = Self.read(CLOCK_REALTIME)
            return Timestamp(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
        },
        uptimeNanoseconds: {
            let time = Self.read(CLOCK_MONOTONIC)
            return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
        },
        randomBytes: { count in
            var generator = SystemRandomNumberGenerator()
            var bytes: [UInt8] = []
            bytes.reserveCapacity(count)
            while bytes.count < count {
                var word: UInt64 = generator.next()
                for _ in 0..<min(8, count - bytes.count) {
                    bytes.append(UInt8(truncatingIfNeeded: word))
                    word >>= 8
                }
            }
            return bytes
        },
        sleep: { try await Task.sleep(for: $0) })

    private static func read(_ clock: clockid_t) -> timespec {
        var time = timespec()
        // Both clocks always exist on Linux, so there is no error to report.
        unsafe clock_gettime(clock, &time)
        return time
    }
}
