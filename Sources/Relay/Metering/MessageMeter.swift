/// Reads usage out of a complete Messages response.
enum MessageMeter {
    struct Reading: Sendable, Equatable {
        var model: String?
        var usage = MeteredUsage()
    }

    /// - Returns: nil when the body is no JSON object with a usage object that can be read; the exchange is then marked `unparsed`.
    static func read(_ bytes: Span<UInt8>) -> Reading? {
        var reading = Reading()
        let end = JSONSkim.walk(bytes, 0) { bytes, name, at in
            if JSONSkim.matches(bytes, name, "usage"), let end = reading.usage.overlay(bytes, at) { return end }
            guard let end = JSONSkim.skipValue(bytes, at) else { return nil }
            if JSONSkim.matches(bytes, name, "model") { reading.model = MeteredUsage.model(bytes, at..<end) }
            return end
        }
        return end == nil || !reading.usage.isKnown ? nil : reading
    }
}
