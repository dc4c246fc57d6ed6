public import Domain

public enum InvoiceKindWord: String, Sendable, CaseIterable, SQLWord {
    case invoice
    case creditNote = "credit_note"
}

/// An invoice or credit note as it was issued; it never changes.
public struct Invoice: Sendable, Equatable, RowReadable {
    /// Without gaps, over both kinds.
    public let number: Int64
    public let id: InvoiceID
    public let kind: InvoiceKindWord
    public let userID: UserID
    public let paymentID: PaymentID
    /// Name and address as they were then.
    public let recipient: String
    /// Negative on a credit note.
    public let total: Money
    public let lines: [Line]
    public let issuedAt: Timestamp

    public struct Line: Sendable, Equatable {
        public let text: String
        public let amount: Money
        public init(_ text: String, _ amount: Money) { (self.text, self.amount) = (text, amount) }
    }

    /// As people cite it: "INV-000042".
    public var reference: String {
        let digits = String(number)
        return (kind == .invoice ? "INV-" : "CRN-") + String(repeating: "0", count: max(0, 6 - digits.utf8.count)) + digits
    }

    init(row: Row) throws(StoreError) {
        number = try row["number"]
        id = try row["id"]
        kind = try row["kind"]
        userID = try row["user_id"]
        paymentID = try row["payment_id"]
        recipient = try row["recipient"]
        let currency: Currency = try row["currency"]
        total = Money(minorUnits: try row["total_minor"], currency)
        let document: JSON = try row["lines"]
        lines = (document.array ?? []).map { Line($0["text"].string ?? "", Money(minorUnits: $0["minor"].int ?? 0, currency)) }
        issuedAt = try row["issued_at"]
    }
    static let columns: SQL = "number, id, kind, user_id, payment_id, recipient, currency, total_minor, lines, issued_at"
}

extension Reader {
    public func invoice(number: Int64) throws(StoreError) -> Invoice? {
        try first("SELECT \(Invoice.columns) FROM invoices WHERE number = \(number)")
    }
    public func invoices(of payment: PaymentID) throws(StoreError) -> [Invoice] {
        try all("SELECT \(Invoice.columns) FROM invoices WHERE payment_id = \(payment) ORDER BY number")
    }
    /// By number. `user` nil lists everybody's.
    public func invoices(of user: UserID?, after: Int64 = 0, limit: Int) throws(StoreError) -> Page<Invoice> {
        let limit = PageLimits.clamp(limit)
        let mine: SQL = if let user { "AND user_id = \(user)" } else { "" }
        let rows: [Invoice] = try all(
            "SELECT \(Invoice.columns) FROM invoices WHERE number > \(after) \(mine) ORDER BY number LIMIT \(limit + 1)")
        return Page(rows, limit: limit)
    }
}

extension Transaction {
    /// Issues it just before the commit. There is one row that numbers come from, so that there are no gaps; whoever has it keeps all others
    /// from issuing until the commit.
    public func issueInvoiceLastly(_ kind: InvoiceKindWord, for payment: Payment, recipient: String, lines: [Invoice.Line]) {
        lastly { transaction throws(StoreError) in
            _ = try transaction.issueInvoice(kind, for: payment, recipient: recipient, lines: lines)
        }
    }

    public func issueInvoice(
        _ kind: InvoiceKindWord, for payment: Payment, recipient: String, lines: [Invoice.Line]
    ) throws(StoreError) -> Invoice {
        let total = lines.reduce(Int64(0)) { $0 &+ $1.amount.minorUnits }
        let document = JSON.array(lines.map { ["text": .string($0.text), "minor": .int($0.amount.minorUnits)] })
        let made: Invoice? = try first(
            """
            INSERT INTO invoices (\(Invoice.columns))
            VALUES (\(try nextVersion(of: "invoices")), \(InvoiceID(ambient)), \(kind), \(payment.userID), \(payment.id), \(recipient),
                \(payment.amount.currency), \(total), \(document), \(ambient.now()))
            RETURNING \(Invoice.columns)
            """)
        guard let made else { throw .programming("a new invoice gave no row") }
        return made
    }
}
