internal import Domain

/// One setting: everything that parsing, `gatehouse check` and docs/settings.md need to know of it.
struct SettingEntry: Sendable {
    enum Kind: Sendable {
        case text, path, url, secret
        case integer(ClosedRange<Int64>)
        case choice([String])
        case boolean
        /// Commas, or a JSON list of texts.
        case list
        /// Bytes: "10m", "512k", "1g" or a plain number.
        case size
        case json
    }
    let name: String
    /// Older names of the same setting, which keep working.
    var aliases: [String] = []
    let kind: Kind
    /// What older deployments write for one of the choices, in lower case.
    var olderWords: [String: String] = [:]
    /// Empty: unset.
    var standard = ""
    /// Shown instead of the default when that depends on something.
    var standardText: String?
    let about: String

    var isSecret: Bool { if case .secret = kind { true } else { false } }
    var names: [String] { [name] + aliases }

    /// The value as this version writes it. Choices may come in capitals.
    func translated(_ text: String) -> String {
        guard case .choice(let options) = kind, !options.contains(text) else { return text }
        let lower = text.lowercased()
        return olderWords[lower] ?? options.first { $0.lowercased() == lower } ?? text
    }

    /// Nil when the text is good, else what it must be. Never quotes a secret.
    func problem(_ text: String) -> String? {
        switch kind {
        case .text, .path, .secret: return text.utf8.contains(0) ? "must not contain NUL" : nil
        case .url:
            let host = text.split(separator: "/", maxSplits: 2, omittingEmptySubsequences: false).dropFirst(2).first ?? ""
            let isURL = (text.hasPrefix("http://") || text.hasPrefix("https://")) && !host.isEmpty && !":/?#".contains(host.prefix(1))
            return isURL && text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) ? nil : "must be a URL as https://gate.example.com"
        case .integer(let range):
            guard let number = Int64(text), range.contains(number) else {
                return "must be a whole number from \(range.lowerBound) to \(range.upperBound)"
            }
            return nil
        case .choice(let options): return options.contains(text) ? nil : "must be one of \(options.joined(separator: ", "))"
        case .boolean: return SettingText.boolean(text) == nil ? "must be true or false" : nil
        case .list: return SettingText.list(text) == nil ? "must be a list as a,b or [\"a\",\"b\"]" : nil
        case .size: return SettingText.size(text) == nil ? "must be a size as 10m, 512k or a number of bytes" : nil
        case .json: return (try? JSON(parsing: text)) == nil ? "must be JSON" : nil
        }
    }
}

/// How texts of settings are read.
enum SettingText {
    static func boolean(_ text: String) -> Bool? {
        switch text.lowercased() {
        case "true", "1", "yes", "on": true
        case "false", "0", "no", "off": false
        default: nil
        }
    }

    static func list(_ text: String) -> [String]? {
        if text.hasPrefix("[") {
            guard let values = (try? JSON(parsing: text))?.array else { return nil }
            let texts = values.compactMap(\.string)
            return texts.count == values.count ? texts : nil
        }
        return text.split(separator: ",").map { trimmed($0) }.filter { !$0.isEmpty }
    }

    static func size(_ text: String) -> Int? {
        guard let last = text.utf8.last else { return nil }
        let shifts: [UInt8: Int] = [0x6b: 10, 0x6d: 20, 0x67: 30]
        guard let shift = shifts[last | 0x20] else { return Int(text).flatMap { $0 >= 0 ? $0 : nil } }
        guard let number = Int(text.dropLast()), number >= 0, number <= Int.max >> shift else { return nil }
        return number << shift
    }

    static func trimmed(_ text: some StringProtocol) -> String {
        var view = Substring(text)
        while let first = view.first, first.isWhitespace { view.removeFirst() }
        while let last = view.last, last.isWhitespace { view.removeLast() }
        return String(view)
    }
}
