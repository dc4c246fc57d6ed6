internal import HTTP
internal import Store

/// One turn that has to be made: who asks, and the Messages body.
struct ChatTurn: Sendable {
    let key: RelayKey
    let model: String
    /// A complete Messages request with `stream` true.
    let body: [UInt8]
}

/// Where turns of the simple chat interface come from. Another source (a worker that runs a program, say) is one more value in
/// `ChatHandler.sources`: the first that takes a turn makes it.
protocol TurnSource: Sendable {
    /// Decided without waiting.
    func takes(_ turn: ChatTurn) -> Bool
    /// Makes the turn and replies to `exchange` as the Messages surface does: 200 with `text/event-stream` and its events, or an error
    /// with a JSON body. `exchange.onClosed` tells that nobody waits any more. Admission, metering and settlement are the source's work.
    func run(_ turn: ChatTurn, _ exchange: Exchange) async
}

/// The accounts of the relay, through the passage of every message.
struct RelayedTurns: TurnSource {
    let messages: MessagesHandler
    func takes(_ turn: ChatTurn) -> Bool { true }
    func run(_ turn: ChatTurn, _ exchange: Exchange) async { await messages.handle(exchange, as: turn.key, path: ChatHandler.path) }
}
