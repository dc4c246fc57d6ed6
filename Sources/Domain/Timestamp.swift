/// A moment: milliseconds since 1970-01-01T00:00:00Z. Stored as an integer in both databases.
public struct Timestamp: Hashable, Comparable, Codable, Sendable {
    public let milliseconds: Int64
    public init(milliseconds: Int64) { self.milliseconds = milliseconds }
    /// Saturates, as the sums do.
    public init(seconds: Int64) {
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1000)
        milliseconds = overflow ? (seconds < 0 ? .min : .max) : product
    }

    public static func < (a: Timestamp, b: Timestamp) -> Bool { a.milliseconds < b.milliseconds }

    /// Saturates instead of trapping, so that an absurd lifetime from outside cannot stop the process.
    public func adding(milliseconds more: Int64) -> Timestamp {
        let (sum, overflow) = milliseconds.addingReportingOverflow(more)
        return Timestamp(milliseconds: overflow ? (more < 0 ? .min : .max) : sum)
    }
    public func adding(seconds more: Int64) -> Timestamp {
        let (product, overflow) = more.multipliedReportingOverflow(by: 1000)
        return adding(milliseconds: overflow ? (more < 0 ? .min : .max) : product)
    }

    /// Year, month and day in UTC (proleptic Gregorian).
    public var civilDay: (year: Int, month: Int, day: Int) { Self.civil(fromDays: Self.floorDivide(milliseconds, 86_400_000)) }

    /// "2026-11-21", in UTC.
    public var dayText: String {
        let (year, month, day) = civilDay
        guard (0...9999).contains(year) else {
            return String(decoding: [UInt8](upTo: 24) { appendDay(&$0) }, as: UTF8.self)
        }
        // Short enough to live inside the String: every request makes one.
        return unsafe String(unsafeUninitializedCapacity: 10) { text in
            // "-" is three before "0".
            let digits: InlineArray<10, Int> = [
                year / 1000, year / 100 % 10, year / 10 % 10, year % 10, -3, month / 10, month % 10, -3, day / 10, day % 10,
            ]
            for place in digits.indices { unsafe text[place] = UInt8(truncatingIfNeeded: 0x30 + digits[place]) }
            return 10
        }
    }

    /// "2026-11-21T04:45:23.017Z" (RFC 3339, always UTC, always milliseconds).
    public var text: String { String(decoding: [UInt8](upTo: 24) { write(to: &$0) }, as: UTF8.self) }

    /// For people: "2026-11-21 14:05 UTC".
    public var minuteText: String { "\(text.prefix(10)) \(text.dropFirst(11).prefix(5)) UTC" }

    /// Appends the text.
    public func write(to bytes: inout [UInt8]) { bytes.append(upTo: 24) { write(to: &$0) } }

    /// Appends the text.
    public func write(to bytes: inout ByteCursor) {
        let inDay = UInt64(bitPattern: milliseconds &- Self.floorDivide(milliseconds, 86_400_000) &* 86_400_000)
        let (hour, minute, second) = (inDay / 3_600_000, inDay / 60_000 % 60, inDay / 1000 % 60)
        appendDay(&bytes)
        bytes.append(0x54)
        // Eight characters in one word, as of the day: every request writes some of these.
        bytes.append(littleEndian: Self.two(hour) | 0x3a << 16 | Self.two(minute) << 24 | 0x3a << 40 | Self.two(second) << 48)
        bytes.append(0x2e)
        bytes.append(inDay % 1000, digits: 3)
        bytes.append(0x5a)
    }

    private func appendDay(_ bytes: inout ByteCursor) {
        let (year, month, day) = civilDay
        if (0...9999).contains(year) {
            let (years, months) = (UInt64(year), UInt64(month))
            bytes.append(
                littleEndian: Self.two(years / 100) | Self.two(years % 100) << 16 | 0x2d << 32 | Self.two(months) << 40 | 0x2d << 56)
        } else {
            // Before Christ or past the year 9999; nothing here makes one.
            bytes.append(utf8: String(year))
            bytes.append(0x2d)
            bytes.append(UInt64(month), digits: 2)
            bytes.append(0x2d)
        }
        bytes.append(UInt64(day), digits: 2)
    }

    /// Two digits, the first in the lowest byte.
    private static func two(_ number: UInt64) -> UInt64 { 0x3030 | number / 10 | (number % 10) << 8 }

    /// Midnight UTC of a civil day. The caller has checked the ranges.
    public init(year: Int, month: Int, day: Int) { self.init(seconds: Self.days(year: year, month: month, day: day) * 86_400) }

    /// Reads "YYYY-MM-DD" as midnight UTC.
    public init(parsingDay text: String) throws(ParseError) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard text.utf8.count == 10, parts.count == 3, text.utf8.allSatisfy({ $0 == 0x2d || (0x30...0x39).contains($0) }),
            let year = Int(parts[0]), let month = Int(parts[1]), let day = Int(parts[2]), parts[0].utf8.count == 4,
            (1...12).contains(month), (1...Self.daysInMonth(year, month)).contains(day)
        else { throw ParseError("a day as YYYY-MM-DD", got: text) }
        self.init(year: year, month: month, day: day)
    }

    /// Reads RFC 3339 with "Z" or a numeric offset, with or without a fraction (digits past milliseconds are dropped).
    public init(parsing text: String) throws(ParseError) {
        let failure = ParseError("a time as 2026-11-21T04:45:23Z", got: text)
        let bytes = Array(text.utf8)
        guard (20...40).contains(bytes.count), bytes[10] == 0x54 || bytes[10] == 0x74 || bytes[10] == 0x20, bytes[13] == 0x3a,
            bytes[16] == 0x3a
        else { throw failure }
        let midnight: Timestamp
        do { midnight = try Timestamp(parsingDay: String(text.prefix(10))) } catch { throw failure }
        func number(_ range: Range<Int>) -> Int64? {
            guard range.upperBound <= bytes.count else { return nil }
            var value: Int64 = 0
            for byte in bytes[range] {
                guard (0x30...0x39).contains(byte) else { return nil }
                value = value * 10 + Int64(byte - 0x30)
            }
            return value
        }
        guard let hour = number(11..<13), let minute = number(14..<16), let second = number(17..<19), hour < 24, minute < 60, second < 61
        else { throw failure }
        var at = 19
        var fraction: Int64 = 0
        if bytes[at] == 0x2e {
            at += 1
            var digits = 0
            while at < bytes.count, (0x30...0x39).contains(bytes[at]) {
                if digits < 3 { fraction = fraction * 10 + Int64(bytes[at] - 0x30) }
                digits += 1
                at += 1
            }
            guard digits > 0 else { throw failure }
            while digits < 3 {
                fraction *= 10
                digits += 1
            }
        }
        guard at < bytes.count else { throw failure }
        var offsetMinutes: Int64 = 0
        switch bytes[at] {
        case 0x5a, 0x7a: guard at + 1 == bytes.count else { throw failure }
        case 0x2b, 0x2d:
            guard at + 6 == bytes.count, bytes[at + 3] == 0x3a, let h = number(at + 1..<at + 3), let m = number(at + 4..<at + 6), h < 24,
                m < 60
            else { throw failure }
            offsetMinutes = (h * 60 + m) * (bytes[at] == 0x2b ? 1 : -1)
        default: throw failure
        }
        let inDay = ((hour * 60 + minute - offsetMinutes) * 60 + second) * 1000 + fraction
        self = midnight.adding(milliseconds: inDay)
    }

    static func daysInMonth(_ year: Int, _ month: Int) -> Int {
        switch month {
        case 2: (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    // Days from civil and back: Howard Hinnant's public algorithms (chrono-compatible low-level date algorithms).
    private static func days(year: Int, month: Int, day: Int) -> Int64 {
        let y = Int64(month <= 2 ? year - 1 : year)
        let era = floorDivide(y, 400)
        let yearOfEra = y - era * 400
        let dayOfYear = Int64((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1)
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
    private static func civil(fromDays days: Int64) -> (year: Int, month: Int, day: Int) {
        let shifted = days + 719_468
        let era = floorDivide(shifted, 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let m = (5 * dayOfYear + 2) / 153
        let month = Int(m < 10 ? m + 3 : m - 9)
        return (Int(yearOfEra + era * 400) + (month <= 2 ? 1 : 0), month, Int(dayOfYear - (153 * m + 2) / 5 + 1))
    }
    private static func floorDivide(_ a: Int64, _ b: Int64) -> Int64 { a / b - (a % b < 0 ? 1 : 0) }
}
