/// The last step before a line leaves the process: whatever looks like a secret is replaced, wherever it stands.
///
/// Works on bytes and in place. A false alarm costs a readable word in a log; a miss costs a credential, so patterns are wide.
public enum Redaction {
    static let mark = Array("«secret»".utf8)

    /// True for field names whose text is never shown, however it looks.
    public static func hides(field name: String) -> Bool {
        let plain = name.lowercased()
        if plain.hasSuffix("_tokens") || plain.hasPrefix("tokens_") || plain == "tokens" { return false }
        return hiddenWords.contains { plain.contains($0) }
    }
    private static let hiddenWords = [
        "password", "passwd", "secret", "token", "authorization", "cookie", "api_key", "apikey", "api-key", "credential", "private_key",
        "privatekey", "passphrase", "pepper",
    ]

    /// Words that begin a secret, what may follow, and how much of it must follow to count.
    private struct Pattern {
        let prefix: [UInt8]
        let minimumTail: Int
        /// The word itself is kept, as in "Bearer «secret»".
        var keepsPrefix = false
        /// Upper and lower case are the same.
        var ignoresCase = false

        init(_ prefix: String, _ minimumTail: Int, keepsPrefix: Bool = false, ignoresCase: Bool = false) {
            self.prefix = Array(prefix.utf8)
            self.minimumTail = minimumTail
            self.keepsPrefix = keepsPrefix
            self.ignoresCase = ignoresCase
        }
    }
    private static let patterns = [
        Pattern("cr_", 12), Pattern("sk-", 12), Pattern("pat_", 8), Pattern("whm_", 8), Pattern("whsec_", 8), Pattern("xai-", 16),
        Pattern("eyJ", 16), Pattern("bearer ", 6, keepsPrefix: true, ignoresCase: true),
        Pattern("basic ", 8, keepsPrefix: true, ignoresCase: true),
        Pattern("bot", 24),
    ]
    /// Patterns by their first byte, both cases.
    private static let byFirstByte: [[Pattern]] = {
        var table = [[Pattern]](repeating: [], count: 256)
        for pattern in patterns {
            guard let first = pattern.prefix.first else { continue }
            table[Int(first)].append(pattern)
            if pattern.ignoresCase { table[Int(first & ~0x20)].append(pattern) }
        }
        return table
    }()
    /// What a byte may be, in bits: the beginning of a word that begins a secret, the first of two marks ("://", "--"), part of a word.
    private static let beginsWord: UInt8 = 1
    private static let beginsMarks: UInt8 = 2
    private static let isInWord: UInt8 = 4
    private static let kinds: [UInt8] = (0..<256).map { byte in
        (byFirstByte[byte].isEmpty ? 0 : beginsWord) | (byte == 0x3a || byte == 0x2d ? beginsMarks : 0)
            | (isWord(UInt8(byte)) ? isInWord : 0)
    }

    /// Where the next secret may begin; the end when there is none.
    private static func nextBeginning(in line: Span<UInt8>, from start: Int) -> Int {
        // Every byte of most lines passes here: one look at a table settles nearly all of them.
        let kinds = kinds.span
        var at = start
        while true {
            // A byte is a place in the table, which has one for each.
            while at < line.count, unsafe kinds[unchecked: Int(line[unchecked: at])] & (beginsMarks | beginsWord) == 0 { at += 1 }
            guard at < line.count else { return line.count }
            let mayBegin =
                kinds[Int(line[at])] & beginsMarks != 0
                ? at + 1 < line.count && (line[at + 1] == 0x2f || line[at + 1] == 0x2d)
                // A word only begins where the byte before it does not belong to a word: "micr_…" is no key.
                : at == 0 || kinds[Int(line[at - 1])] & isInWord == 0
            if mayBegin { return at }
            at += 1
        }
    }

    /// Replaces every secret in the line. Lines without one are left untouched and not copied.
    public static func redact(_ line: inout [UInt8]) {
        var at = 0
        var edits: [(Range<Int>)] = []
        let count = line.count
        while true {
            at = nextBeginning(in: line.span, from: at)
            guard at < count else { break }
            guard let found = secret(in: line, at: at) else {
                at += 1
                continue
            }
            edits.append(found)
            at = max(found.upperBound, at + 1)
        }
        guard !edits.isEmpty else { return }
        var clean: [UInt8] = []
        clean.reserveCapacity(count)
        var from = 0
        for edit in edits where edit.lowerBound >= from {
            clean += line[from..<edit.lowerBound]
            clean += mark
            from = edit.upperBound
        }
        clean += line[from...]
        line = clean
    }

    public static func redacted(_ text: String) -> String {
        var bytes = Array(text.utf8)
        redact(&bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func secret(in line: [UInt8], at: Int) -> Range<Int>? {
        switch line[at] {
        case 0x3a: return passwordInURL(line, colon: at)
        case 0x2d: return privateKey(line, dash: at)
        default: break
        }
        for pattern in byFirstByte[Int(line[at])] where starts(line, at, with: pattern) {
            var end = at + pattern.prefix.count
            let tail = end
            while end < line.count, isSecretByte(line[end]) { end += 1 }
            if end - tail >= pattern.minimumTail { return (pattern.keepsPrefix ? tail : at)..<end }
        }
        return nil
    }

    private static func starts(_ line: [UInt8], _ at: Int, with pattern: Pattern) -> Bool {
        guard at + pattern.prefix.count <= line.count else { return false }
        for (offset, wanted) in pattern.prefix.enumerated() {
            let byte = line[at + offset]
            if byte == wanted { continue }
            guard pattern.ignoresCase, (0x41...0x5a).contains(byte), byte | 0x20 == wanted else { return false }
        }
        return true
    }

    /// "://user:password@" hides the password.
    private static func passwordInURL(_ line: [UInt8], colon: Int) -> Range<Int>? {
        guard colon + 2 < line.count, line[colon + 1] == 0x2f, line[colon + 2] == 0x2f else { return nil }
        var at = colon + 3
        var password: Int?
        var lastAt: Int?
        // An "@" may stand in a password too, so the last one before the path ends it.
        while at < line.count, line[at] > 0x20, line[at] != 0x2f, line[at] != 0x22, line[at] != 0x3f, line[at] != 0x23 {
            if line[at] == 0x3a, password == nil { password = at + 1 }
            if line[at] == 0x40 { lastAt = at }
            at += 1
        }
        guard let password, let lastAt, password < lastAt else { return nil }
        return password..<lastAt
    }

    private static let begin = Array("-----BEGIN ".utf8)
    private static let privateWord = Array("PRIVATE KEY".utf8)
    private static let end = Array("-----END ".utf8)

    /// A PEM private key, to its END line or, when that is missing, to the end of the line.
    private static func privateKey(_ line: [UInt8], dash: Int) -> Range<Int>? {
        guard line.count - dash > begin.count, line[dash..<dash + begin.count].elementsEqual(begin),
            line[dash..<min(line.count, dash + 40)].firstRange(of: privateWord) != nil
        else { return nil }
        let body = dash + begin.count
        guard let endMark = line[body...].firstRange(of: end) else { return body..<line.count }
        return body..<endMark.lowerBound
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte) || byte == 0x5f
    }
    /// Base64 in both alphabets, hex, dots of a JWT, a Telegram bot's colon.
    private static func isSecretByte(_ byte: UInt8) -> Bool {
        isWord(byte) || byte == 0x2d || byte == 0x2e || byte == 0x2b || byte == 0x2f || byte == 0x3d || byte == 0x7e || byte == 0x3a
    }
}
