internal import HTTP
internal import Secrets

/// Which header fields pass, in both directions, and what of a query (relay contract, section 7). Works on bytes.
enum HeaderRules {
    /// Names grouped by length, so that a look-up compares with a handful at most.
    private struct Names: Sendable {
        private let byLength: [HeaderName]
        private let beginnings: [UInt64]
        /// Where the names of a length begin.
        private var starts: [Int] = []
        init(_ names: [HeaderName]) {
            byLength = names.sorted { $0.length < $1.length }
            beginnings = byLength.map(\.beginning)
            for length in 0...((byLength.last?.length ?? 0) + 1) { starts.append(byLength.count { $0.length < length }) }
        }
        func contains(_ bytes: Span<UInt8>, _ name: Range<Int>) -> Bool {
            guard name.count + 1 < starts.count else { return false }
            let beginning = HeaderName.beginning(bytes, name)
            for place in starts[name.count]..<starts[name.count + 1] where beginnings[place] == beginning {
                if byLength[place].isAll(of: bytes, name) { return true }
            }
            return false
        }
    }

    /// Credentials, what is computed anew, hop-by-hop fields, and what would tell the upstream about the customer's network.
    private static let droppedUp = Names([
        "x-api-key", "authorization", "x-goog-api-key", "api-key", "cookie", "proxy-authorization", "host", "content-length",
        "accept-encoding", "connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "expect",
        "forwarded", "x-real-ip", "true-client-ip", "cdn-loop", "via", "origin", "referer", "http2-settings",
    ])
    private static let droppedUpPrefixes: [HeaderName] = ["x-forwarded-", "cf-", "sec-", "x-relay-"]
    private static let passedDown = Names(["content-type", "request-id", "retry-after", "retry-after-ms", "x-should-retry"])
    private static let passedDownPrefixes: [HeaderName] = ["anthropic-"]
    private static let droppedDownPrefixes: [HeaderName] = ["anthropic-organization-id", "anthropic-ratelimit-"]

    /// Compressed streams could not be metered on the way.
    private static let onlyIdentity = Array("accept-encoding: identity".utf8)

    private static let withheld: [HeaderName] = ["x-claude-code-", "x-stainless-"]
    static let version: HeaderName = "anthropic-version"
    private static let beta: HeaderName = "anthropic-beta"
    static let oauthBeta = "oauth-2025-04-20"

    /// An OAuth account's requests carry its one value besides whatever the client sends.
    private static func withOAuthBeta(_ value: String) -> String {
        value.split(separator: ",").contains { $0.drop { $0 == " " }.prefix { $0 != " " } == oauthBeta } ? value : value + "," + oauthBeta
    }
    // Made once: a name written at its place of use is built anew each time.
    static let requestID: HeaderName = "request-id"
    static let shouldRetry: HeaderName = "x-should-retry"
    static let contentType: HeaderName = "content-type"
    static let contentEncoding: HeaderName = "content-encoding"
    private static let connection: HeaderName = "connection"

    /// A request that goes upstream, with the fields of the customer's that may pass.
    static func upstream(
        _ method: Method, _ path: Span<UInt8>, _ head: RequestHead, account: RelayAccount, body: UpstreamBody
    ) -> UpstreamRequest {
        let room = head.bytes.count + account.credential.count + 128
        return UpstreamRequest(method, path, to: account.target, body: body, room: room) { addUpstream(head, account, &$0) }
    }

    /// Without host and length.
    private static func addUpstream(_ head: RequestHead, _ account: RelayAccount, _ block: inout HeaderBlock) {
        let listed = connectionNames(head)
        var (hasVersion, hasBeta) = (false, !account.isOAuth)
        var passed = PassedLines()
        let whole = head.bytes
        let bytes = whole.span
        for field in head.fields {
            let name = field.name
            let isDropped =
                droppedUp.contains(bytes, name) || mayHavePrefix(bytes, name) && startsWithAny(bytes, name, droppedUpPrefixes)
                || !listed.isEmpty && listed.contains(head.text(name).lowercased())
            if !isDropped, name.count == 17, version.isAll(of: bytes, name) { hasVersion = true }
            if isDropped || account.withholdsClientFields && startsWithAny(bytes, name, withheld) {
                passed.end(bytes, &block)
            } else if !hasBeta, name.count == 14, beta.isAll(of: bytes, name) {
                passed.end(bytes, &block)
                hasBeta = true
                block.add("anthropic-beta", withOAuthBeta(head.text(field.value)))
            } else {
                passed.pass(field.line)
            }
        }
        passed.end(bytes, &block)
        if !hasVersion { block.add("anthropic-version", "2023-06-01") }
        if !hasBeta { block.add("anthropic-beta", oauthBeta) }
        block.add(lines: onlyIdentity.span)
        account.credential.reveal(inPlace: { block.add(account.credentialName, utf8: $0) })
    }

    /// Room for the relay's own fields in a reply. Enough for a key with all its standings; more finds room too, and costs more: past
    /// a kilobyte for all of a head memory comes from the allocator's slow side.
    static let ownFieldsBytes = 512

    /// The upstream's fields that the client gets.
    /// - Parameter other: one that it does not get; nil: it gets all.
    static func client(_ head: UpstreamResponseHead, keepsCoding: Bool, without other: HeaderName? = nil) -> HeaderBlock {
        var block = HeaderBlock(reserving: head.bytes.count + ownFieldsBytes)
        var passed = PassedLines()
        let whole = head.bytes
        let bytes = whole.span
        for field in head.fields {
            let name = field.name
            let isPassed =
                passedDown.contains(bytes, name)
                || startsWithAny(bytes, name, passedDownPrefixes) && !startsWithAny(bytes, name, droppedDownPrefixes)
                || keepsCoding && contentEncoding.isAll(of: bytes, name)
            let isWanted = isPassed && (other.map { !$0.isAll(of: bytes, name) } ?? true)
            if isWanted { passed.pass(field.line) } else { passed.end(bytes, &block) }
        }
        passed.end(bytes, &block)
        return block
    }

    /// Parameters in which other interfaces take a key: what stands in them is the customer's.
    private static let droppedParameters = Names(["key", "api_key", "apikey", "access_token", "token"])

    /// What follows the path upstream: the query as it came, with its question mark, without the customer's key; empty when there is none.
    static func query(_ head: RequestHead) -> [UInt8] {
        guard !head.query.isEmpty else { return [] }
        let whole = head.bytes
        var kept: [UInt8] = []
        kept.reserveCapacity(head.query.count + 1)
        var start = head.query.lowerBound
        while start <= head.query.upperBound {
            let rest = whole[start..<head.query.upperBound]
            let parameter = rest.prefix { $0 != 0x26 }
            if !isDropped(whole.span, parameter.prefix { $0 != 0x3d }) {
                kept.append(kept.isEmpty ? 0x3f : 0x26)
                kept += parameter
            }
            start = parameter.endIndex + 1
        }
        return kept
    }

    /// - Parameter name: part of `bytes`.
    private static func isDropped(_ bytes: Span<UInt8>, _ name: ArraySlice<UInt8>) -> Bool {
        guard name.contains(0x25) else { return droppedParameters.contains(bytes, name.indices) }
        let plain = Array((PercentText.formDecoded(String(decoding: name, as: UTF8.self)[...].utf8) ?? "").utf8)
        return droppedParameters.contains(plain.span, plain.indices)
    }

    /// Whether a content-type is that of a stream, whatever parameters follow.
    static func isEventStream(_ type: Span<UInt8>) -> Bool { startsWithAny(type, type.indices, eventStream) }
    private static let eventStream: [HeaderName] = ["text/event-stream"]

    /// The names that `connection` lists, in lower case: hop-by-hop by the sender's own word.
    private static func connectionNames(_ head: RequestHead) -> [String] {
        var names: [String] = []
        for field in head.fields where head.matches(field, connection) {
            for name in head.text(field.value).lowercased().split(separator: ",") {
                let trimmed = name.drop { $0 == " " || $0 == "\t" }.prefix { $0 != " " && $0 != "\t" }
                // The two usual ones name no field.
                if !trimmed.isEmpty, trimmed != "keep-alive", trimmed != "close" { names.append(String(trimmed)) }
            }
        }
        return names
    }

    /// Most names begin with another letter than all of `droppedUpPrefixes`.
    private static func mayHavePrefix(_ bytes: Span<UInt8>, _ name: Range<Int>) -> Bool {
        switch bytes[name.lowerBound] | 0x20 {
        case 0x63, 0x73, 0x78: true
        default: false
        }
    }

    private static func startsWithAny(_ bytes: Span<UInt8>, _ name: Range<Int>, _ prefixes: [HeaderName]) -> Bool {
        for prefix in prefixes where prefix.begins(bytes, name) { return true }
        return false
    }
}

/// Passes a head's lines on: those that stand together and all pass go in one piece, as they came.
private struct PassedLines {
    private var run: Range<Int>?

    /// The head's next line passes.
    mutating func pass(_ line: Range<Int>) { run = (run?.lowerBound ?? line.lowerBound)..<line.upperBound }

    /// The next line does not, or there is none.
    mutating func end(_ bytes: Span<UInt8>, _ block: inout HeaderBlock) {
        guard let lines = run else { return }
        block.add(lines: bytes.extracting(lines))
        run = nil
    }
}
