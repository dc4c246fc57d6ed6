public import Domain
internal import HTTP
internal import Secrets
public import Store

/// One login of a person at an authorization server that the operator names: OAuth 2 with PKCE (RFC 7636, S256). The verifier stays in
/// this process, so the code is of no use to who reads the address or the answer (relay contract, section 3).
public struct OAuthLogin: Sendable {
    public struct Server: Sendable {
        public var authorizeURL: String
        public var redirectURI: String
        public var source: TokenSource
        public var clientSecret: String?

        public init(authorizeURL: String, redirectURI: String, source: TokenSource, clientSecret: String? = nil) {
            (self.authorizeURL, self.redirectURI, self.source, self.clientSecret) = (authorizeURL, redirectURI, source, clientSecret)
        }
    }
    public enum Refusal: Error, Equatable, Sendable {
        /// What came is neither a code nor the address that the browser ended at; why.
        case noCode(String)
        /// The address is of another login.
        case wrongState
        /// The token endpoint's status, and its word for it.
        case refused(status: Int, String)
        case unreachable(String)
        /// Without one the account would be of use until its first token ends.
        case noRefreshToken
    }

    private let server: Server
    private let verifier: String
    private let state: String
    private static let timeoutMilliseconds = 20_000
    private static let answerBytes = 64 << 10

    /// - Throws: `ParseError` for an address that may not be asked: https, or this machine where that is allowed.
    public init(_ server: Server, ambient: Ambient, allowsLoopback: Bool) throws(ParseError) {
        let rule = AddressRule(allowsLoopback: allowsLoopback)
        // What a browser opens may have a query of its own; it gets ours behind it.
        let page = server.authorizeURL.prefix { $0 != "?" }
        for url in [String(page), server.source.tokenURL] { _ = try UpstreamTarget(parsing: url, addressRule: rule) }
        guard server.authorizeURL.utf8.isPrintableASCII, !server.authorizeURL.contains("#") else {
            throw ParseError("an address of printable ASCII without a fragment")
        }
        self.server = server
        verifier = Base64.text(ambient.randomBytes(32), .url)
        state = Base64.text(ambient.randomBytes(16), .url)
    }

    /// For the person's browser.
    public var address: String {
        var fields = [
            ("response_type", "code"), ("client_id", server.source.clientID), ("redirect_uri", server.redirectURI), ("state", state),
            ("code_challenge", Base64.text(Hashing.sha256(Array(verifier.utf8)), .url)), ("code_challenge_method", "S256"),
        ]
        if !server.source.scopes.isEmpty { fields.append(("scope", server.source.scopes)) }
        let query = String(decoding: TokenRefresher.form(fields), as: UTF8.self)
        return server.authorizeURL + (server.authorizeURL.contains("?") ? "&" : "?") + query
    }

    /// The code in what the person brings: the whole address that the browser ended at, `code#state`, or the code alone.
    public func code(in text: String) throws(Refusal) -> String {
        var (code, given): (String?, String?) = (text, nil)
        if let at = text.firstIndex(of: "?") {
            let query = QueryText.parse(String(text[text.index(after: at)...].prefix { $0 != "#" }))
            func value(_ name: String) -> String? { query.first { $0.name == name }?.value }
            if let error = value("error") { throw .noCode("the login ended with \(error.prefix(64))") }
            (code, given) = (value("code"), value("state") ?? "")
        } else if let at = text.firstIndex(of: "#") {
            (code, given) = (String(text[..<at]), String(text[text.index(after: at)...]))
        }
        if let given, !Hashing.equal(Array(given.utf8), Array(state.utf8)) { throw .wrongState }
        guard let code, (1...4096).contains(code.utf8.count), code.utf8.isPrintableASCII else {
            throw .noCode("no code is in it")
        }
        return code
    }

    /// The refresh token that the code is worth. Codes work once.
    public func refreshToken(for code: String, ambient: Ambient, allowsLoopback: Bool) async throws(Refusal) -> String {
        var fields = [
            ("grant_type", "authorization_code"), ("code", code), ("redirect_uri", server.redirectURI),
            ("client_id", server.source.clientID), ("code_verifier", verifier), ("state", state),
        ]
        if let secret = server.clientSecret { fields.append(("client_secret", secret)) }
        let answer: OutgoingReply
        do {
            var request = TokenRefresher.request(server.source, fields)
            request.timeoutMilliseconds = Self.timeoutMilliseconds
            request.responseLimitBytes = Self.answerBytes
            answer = try await OutgoingClient(ambient: ambient, rule: AddressRule(allowsLoopback: allowsLoopback)).client().send(request)
        } catch { throw .unreachable("\(error)") }
        let body = (try? JSON(parsing: answer.body)) ?? .null
        guard answer.status == 200, body["access_token"].string != nil else {
            throw .refused(status: answer.status, String((body["error"].string ?? body["error"]["type"].string ?? "").prefix(64)))
        }
        guard let token = body["refresh_token"].string, TokenRefresher.isToken(token) else { throw .noRefreshToken }
        return token
    }
}

extension Sequence<UInt8> {
    /// Nothing in it has to be encoded or hidden, blanks neither.
    var isPrintableASCII: Bool { allSatisfy { (0x21...0x7e).contains($0) } }
}
