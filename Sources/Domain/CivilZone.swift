/// A time zone as its TZif file (RFC 9636) describes it: which civil day, week and month a moment falls into. Reads bytes only; who has
/// the file gives them.
public struct CivilZone: Sendable, Equatable {
    public let name: String
    /// From each moment (seconds since 1970) on, seconds east of UTC; rising.
    private let changes: [Change]
    /// Before the first change.
    private let first: Int64
    /// For moments after the last change.
    private let rule: Rule?

    private struct Change: Sendable, Equatable { let from: Int64, offset: Int64 }

    public static let utc = CivilZone(name: "UTC", changes: [], first: 0, rule: nil)

    private init(name: String, changes: [Change], first: Int64, rule: Rule?) {
        (self.name, self.changes, self.first, self.rule) = (name, changes, first, rule)
    }

    /// A file holds some hundred changes; more is no zone.
    private static let maximumChanges = 4096

    /// - Throws: when the bytes are no TZif file of version 2 or later.
    public init(name: String, tzif bytes: [UInt8]) throws(ParseError) {
        var reader = Reader(bytes: bytes)
        // The first block has 32-bit times, the second, whose header follows it, 64-bit ones.
        guard let old = reader.header(), old.version >= 0x32 else { throw ParseError("a TZif file", got: name) }
        reader.at += old.timeCount * 5 + old.typeCount * 6 + old.letterCount + old.leapCount * 8 + old.standardCount + old.utcCount
        guard let header = reader.header(), header.timeCount <= Self.maximumChanges, header.typeCount > 0,
            let times = reader.numbers(header.timeCount, bytes: 8), let kinds = reader.numbers(header.timeCount, bytes: 1)
        else { throw ParseError("a TZif file", got: name) }
        var offsets: [Int64] = []
        for _ in 0..<header.typeCount {
            guard let offset = reader.number(4), reader.number(2) != nil, abs(offset) <= 26 * 3600 else {
                throw ParseError("a TZif file", got: name)
            }
            offsets.append(offset)
        }
        var changes: [Change] = []
        for (time, kind) in zip(times, kinds) {
            let index = Int(kind & 0xff)
            guard index < offsets.count, changes.last.map({ $0.from < time }) ?? true else { throw ParseError("a TZif file", got: name) }
            changes.append(Change(from: time, offset: offsets[index]))
        }
        reader.at += header.letterCount + header.leapCount * 12 + header.standardCount + header.utcCount
        self.init(name: name, changes: changes, first: offsets[0], rule: Rule(footer: reader.rest))
    }

    /// Seconds east of UTC.
    public func offsetSeconds(at moment: Timestamp) -> Int64 {
        let seconds = Self.floor(moment.milliseconds, 1000)
        guard let last = changes.last else { return rule?.offset(at: seconds) ?? first }
        if seconds >= last.from { return rule?.offset(at: seconds) ?? last.offset }
        var (low, high) = (0, changes.count)
        while low < high {
            let middle = (low + high) / 2
            if changes[middle].from <= seconds { low = middle + 1 } else { high = middle }
        }
        return low == 0 ? first : changes[low - 1].offset
    }

    /// "2026-11-21": the civil day that the moment falls into.
    public func dayText(_ moment: Timestamp) -> String { local(moment).dayText }

    /// The civil day around a moment, its end excluded.
    public func day(around moment: Timestamp) -> Range<Timestamp> {
        let day = Self.floor(local(moment).milliseconds, 86_400_000)
        return start(ofDay: day)..<start(ofDay: day + 1)
    }

    /// The civil day of a text as "2026-11-21", its end excluded.
    public func day(parsing text: String) throws(ParseError) -> Range<Timestamp> {
        let day = Self.floor(try Timestamp(parsingDay: text).milliseconds, 86_400_000)
        return start(ofDay: day)..<start(ofDay: day + 1)
    }

    /// - Parameters:
    ///   - startDay: 1 Monday … 7 Sunday.
    ///   - hour: 0…23 of that day, at which one week ends and the next begins.
    public func week(around moment: Timestamp, startDay: Int64, hour: Int64) -> Range<Timestamp> {
        let shifted = local(moment).adding(seconds: -hour * 3600)
        let day = Self.floor(shifted.milliseconds, 86_400_000)
        // Day 0 was a Thursday, the fourth.
        let weekday = ((day + 3) % 7 + 7) % 7 + 1
        let first = day - ((weekday - startDay) % 7 + 7) % 7
        return start(ofDay: first, hour: hour)..<start(ofDay: first + 7, hour: hour)
    }

    public func month(around moment: Timestamp) -> Range<Timestamp> {
        let (year, month, _) = local(moment).civilDay
        let (nextYear, nextMonth) = month == 12 ? (year + 1, 1) : (year, month + 1)
        func start(_ year: Int, _ month: Int) -> Timestamp {
            self.start(ofDay: Self.floor(Timestamp(year: year, month: month, day: 1).milliseconds, 86_400_000))
        }
        return start(year, month)..<start(nextYear, nextMonth)
    }

    /// What the wall clock shows, as if it were UTC.
    private func local(_ moment: Timestamp) -> Timestamp { moment.adding(seconds: offsetSeconds(at: moment)) }

    /// The first moment at which the wall clock shows that hour of the day (counted from 1970-01-01) or more.
    private func start(ofDay day: Int64, hour: Int64 = 0) -> Timestamp {
        let wall = Timestamp(seconds: day * 86_400 + hour * 3600)
        // Clocks change at most by hours within a day, so the offsets a day before and after are all that can apply.
        let offsets = [offsetSeconds(at: wall.adding(seconds: -86_400)), offsetSeconds(at: wall.adding(seconds: 86_400))]
        let candidates = offsets.map { wall.adding(seconds: -$0) }.filter { local($0) >= wall }
        return candidates.min() ?? wall.adding(seconds: -offsets[1])
    }

    private static func floor(_ value: Int64, _ unit: Int64) -> Int64 { value >= 0 ? value / unit : -((-value + unit - 1) / unit) }

    // MARK: Reading

    private struct Header { var version: UInt8, utcCount, standardCount, leapCount, timeCount, typeCount, letterCount: Int }

    private struct Reader {
        let bytes: [UInt8]
        var at = 0

        mutating func header() -> Header? {
            guard at + 44 <= bytes.count, bytes[at..<at + 4].elementsEqual("TZif".utf8) else { return nil }
            let version = bytes[at + 4]
            at += 20
            var counts: [Int] = []
            for _ in 0..<6 {
                guard let count = number(4), (0...100_000).contains(count) else { return nil }
                counts.append(Int(count))
            }
            return Header(
                version: version, utcCount: counts[0], standardCount: counts[1], leapCount: counts[2], timeCount: counts[3],
                typeCount: counts[4], letterCount: counts[5])
        }
        /// Big-endian, signed.
        mutating func number(_ width: Int) -> Int64? {
            guard at >= 0, at + width <= bytes.count else { return nil }
            defer { at += width }
            var value: Int64 = width > 1 && bytes[at] & 0x80 != 0 ? -1 : 0
            for byte in bytes[at..<at + width] { value = value << 8 | Int64(byte) }
            return value
        }
        mutating func numbers(_ count: Int, bytes width: Int) -> [Int64]? {
            var values: [Int64] = []
            for _ in 0..<count {
                guard let value = number(width) else { return nil }
                values.append(value)
            }
            return values
        }
        var rest: ArraySlice<UInt8> { at <= bytes.count ? bytes[at...] : [] }
    }

    /// The footer's rule (POSIX TZ), as in "CET-1CEST,M3.5.0,M10.5.0/3".
    private struct Rule: Sendable, Equatable {
        var standard: Int64
        var summer: Int64?
        var begins = Edge()
        var ends = Edge()

        /// The `week`th (5: last) `weekday` (0 Sunday) of a month, at seconds after midnight.
        struct Edge: Sendable, Equatable { var month: Int64 = 1, week: Int64 = 1, weekday: Int64 = 0, seconds: Int64 = 7200 }

        init?(footer: ArraySlice<UInt8>) {
            let line = footer.dropFirst().prefix { $0 != 0x0a }
            let parts = String(decoding: line, as: UTF8.self).split(separator: ",", omittingEmptySubsequences: false)
            guard let zone = parts.first, !zone.isEmpty else { return nil }
            var text = zone
            guard Self.name(&text), let west = Self.time(&text) else { return nil }
            standard = -west
            guard !text.isEmpty else { return }
            guard Self.name(&text) else { return nil }
            summer = standard + 3600
            if !text.isEmpty {
                guard let west = Self.time(&text), text.isEmpty else { return nil }
                summer = -west
            }
            guard parts.count == 3, let from = Self.edge(parts[1]), let to = Self.edge(parts[2]) else { return nil }
            (begins, ends) = (from, to)
        }

        private static func name(_ text: inout Substring) -> Bool {
            if text.first == "<" {
                guard let end = text.firstIndex(of: ">") else { return false }
                text = text[text.index(after: end)...]
                return true
            }
            let name = text.prefix { $0.isLetter }
            text = text.dropFirst(name.count)
            return !name.isEmpty
        }
        private static func time(_ text: inout Substring) -> Int64? {
            var sign: Int64 = 1
            if text.first == "-" { sign = -1 }
            if text.first == "-" || text.first == "+" { text = text.dropFirst() }
            let digits = text.prefix { $0.isNumber || $0 == ":" }
            text = text.dropFirst(digits.count)
            var (seconds, unit): (Int64, Int64) = (0, 3600)
            for part in digits.split(separator: ":", omittingEmptySubsequences: false) {
                guard let value = Int64(part), (0...200).contains(value), unit > 0 else { return nil }
                seconds += value * unit
                unit /= 60
            }
            return digits.isEmpty ? nil : sign * seconds
        }
        private static func edge(_ text: Substring) -> Edge? {
            var parts = text.split(separator: "/", omittingEmptySubsequences: false)
            guard let date = parts.first, date.first == "M", parts.count <= 2 else { return nil }
            let numbers = date.dropFirst().split(separator: ".").compactMap { Int64($0) }
            guard numbers.count == 3, (1...12).contains(numbers[0]), (1...5).contains(numbers[1]), (0...6).contains(numbers[2]) else {
                return nil
            }
            var edge = Edge(month: numbers[0], week: numbers[1], weekday: numbers[2])
            if parts.count == 2 {
                guard let seconds = time(&parts[1]), parts[1].isEmpty else { return nil }
                edge.seconds = seconds
            }
            return edge
        }

        func offset(at seconds: Int64) -> Int64 {
            guard let summer else { return standard }
            let year = Timestamp(seconds: seconds + standard).civilDay.year
            let from = Self.seconds(begins, year) - standard
            let to = Self.seconds(ends, year) - summer
            let isSummer = from < to ? seconds >= from && seconds < to : seconds >= from || seconds < to
            return isSummer ? summer : standard
        }
        private static func seconds(_ edge: Edge, _ year: Int) -> Int64 {
            let first = CivilZone.floor(Timestamp(year: year, month: Int(edge.month), day: 1).milliseconds, 86_400_000)
            let (nextYear, next) = edge.month == 12 ? (year + 1, 1) : (year, Int(edge.month) + 1)
            let end = CivilZone.floor(Timestamp(year: nextYear, month: next, day: 1).milliseconds, 86_400_000)
            let weekday = ((first + 4) % 7 + 7) % 7
            var day = first + (edge.weekday - weekday + 7) % 7 + (edge.week - 1) * 7
            while day >= end { day -= 7 }
            return day * 86_400 + edge.seconds
        }
    }
}
