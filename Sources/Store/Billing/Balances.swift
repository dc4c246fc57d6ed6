public import Domain

public enum MoneyEntryKind: String, Sendable, CaseIterable, SQLWord {
    /// Money came in.
    case payment
    /// Something was bought.
    case charge
    /// Money went back.
    case refund
    /// What a refunded purchase had cost comes back to the balance before the money leaves it.
    case reversal
    /// By hand.
    case adjustment
}

/// One movement of a person's credit. Append only.
public struct MoneyEntry: Sendable, Equatable, RowReadable {
    public let id: EventID
    public let userID: UserID
    public let amount: Money
    public let kind: MoneyEntryKind
    public let paymentID: PaymentID?
    public let note: String
    public let at: Timestamp
    init(row: Row) throws(StoreError) {
        id = try row["id"]
        userID = try row["user_id"]
        amount = Money(minorUnits: try row["amount_minor"], try row["currency"])
        kind = try row["kind"]
        paymentID = try row["payment_id"]
        note = try row["note"]
        at = try row["at"]
    }
}

extension Reader {
    /// 0 without entries.
    public func balance(of user: UserID, in currency: Currency) throws(StoreError) -> Money {
        let units: Int64? = try value(
            "amount_minor", "SELECT amount_minor FROM balances WHERE user_id = \(user) AND currency = \(currency)")
        return Money(minorUnits: units ?? 0, currency)
    }
    /// By currency.
    public func balances(of user: UserID) throws(StoreError) -> [Money] {
        var found: [Money] = []
        for row in try rows("SELECT currency, amount_minor FROM balances WHERE user_id = \(user) ORDER BY currency") {
            found.append(Money(minorUnits: try row["amount_minor"], try row["currency"]))
        }
        return found
    }
    /// Newest first.
    public func moneyEntries(of user: UserID, limit: Int) throws(StoreError) -> [MoneyEntry] {
        try all(
            """
            SELECT id, user_id, currency, amount_minor, kind, payment_id, note, at FROM money_entries WHERE user_id = \(user)
            ORDER BY id DESC LIMIT \(PageLimits.clamp(limit))
            """)
    }
    /// People whose balance is not the sum of their entries, or whose entries have no balance; empty when all is well. The nightly check.
    public func wrongBalances() throws(StoreError) -> [(user: UserID, currency: Currency)] {
        var wrong: [(user: UserID, currency: Currency)] = []
        for row in try rows(
            """
            SELECT user_id, currency FROM
                (SELECT user_id, currency, amount_minor FROM balances
                 UNION ALL SELECT user_id, currency, -amount_minor FROM money_entries) AS movements
            GROUP BY user_id, currency HAVING SUM(amount_minor) <> 0 LIMIT \(PageLimits.items)
            """)
        { wrong.append((try row["user_id"], try row["currency"])) }
        return wrong
    }
}

extension Transaction {
    /// Adds an entry and moves the balance by it; the new balance.
    @discardableResult
    public func book(
        _ amount: Money, _ kind: MoneyEntryKind, of user: UserID, payment: PaymentID?, note: String
    ) throws(StoreError) -> Money {
        try execute(
            """
            INSERT INTO money_entries (id, user_id, currency, amount_minor, kind, payment_id, note, at)
            VALUES (\(EventID(ambient)), \(user), \(amount.currency), \(amount.minorUnits), \(kind), \(payment), \(note), \(ambient.now()))
            """)
        let units: Int64? = try value(
            "amount_minor",
            """
            INSERT INTO balances (user_id, currency, amount_minor) VALUES (\(user), \(amount.currency), \(amount.minorUnits))
            ON CONFLICT (user_id, currency) DO UPDATE SET amount_minor = balances.amount_minor + excluded.amount_minor
            RETURNING amount_minor
            """)
        guard let units else { throw .programming("a balance gave no row") }
        return Money(minorUnits: units, amount.currency)
    }
}
