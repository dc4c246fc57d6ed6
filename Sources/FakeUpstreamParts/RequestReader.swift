/// One request as it arrived.
struct WireRequest: Sendable {
    var method = ""
    var path = ""
    var query = ""
    var version = ""
    /// Names as sent, in their order.
    var headers: [(name: String, value: String)] = []
    var body: [UInt8] = []
    /// What a strict server finds wrong with its form; the request is answered anyway unless it cannot be framed.
    var faults: [String] = []
    /// Set when the end of the request cannot be known: answer 400 and close.
    var isUnframed = false

    /// The first field of that lowercase name.
    subscript(name: String) -> String? { headers.first { $0.name.lowercased() == name }?.value }
    func all(_ name: String) -> [String] { headers.filter { $0.name.lowercased() == name }.map(\.value) }
    var wantsClose: Bool { version == "HTTP/1.0" || (self["connection"]?.lowercased().contains("close") ?? false) }
}

/// Reads requests from a connection, strictly: every deviation from RFC 9112 is a fault with a name.
struct RequestReader {
    /// Larger heads and bodies end the connection.
    static let headLimit = 65_536
    static let bodyLimit = 256 << 20

    private var pending: [UInt8] = []
    private let wire: Wire

    init(_ wire: Wire) { self.wire = wire }

    /// nil at the end of the stream.
    mutating func next() -> WireRequest? {
        var request = WireRequest()
        guard let head = readHead(&request) else { return nil }
        parse(head, into: &request)
        readBody(&request)
        return request
    }

    private mutating func fill() -> Bool {
        let more = wire.read()
        pending += more
        return !more.isEmpty
    }

    /// The lines of the head without their ends.
    private mutating func readHead(_ request: inout WireRequest) -> [String]? {
        var searched = 0
        while true {
            if let end = Self.find([13, 10, 13, 10], in: pending, from: searched) {
                let head = Array(pending[..<end])
                pending.removeFirst(end + 4)
                return lines(head, &request)
            }
            searched = max(0, pending.count - 3)
            guard pending.count < Self.headLimit else {
                request.faults.append("head over \(Self.headLimit) bytes")
                request.isUnframed = true
                return []
            }
            if !fill() { return nil }
        }
    }

    private func lines(_ head: [UInt8], _ request: inout WireRequest) -> [String] {
        var lines: [String] = []
        var line: [UInt8] = []
        for (index, byte) in head.enumerated() {
            switch byte {
            case 13:
                if index + 1 >= head.count || head[index + 1] != 10 { request.faults.append("bare CR in the head") }
            case 10:
                if index == 0 || head[index - 1] != 13 { request.faults.append("bare LF in the head") }
                lines.append(String(decoding: line, as: UTF8.self))
                line = []
            default:
                if (byte < 0x20 && byte != 9) || byte == 0x7f { request.faults.append("control character in the head") }
                line.append(byte)
            }
        }
        lines.append(String(decoding: line, as: UTF8.self))
        return lines
    }

    private func parse(_ lines: [String], into request: inout WireRequest) {
        guard let first = lines.first else { return }
        let words = first.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
        guard words.count == 3, words[2] == "HTTP/1.1" || words[2] == "HTTP/1.0", words[1].hasPrefix("/"), !words[0].isEmpty else {
            request.faults.append("bad request line")
            request.isUnframed = true
            return
        }
        request.method = words[0]
        request.version = words[2]
        let target = words[1].split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        request.path = String(target[0])
        request.query = target.count > 1 ? String(target[1]) : ""
        let tokens = Set("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else {
                request.faults.append("header line without colon")
                continue
            }
            let name = String(line[..<colon])
            if name.isEmpty || !name.allSatisfy(tokens.contains) { request.faults.append("bad header name") }
            let value = line[line.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
            request.headers.append((name, String(value)))
        }
        checkFraming(&request)
    }

    private func checkFraming(_ request: inout WireRequest) {
        let hosts = request.all("host")
        if request.version == "HTTP/1.1", hosts.count != 1 { request.faults.append("\(hosts.count) host headers") }
        if hosts.contains(where: \.isEmpty) { request.faults.append("empty host") }
        let lengths = request.all("content-length")
        let codings = request.all("transfer-encoding")
        if lengths.count > 1 || (!lengths.isEmpty && !codings.isEmpty) {
            request.faults.append("more than one framing of the body")
            request.isUnframed = true
        }
        if let length = lengths.first, !length.allSatisfy({ $0.isASCII && $0.isNumber }) || length.isEmpty || Int(length) == nil {
            request.faults.append("bad content-length")
            request.isUnframed = true
        }
        if let coding = codings.first, codings.count > 1 || coding.lowercased() != "chunked" {
            request.faults.append("unknown transfer-encoding")
            request.isUnframed = true
        }
        if ["POST", "PUT", "PATCH"].contains(request.method), lengths.isEmpty, codings.isEmpty {
            request.faults.append("\(request.method) without content-length")
        }
        let single = ["content-type", "x-api-key", "authorization", "anthropic-version", "accept-encoding", "user-agent"]
        for name in single where request.all(name).count > 1 { request.faults.append("\(name) twice") }
    }

    private mutating func readBody(_ request: inout WireRequest) {
        guard !request.isUnframed else { return }
        if request["expect"]?.lowercased() == "100-continue", !wire.write(ArraySlice("HTTP/1.1 100 Continue\r\n\r\n".utf8)) { return }
        if request["transfer-encoding"] != nil {
            readChunks(&request)
        } else if let length = request["content-length"].flatMap({ Int($0) }), length > 0 {
            guard length <= Self.bodyLimit, let body = take(length) else {
                request.faults.append("body shorter than content-length")
                request.isUnframed = true
                return
            }
            request.body = body
        }
    }

    private mutating func readChunks(_ request: inout WireRequest) {
        while request.body.count <= Self.bodyLimit {
            guard let line = takeLine(), let size = Int(line, radix: 16), size >= 0, size <= Self.bodyLimit else { break }
            if size == 0 {
                while let trailer = takeLine() { if trailer.isEmpty { return } }
                break
            }
            guard let bytes = take(size), take(2) == [13, 10] else { break }
            request.body += bytes
        }
        request.faults.append("bad chunked body")
        request.isUnframed = true
    }

    private mutating func take(_ count: Int) -> [UInt8]? {
        while pending.count < count { if !fill() { return nil } }
        let taken = Array(pending[..<count])
        pending.removeFirst(count)
        return taken
    }

    private mutating func takeLine() -> String? {
        while true {
            if let end = Self.find([13, 10], in: pending, from: 0) {
                let line = String(decoding: pending[..<end], as: UTF8.self)
                pending.removeFirst(end + 2)
                return line
            }
            guard pending.count < Self.headLimit, fill() else { return nil }
        }
    }

    private static func find(_ mark: [UInt8], in bytes: [UInt8], from: Int) -> Int? {
        var at = from
        while at + mark.count <= bytes.count {
            if bytes[at] == mark[0], bytes[at..<at + mark.count].elementsEqual(mark) { return at }
            at += 1
        }
        return nil
    }
}
