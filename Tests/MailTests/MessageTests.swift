import Domain
import HTTP
import Store
import Testing

@testable import Mail

struct MessageTests {
    private static func bytes(
        _ kind: MailKind = .paymentReceived, _ language: Language = .english, facts: JSON = [:], name: String = "Ada",
        site: String = "Shop",
        link: String? = nil, sender: String = "Shop <no-reply@example.com>"
    ) throws -> String {
        let text = MailText(kind, language, facts: facts, name: name, site: site, link: link)
        let message = MailMessage(
            text, from: try MailSenderName(parsing: sender), to: try EmailAddress(parsing: "ada@example.com"), id: "mail_1",
            at: Timestamp(milliseconds: 1_795_269_938_017))
        return String(decoding: message.bytes, as: UTF8.self)
    }

    @Test(arguments: [
        "a\r\nBcc: eve@example.com", "a\nBcc: eve@example.com", "a\rBcc: eve@example.com", "\r\n\r\nbody", "a\u{2028}Bcc: x",
        "=?UTF-8?B?YQ==?=",
    ])
    func `no value begins a header of its own`(hostile: String) throws {
        let text = try Self.bytes(facts: ["number": .string(hostile), "plan": .string(hostile)], name: hostile, site: hostile)
        let head = text.components("\r\n\r\n")[0]
        let names = head.components("\r\n").filter { !$0.hasPrefix(" ") }.map { String($0.prefix { $0 != ":" }) }
        #expect(
            names == ["From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type"])
        #expect(!head.lowercased().contains("bcc:") && !text.replacing("\r\n", with: "").contains { $0 == "\r" || $0 == "\n" })
    }

    @Test(arguments: [
        ("Hello", "Hello"), ("a-b 9", "a-b 9"), ("", ""), (" a", "=?UTF-8?B?IGE=?="), ("a\r\nb", "=?UTF-8?B?YQ0KYg==?="),
        ("Ü", "=?UTF-8?B?w5w=?="),
        ("a <b>", "=?UTF-8?B?YSA8Yj4=?="), ("x, y", "=?UTF-8?B?eCwgeQ==?="),
    ])
    func `a header is plain words or encoded ones`(text: String, header: String) { #expect(MailMessage.encodedWords(text) == header) }

    @Test func `long headers are folded between characters`() {
        let text = String(repeating: "语言🙂", count: 60)
        let words = MailMessage.encodedWords(text).components("\r\n ")
        #expect(words.count > 10 && words.allSatisfy { $0.utf8.count <= 75 && $0.hasPrefix("=?UTF-8?B?") && $0.hasSuffix("?=") })
        let decoded = words.map { String(validating: Base64.bytes($0.dropFirst(10).dropLast(2).utf8) ?? [0xff], as: UTF8.self) }
        #expect(decoded.allSatisfy { $0 != nil } && decoded.compactMap(\.self).joined() == text)
    }

    @Test(
        arguments: [
            (1_795_269_938_017, "Sat, 21 Nov 2026 14:05:38 +0000"), (0, "Thu, 1 Jan 1970 00:00:00 +0000"),
            (951_782_400_000, "Tue, 29 Feb 2000 00:00:00 +0000"),
        ] as [(Int64, String)])
    func `dates are those of mails`(milliseconds: Int64, text: String) {
        #expect(MailMessage.date(Timestamp(milliseconds: milliseconds)) == text)
    }

    @Test(arguments: [
        ("no-reply@example.com", "", "no-reply@example.com"), ("Shop <a@example.com>", "Shop", "a@example.com"),
        ("\"A, B\" <a@example.com>", "A, B", "a@example.com"), ("<a@example.com>", "", "a@example.com"),
    ])
    func `a sender is an address with or without a name`(text: String, name: String, email: String) throws {
        let sender = try MailSenderName(parsing: text)
        #expect(sender.name == name && sender.email.text == email && sender.domain == "example.com")
    }
    @Test(arguments: [
        "", "Shop", "Shop <a>", "Shop <a@example.com", "Shop <a@example.com> x", "S\r\nBcc: x <a@example.com>", "a@example.com\r\nBcc: x",
        "<<a@example.com>>", "a b@example.com",
    ])
    func `and nothing else`(text: String) { #expect(throws: ParseError.self) { try MailSenderName(parsing: text) } }

    @Test(arguments: MailKind.allCases, Language.allCases)
    func `every mail is whole in every language`(kind: MailKind, language: Language) {
        let link = kind.purpose == nil ? nil : "https://shop.example.com/account/verify#secret"
        for days in [1, 3] as [Int64] {
            let facts: JSON = ["plan": "Starter", "end": "2026-11-24 10:00 UTC", "amount": "9.99 USD", "number": "7", "days": .int(days)]
            let text = MailText(kind, language, facts: facts, name: "Ada", site: "Shop", link: link)
            #expect(!text.subject.isEmpty && !text.plain.contains("{") && !text.html.contains("{name}") && text.plain.contains("Ada"))
            #expect(text.html.contains("lang=\"\(language.rawValue)\""))
            if let link { #expect(text.plain.contains(link) && text.html.contains("href=\"\(link)\"")) }
            if kind == .endsSoon { #expect(text.plain.contains("Starter") && text.plain.contains("2026-11-24 10:00 UTC")) }
            if kind == .paymentReceived { #expect(text.plain.contains("9.99 USD") && text.subject.contains("7")) }
            let nameless = MailText(kind, language, facts: facts, name: "", site: "Shop", link: link)
            #expect(!nameless.plain.contains("Ada") && !nameless.plain.contains(" ,"))
        }
    }

    @Test func `what people choose is text in HTML, one line, and no placeholder`() {
        let text = MailText(
            .paymentReceived, .english, facts: ["plan": "{amount}<script>", "amount": "1\u{202e}2", "number": "7"], name: "\"><b>&",
            site: "S",
            link: nil)
        #expect(text.html.contains("{amount}&lt;script&gt;") && text.html.contains("&quot;&gt;&lt;b&gt;&amp;"))
        #expect(
            !text.html.contains("<script>") && !text.html.contains("<b>") && text.plain.contains("12") && !text.plain.contains("\u{202e}"))
        let long = MailText(
            .paymentReceived, .english, facts: ["number": .string(String(repeating: "9", count: 5000))], name: "", site: "S", link: nil)
        #expect(long.subject.count < 260)
    }
}

extension String {
    fileprivate func components(_ separator: String) -> [String] {
        var (parts, rest) = ([String](), self[...])
        while let found = rest.firstRange(of: separator) {
            parts.append(String(rest[..<found.lowerBound]))
            rest = rest[found.upperBound...]
        }
        return parts + [String(rest)]
    }
}
