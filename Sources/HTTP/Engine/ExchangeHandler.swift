/// Handles requests.
public protocol ExchangeHandler: Sendable {
    /// Called on the reactor of the connection when the head has come. Replies at once, sees to it that callbacks will, or goes on
    /// `inTask`. An exchange that nobody replies to stays open until its client leaves.
    func begin(_ exchange: Exchange)
}

/// One that works in a task for each exchange.
public protocol TaskHandler: ExchangeHandler {
    func handle(_ exchange: Exchange) async
}

extension TaskHandler {
    public func begin(_ exchange: Exchange) { exchange.inTask { await handle($0) } }
}

public typealias HandlerWork = @Sendable (Exchange) async -> Void

/// Somebody who wants to know that a client has gone before its reply was finished.
public protocol ClientWatcher: AnyObject {
    func clientLeft()
}
