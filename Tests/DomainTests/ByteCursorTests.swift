import Domain
import Testing

struct ByteCursorTests {
    private func text(room: Int, _ write: (inout ByteCursor) -> Void) -> String {
        String(decoding: [UInt8](upTo: room, write), as: UTF8.self)
    }

    @Test(arguments: [0, 1, 3, 20, 64]) func `what is written is whole, however little room was asked for`(_ room: Int) {
        let written = text(room: room) { out in
            out.append("a=")
            out.append(decimal: 1024)
            out.append(0x3b)
            out.append(utf8: "größer")
            out.append([0x2c, 0x2e])
            out.append(7, digits: 3)
            out.append(hex: 0x0193_c0de_8a7b_7f3e)
        }
        #expect(written == "a=1024;größer,.0070193c0de8a7b7f3e")
    }

    @Test(arguments: [0, 9, 10, 99, 100, UInt64.max]) func `numbers have all their digits and no more`(_ number: UInt64) {
        #expect(text(room: 1) { $0.append(decimal: number) } == String(number))
    }

    @Test func `what was there stays in front, and words go lowest byte first`() {
        var bytes: [UInt8] = [1, 2]
        bytes.append(upTo: 1) { $0.append(littleEndian: 0x0807_0605_0403_0201) }
        bytes.append(upTo: 0) { _ in }
        #expect(bytes == [1, 2, 1, 2, 3, 4, 5, 6, 7, 8])
    }

    @Test(arguments: [-62_198_755_200_000, -1, 0, 1_795_754_723_017, 253_402_300_800_000] as [Int64])
    func `a time reads back, and years have four digits or more`(_ milliseconds: Int64) throws {
        let text = Timestamp(milliseconds: milliseconds).text
        let year = Timestamp(milliseconds: milliseconds).civilDay.year
        #expect(
            text.hasSuffix("Z") && text.hasPrefix((0...9999).contains(year) ? String(10_000 + year).dropFirst() : Substring(String(year))))
        if (0...9999).contains(year) { #expect(try Timestamp(parsing: text).milliseconds == milliseconds) }
    }

    @Test func `quoted text is escaped where JSON needs it and nowhere else`() throws {
        let odd = "a\"b\\c\nd\re\tf\u{1}g\u{1f}häöü"
        var bytes: [UInt8] = []
        JSON.quote(odd, into: &bytes)
        #expect(String(decoding: bytes, as: UTF8.self) == #""a\"b\\c\nd\re\tf\u0001g\u001fhäöü""#)
        #expect(try JSON(parsing: bytes) == .string(odd))
    }

    @Test(arguments: [0, 1, 11, 12, 13, 1024]) func `lent bytes are all there, also past the room that was thought enough`(room: Int) {
        let read = withBytes(upTo: room, { $0.append("twelve bytes") }, { bytes in bytes.indices.map { bytes[$0] } })
        #expect(read == Array("twelve bytes".utf8))
        #expect(withBytes(upTo: room, { _ in }, { $0.count }) == 0)
    }
}
