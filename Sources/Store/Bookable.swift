// What upstream and clients put into a record can be anything, and a record that the database refuses would stop the journal for good.
// So it is made acceptable here, and says so.
internal import Domain

enum Bookable {
    /// A million US dollars, or a million million tokens: beyond what one attempt can use, small enough that daily sums cannot overflow.
    static let largest: Int64 = 1_000_000_000_000

    static func number(_ value: Int64) -> Int64 { min(max(value, 0), largest) }
    static func text(_ value: String) -> String { value.utf8.contains(0) ? value.replacing("\0", with: "\u{fffd}") : value }
}

extension TokenCounts {
    var bookable: TokenCounts {
        TokenCounts(
            input: Bookable.number(input), output: Bookable.number(output), cacheWrite5m: Bookable.number(cacheWrite5m),
            cacheWrite1h: Bookable.number(cacheWrite1h), cacheRead: Bookable.number(cacheRead))
    }
}
