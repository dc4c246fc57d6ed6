public import Domain

/// Whose call and which: the same key of another actor or on another route is another key.
public struct IdempotencyID: Hashable, Sendable {
    public let actor: String
    /// Method and template, as "POST /api/keys".
    public let route: String
    public let key: String
    public init(actor: String, route: String, key: String) {
        self.actor = actor
        self.route = route
        self.key = key
    }
}

/// Where answers to calls with an `Idempotency-Key` are kept. One implementation keeps them in the store, sealed, since an answer may
/// carry a secret that is shown once.
public struct IdempotencyPort: Sendable {
    public enum Claim: Sendable, Equatable {
        case new, underWay, mismatch
        /// The first call was cut off, or failed, after it had changed these.
        case interrupted([String])
        /// The answer given before, as `complete` got it.
        case done(status: Int, answer: [UInt8])
    }
    /// The bytes are all that makes two calls the same: path, query and body. The request is the one that asks now.
    public var claim: @Sendable (IdempotencyID, _ content: [UInt8], RequestID) async throws -> Claim
    public var complete: @Sendable (IdempotencyID, _ status: Int, _ answer: [UInt8]) async throws -> Void
    /// The call failed: the key may be used again when it had done nothing. What it had changed; then the key stays, and a repeat is
    /// `interrupted`.
    public var release: @Sendable (IdempotencyID) async throws -> [String]

    public init(
        claim: @escaping @Sendable (IdempotencyID, _ content: [UInt8], RequestID) async throws -> Claim,
        complete: @escaping @Sendable (IdempotencyID, _ status: Int, _ answer: [UInt8]) async throws -> Void,
        release: @escaping @Sendable (IdempotencyID) async throws -> [String]
    ) {
        self.claim = claim
        self.complete = complete
        self.release = release
    }
}

/// A reply as it is kept: its headers, an empty line, its body.
enum KeptReply {
    static func bytes(_ response: Response) -> [UInt8] {
        var out: [UInt8] = []
        for field in response.headers.fields {
            out += "\(field.name): ".utf8
            // The engine would do the same: no value can add a line.
            for byte in field.value.utf8 { out.append(byte == 0x0a || byte == 0x0d || byte == 0 ? 0x20 : byte) }
            out.append(0x0a)
        }
        return out + [0x0a] + response.body
    }

    static func response(status: Int, _ kept: [UInt8]) -> Response {
        var headers = Headers()
        var rest = kept[...]
        while let end = rest.firstIndex(of: 0x0a) {
            let line = rest[..<end]
            rest = rest[(end + 1)...]
            guard let colon = line.firstIndex(of: 0x3a) else { break }
            headers.add(
                String(decoding: line[..<colon], as: UTF8.self), String(decoding: line[(colon + 1)...].drop { $0 == 0x20 }, as: UTF8.self))
        }
        return Response(status: status, headers: headers, body: Array(rest))
    }
}

enum IdempotencyKeyText {
    static let header = "idempotency-key"
    /// nil when there is none.
    static func read(_ headers: Headers) throws(Problem) -> String? {
        let all = headers.all(header)
        guard let first = all.first else { return nil }
        guard all.count == 1, (1...255).contains(first.utf8.count), first.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else {
            throw Problem(.badIdempotencyKey)
        }
        return first
    }
}
