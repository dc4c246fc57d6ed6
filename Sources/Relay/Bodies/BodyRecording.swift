internal import Domain
internal import HTTP
internal import Store
internal import Telemetry

/// What one request of a key that has its bodies kept asks and is answered, as far as the key's cap. Touched only on its reactor.
final class BodyRecording {
    private let keeper: BodyKeeper
    private let id: RequestID
    private let key: APIKey
    private let startedAt: Timestamp
    private let cap: Int
    private let headers: [(name: String, value: String)]
    private let request: String
    private let requestBytes: Int
    private var response: [UInt8] = []
    private var responseBytes = 0
    private var isOver = false

    init(_ exchange: Exchange, _ key: APIKey, _ body: [UInt8], keeper: BodyKeeper, at moment: Timestamp) {
        (self.keeper, self.key, id, startedAt) = (keeper, key, exchange.id, moment)
        cap = Int(clamping: key.access.bodyBytes)
        headers = exchange.head.headers.fields.map { field in
            (
                name: field.name,
                value: Redaction.hides(field: field.name) ? "«secret»" : Redaction.redacted(field.value)
            )
        }
        request = String(decoding: body.prefix(cap), as: UTF8.self)
        requestBytes = body.count
    }

    /// Another account is asked: what the one before said is no part of the answer.
    func beginAnswer() {
        response = []
        responseBytes = 0
    }

    /// The answer as a whole, whatever came before.
    func answered(_ bytes: Span<UInt8>) {
        beginAnswer()
        note(bytes)
    }

    func note(_ bytes: Span<UInt8>) {
        responseBytes += bytes.count
        let room = cap - response.count
        guard room > 0 else { return }
        response.append(bytes: bytes.extracting(first: min(room, bytes.count)))
    }

    /// Hands it to the writer. Only the first call counts.
    func finish() {
        guard !isOver else { return }
        isOver = true
        keeper.add(
            BodyKeeper.Finished(
                id: id, key: key.id,
                content: RequestBodyContent(headers: headers, request: request, response: String(decoding: response, as: UTF8.self)),
                requestBytes: Int64(requestBytes), responseBytes: Int64(responseBytes), startedAt: startedAt,
                expiresAt: startedAt.adding(seconds: key.access.bodyDays * 86_400)))
    }
}
