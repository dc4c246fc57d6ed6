/// How long to wait between tries of something that others have to take.
public struct RetrySchedule: Sendable {
    /// Seconds after the first, second … failure; after the last one it is given up.
    public let waits: [Int64]
    public init(_ waits: [Int64]) { self.waits = waits }

    /// Each wait is up to a fifth shorter or longer, so that what failed together does not come back together.
    /// - Parameter attempts: made so far, from 1.
    /// - Returns: nil after the last wait.
    public func next(after attempts: Int64, at now: Timestamp, _ ambient: Ambient) -> Timestamp? {
        let index = Int(clamping: attempts - 1)
        guard waits.indices.contains(index) else { return nil }
        let random = Int64(ambient.randomBytes(1).first ?? 128)
        return now.adding(milliseconds: waits[index] * (800 + random * 400 / 255))
    }
}
