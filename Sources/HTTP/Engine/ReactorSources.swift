internal import Domain

/// Request ids without a system call each: random bits come in blocks.
final class RequestIDSource {
    private static let blockBytes = 4096
    private let ambient: Ambient
    private var block: [UInt8] = []
    private var used = 0

    init(_ ambient: Ambient) { self.ambient = ambient }

    func next() -> RequestID {
        if used + 10 > block.count {
            block = ambient.randomBytes(Self.blockBytes)
            used = 0
        }
        var bits: (UInt64, UInt64) = (0, 0)
        // A source that gives fewer bytes than asked is a test's; its ids are then less random, not a crash.
        for step in 0..<10 where used + step < block.count {
            let byte = UInt64(block[used + step])
            if step < 2 { bits.0 = bits.0 << 8 | byte } else { bits.1 = bits.1 << 8 | byte }
        }
        used += 10
        return RequestID(
            high: UInt64(bitPattern: ambient.now().milliseconds) << 16 | 0x7000 | bits.0 & 0x0fff,
            low: 0x8000_0000_0000_0000 | bits.1 & 0x3fff_ffff_ffff_ffff)
    }
}

/// The `date` field line, made once a second.
final class DateText {
    private let ambient: Ambient
    private var second = Int64.min
    private var line: [UInt8] = []

    init(_ ambient: Ambient) { self.ambient = ambient }

    /// "date: Sat, 21 Nov 2026 04:45:23 GMT\r\n"
    var fieldLine: [UInt8] {
        let now = ambient.now()
        let second = now.milliseconds >= 0 ? now.milliseconds / 1000 : (now.milliseconds - 999) / 1000
        if second != self.second {
            self.second = second
            line = Array("date: \(Self.text(now))\r\n".utf8)
        }
        return line
    }

    /// IMF-fixdate (RFC 9110 section 5.6.7).
    static func text(_ time: Timestamp) -> String {
        let (year, month, day) = time.civilDay
        let days = (time.milliseconds - (time.milliseconds % 86_400_000 + 86_400_000) % 86_400_000) / 86_400_000
        let weekday = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"][Int((days % 7 + 7) % 7)]
        let monthName = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"][month - 1]
        let clock = time.text.dropFirst(11).prefix(8)
        return "\(weekday), \(day < 10 ? "0" : "")\(day) \(monthName) \(year) \(clock) GMT"
    }
}
