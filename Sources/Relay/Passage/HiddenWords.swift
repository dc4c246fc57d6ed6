internal import Domain
internal import Store

/// What operators keep to themselves in what an upstream says of a failure (`UPSTREAM_ERROR_HIDES`; relay contract, section 6).
struct HiddenWords {
    private let words: [String]

    /// - Parameter words: in lower case.
    init(_ words: [String]) { self.words = words }

    /// Nil when nothing is hidden.
    init?(_ services: RelayServices, _ account: RelayAccount?) {
        guard !services.limits.hiddenErrorWords.isEmpty else { return nil }
        let email = account?.account.details.email.lowercased() ?? ""
        self.init(services.limits.hiddenErrorWords + (email.isEmpty ? [] : [email]))
    }

    /// Whether the JSON text holds one of them, whatever its case and its escapes.
    func stand(in body: [UInt8]) -> Bool {
        let plain = String(decoding: body, as: UTF8.self).lowercased()
        let read = (try? JSON(parsing: body)).map(\.text)?.lowercased() ?? ""
        return words.contains { plain.contains($0) || read.contains($0) }
    }

    /// An error of the same type that says nothing.
    static func neutral(_ type: String, _ request: String) -> [UInt8] {
        JSON.object([
            "type": "error", "error": ["type": .string(type), "message": "The upstream refused the request."],
            "request_id": .string(request),
        ]).bytes
    }
}

/// Holds an error event in the middle of a stream back until all of it is here, so that hidden words in it can be covered. Only made where
/// words are hidden; looks at a read's bytes only when the meter says that an error is or may be in them.
struct ErrorCover {
    private let hidden: HiddenWords
    private let request: String
    /// From the line on that names the error, or that may.
    private var held: [UInt8] = []
    /// The error was looked at: nothing more is held.
    private var isDone = false
    /// An error whose data is longer is covered unread.
    private static let maximumBytes = 65_536

    init(_ hidden: HiddenWords, request: String) { (self.hidden, self.request) = (hidden, request) }

    func concerns(_ meter: borrowing StreamMeter) -> Bool { !isDone && (meter.mayBeInError || !held.isEmpty) }

    /// What may go to the client now, and whether nothing may follow.
    /// - Parameter bytes: a read that the meter has just been fed.
    mutating func pass(_ bytes: Span<UInt8>, _ meter: borrowing StreamMeter) -> (bytes: [UInt8], isLast: Bool) {
        held.append(bytes: bytes)
        let cut = Self.beginning(held.span)
        var out = Array(held[..<cut])
        held.removeFirst(cut)
        if let error = meter.errorData {
            isDone = true
            if !hidden.stand(in: error) { return (out + held, false) }
        } else if held.count <= Self.maximumBytes, meter.mayBeInError {
            return (out, false)
        } else if !meter.isInErrorEvent {
            out += held
            held = []
            return (out, false)
        }
        isDone = true
        let body = HiddenWords.neutral(meter.errorType ?? "api_error", request)
        return (out + Array("event: error\ndata: ".utf8) + body + Array("\n\n".utf8), true)
    }

    /// Where the frame of an error begins, or the cut line that may begin one. Its first line is never sent before it is whole.
    private static func beginning(_ bytes: Span<UInt8>) -> Int {
        var at = 0
        while at < bytes.count {
            let start = at
            while at < bytes.count, bytes[at] != 0x0a, bytes[at] != 0x0d { at += 1 }
            guard at < bytes.count else { return start }
            let line = String(decoding: JSONSkim.array(bytes, start..<at), as: UTF8.self)
            at += 1
            if line == "event: error" || line == "event:error" { return start }
            if line.hasPrefix("data:"), let data = try? JSON(parsing: String(line.dropFirst(5))), data["type"] == "error" { return start }
        }
        return 0
    }
}
