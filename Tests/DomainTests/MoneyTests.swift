import Domain
import Testing

struct MoneyTests {
    @Test(arguments: [
        ("12", "USD", 1200), ("12.3", "USD", 1230), ("-12.34", "USD", -1234), ("0.05", "EUR", 5), ("9.990", "USD", 999), ("5", "JPY", 5),
        ("1.234", "KWD", 1234), ("0", "USD", 0), ("10000000000.00", "USD", 1_000_000_000_000),
    ])
    func `amounts are read exactly`(text: String, code: String, units: Int64) throws {
        #expect(try Money(parsing: text, Currency(parsing: code)).minorUnits == units)
    }
    @Test(arguments: [
        "", "-", ".", "1.", ".5", "1.234", "1,5", "1e3", "+1", "--1", " 1", "1 ", "٣", "0x1", "99999999999999999999", "10000000000.01",
        "1.2.3",
    ])
    func `what is no amount is refused`(text: String) {
        #expect(throws: ParseError.self) { try Money(parsing: text, .usd) }
    }
    @Test(arguments: [(5, "USD", "0.05"), (-5, "USD", "-0.05"), (1200, "USD", "12.00"), (5, "JPY", "5"), (1, "KWD", "0.001")])
    func `amounts are written with all their digits`(units: Int64, code: String, text: String) throws {
        let money = Money(minorUnits: units, try Currency(parsing: code))
        #expect(money.text == text)
        #expect(try Money(parsing: money.text, money.currency) == money)
    }
    @Test(arguments: ["", "US", "USDX", "U$D", "12A"])
    func `what is no currency is refused`(text: String) {
        #expect(throws: ParseError.self) { try Currency(parsing: text) }
    }
    @Test func `shares never add up to more than the whole`() {
        let price = Money(minorUnits: 999, .usd)
        for part in Int64(0)...30 {
            let (used, rest) = (price.share(part, of: 30), price.share(30 - part, of: 30))
            #expect(used.minorUnits + rest.minorUnits <= 999 && used.minorUnits + rest.minorUnits >= 998)
        }
        #expect(price.share(60, of: 30) == price && price.share(1, of: 0).minorUnits == 0 && price.share(-1, of: 30).minorUnits == 0)
        #expect(Money(minorUnits: Money.largest, .usd).share(.max, of: .max).minorUnits == Money.largest)
    }
}
