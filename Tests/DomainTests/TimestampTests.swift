import Domain
import Testing

struct TimestampTests {
    @Test(arguments: [
        ("1970-01-01T00:00:00Z", 0), ("2000-02-29T23:59:59.999Z", 951_868_799_999), ("1969-12-31T23:59:59.5Z", -500),
        ("2026-11-21T04:45:23.017Z", 1_795_236_323_017), ("2026-11-21T12:45:23.0179+08:00", 1_795_236_323_017),
        ("2026-11-21t04:45:23z", 1_795_236_323_000),
    ])
    func `RFC 3339 text is read exactly`(text: String, milliseconds: Int64) throws {
        #expect(try Timestamp(parsing: text).milliseconds == milliseconds)
    }

    @Test(arguments: [
        "", "2026-11-21", "2026-11-21T04:45:23", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-00-10T00:00:00Z",
        "2026-11-21T24:00:00Z",
        "2026-11-21T04:60:00Z", "2026-11-21T04:45:23.Z", "2026-11-21T04:45:23+0800", "2026-11-21T04:45:23+08:0", "2026-11-21T04:45:23Zx",
        "２026-11-21T04:45:23Z",
    ])
    func `anything else is refused`(text: String) {
        #expect(throws: ParseError.self) { try Timestamp(parsing: text) }
    }

    @Test(arguments: [0, 951_868_799_999, -1, -62_135_596_800_000, 253_402_300_799_999, 1_795_236_323_017])
    func `text and back is the same moment`(milliseconds: Int64) throws {
        let moment = Timestamp(milliseconds: milliseconds)
        #expect(try Timestamp(parsing: moment.text) == moment)
        #expect(try Timestamp(parsingDay: moment.dayText) <= moment)
    }

    @Test func `adding saturates instead of trapping`() {
        #expect(Timestamp(milliseconds: .max).adding(milliseconds: 1).milliseconds == .max)
        #expect(Timestamp(milliseconds: 0).adding(seconds: .max).milliseconds == .max)
        #expect(Timestamp(milliseconds: 0).adding(seconds: .min).milliseconds == .min)
        #expect(Timestamp(seconds: .max).milliseconds == .max && Timestamp(seconds: -1 << 60).milliseconds == .min)
    }

    @Test(arguments: [Int64.min, .min + 1, -1, .max]) func `any moment has a text`(milliseconds: Int64) {
        let moment = Timestamp(milliseconds: milliseconds)
        #expect(!moment.text.isEmpty && !moment.dayText.isEmpty)
    }
}

struct IdentifierTests {
    private let ambient = Ambient(
        now: { Timestamp(milliseconds: 0x0193_c0de_8a7b) }, uptimeNanoseconds: { 0 }, randomBytes: { Array(repeating: 0xff, count: $0) },
        sleep: { _ in })

    @Test func `an id is a UUIDv7 with its kind in front`() throws {
        let id = APIKeyID(ambient)
        #expect(id.text == "key_0193c0de8a7b7fffbfffffffffffffff")
        #expect(try APIKeyID(parsing: id.text) == id)
    }

    @Test(arguments: [
        "", "key_", "acc_0193c0de8a7b7fffbfffffffffffffff", "key_0193C0DE8A7B7FFFBFFFFFFFFFFFFFFF", "key_0193c0de8a7b7fffbfffffffffffffff0",
        "key_0193c0de8a7b7fffbffffffffffffff", "0193c0de8a7b7fffbfffffffffffffff", "key_0193c0de8a7b7fffbffffffffffffffg",
    ])
    func `another text is no id of that kind`(text: String) {
        #expect(throws: ParseError.self) { try APIKeyID(parsing: text) }
    }
}
