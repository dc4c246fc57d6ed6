/// Reads usage out of a complete Messages response.
enum MessageMeter {
    struct Reading: Sendable, Equatable {
        var model: String?
        var usage = MeteredUsage()
    }

    /// - Returns: nil when the body is no JSON object with a usage object; the exchange is then marked `unparsed`.
    static func read(_ bytes: Span<UInt8>) -> Reading? {
        var reading = Reading()
        let end = JSONSkim.members(bytes, 0) { bytes, name, value in
            if JSONSkim.matches(bytes, name, "usage") {
                reading.usage.overlay(bytes, value.lowerBound)
            } else if JSONSkim.matches(bytes, name, "model") {
                reading.model = JSONSkim.string(bytes, value)
            }
            return true
        }
        return end == nil || !reading.usage.isKnown ? nil : reading
    }
}
