internal import Domain
internal import Store
private import Synchronization
internal import Telemetry

/// Something that is tried again and again: its failure is logged when it begins, at most once a minute while it lasts, and its end once.
final class LastingFailure: Sendable {
    private static let pauseSeconds: Int64 = 60
    private let said = Mutex<Timestamp?>(nil)

    /// - Parameter event: its name in the log.
    func failed(_ error: StoreError, _ event: String, _ log: Log, _ now: Timestamp) {
        let isDue = said.withLock { said in
            if let last = said, now < last.adding(seconds: Self.pauseSeconds) { return false }
            said = now
            return true
        }
        if isDue { log.warning(event, ["error": LogValue("\(error)")]) }
    }

    func worked(_ event: String, _ log: Log) {
        let lasted = said.withLock { said in
            defer { said = nil }
            return said != nil
        }
        if lasted { log.notice(event) }
    }
}
