import Testing

@testable import HTTP

struct HeaderNameTests {
    private func head(_ fields: [String]) throws -> RequestHead {
        let bytes = Array(("GET / HTTP/1.1\r\n" + (["host: a"] + fields).map { $0 + "\r\n" }.joined() + "\r\n").utf8)
        var parser = RequestParser()
        guard case .complete(let length) = try parser.parse(bytes.span) else { throw RequestFault.requestLine }
        return parser.take(bytes.span, length: length)
    }

    @Test(
        arguments: [
            ("te", "TE"), ("x-api-key", "X-Api-Key"), ("content-type", "Content-Type"), ("retry-after", "rEtRy-AfTeR"),
            ("anthropic-version", "Anthropic-VERSION"), ("authorization", "AUTHORIZATION"),
        ] as [(StaticString, String)])
    func `a name is found in any case, and not in others of its length`(_ name: StaticString, _ sent: String) throws {
        let name = HeaderName(stringLiteral: name)
        #expect(try head(["\(sent): yes"]).value(of: name) == "yes")
        // One character differs, at every place of it.
        for place in sent.indices {
            let other = sent[..<place] + "q" + sent[sent.index(after: place)...]
            #expect(try head(["\(other): yes"]).value(of: name) == nil, "\(other)")
        }
        #expect(try head(["\(sent)q: yes", "q\(sent): yes"]).value(of: name) == nil)
    }

    @Test func `a beginning is told from a whole`() throws {
        let prefix: HeaderName = "anthropic-"
        let bytes = Array("Anthropic-Beta".utf8)
        #expect(prefix.begins(bytes.span, 0..<14) && !prefix.isAll(of: bytes.span, 0..<14) && prefix.isAll(of: bytes.span, 0..<10))
        #expect(!prefix.begins(bytes.span, 0..<9) && !prefix.begins(bytes.span, 1..<14))
    }

    @Test func `a head made here has whole lines, whatever stands in its values`() {
        let head = RequestHead(.post, "/v1/messages", fields: [("user-agent", "a\r\nx-admin: 1"), ("x-second", "b\u{0}c")])
        #expect(head.value(of: "user-agent") == "a  x-admin: 1" && head.value(of: "x-second") == "b c" && head.value(of: "x-admin") == nil)
        #expect(head.fields.map { head.text($0.line) } == ["user-agent: a  x-admin: 1", "x-second: b c"])
        var block = HeaderBlock()
        let bytes = head.bytes
        block.add(lines: bytes.span.extracting(head.fields[0].line.lowerBound..<head.fields[1].line.upperBound))
        #expect(block.fields.map(\.name) == ["user-agent", "x-second"])
    }

    @Test func `a byte that no value may hold is found at any place`() {
        for length in 0...40 {
            var value = [UInt8](repeating: 0x61, count: length)
            for (place, good) in [0x09, 0x20, 0x7e, 0x80, 0xff].enumerated() where place < length { value[place] = UInt8(good) }
            #expect(firstBadFieldValue(in: value.span, 0..<length) == nil)
            for place in 0..<length {
                for bad: UInt8 in [0, 0x0a, 0x0d, 0x1f, 0x7f] {
                    var worse = value
                    worse[place] = bad
                    #expect(firstBadFieldValue(in: worse.span, 0..<length) == place)
                    #expect(firstBadFieldValue(in: worse.span, min(place + 1, length)..<length) == nil)
                }
            }
        }
    }

    /// At the end of the bytes too, where eight cannot be read at once.
    @Test(arguments: ["te", "host", "x-api-key", "content-type", "proxy-authorization"] as [String])
    func `a name's beginning is the same in either case and wherever it stands`(name: String) {
        let known = HeaderName(stringLiteral: "x-api-key")
        for text in [name, name.uppercased()] {
            for behind in ["", ":", ": value of the field"] {
                let bytes = Array("a: b\r\n\(text)\(behind)".utf8)
                let range = 6..<6 + text.utf8.count
                let beginning = HeaderName.beginning(bytes.span, range)
                let alone = Array(name.utf8)
                #expect(beginning == HeaderName.beginning(alone.span, 0..<alone.count))
                #expect((beginning == known.beginning) == (name == "x-api-key"))
            }
        }
    }
}
