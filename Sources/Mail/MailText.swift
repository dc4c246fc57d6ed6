internal import Domain
internal import Store

/// A mail in words: subject, plain text and HTML, with everything filled in.
struct MailText: Sendable {
    let subject: String
    let plain: String
    let html: String

    /// Characters of a value that is filled in; names of people and plans are theirs to choose.
    private static let longestValue = 200

    /// - Parameters:
    ///   - name: of the person; may be empty.
    ///   - link: the whole address, for kinds that have one.
    init(_ kind: MailKind, _ language: Language, facts: JSON, name: String, site: String, link: String?) {
        let words = MailWords.of(language)
        let letter = words.letter(kind, facts)
        var values = ["name": name, "site": site]
        for key in ["plan", "end", "amount", "number"] { values[key] = facts[key].string ?? "" }
        if values["plan"]?.isEmpty ?? true { values["plan"] = words.credit }
        let clean = values.mapValues(Self.clean)
        func filled(_ text: String) -> String { Self.fill(text, clean) { $0 } }
        func filledHTML(_ text: String) -> String { Self.escape(text, filling: clean) }

        let greeting = name.isEmpty ? words.greetingWithoutName : words.greeting
        subject = filled(letter.subject)
        var lines = [filled(greeting), ""]
        for paragraph in letter.paragraphs { lines += [filled(paragraph), ""] }
        if let link { lines += [link, ""] }
        if let note = letter.note { lines += [filled(note), ""] }
        plain = (lines + ["-- ", filled(words.footer), ""]).joined(separator: "\r\n")

        var body = ["<p>\(filledHTML(greeting))</p>"]
        body += letter.paragraphs.map { "<p>\(filledHTML($0))</p>" }
        if let link, let action = letter.action {
            let address = Self.escape(link, filling: [:])
            body.append(
                #"<p style="margin:24px 0"><a href="\#(address)" style="background:#1f5fbf;color:#ffffff;padding:12px 20px;border-radius:6px;text-decoration:none">\#(filledHTML(action))</a></p>"#
            )
            body.append(#"<p style="color:#555555;font-size:13px">\#(filledHTML(words.linkHint))<br>\#(address)</p>"#)
        }
        if let note = letter.note { body.append(#"<p style="color:#555555;font-size:13px">\#(filledHTML(note))</p>"#) }
        html = """
            <!doctype html>\r
            <html lang="\(language.rawValue)"><head><meta charset="utf-8"><title>\(Self.escape(subject, filling: [:]))</title></head>\r
            <body style="font:16px/1.5 system-ui,sans-serif;color:#1b1b1b;max-width:560px;margin:0 auto;padding:24px">\r
            \(body.joined(separator: "\r\n"))\r
            <hr style="border:0;border-top:1px solid #dddddd"><p style="color:#777777;font-size:12px">\(filledHTML(words.footer))</p>\r
            </body></html>\r

            """
    }

    /// Values are one line, without characters that reorder or hide text.
    private static func clean(_ value: String) -> String {
        let kept = value.unicodeScalars.filter { scalar in
            switch scalar.value {
            case 0..<0x20, 0x7f..<0xa0, 0x200b...0x200f, 0x2028...0x202e, 0x2060...0x206f, 0xfeff: false
            default: true
            }
        }
        return String(String(String.UnicodeScalarView(kept)).prefix(longestValue))
    }

    private static func escape(_ text: String, filling values: [String: String]) -> String {
        fill(text, values) { piece in
            piece.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;").replacing("\"", with: "&quot;")
        }
    }

    /// In one pass, so that a value which looks like a placeholder stays as it is.
    private static func fill(_ text: String, _ values: [String: String], _ writing: (String) -> String) -> String {
        var out = ""
        var rest = text[...]
        while let open = rest.firstIndex(of: "{"), let close = rest[open...].firstIndex(of: "}") {
            out += writing(String(rest[..<open]))
            let key = String(rest[rest.index(after: open)..<close])
            out += writing(values[key] ?? String(rest[open...close]))
            rest = rest[rest.index(after: close)...]
        }
        return out + writing(String(rest))
    }
}
