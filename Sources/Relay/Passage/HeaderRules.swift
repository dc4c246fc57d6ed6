internal import HTTP
internal import Secrets

/// Which header fields pass, in both directions (relay contract, section 7). Works on bytes.
enum HeaderRules {
    /// Lowercase names grouped by length, so that a look-up compares with a handful at most.
    private struct Names: Sendable {
        private var byLength: [[HeaderName]] = []
        init(_ names: [String]) {
            for name in names {
                while byLength.count <= name.utf8.count { byLength.append([]) }
                byLength[name.utf8.count].append(HeaderName(name))
            }
        }
        func contains(length: Int, _ matches: (HeaderName) -> Bool) -> Bool {
            length < byLength.count && byLength[length].contains(where: matches)
        }
    }

    /// Credentials, what is computed anew, hop-by-hop fields, and what would tell the upstream about the customer's network.
    private static let droppedUp = Names([
        "x-api-key", "authorization", "x-goog-api-key", "api-key", "cookie", "proxy-authorization", "host", "content-length",
        "accept-encoding", "connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "expect",
        "forwarded", "x-real-ip", "true-client-ip", "cdn-loop", "via", "origin", "referer", "http2-settings",
    ])
    private static let droppedUpPrefixes = ["x-forwarded-", "cf-", "sec-", "x-relay-"]
    private static let passedDown = Names(["content-type", "request-id", "retry-after", "retry-after-ms", "x-should-retry"])
    private static let passedDownPrefixes = ["anthropic-"]
    private static let droppedDownPrefixes = ["anthropic-organization-id", "anthropic-ratelimit-"]

    private static let withheld = ["x-claude-code-", "x-stainless-"]
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

    /// The fields that go upstream, without host and length.
    static func upstream(_ head: RequestHead, account: RelayAccount) -> HeaderBlock {
        var block = HeaderBlock(reserving: head.bytes.count + account.credential.count + 128)
        let listed = connectionNames(head)
        var (hasVersion, hasBeta) = (false, !account.isOAuth)
        for field in head.fields {
            let name = field.name
            if droppedUp.contains(length: name.count, { head.matches(field, $0) }) { continue }
            if startsWithAny(head.bytes.span, name, droppedUpPrefixes) { continue }
            if listed.contains(where: { head.matches(field, $0) }) { continue }
            if name.count == 17, head.matches(field, version) { hasVersion = true }
            if account.withholdsClientFields, startsWithAny(head.bytes.span, name, withheld) { continue }
            if !hasBeta, name.count == 14, head.matches(field, beta) {
                hasBeta = true
                block.add("anthropic-beta", withOAuthBeta(head.text(field.value)))
                continue
            }
            block.add(name: head.bytes.span.extracting(name), value: head.bytes.span.extracting(field.value))
        }
        if !hasVersion { block.add("anthropic-version", "2023-06-01") }
        if !hasBeta { block.add("anthropic-beta", oauthBeta) }
        // Compressed streams could not be metered on the way.
        block.add("accept-encoding", "identity")
        account.credential.reveal(inPlace: { block.add(account.credentialName, utf8: $0) })
        return block
    }

    /// The upstream's fields that the client gets.
    /// - Parameter other: one that it does not get; nil: it gets all.
    static func client(_ head: UpstreamResponseHead, keepsCoding: Bool, without other: HeaderName? = nil) -> HeaderBlock {
        // With room for the relay's own fields.
        var block = HeaderBlock(reserving: head.bytes.count + 512)
        for field in head.fields {
            let name = field.name
            let isPassed =
                passedDown.contains(length: name.count) { head.matches(field, $0) }
                || startsWithAny(head.bytes.span, name, passedDownPrefixes)
                    && !startsWithAny(head.bytes.span, name, droppedDownPrefixes)
                || keepsCoding && head.matches(field, contentEncoding)
            if isPassed, other.map({ !head.matches(field, $0) }) ?? true {
                block.add(name: head.bytes.span.extracting(name), value: head.bytes.span.extracting(field.value))
            }
        }
        return block
    }

    /// Whether a content-type is that of a stream, whatever parameters follow.
    static func isEventStream(_ type: Span<UInt8>) -> Bool { startsWithAny(type, type.indices, eventStream) }
    private static let eventStream = ["text/event-stream"]

    /// The names that `connection` lists: hop-by-hop by the sender's own word.
    private static func connectionNames(_ head: RequestHead) -> [HeaderName] {
        var names: [HeaderName] = []
        for field in head.fields where head.matches(field, connection) {
            for name in head.text(field.value).split(separator: ",") {
                let trimmed = name.drop { $0 == " " || $0 == "\t" }.prefix { $0 != " " && $0 != "\t" }
                // The two usual ones name no field.
                if !trimmed.isEmpty, trimmed.lowercased() != "keep-alive", trimmed.lowercased() != "close" {
                    names.append(HeaderName(String(trimmed)))
                }
            }
        }
        return names
    }

    private static func startsWithAny(_ bytes: Span<UInt8>, _ name: Range<Int>, _ prefixes: [String]) -> Bool {
        prefixes.contains { prefix in
            guard name.count >= prefix.utf8.count else { return false }
            var at = name.lowerBound
            for expected in prefix.utf8 {
                let byte = bytes[at]
                guard byte == expected || ((0x41...0x5a).contains(byte) && byte | 0x20 == expected) else { return false }
                at += 1
            }
            return true
        }
    }
}
