/// An ISO 4217 code with the number of its decimal digits.
public struct Currency: Hashable, Sendable, CustomStringConvertible {
    public let code: String
    /// Digits behind the point: 2 for most, 0 as for JPY, 3 as for KWD.
    public let exponent: Int

    public static let usd = Currency(known: "USD", exponent: 2)

    private init(known code: String, exponent: Int) { (self.code, self.exponent) = (code, exponent) }

    /// Reads three letters in any case. Digits by ISO 4217; what is not listed there as an exception has two.
    public init(parsing text: String) throws(ParseError) {
        let upper = text.uppercased()
        guard upper.utf8.count == 3, upper.utf8.allSatisfy({ (0x41...0x5a).contains($0) }) else {
            throw ParseError("a currency as USD", got: text)
        }
        code = upper
        exponent = Self.withoutMinorUnit.contains(upper) ? 0 : Self.withThousandths.contains(upper) ? 3 : 2
    }
    private static let withoutMinorUnit: Set<String> = [
        "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF",
    ]
    private static let withThousandths: Set<String> = ["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"]

    public var description: String { code }
}

/// An exact amount in the currency's minor unit (cent, fen, kopeck). Never a `Double`.
public struct Money: Hashable, Sendable, CustomStringConvertible {
    public let minorUnits: Int64
    public let currency: Currency

    /// The most that one amount may be, so that sums of them cannot overflow: ten thousand million units of two digits.
    public static let largest: Int64 = 1_000_000_000_000

    public init(minorUnits: Int64, _ currency: Currency) { (self.minorUnits, self.currency) = (minorUnits, currency) }

    /// Reads "12", "12.3", "-12.34".
    /// - Throws: `ParseError` rather than round when there are more digits than the currency has.
    public init(parsing text: String, _ currency: Currency) throws(ParseError) {
        let failure = ParseError("an amount in \(currency.code) with at most \(currency.exponent) decimals", got: text)
        let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        let fraction = parts.count == 2 ? parts[1] : ""
        let isNegative = parts[0].hasPrefix("-")
        let whole = isNegative ? parts[0].dropFirst() : parts[0]
        let isDigits = { (text: Substring) in text.utf8.allSatisfy { (0x30...0x39).contains($0) } }
        // "9.990" has three digits and loses nothing: zeros past the currency's digits do not count.
        var kept = fraction
        while kept.count > currency.exponent, kept.hasSuffix("0") { kept.removeLast() }
        guard !whole.isEmpty, parts.count == 1 || !fraction.isEmpty, isDigits(whole), isDigits(fraction), kept.count <= currency.exponent,
            let units = Int64(whole + kept + String(repeating: "0", count: currency.exponent - kept.count)), units <= Self.largest
        else { throw failure }
        self.init(minorUnits: isNegative ? -units : units, currency)
    }

    /// "12.34", "-0.05", "1200" for currencies without decimals.
    public var text: String {
        let digits = String(minorUnits.magnitude)
        let sign = minorUnits < 0 ? "-" : ""
        guard currency.exponent > 0 else { return sign + digits }
        let padded = String(repeating: "0", count: max(0, currency.exponent + 1 - digits.count)) + digits
        return sign + padded.dropLast(currency.exponent) + "." + padded.suffix(currency.exponent)
    }
    public var description: String { "\(text) \(currency.code)" }

    /// The part of an amount for `part` of `whole` units of time, rounded down; 0 for an empty whole. The parts never add up to more
    /// than the amount.
    public func share(_ part: Int64, of whole: Int64) -> Money {
        guard whole > 0, part > 0, minorUnits > 0 else { return Money(minorUnits: 0, currency) }
        let product = minorUnits.multipliedFullWidth(by: min(part, whole))
        return Money(minorUnits: whole.dividingFullWidth(product).quotient, currency)
    }
}
