/// One request and its answer on a connection. `finish` tells whether the connection may be used again.
struct Exchange {
    let wire: Wire
    let world: World
    let request: WireRequest
    let order: Int
    let credential: String
    let digest: String
    let conduct: Conduct
    var requestIdentifier: String { "req_" + sha256Hex(Array("\(world.seed)/\(order)".utf8)).prefix(24) }

    /// A whole JSON answer.
    func reply(_ status: Int, _ body: JSONText, headers: [(String, String)] = []) -> Bool {
        reply(status, contentType: "application/json", body.bytes, headers: headers)
    }

    func reply(_ status: Int, contentType: String, _ body: [UInt8], headers: [(String, String)] = []) -> Bool {
        world.update(order) { $0.status = status }
        let isHead = request.method == "HEAD"
        var fields = ReplyHeaders.base(requestIdentifier, conduct: conduct) + [("content-type", contentType)] + headers
        let isChunked = conduct.isGzip
        var bytes = body
        if isChunked {
            var gzip = StoredGzip()
            bytes = gzip.add(body) + gzip.end()
            fields.append(("content-encoding", "gzip"))
        }
        if !conduct.isCloseDelimited { fields.append(("content-length", String(bytes.count))) }
        var plain = conduct
        plain.isGzip = false
        var delivery = Delivery(wire, framing: conduct.isCloseDelimited ? .close : .length, conduct: plain)
        guard delivery.head(status, fields) else { return false }
        if isHead { return true }
        if let cut = conduct.cut {
            _ = delivery.body(Array(bytes.prefix(cut.after.event == "headers" ? cut.bytes : bytes.count / 2 + cut.bytes)))
            end(cut)
            return true
        }
        if let hang = conduct.hang, hang.after.event == "headers", wire.waitForLeaving(milliseconds: hang.milliseconds) { return false }
        return delivery.body(bytes)
    }

    func fail(_ status: Int, _ message: String, type: String? = nil) -> Bool {
        let body = ReplyHeaders.errorBody(status: status, type: type, code: nil, message: message, requestIdentifier: requestIdentifier)
        return reply(status, body)
    }

    func refuse(_ refusal: Conduct.Refusal) -> Bool {
        if refusal.isHTML {
            let page =
                "<html><head><title>503 Service Temporarily Unavailable</title></head><body><h1>503 – überlastet</h1></body></html>\n"
            return reply(503, contentType: "text/html; charset=utf-8", Array(page.utf8))
        }
        let body = ReplyHeaders.errorBody(
            status: refusal.status, type: refusal.type, code: refusal.code, message: refusal.message, requestIdentifier: requestIdentifier)
        return reply(refusal.status, body, headers: refusal.headers.map { ($0.name, $0.value.text ?? "") })
    }

    func end(_ cut: Conduct.Cut) {
        world.update(order) { $0.bill?.outcome = .cut }
        if cut.isReset { wire.reset() } else { wire.cut() }
    }
}
