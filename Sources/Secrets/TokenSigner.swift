public import Domain

/// The claims of a login token. `uid` and `jti` decide; `sub` is the mail address because existing clients read it there.
public struct TokenClaims: Sendable, Equatable {
    public var subject: String
    public var user: UserID
    public var role: String
    public var session: SessionID
    public var issuedAt: Timestamp
    public var expiresAt: Timestamp

    public init(subject: String, user: UserID, role: String, session: SessionID, issuedAt: Timestamp, expiresAt: Timestamp) {
        self.subject = subject
        self.user = user
        self.role = role
        self.session = session
        self.issuedAt = issuedAt
        self.expiresAt = expiresAt
    }
}

/// Why a token was not believed. The caller's answer is the same for all; the log may say which.
public enum TokenError: Error, Equatable, Sendable { case malformed, wrongAlgorithm, badSignature, expired, notYetValid, missingClaims }

/// Signs and checks JSON Web Tokens (RFC 7519) with one configured HMAC algorithm; no other, and never "none", is accepted.
public struct TokenSigner: Sendable {
    public enum Algorithm: String, Sendable, CaseIterable {
        case hs256 = "HS256", hs384 = "HS384", hs512 = "HS512"
        fileprivate var digest: LibCrypto.Digest {
            switch self {
            case .hs256: .sha256
            case .hs384: .sha384
            case .hs512: .sha512
            }
        }
    }
    /// A longer text is no token of ours and is not decoded.
    public static let maximumBytes = 4096
    /// Clocks of two nodes may differ by this much.
    static let leewaySeconds: Int64 = 5

    private let algorithm: Algorithm
    private let key: SecretBytes

    public init(algorithm: Algorithm, key: SecretBytes) {
        self.algorithm = algorithm
        self.key = key
    }

    public func sign(_ claims: TokenClaims) -> String {
        let header = Base64.text(JSON.object(["alg": .string(algorithm.rawValue), "typ": "JWT"]).bytes, .url)
        let payload: JSON = [
            "sub": .string(claims.subject), "uid": .string(claims.user.text), "role": .string(claims.role),
            "iat": .int(claims.issuedAt.milliseconds / 1000), "exp": .int(claims.expiresAt.milliseconds / 1000),
            "jti": .string(claims.session.text),
        ]
        let signed = header + "." + Base64.text(payload.bytes, .url)
        return signed + "." + Base64.text(tag(signed), .url)
    }

    /// - Throws: `TokenError`; the signature is checked before anything in the payload is read.
    public func verify(_ token: String, now: Timestamp) throws(TokenError) -> TokenClaims {
        let bytes = token.utf8
        guard bytes.count <= Self.maximumBytes else { throw .malformed }
        let parts = bytes.split(separator: 0x2e, omittingEmptySubsequences: false)
        guard parts.count == 3, let header = Self.json(parts[0]), let tag = Base64.bytes(parts[2], .url) else { throw .malformed }
        guard header["alg"] == .string(algorithm.rawValue), header["crit"] == .null else { throw .wrongAlgorithm }
        let signed = String(decoding: bytes.prefix(parts[0].count + 1 + parts[1].count), as: UTF8.self)
        guard Sodium.equal(tag, self.tag(signed)) else { throw .badSignature }
        guard let payload = Self.json(parts[1]) else { throw .malformed }
        guard let subject = payload["sub"].string, let role = payload["role"].string, let uid = payload["uid"].string,
            let jti = payload["jti"].string, let issued = payload["iat"].int, let expires = payload["exp"].int,
            let user = try? UserID(parsing: uid), let session = try? SessionID(parsing: jti)
        else { throw .missingClaims }
        let seconds = now.milliseconds / 1000
        guard expires > seconds.subtractingReportingOverflow(Self.leewaySeconds).partialValue else { throw .expired }
        guard issued <= seconds + Self.leewaySeconds else { throw .notYetValid }
        return TokenClaims(
            subject: subject, user: user, role: role, session: session, issuedAt: Timestamp(seconds: issued),
            expiresAt: Timestamp(seconds: expires))
    }

    private func tag(_ signed: String) -> [UInt8] { key.reveal { LibCrypto.hmac(algorithm.digest, key: $0, Array(signed.utf8)) } }

    private static func json(_ part: Substring.UTF8View) -> JSON? {
        guard let bytes = Base64.bytes(part, .url), let json = try? JSON(parsing: bytes), case .object = json else { return nil }
        return json
    }
}
