internal import Domain

/// US dollars as people write them, as whole micro-dollars.
enum Dollars {
    static let digits = 6
    /// A million dollars; more is a slip of the hand.
    static let largestMicroUSD: Int64 = 1_000_000_000_000

    /// "12.500000".
    static func text(_ microUSD: Int64) -> String {
        let (whole, fraction) = microUSD.magnitude.quotientAndRemainder(dividingBy: 1_000_000)
        let shown = String(fraction)
        return "\(microUSD < 0 ? "-" : "")\(whole).\(String(repeating: "0", count: digits - shown.utf8.count))\(shown)"
    }

    /// Reads "12", "12.5"; more than six digits behind the point, a sign and an exponent are refused rather than rounded.
    static func parse(_ text: String) throws(ParseError) -> Int64 {
        let failure = ParseError("US dollars from 0.000001 to 1000000 with at most six digits behind the point", got: text)
        let parts = text.utf8.split(separator: 0x2e, omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), parts.allSatisfy({ !$0.isEmpty && $0.allSatisfy { (0x30...0x39).contains($0) } }),
            parts[0].count <= 7, let whole = Int64(String(decoding: parts[0], as: UTF8.self))
        else { throw failure }
        var micro = whole * 1_000_000
        if parts.count == 2 {
            let fraction = String(decoding: parts[1], as: UTF8.self)
            guard fraction.utf8.count <= digits,
                let value = Int64(fraction + String(repeating: "0", count: digits - fraction.utf8.count))
            else { throw failure }
            micro += value
        }
        guard (1...largestMicroUSD).contains(micro) else { throw failure }
        return micro
    }
}

extension Field where Value == Int64 {
    /// A number or the same as text, so that callers need not trust binary fractions.
    static func dollars(_ name: String, _ about: String) -> Field {
        Field(name, about, .anything) { json throws(ParseError) in
            switch json {
            case .int(let value): return try Dollars.parse(String(value))
            case .number(let text), .string(let text): return try Dollars.parse(text)
            case .null, .bool, .array, .object: throw ParseError("US dollars, got \(json.kindText)")
            }
        }
    }
}
