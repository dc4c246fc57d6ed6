public import Domain

/// Whom mails are from: "Example Shop <no-reply@example.com>" or the address alone.
public struct MailSenderName: Sendable, Equatable {
    public let name: String
    public let email: EmailAddress

    /// Longest shown name, in bytes.
    private static let longestName = 100

    public init(parsing text: String) throws(ParseError) {
        guard let open = text.lastIndex(of: "<") else {
            (name, email) = ("", try EmailAddress(parsing: text))
            return
        }
        guard text.hasSuffix(">") else { throw ParseError("a sender as no-reply@example.com or Example Shop <no-reply@example.com>") }
        email = try EmailAddress(parsing: String(text[text.index(after: open)...].dropLast()))
        var shown = text[..<open]
        while shown.last == " " { shown.removeLast() }
        if shown.count >= 2, shown.first == "\"", shown.last == "\"" { shown = shown.dropFirst().dropLast() }
        guard shown.utf8.count <= Self.longestName, !shown.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7f }) else {
            throw ParseError("a sender as no-reply@example.com or Example Shop <no-reply@example.com>")
        }
        name = String(shown)
    }

    /// The part behind the "@".
    public var domain: String { String(email.text.drop { $0 != "@" }.dropFirst()) }
}

/// A mail as it goes over the wire (RFC 5322, RFC 2045, RFC 2047): text and HTML of the same words, both in base64, so that no line is too
/// long, begins with a dot or needs more than ASCII.
struct MailMessage {
    let bytes: [UInt8]

    /// - Parameter id: stays the same over all tries, so that a receiver who gets it twice can tell.
    init(_ text: MailText, from sender: MailSenderName, to recipient: EmailAddress, id: String, at time: Timestamp) {
        let boundary = "=_\(id)"
        let from = sender.name.isEmpty ? sender.email.text : "\(Self.encodedWords(sender.name)) <\(sender.email.text)>"
        var lines = [
            "From: \(from)", "To: \(recipient.text)", "Subject: \(Self.encodedWords(text.subject))", "Date: \(Self.date(time))",
            "Message-ID: <\(id)@\(sender.domain)>", "Auto-Submitted: auto-generated", "MIME-Version: 1.0",
            "Content-Type: multipart/alternative; boundary=\"\(boundary)\"", "",
        ]
        for (type, content) in [("plain", text.plain), ("html", text.html)] {
            lines += [
                "--\(boundary)", "Content-Type: text/\(type); charset=utf-8", "Content-Transfer-Encoding: base64", "",
            ]
            lines += Self.base64Lines(Array(content.utf8))
        }
        lines += ["--\(boundary)--", ""]
        bytes = Array(lines.joined(separator: "\r\n").utf8)
    }

    /// Bytes of one line of base64; 76 characters are the most that RFC 2045 allows.
    private static let bytesOfLine = 57

    private static func base64Lines(_ bytes: [UInt8]) -> [String] {
        stride(from: 0, to: bytes.count, by: bytesOfLine).map { Base64.text(bytes[$0..<min(bytes.count, $0 + bytesOfLine)]) }
    }

    /// Bytes of one encoded word: 75 characters with `=?UTF-8?B?` and `?=`, a multiple of three.
    private static let bytesOfWord = 45

    /// A header's text. Whatever is not a plain ASCII word or could be read as markup is encoded, line ends above all, so that no value can
    /// begin a header of its own. No character is cut in two.
    static func encodedWords(_ text: String) -> String {
        let isPlain = text.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte) || byte == 0x20 || byte == 0x2d
        }
        // 60 leaves room for the name of the header in a line of 78.
        if isPlain, text.utf8.count <= 60, text.first != " ", text.last != " " { return text }
        var words: [[UInt8]] = [[]]
        for scalar in text.unicodeScalars {
            let bytes = Array(String(scalar).utf8)
            if (words.last?.count ?? 0) + bytes.count > bytesOfWord { words.append([]) }
            words[words.count - 1] += bytes
        }
        return words.map { "=?UTF-8?B?\(Base64.text($0))?=" }.joined(separator: "\r\n ")
    }

    /// "Sat, 21 Nov 2026 14:05:38 +0000".
    static func date(_ time: Timestamp) -> String {
        let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        let (year, month, day) = time.civilDay
        let sinceEpoch = max(0, time.milliseconds) / 86_400_000
        let clock = time.text.dropFirst(11).prefix(8)
        return "\(days[Int(sinceEpoch % 7)]), \(day) \(months[max(0, min(11, month - 1))]) \(year) \(clock) +0000"
    }
}
