public import Domain
internal import Synchronization

/// Which alerts are wanted; `Server` fills it from the settings.
public struct AlertRule: Sendable {
    /// Whether anybody is told of a kind of event.
    public var isWanted: @Sendable (_ kind: String) -> Bool
    /// Fewer usable accounts than this are an alert.
    public var poolMinimum: Int
    /// Tells at once, past the database that cannot be written.
    public var tellNow: @Sendable (_ kind: String, _ body: JSON) async -> Void
    public init(
        poolMinimum: Int, isWanted: @escaping @Sendable (_ kind: String) -> Bool,
        tellNow: @escaping @Sendable (_ kind: String, _ body: JSON) async -> Void = { _, _ in }
    ) {
        (self.poolMinimum, self.isWanted, self.tellNow) = (poolMinimum, isWanted, tellNow)
    }
}

/// What the data path cannot show by its state: things that happen. Bounded, and looked at every few seconds.
final class RelayNotices: Sendable {
    struct Notices: Sendable, Equatable {
        var unpricedModels: Set<String> = []
        var failedRefreshes: [AccountID: String] = [:]
    }
    private let notices = Mutex(Notices())
    /// Of each kind between two looks; more add nothing to know.
    private static let maximum = 64

    func unpriced(_ model: String) {
        notices.withLock { if $0.unpricedModels.count < Self.maximum { $0.unpricedModels.insert(String(model.prefix(64))) } }
    }
    func refreshFailed(_ account: AccountID, _ why: String) {
        notices.withLock { if $0.failedRefreshes.count < Self.maximum { $0.failedRefreshes[account] = why } }
    }
    func take() -> Notices {
        notices.withLock { notices in
            defer { notices = Notices() }
            return notices
        }
    }
}
