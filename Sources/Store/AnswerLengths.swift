public import Domain

/// How long one answer was.
public struct AnswerLength: Sendable, Equatable, RowReadable {
    public let id: RequestID
    public let apiKeyID: APIKeyID
    public let model: String
    public let outputTokens: Int64
    /// It came to its end, and its upstream has told the length.
    public let isWhole: Bool

    init(row: Row) throws(StoreError) {
        id = try row["id"]
        apiKeyID = try row["api_key_id"]
        model = try row["model"]
        outputTokens = try row["output_tokens"]
        let (status, source): (RequestStatus, UsageSource?) = (try row["status"], try row["usage_source"])
        isWhole = status == .success && source == .final
    }
}

extension Reader {
    /// The newest requests before one, newest first, whatever became of them: a condition could have to pass over millions.
    public func answerLengths(before id: RequestID, limit: Int) throws(StoreError) -> [AnswerLength] {
        try all(
            """
            SELECT id, api_key_id, model, output_tokens, status, usage_source FROM requests WHERE id < \(id) ORDER BY id DESC
            LIMIT \(PageLimits.clamp(limit))
            """)
    }
}
