internal import Domain
internal import HTTP
internal import Secrets
internal import Store

/// What tells a session apart (relay contract, section 13), and the keyed hash of it. Asked for only where there is a choice of accounts.
struct StickyIdentity: Sendable {
    private let secret: SecretBytes
    init(secret: SecretBytes) { self.secret = secret }

    private static let sessionHeader: HeaderName = "x-claude-code-session-id"
    private static let otherHeaders: [HeaderName] = ["session-id", "x-session-id"]
    /// A longer id is cut: it is a customer's own text.
    private static let longestID = 256

    /// Nil when nothing tells the session apart.
    func key(_ head: RequestHead, _ request: MessagesRequest, body: Span<UInt8>, family: ModelFamily, of customer: APIKeyID) -> StickyKey? {
        guard let id = Self.identity(head, request, body, family) else { return nil }
        var message: [UInt8] = []
        message.reserveCapacity(id.count + 48)
        customer.write(to: &message)
        message.append(0x7c)
        message += id
        return StickyKey(Hashing.hmacSHA256(key: secret, message))
    }

    static func identity(_ head: RequestHead, _ request: MessagesRequest, _ body: Span<UInt8>, _ family: ModelFamily) -> [UInt8]? {
        if let id = value(head, sessionHeader) { return tagged("s|", id) }
        if let id = request.userID.flatMap(session) { return tagged("s|", Array(id.utf8)) }
        for name in otherHeaders { if let id = value(head, name) { return tagged("h|", id) } }
        return promptIdentity(body, family)
    }

    private static func value(_ head: RequestHead, _ name: HeaderName) -> [UInt8]? {
        for field in head.fields where head.matches(field, name) && !field.value.isEmpty {
            return Array(head.bytes[field.value].prefix(longestID))
        }
        return nil
    }
    private static func tagged(_ tag: StaticString, _ id: some Sequence<UInt8>) -> [UInt8] {
        Array(tag.description.utf8) + Array(id.prefix(longestID))
    }

    /// The session in `metadata.user_id`: JSON text with `session_id`, or "user_…_session_<id>" as older clients write it.
    static func session(inUserID text: String) -> String? {
        if text.utf8.first == 0x7b {
            guard let id = (try? JSON(parsing: text))?["session_id"].string, !id.isEmpty else { return nil }
            return id
        }
        guard let at = text.ranges(of: "_session_").last else { return nil }
        let id = text[at.upperBound...]
        return id.isEmpty ? nil : String(id)
    }

    // MARK: By the prompt

    /// `prompt_cache_key`, else a digest of what stays the same through a conversation: the family, the system blocks marked for
    /// caching without the first attribution block, and the first user text. Never a message that changes with each turn.
    private static func promptIdentity(_ bytes: Span<UInt8>, _ family: ModelFamily) -> [UInt8]? {
        var cacheKey: String?
        var parts: [UInt8] = []
        var firstText: Range<Int>?
        _ = JSONSkim.members(bytes, 0) { bytes, name, value in
            if JSONSkim.matches(bytes, name, "prompt_cache_key") {
                cacheKey = JSONSkim.string(bytes, value)
            } else if JSONSkim.matches(bytes, name, "system"), bytes[value.lowerBound] == 0x5b {
                appendCached(bytes, value, to: &parts)
            } else if JSONSkim.matches(bytes, name, "messages") {
                firstText = firstUserText(bytes, value)
            }
            return true
        }
        if let cacheKey, !cacheKey.isEmpty { return tagged("p|", cacheKey.utf8) }
        guard let firstText else { return nil }
        parts.append(0)
        for at in firstText { parts.append(bytes[at]) }
        return tagged("d|", Array(family.name.utf8) + [0x7c] + Hashing.sha256(parts))
    }

    private static let attribution = Array("x-anthropic-billing-header".utf8)

    private static func appendCached(_ bytes: Span<UInt8>, _ value: Range<Int>, to parts: inout [UInt8]) {
        var index = 0
        _ = JSONSkim.elements(bytes, value.lowerBound) { bytes, block in
            defer { index += 1 }
            var isMarked = false
            var text: Range<Int>?
            _ = JSONSkim.members(bytes, block.lowerBound) { bytes, name, value in
                if JSONSkim.matches(bytes, name, "cache_control"), bytes[value.lowerBound] == 0x7b { isMarked = true }
                if JSONSkim.matches(bytes, name, "text") { text = value }
                return true
            }
            guard let text, isMarked, !(index == 0 && begins(bytes, text, attribution)) else { return true }
            for at in text { parts.append(bytes[at]) }
            return true
        }
    }

    private static func begins(_ bytes: Span<UInt8>, _ text: Range<Int>, _ word: [UInt8]) -> Bool {
        guard text.count > word.count else { return false }
        for (offset, byte) in word.enumerated() where bytes[text.lowerBound + 1 + offset] != byte { return false }
        return true
    }

    private static func firstUserText(_ bytes: Span<UInt8>, _ messages: Range<Int>) -> Range<Int>? {
        var found: Range<Int>?
        _ = JSONSkim.elements(bytes, messages.lowerBound) { bytes, message in
            var isUser = false
            var content: Range<Int>?
            _ = JSONSkim.members(bytes, message.lowerBound) { bytes, name, value in
                if JSONSkim.matches(bytes, name, "role") { isUser = JSONSkim.string(bytes, value) == "user" }
                if JSONSkim.matches(bytes, name, "content") { content = value }
                return true
            }
            guard isUser, let content else { return true }
            found = bytes[content.lowerBound] == 0x22 ? content : firstText(bytes, content)
            return false
        }
        return found
    }

    private static func firstText(_ bytes: Span<UInt8>, _ blocks: Range<Int>) -> Range<Int>? {
        var found: Range<Int>?
        _ = JSONSkim.elements(bytes, blocks.lowerBound) { bytes, block in
            _ = JSONSkim.members(bytes, block.lowerBound) { bytes, name, value in
                if found == nil, JSONSkim.matches(bytes, name, "text"), bytes[value.lowerBound] == 0x22 { found = value }
                return found == nil
            }
            return found == nil
        }
        return found
    }
}
