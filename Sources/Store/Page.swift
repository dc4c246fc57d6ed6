/// Part of a list, and whether there is more.
public struct Page<Item: Sendable>: Sendable {
    public let items: [Item]
    /// Exact: one more than asked for was read.
    public let hasMore: Bool

    init(items: [Item], hasMore: Bool) {
        self.items = items
        self.hasMore = hasMore
    }

    /// From `limit` + 1 rows.
    init(_ rows: [Item], limit: Int) {
        items = Array(rows.prefix(limit))
        hasMore = rows.count > limit
    }
}

extension Page: Equatable where Item: Equatable {}

enum PageLimits {
    /// The longest page, whatever is asked for.
    static let items = 1000
    static func clamp(_ limit: Int) -> Int { min(max(limit, 1), items) }
}
