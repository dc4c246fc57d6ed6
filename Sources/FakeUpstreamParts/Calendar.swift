/// Dates as the wire spells them, from seconds since 1970, in UTC.
enum Calendar {
    private static func parts(_ seconds: Int) -> (year: Int, month: Int, day: Int, hour: Int, minute: Int, second: Int, weekday: Int) {
        let days = Int((Double(seconds) / 86_400).rounded(.down))
        let rest = seconds - days * 86_400
        // Days to a civil date, counting years from March.
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (
            yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1, rest / 3600, rest / 60 % 60,
            rest % 60, ((days % 7) + 11) % 7
        )
    }
    private static func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }

    static func rfc3339(_ seconds: Int) -> String {
        let at = parts(seconds)
        return "\(at.year)-\(two(at.month))-\(two(at.day))T\(two(at.hour)):\(two(at.minute)):\(two(at.second))Z"
    }

    static func httpDate(_ seconds: Int) -> String {
        let at = parts(seconds)
        let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        return
            "\(days[at.weekday]), \(two(at.day)) \(months[at.month - 1]) \(at.year) \(two(at.hour)):\(two(at.minute)):\(two(at.second)) GMT"
    }
}
