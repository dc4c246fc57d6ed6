internal import Domain

/// About how many tokens a prompt is, before anybody has counted them.
enum PromptEstimate {
    /// Text: 3.5 bytes are a token (relay contract, section 17).
    static func tokens(bytes: Int) -> Int64 { (Int64(bytes) * 2 + 6) / 7 }

    /// An image costs by its size on the screen, and these tokens at most, whatever its bytes are.
    private static let imageTokens: Int64 = 1600
    /// A document is packed: of its base64 so many bytes are about a token.
    private static let documentBytesPerToken: Int64 = 20
    private static let maximumDocumentTokens: Int64 = 100_000

    static func tokens(_ turn: JSON) -> Int64 {
        guard let blocks = turn["content"].array else { return tokens(bytes: turn.bytes.count) }
        return blocks.reduce(0) { sum, block in
            switch block["type"].string {
            case "image": sum + imageTokens
            case "document":
                sum + min(maximumDocumentTokens, Int64(block["source"]["data"].string?.utf8.count ?? 0) / documentBytesPerToken)
            default: sum + tokens(bytes: block.bytes.count)
            }
        }
    }
}
