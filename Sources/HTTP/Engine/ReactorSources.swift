internal import Domain

/// Request ids without a system call each. They must be unique, not secret: two generators start at secure random places.
final class RequestIDSource {
    private var states: (UInt64, UInt64) = (0, 0)

    init(_ ambient: Ambient) {
        for (index, byte) in ambient.randomBytes(16).enumerated() {
            if index < 8 { states.0 = states.0 << 8 | UInt64(byte) } else { states.1 = states.1 << 8 | UInt64(byte) }
        }
    }

    func next(at now: Timestamp) -> RequestID {
        RequestID(
            high: UInt64(bitPattern: now.milliseconds) << 16 | 0x7000 | Self.next(&states.0) & 0x0fff,
            low: 0x8000_0000_0000_0000 | Self.next(&states.1) & 0x3fff_ffff_ffff_ffff)
    }

    // SplitMix64, the public-domain generator of Sebastiano Vigna.
    private static func next(_ state: inout UInt64) -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = (state ^ (state >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}

/// The `date` field line, made once a second.
final class DateText {
    private var second = Int64.min
    private var line: [UInt8] = []

    /// "date: Sat, 21 Nov 2026 04:45:23 GMT\r\n"
    func fieldLine(_ now: Timestamp) -> [UInt8] {
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
