public import Domain

/// One request and its reply. Touched only on its reactor, which is where the handler's nonisolated code runs.
///
/// A handler either `respond`s once, or `startResponse`s, `write`s and `finish`es. Returning from its task without a reply answers 500
/// unless the client has gone, returning in the middle of one aborts it, unless it was told to `outliveHandler`.
public final class Exchange: @unchecked Sendable {
    public let id: RequestID
    public let reactor: Reactor
    /// Valid until the reply is finished or `discardHead`.
    public private(set) var head: RequestHead
    /// After trusted proxies have been believed.
    public let remoteAddress: IPAddress
    /// TLS here or, by a trusted proxy's word, in front of it.
    public let isSecure: Bool
    public let startedAtNanoseconds: UInt64
    /// Set by the router; label of metrics and access log.
    public var routeTemplate: String?

    /// What every reply gets unless it says it itself: the router's word for the browsers of other origins.
    var addedHeaders: Headers = [:]

    /// Of the reply; 0 before it has begun.
    public private(set) var status = 0
    /// Head and body as received, without the chunked coding's own bytes being told apart.
    public internal(set) var bytesReceived = 0
    /// Handed to the connection, head and coding included.
    public private(set) var bytesSent = 0
    /// The client has closed, failed, accepted nothing for too long, or ended its sending half while the reply was being made.
    /// In the last case a reply is still sent.
    public private(set) var isClientGone = false
    /// The server itself closed the connection before the reply was complete, at the end of its drain; `isClientGone` is set then too.
    public private(set) var isCut = false
    /// Called once on the reactor when everything written has been sent after a `.congested`.
    public var onDrained: (() -> Void)?
    /// Called once on the reactor when the client has gone before the reply was finished; at once when it already has.
    public var onClosed: (() -> Void)? {
        didSet { if isClientGone { tellClosed() } }
    }

    /// Told once, as `onClosed` is; for what every request needs, where a closure each time is too much. Let go of at the end.
    public var watcher: (any ClientWatcher)? {
        didSet { if isClientGone { tellClosed() } }
    }

    private var outlivesHandler = false
    private enum Progress { case waiting, streaming, finished }
    private var progress = Progress.waiting
    private var connection: ServerConnection?
    /// The server's handler and hooks.
    let shared: ServerShared
    private let method: Method
    private let version: RequestHead.Version
    private let expectsContinue: Bool
    private var framing = ReplyFraming.chunked
    private var remainingLength = 0
    private var dropsBody = false
    /// Set for an exchange inside another one, which has no connection of its own.
    private let sink: (any ReplySink)?
    private var innerBody: [UInt8] = []

    /// An exchange inside another one: same request id and reactor, but its own head and body, and its reply goes to `sink`. It takes no
    /// part in access log and metrics, which see the outer one. `leave` and `tellDrained` stand for its client.
    public init(inside outer: Exchange, head: RequestHead, body: [UInt8], sink: any ReplySink) {
        (id, reactor, shared, remoteAddress, isSecure) = (outer.id, outer.reactor, outer.shared, outer.remoteAddress, outer.isSecure)
        startedAtNanoseconds = outer.startedAtNanoseconds
        self.head = head
        (method, version, expectsContinue) = (head.method, .http11, false)
        innerBody = body
        self.sink = sink
    }

    init(id: RequestID, connection: ServerConnection, head: RequestHead, remoteAddress: IPAddress, isSecure: Bool) {
        self.id = id
        self.connection = connection
        sink = nil
        shared = connection.acceptor.shared
        reactor = connection.reactor
        self.head = head
        (method, version, expectsContinue) = (head.method, head.version, head.expectsContinue)
        self.remoteAddress = remoteAddress
        self.isSecure = isSecure
        startedAtNanoseconds = reactor.nowNanoseconds
    }

    /// Goes on in a task whose nonisolated code runs on the reactor, soon.
    public func inTask(_ work: @escaping HandlerWork) {
        reactor.assertCurrent()
        reactor.run(self, work)
    }

    /// The reply that has begun goes on after the handler has returned, from callbacks: the frames of a task are too large to be kept
    /// for as long as a stream is open. Whoever calls this sees to `finish` or `abort` by itself.
    /// - Returns: false inside another exchange, whose owner takes the handler's return for the end.
    public func outliveHandler() -> Bool {
        reactor.assertCurrent()
        guard sink == nil, progress == .streaming else { return false }
        outlivesHandler = true
        return true
    }

    /// Gives the head's memory back; for replies that stay open long.
    public func discardHead() {
        reactor.assertCurrent()
        head = .empty
    }

    // MARK: Body

    /// The whole body; empty when there is none or it was already taken. Sends "100 Continue" when the client waits for it.
    /// - Throws: `.tooLarge` before reading when content-length says so, else as soon as a byte too many has come.
    public func collectBody(limit: Int) async throws(BodyError) -> [UInt8] { try await takeBody(limit: limit, piece: false) ?? [] }

    /// The whole body when all of it is here, which is so for most requests; nil when `collectBody` has to wait for it. Costs no frame
    /// of an async function.
    public func arrivedBody(limit: Int) throws(BodyError) -> [UInt8]? {
        reactor.assertCurrent()
        guard let connection else {
            guard sink != nil, !isClientGone else { throw .clientGone }
            defer { innerBody = [] }
            return innerBody
        }
        guard progress == .waiting else { return [] }
        if try connection.wantBody(limit: limit, piece: false, expectsContinue: expectsContinue) { return nil }
        return take(from: connection, piece: false) ?? []
    }

    /// The next piece of the body as it came, nil at its end. `limit` bounds the whole body.
    public func nextBodyPiece(limit: Int) async throws(BodyError) -> [UInt8]? { try await takeBody(limit: limit, piece: true) }

    private func takeBody(limit: Int, piece: Bool) async throws(BodyError) -> [UInt8]? {
        reactor.assertCurrent()
        guard let connection else {
            guard sink != nil, !isClientGone else { throw .clientGone }
            defer { innerBody = [] }
            return innerBody.isEmpty ? nil : innerBody
        }
        guard progress == .waiting || piece else { return nil }
        if try connection.wantBody(limit: limit, piece: piece, expectsContinue: expectsContinue) {
            await connection.waitForBody(piece: piece)
            if let error = connection.bodyError { throw error }
        }
        return take(from: connection, piece: piece)
    }

    private func take(from connection: ServerConnection, piece: Bool) -> [UInt8]? {
        guard !connection.body.isEmpty else { return nil }
        let taken = connection.body
        connection.body = []
        if !piece { connection.bodyHeld = taken.count }
        return taken
    }

    // MARK: Reply

    public var hasResponded: Bool { progress != .waiting }

    /// A whole reply with a larger body is refused when too much waits for clients already.
    static let largeReplyBytes = 65_536

    /// Whether a whole reply may be made: the memory budget is not used up, and not too much waits for clients already.
    public var hasRoomForReply: Bool { shared.hasRoom(forReply: 0) }

    /// Tells the server's memory budget of bytes that are kept for this exchange elsewhere; negative ones give back.
    public func keepElsewhere(_ bytes: Int) { shared.keep(bytes) }

    /// A complete reply. Adds date, content-length, connection and x-request-id; sends no body to HEAD. A second one is ignored.
    public func respond(_ response: Response) {
        reactor.assertCurrent()
        guard progress == .waiting else { return }
        let isLarge = response.body.count > Self.largeReplyBytes && method != .head
        if isLarge, connection != nil, !shared.hasRoom(forReply: response.body.count) {
            var refusal = problemResponse(status: 503, message: "Too many replies wait for their clients. Try again in a moment.")
            refusal.headers.set("retry-after", "5")
            return respond(refusal)
        }
        if !addedHeaders.fields.isEmpty {
            var whole = response
            whole.headers.addMissing(addedHeaders)
            addedHeaders = [:]
            return respond(whole)
        }
        status = response.status
        if let connection {
            settleClosing(connection)
            connection.takeOutputBuffer()
            let before = connection.output.count
            ReplyHead.append(
                response, id: id, to: &connection.output, date: reactor.dates.fieldLine(reactor.now), closes: connection.closesAfterReply,
                omitsBody: method == .head)
            bytesSent = connection.output.count - before
            // At once, so that the next one of this round sees it.
            if isLarge { connection.chargeMemory() }
        } else if let sink {
            var block = HeaderBlock()
            block.add(response.headers)
            sink.begin(status: status, headers: block)
            if !response.body.isEmpty { _ = sink.write(response.body.span) }
            return endInside { $0.finish() }
        }
        conclude()
    }

    /// Begins a reply whose body follows in `write`s. Adds date, framing, connection and x-request-id.
    public func startResponse(status: Int, headers: HeaderBlock, framing: ReplyFraming) {
        reactor.assertCurrent()
        precondition(progress == .waiting, "a reply begins once")
        if !addedHeaders.fields.isEmpty {
            var whole = headers
            whole.add(addedHeaders)
            addedHeaders = [:]
            return startResponse(status: status, headers: whole, framing: framing)
        }
        progress = .streaming
        self.status = status
        self.framing = version == .http10 && framing == .chunked ? .untilClose : framing
        if case .length(let length) = framing { remainingLength = length }
        dropsBody = method == .head || !ReplyHead.allowsBody(status)
        guard let connection else {
            sink?.begin(status: status, headers: headers)
            return
        }
        if self.framing == .untilClose, !dropsBody { connection.closesAfterReply = true }
        settleClosing(connection)
        connection.takeOutputBuffer()
        let before = connection.output.count
        ReplyHead.append(
            status: status, block: headers, framing: self.framing, id: id, to: &connection.output,
            date: reactor.dates.fieldLine(reactor.now),
            closes: connection.closesAfterReply)
        bytesSent = connection.output.count - before
        connection.queueFlush()
    }

    /// One chunk of a chunked reply. Sent soon, at the latest before the reactor waits, together with whatever else was written; large
    /// ones at once. More than a `.length` promised is not sent and aborts.
    @discardableResult public func write(_ bytes: Span<UInt8>) -> WriteState {
        reactor.assertCurrent()
        precondition(progress != .waiting, "a reply begins before it is written")
        guard let connection, progress == .streaming else {
            guard let sink, progress == .streaming, !isClientGone else { return .gone }
            return bytes.count > 0 ? sink.write(bytes) : .sent
        }
        guard bytes.count > 0, !dropsBody else { return state(connection) }
        let isOpen: Bool
        switch framing {
        case .chunked:
            // Kept with the reactor: a stream makes one of these for every event.
            reactor.chunkHead.removeAll(keepingCapacity: true)
            ReplyHead.appendChunkSize(bytes.count, to: &reactor.chunkHead)
            let (chunkHead, lineEnd) = (reactor.chunkHead, ReplyHead.lineEnd)
            isOpen = connection.write(chunkHead.span, bytes, lineEnd.span)
            bytesSent += chunkHead.count + bytes.count + 2
        case .length, .untilClose:
            if case .length = framing {
                guard bytes.count <= remainingLength else {
                    abort()
                    return .gone
                }
                remainingLength -= bytes.count
            }
            let nothing: [UInt8] = []
            isOpen = connection.write(nothing.span, bytes, nothing.span, isLast: framing != .untilClose && remainingLength == 0)
            bytesSent += bytes.count
        }
        return isOpen ? state(connection) : .gone
    }
    @discardableResult public func write(_ bytes: [UInt8]) -> WriteState { write(bytes.span) }

    private func state(_ connection: ServerConnection) -> WriteState {
        isClientGone ? .gone : connection.isBlocked ? .congested : .sent
    }

    /// Sends what was written now instead of together with other output.
    public func flush() {
        reactor.assertCurrent()
        connection?.send()
    }

    /// The reply is complete. One that is shorter than its `.length` is aborted instead.
    public func finish() {
        reactor.assertCurrent()
        guard progress == .streaming else { return }
        if sink != nil { return endInside { $0.finish() } }
        if case .length = framing, remainingLength > 0, !dropsBody {
            abort()
            return
        }
        if framing == .chunked, !dropsBody, let connection {
            connection.takeOutputBuffer()
            connection.output.append(contentsOf: ReplyHead.lastChunk)
            bytesSent += ReplyHead.lastChunk.count
        }
        conclude()
    }

    /// Ends the connection so that the client sees a cut reply instead of a complete one. What was written is still sent as far as
    /// the socket takes it.
    public func abort() {
        reactor.assertCurrent()
        if sink != nil { return endInside { $0.abort() } }
        guard progress != .finished, let connection else {
            conclude()
            return
        }
        let hidesCut = framing == .untilClose || progress == .waiting
        if progress == .streaming { connection.send() }
        conclude(tellsConnection: false)
        connection.exchange = nil
        connection.close(resetting: hidesCut)
    }

    // MARK: Inside another exchange

    private func endInside(_ tell: (any ReplySink) -> Void) {
        guard progress != .finished, let sink else { return }
        progress = .finished
        (onDrained, onClosed, watcher) = (nil, nil, nil)
        tell(sink)
    }

    /// Nobody reads the reply of this inner exchange any more.
    /// - Parameter isCut: because the server has cut the outer one.
    public func leave(isCut: Bool = false) {
        reactor.assertCurrent()
        guard sink != nil else { return }
        if isCut { markCut() }
        clientLeft()
    }
    /// The sink takes bytes again after `.congested`.
    public func tellDrained() {
        reactor.assertCurrent()
        guard sink != nil else { return }
        drained()
    }
    /// When the handler of an inner exchange has returned: a reply that is not complete is aborted.
    public func end() {
        reactor.assertCurrent()
        endInside { $0.abort() }
    }

    // MARK: What the connection says

    /// Before the head is written: whether "connection: close" belongs in it.
    private func settleClosing(_ connection: ServerConnection) {
        if connection.acceptor.isDraining || connection.mustCloseForUnreadBody(expectsContinue: expectsContinue) {
            connection.closesAfterReply = true
        }
    }

    func drained() {
        guard let action = onDrained else { return }
        onDrained = nil
        action()
    }

    /// Nobody seems to read any more, though sending may still work.
    func clientLeft() {
        guard !isClientGone, progress != .finished else { return }
        isClientGone = true
        tellClosed()
    }

    /// Before the server closes the connection of a client that has not gone.
    func markCut() {
        if !isClientGone { isCut = true }
    }

    func connectionClosed() {
        connection = nil
        clientLeft()
    }

    private func tellClosed() {
        if let action = onClosed {
            onClosed = nil
            action()
        }
        if let told = watcher {
            watcher = nil
            told.clientLeft()
        }
    }

    /// The handler is through with it: what it has left open is answered or aborted, unless it outlives the handler. Called for a task that
    /// has returned.
    public func handlerReturned() {
        switch progress {
        case .finished: return
        case .streaming: if !outlivesHandler { abort() }
        case .waiting where connection == nil || isClientGone:
            // What ended its sending half would still take a reply, but the handler has given it up.
            connection?.closesAfterReply = true
            conclude()
        case .waiting:
            respondToProblem(status: 500, message: "The request was not answered.")
        }
    }

    /// The reply that the server's `errorResponder` makes of it.
    public func respondToProblem(status: Int, message: String) { respond(problemResponse(status: status, message: message)) }

    private func problemResponse(status: Int, message: String) -> Response {
        let path = head.bytes.isEmpty ? nil : head.pathText
        return shared.hooks.errorResponder(
            ProtocolProblem(status: status, code: problemCode(status), message: message, path: path, requestID: id))
    }

    private func conclude(tellsConnection: Bool = true) {
        guard progress != .finished else { return }
        progress = .finished
        (onDrained, onClosed, watcher) = (nil, nil, nil)
        shared.hooks.onFinished(
            ExchangeSummary(
                id: id, method: method, routeTemplate: routeTemplate, status: status, bytesReceived: bytesReceived, bytesSent: bytesSent,
                durationNanoseconds: reactor.ambient.uptimeNanoseconds() &- startedAtNanoseconds, endedAt: reactor.now,
                remoteAddress: remoteAddress,
                clientGone: isClientGone))
        guard let connection else { return }
        self.connection = nil
        if !head.bytes.isEmpty { connection.acceptor.giveBack(head) }
        head = .empty
        if tellsConnection { connection.exchangeFinished() }
    }
}
