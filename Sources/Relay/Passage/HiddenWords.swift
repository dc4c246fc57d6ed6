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
    /// From the frame on that is the error, or that may be.
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
        } else if !meter.isInErrorEvent, !(meter.mayBeInError && Frame.beginsError(held.span)) {
            out += held
            held = []
            return (out, false)
        }
        isDone = true
        let body = HiddenWords.neutral(meter.errorType ?? "api_error", request)
        return (out + Array("event: error\ndata: ".utf8) + body + Array("\n\n".utf8), true)
    }

    /// Where the frame of an error begins, or the frame under way that may become one. Nothing of it is sent before that is known.
    private static func beginning(_ bytes: Span<UInt8>) -> Int {
        var frame = Frame(start: 0)
        var at = 0
        while at < bytes.count {
            let start = at
            while at < bytes.count, bytes[at] != 0x0a, bytes[at] != 0x0d { at += 1 }
            guard at < bytes.count else { break }
            let line = start..<at
            at += at + 1 < bytes.count && bytes[at] == 0x0d && bytes[at + 1] == 0x0a ? 2 : 1
            if !line.isEmpty {
                frame.take(bytes, line)
            } else if frame.isError {
                return frame.start
            } else {
                frame = Frame(start: at)
            }
        }
        return frame.name == .another ? bytes.count : frame.start
    }

    /// What is known of one event.
    private struct Frame {
        let start: Int
        enum Name { case none, error, another }
        var name = Name.none
        private var data: [UInt8] = []

        init(start: Int) { self.start = start }

        mutating func take(_ bytes: Span<UInt8>, _ line: Range<Int>) {
            let text = JSONSkim.array(bytes, line)
            if text.starts(with: "event:".utf8) {
                let word = text.dropFirst(text.count > 6 && text[6] == 0x20 ? 7 : 6)
                let isOpen = StreamMeter.isOpen(name: Array(word).span)
                name = word.elementsEqual("error".utf8) ? .error : isOpen ? .none : .another
            } else if text.starts(with: "data:".utf8), name == .none {
                if !data.isEmpty { data.append(0x0a) }
                data += text.dropFirst(5)
            }
        }
        /// Of one that is whole.
        var isError: Bool { name == .error || name == .none && !data.isEmpty && (try? JSON(parsing: data))?["type"] == "error" }
        /// Of one without a name whose data is still coming, as far as it says so first.
        static func beginsError(_ bytes: Span<UInt8>) -> Bool {
            guard bytes.count > 5, JSONSkim.isWord(bytes, 0..<5, "data:") else { return false }
            var isError = false
            _ = JSONSkim.members(bytes, 5) { bytes, name, value in
                guard JSONSkim.matches(bytes, name, "type") else { return true }
                isError = JSONSkim.string(bytes, value) == "error"
                return false
            }
            return isError
        }
    }
}
