import Secrets
import Testing

struct OneTimeCodeTests {
    /// RFC 6238, appendix B, with the last six of its eight digits.
    @Test(
        arguments: [
            (59, "287082"), (1_111_111_109, "081804"), (1_111_111_111, "050471"), (1_234_567_890, "005924"), (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] as [(Int64, String)])
    func `codes are those of the standard`(seconds: Int64, code: String) {
        let secret = Array("12345678901234567890".utf8)
        #expect(OneTimeCode.code(secret, step: OneTimeCode.step(atSeconds: seconds)) == code)
        for (late, isTaken) in [(0, true), (29, true), (-30, true), (30, true), (-90, false), (90, false)] as [(Int64, Bool)] {
            let step = OneTimeCode.step(of: code, secret: secret, atSeconds: seconds + late, after: 0)
            #expect((step == seconds / 30) == isTaken, "\(late) s off")
        }
        #expect(OneTimeCode.step(of: code, secret: secret, atSeconds: seconds, after: seconds / 30) == nil, "it was used")
    }

    @Test(arguments: ["", "28708", "2870820", "287 082", "２８７０８２", "-87082"])
    func `what is no code is none`(text: String) {
        #expect(OneTimeCode.step(of: text, secret: Array("12345678901234567890".utf8), atSeconds: 59, after: 0) == nil)
    }

    /// RFC 4648, section 10, without padding.
    @Test(arguments: [
        ("", ""), ("f", "MY"), ("fo", "MZXQ"), ("foo", "MZXW6"), ("foob", "MZXW6YQ"), ("fooba", "MZXW6YTB"), ("foobar", "MZXW6YTBOI"),
    ])
    func `secrets are written as apps read them`(text: String, encoded: String) { #expect(OneTimeCode.base32(Array(text.utf8)) == encoded) }
}
