internal import Domain

/// Reads `gatehouse.env`: `NAME=value` a line, `#` comments, values plain, 'single' or "double" quoted. `$` is never expanded.
enum SettingsFile {
    struct Line: Equatable, Sendable {
        let name: String
        let value: String
    }

    /// - Throws: `ParseError` naming the line; never quotes a value.
    static func parse(_ text: String) throws(ParseError) -> [Line] {
        var lines: [Line] = []
        // "\r\n" is one character, and one end of a line.
        let ends: Set<Character> = ["\n", "\r\n"]
        for (index, raw) in text.split(omittingEmptySubsequences: false, whereSeparator: ends.contains).enumerated() {
            var line = SettingText.trimmed(raw)
            if line.isEmpty || line.hasPrefix("#") { continue }
            if line.hasPrefix("export ") { line = SettingText.trimmed(line.dropFirst(7)) }
            let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = SettingText.trimmed(parts[0])
            guard parts.count == 2, !name.isEmpty,
                name.utf8.allSatisfy({
                    $0 == 0x5f || (0x30...0x39).contains($0) || (0x41...0x5a).contains($0) || (0x61...0x7a).contains($0)
                })
            else { throw ParseError("NAME=value in line \(index + 1)") }
            guard let value = value(SettingText.trimmed(parts[1])) else {
                throw ParseError("a value with matching quotes in line \(index + 1)")
            }
            lines.append(Line(name: name, value: value))
        }
        return lines
    }

    private static func value(_ text: String) -> String? {
        guard let quote = text.first, quote == "'" || quote == "\"" else {
            // A comment after a plain value begins with a space and "#".
            if let comment = text.firstRange(of: " #") { return SettingText.trimmed(text[..<comment.lowerBound]) }
            return text
        }
        guard text.count >= 2, let end = text.dropFirst().lastIndex(of: quote), end > text.startIndex else { return nil }
        let rest = SettingText.trimmed(text[text.index(after: end)...])
        guard rest.isEmpty || rest.hasPrefix("#") else { return nil }
        let inner = text[text.index(after: text.startIndex)..<end]
        guard quote == "\"" else { return String(inner) }
        var out = ""
        var escaped = false
        for character in inner {
            if escaped {
                out.append(character == "n" ? "\n" : character)
                escaped = false
            } else if character == "\\" {
                escaped = true
            } else {
                out.append(character)
            }
        }
        return escaped ? nil : out
    }
}
