import Domain
import Foundation
import Secrets
import Testing

private let now = Timestamp(seconds: 1_795_236_323)
private let claims = TokenClaims(
    subject: "ann@example.com", user: UserID(high: 1, low: 2), role: "customer", session: SessionID(high: 3, low: 4), issuedAt: now,
    expiresAt: now.adding(seconds: 3600))
private func signer(_ algorithm: TokenSigner.Algorithm = .hs256, key: String = "secret") -> TokenSigner {
    TokenSigner(algorithm: algorithm, key: SecretBytes(Array(key.utf8)))
}
/// A token of three texts, signed over whatever they are.
private func forged(header: String, payload: String, like algorithm: TokenSigner.Algorithm = .hs256) -> String {
    // The signature of another token never fits, which is the point: only the order of checks differs.
    Base64.text(Array(header.utf8), .url) + "." + Base64.text(Array(payload.utf8), .url) + "." + Base64.text([1, 2, 3], .url)
}

struct TokenTests {
    @Test(arguments: TokenSigner.Algorithm.allCases) func `a signed token reads back`(algorithm: TokenSigner.Algorithm) throws {
        let token = signer(algorithm).sign(claims)
        #expect(try signer(algorithm).verify(token, now: now) == claims)
        for other in TokenSigner.Algorithm.allCases where other != algorithm {
            #expect(throws: TokenError.wrongAlgorithm) { try signer(other).verify(token, now: now) }
        }
        #expect(throws: TokenError.badSignature) { try signer(algorithm, key: "other").verify(token, now: now) }
    }

    @Test func `it works until its end and not before its beginning, with five seconds for the clocks`() throws {
        let token = signer().sign(claims)
        #expect(throws: Never.self) { try signer().verify(token, now: now.adding(seconds: 3604)) }
        #expect(throws: TokenError.expired) { try signer().verify(token, now: now.adding(seconds: 3605)) }
        #expect(throws: Never.self) { try signer().verify(token, now: now.adding(seconds: -5)) }
        #expect(throws: TokenError.notYetValid) { try signer().verify(token, now: now.adding(seconds: -6)) }
    }

    @Test func `every changed character is noticed`() throws {
        let token = signer().sign(claims)
        for index in token.indices {
            var broken = token
            broken.replaceSubrange(index...index, with: token[index] == "A" ? "B" : "A")
            #expect(throws: TokenError.self) { try signer().verify(broken, now: now) }
        }
    }

    @Test(arguments: [
        "", ".", "..", "a.b.c", "a.b", "a.b.c.d", String(repeating: "a", count: 5000), "=.=.=",
    ])
    func `what is no token is malformed`(text: String) {
        #expect(throws: TokenError.malformed) { try signer().verify(text, now: now) }
    }

    @Test(arguments: [
        #"{"alg":"none"}"#, #"{"alg":"None"}"#, #"{"alg":"RS256"}"#, #"{"alg":"HS256","crit":["exp"]}"#, #"{"typ":"JWT"}"#,
        #"{"alg":null}"#,
    ])
    func `no other algorithm is accepted, none least of all`(header: String) {
        #expect(throws: TokenError.wrongAlgorithm) { try signer().verify(forged(header: header, payload: "{}"), now: now) }
    }

    @Test func `the signature is judged before the payload`() {
        #expect(throws: TokenError.badSignature) { try signer().verify(forged(header: #"{"alg":"HS256"}"#, payload: "not json"), now: now) }
    }

    /// The example of RFC 7515 appendix A.1: signed by somebody else's library, without our claims.
    @Test func `a token signed elsewhere verifies, and is refused for the claims it lacks`() throws {
        let key = try #require(
            Base64.bytes(
                Array("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow".utf8), .url))
        let token =
            "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
        #expect(throws: TokenError.missingClaims) {
            try TokenSigner(algorithm: .hs256, key: SecretBytes(key)).verify(token, now: Timestamp(seconds: 1_300_819_000))
        }
    }
}

struct EncodingTests {
    /// RFC 4648 section 10.
    @Test(arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="), ("foobar", "Zm9vYmFy"),
    ])
    func `base64 agrees with RFC 4648`(text: String, encoded: String) {
        #expect(Base64.text(Array(text.utf8)) == encoded)
        #expect(Base64.bytes(Array(encoded.utf8)) == Array(text.utf8))
        let bare = encoded.filter { $0 != "=" }
        #expect(Base64.text(Array(text.utf8), .url) == bare && Base64.bytes(Array(bare.utf8), .url) == Array(text.utf8))
    }

    @Test(arguments: ["Zg", "Zg=", "Zh==", "Z===", "Zg==\n", "Z g=", "Zm9v====", "-_==", "Zm=v"]) func `base64 is read strictly`(
        text: String
    ) {
        #expect(Base64.bytes(Array(text.utf8)) == nil)
    }

    @Test func `hex goes both ways and refuses the rest`() {
        #expect(Hex.text([0, 0x0f, 0xff]) == "000fff" && Hex.bytes("000FfF") == [0, 0x0f, 0xff])
        #expect(Hex.bytes("0") == nil && Hex.bytes("0g") == nil && Hex.bytes("") == [])
    }
}
