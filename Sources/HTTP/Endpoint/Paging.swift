public import Domain

/// Lists go forward by cursor: the answer names where the next part begins, and nothing is counted or skipped.
public struct Paging: Sendable, Equatable {
    public let limit: Int
    /// What an earlier answer gave as `next_cursor`; the meaning is the list's own.
    public let cursor: String?
    public init(limit: Int, cursor: String?) {
        self.limit = limit
        self.cursor = cursor
    }

    /// The query fields of every list.
    /// - Parameter maximum: the longest part that can be asked for.
    public static func shape(limit: Int = 50, maximum: Int = 500) -> Shape<Paging> {
        Shape(limitField(limit, maximum: maximum), cursorField, make: { Paging(limit: Int($0), cursor: $1) })
    }
    public static func limitField(_ limit: Int = 50, maximum: Int = 500) -> Field<Int64> {
        Field<Int64>.integer("limit", "How many at most; \(limit) when left out.", 1...Int64(maximum)).or(Int64(limit))
    }
    public static var cursorField: Field<String?> {
        Field<String>.text("cursor", "Where to go on: `next_cursor` of the part before.", length: 1...512).optional
    }
}

extension Answer {
    /// One part of a list.
    /// - Parameters:
    ///   - name: of the member that holds the items.
    ///   - next: nil at the end.
    public static func page(_ name: String, _ items: [JSON], next: String?) -> Answer {
        .json(.object(JSONObject([(name, .array(items)), ("next_cursor", next.map(JSON.string) ?? .null)])))
    }
}

extension View {
    /// The schema of `Answer.page`.
    public static func page(_ name: String, of item: View, order: String = "Newest first.") -> View {
        View(
            nil,
            .object([
                .always(name, order, .list(of: item.schema, count: 0...1000)),
                .always("next_cursor", "For the next part; null at the end.", .nullable(.text)),
            ]), example: .object(JSONObject([(name, .array([item.example])), ("next_cursor", .null)])))
    }
}
