import Domain
import Secrets
import Store
import Telemetry
import TestKit
import Testing

@testable import Relay

/// A login of a person, with OAuth 2 and PKCE (relay contract, section 3).
struct OAuthLoginTests {
    private static func server(_ base: String, client: String = "client-1", secret: String? = nil, _ style: TokenRequestStyle = .json)
        -> OAuthLogin.Server
    {
        OAuthLogin.Server(
            authorizeURL: base + "/authorize?tenant=a", redirectURI: "http://localhost:9/back",
            source: TokenSource(tokenURL: base + "/oauth/token", clientID: client, scopes: "a b", style: style), clientSecret: secret)
    }
    private static func query(_ address: String) -> [String: String] {
        let text = String(address.split(separator: "?", maxSplits: 1).last ?? "")
        return Dictionary(QueryText.parse(text).map { ($0.name, $0.value) }) { $1 }
    }
    private func refusal<Value>(_ work: () async throws -> Value) async -> OAuthLogin.Refusal? {
        do { _ = try await work() } catch { return error as? OAuthLogin.Refusal }
        return nil
    }

    @Test func `the address asks for a code under a fresh challenge and names nobody but the operator's client`() throws {
        let base = "https://login.example.com"
        let logins = try (1...2).map { _ in try OAuthLogin(Self.server(base, secret: "hush"), ambient: .live, allowsLoopback: false) }
        let fields = logins.map { Self.query($0.address) }
        #expect(logins[0].address.hasPrefix(base + "/authorize?tenant=a&response_type=code&") && !logins[0].address.contains("hush"))
        #expect(
            fields[0]["client_id"] == "client-1" && fields[0]["redirect_uri"] == "http://localhost:9/back" && fields[0]["scope"] == "a b")
        #expect(fields[0]["code_challenge_method"] == "S256" && fields[0]["code_challenge"]?.count == 43)
        #expect(fields[0]["state"] != fields[1]["state"] && fields[0]["code_challenge"] != fields[1]["code_challenge"])
        for bad in ["http://login.example.com", "https://169.254.169.254", "ftp://x"] {
            #expect(throws: ParseError.self) { try OAuthLogin(Self.server(bad), ambient: .live, allowsLoopback: false) }
        }
    }

    @Test func `a code is found in what people bring, and only of this login`() async throws {
        let login = try OAuthLogin(Self.server("https://login.example.com"), ambient: .live, allowsLoopback: false)
        let state = try #require(Self.query(login.address)["state"])
        for text in [
            "abc", "abc#\(state)", "http://localhost:9/back?code=abc&state=\(state)", "localhost/back?state=\(state)&code=abc#end",
        ] {
            #expect(try login.code(in: text) == "abc")
        }
        for text in ["abc#other", "http://localhost:9/back?code=abc&state=other", "http://localhost:9/back?code=abc"] {
            #expect(await refusal { try login.code(in: text) } == .wrongState)
        }
        #expect(
            await refusal { try login.code(in: "http://x/?error=access_denied&state=\(state)") }
                == .noCode("the login ended with access_denied"))
        for text in ["http://localhost:9/back?state=\(state)", "two words", ""] {
            #expect(await refusal { try login.code(in: text) } == .noCode("no code is in it"))
        }
    }

    @Test(arguments: [TokenRequestStyle.json, .form])
    func `a code becomes a refresh token for whoever asked for it, and for nobody else`(style: TokenRequestStyle) async throws {
        try await withFakeUpstream { fake in
            func login(_ client: String = "client-1") throws -> OAuthLogin {
                try OAuthLogin(Self.server(fake.baseURL, client: client, secret: "hush", style), ambient: .live, allowsLoopback: true)
            }
            func token(_ login: OAuthLogin, _ code: String) async throws -> String {
                try await login.refreshToken(for: code, ambient: .live, allowsLoopback: true)
            }
            let (mine, other) = (try login(), try login())
            let code = "code." + (Self.query(mine.address)["code_challenge"] ?? "")
            #expect(await refusal { try await token(other, code) } == .refused(status: 400, "invalid_grant"), "the verifier is another")
            #expect(try await token(mine, code).hasPrefix("sk-ant-ort01-"))
            let without = try login("without-refresh")
            let second = "code." + (Self.query(without.address)["code_challenge"] ?? "")
            #expect(await refusal { try await token(without, second) } == .noRefreshToken)
            let nowhere = try OAuthLogin(Self.server("http://127.0.0.1:1"), ambient: .live, allowsLoopback: true)
            guard case .unreachable = await refusal({ try await token(nowhere, "a") }) else {
                Issue.record("nobody answers there")
                return
            }
        }
    }
}
