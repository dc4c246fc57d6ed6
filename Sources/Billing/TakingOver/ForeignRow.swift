internal import Domain
internal import Store

/// One row of another VPN API's table, read leniently: its columns have been named in several ways.
struct ForeignRow {
    let json: JSON
    let id: Int64

    init?(_ json: JSON) {
        guard let id = json["id"].int, id > 0 else { return nil }
        (self.json, self.id) = (json, id)
    }

    func text(_ names: String...) -> String? {
        for name in names { if let text = json[name].string, !text.isEmpty { return text } }
        return nil
    }
    func number(_ names: String...) -> Int64? {
        for name in names { if let number = json[name].int ?? json[name].wholeNumber { return number } }
        return nil
    }
    func flag(_ name: String) -> Bool? { json[name].bool ?? json[name].int.map { $0 != 0 } }

    /// One without a zone is in UTC; nil for null and for what is no time.
    func time(_ name: String) -> Timestamp? {
        guard let text = json[name].string else { return nil }
        if let time = try? Timestamp(parsing: text) { return time }
        return try? Timestamp(parsing: text + "Z")
    }

    func money(_ name: String, _ currency: Currency) -> Money? {
        let text =
            switch json[name] {
            case .int(let whole): String(whole)
            case .number(let text), .string(let text): text
            case .null, .bool, .array, .object: ""
            }
        guard let money = try? Money(parsing: text, currency), money.minorUnits >= 0 else { return nil }
        return money
    }

    /// One line without control characters.
    func line(_ names: String..., most: Int) -> String {
        for name in names {
            guard let text = json[name].string else { continue }
            let clean = String(String.UnicodeScalarView(text.unicodeScalars.filter { $0.value >= 0x20 && $0.value != 0x7f })).prefix(most)
            if !clean.isEmpty { return String(clean) }
        }
        return ""
    }
}
