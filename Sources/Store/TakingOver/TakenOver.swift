public import Domain
internal import Synchronization

/// Tables whose rows have a public number.
public enum NumberedTable: String, Sendable, CaseIterable {
    case users, plans, services, payments
    var text: String { rawValue }
    /// Names of tables cannot be bound; these are ours.
    var name: SQL {
        switch self {
        case .users: "users"
        case .plans: "plans"
        case .services: "services"
        case .payments: "payments"
        }
    }
}

extension Reader {
    /// What became of rows of another program's database: their id there, ours here.
    public func takenOver(from source: String, kind: String) throws(StoreError) -> [Int64: String] {
        var taken: [Int64: String] = [:]
        for row in try rows("SELECT foreign_id, our_id FROM taken_over WHERE source = \(source) AND kind = \(kind)") {
            taken[try row["foreign_id"]] = try row["our_id"]
        }
        return taken
    }

    /// In use, or resting.
    public func isTaken(kind: String, scope: String, value: String) throws(StoreError) -> Bool {
        try !rows(
            """
            SELECT value FROM claims WHERE kind = \(kind) AND scope = \(scope) AND value = \(value)
                AND (service_id IS NOT NULL OR COALESCE(rests_until, 0) > \(ambient.now()))
            """
        ).isEmpty
    }
}

extension Transaction {
    public func setTakenOver(_ foreign: Int64, kind: String, from source: String, as ours: String) throws(StoreError) {
        try execute(
            """
            INSERT INTO taken_over (source, kind, foreign_id, our_id, taken_at)
            VALUES (\(source), \(kind), \(foreign), \(ours), \(ambient.now()))
            """)
    }

    /// The id of the row that has that number; nil when it is free.
    public func holder(of number: Int64, in table: NumberedTable) throws(StoreError) -> String? {
        try value("id", "SELECT id FROM \(table.name) WHERE number = \(number)")
    }
    /// Gives a new row the number that it had elsewhere; it must be free.
    public func setNumber(_ number: Int64, of id: String, in table: NumberedTable) throws(StoreError) {
        try execute("UPDATE \(table.name) SET number = \(number) WHERE id = \(id)")
    }

    /// Before numbers are given by hand: those that rows get by themselves are beyond. PostgreSQL does not undo it with the transaction.
    public func reserveNumbers(upTo number: Int64, in table: NumberedTable) throws(StoreError) {
        // SQLite always goes beyond the largest that a row has.
        guard connection.dialect == .postgres else { return }
        _ = try rows(
            """
            SELECT setval(pg_get_serial_sequence(\(table.text), 'number'),
                GREATEST(\(number) + 1, nextval(pg_get_serial_sequence(\(table.text), 'number'))), false) AS next
            """)
    }

    /// Somebody who could log in elsewhere, with the hash that was made there.
    public func takeOverUser(_ new: NewUser, status: UserStatus, since: Timestamp) throws(StoreError) -> User {
        let made = try createUser(new)
        try execute(
            """
            UPDATE users SET status = \(status), created_at = \(since),
                email_verified_at = CASE WHEN email_verified_at IS NULL THEN NULL ELSE \(since) END
            WHERE id = \(made.id)
            """)
        guard let user = try user(made.id) else { throw .programming("a new user gave no row") }
        return user
    }

    /// A payment that somebody else has settled: it is history, and grants nothing here.
    /// - Parameters:
    ///   - subscription: what it is taken to have bought.
    /// - Throws: `.conflict(.providerPayment)`.
    public func takeOverPayment(
        _ new: NewPayment, status: PaymentStatus, subscription: SubscriptionID?, at: Timestamp
    ) throws(StoreError) -> Payment {
        let made = try createPayment(new)
        let isPaid = status == .completed || status == .refunded
        let refunded: Int64 = status == .refunded ? new.amount.minorUnits : 0
        try execute(
            """
            UPDATE payments SET status = \(status), subscription_id = \(subscription), refunded_minor = \(refunded),
                charged_minor = \(status == .completed ? new.amount.minorUnits : 0), created_at = \(at),
                completed_at = CASE WHEN \(isPaid) THEN \(at) ELSE NULL END
            WHERE id = \(made.id)
            """)
        guard let payment = try payment(made.id) else { throw .programming("a new payment gave no row") }
        return payment
    }
}

extension Store {
    /// How long what is taken over may take: all of it is one transaction.
    static let takingOverMilliseconds: Int64 = 600_000

    /// As `transaction`, for much at once.
    /// - Parameter isRehearsal: everything is done and then undone.
    public func takeOver<Value: Sendable>(
        isRehearsal: Bool, _ body: @escaping @Sendable (Transaction) throws(StoreError) -> Value
    ) async throws(StoreError) -> Value {
        let undone = StoreError.refused("rehearsal")
        let kept = Kept<Value>()
        do throws(StoreError) {
            return try await database.transaction(for: .write, within: Self.takingOverMilliseconds) { transaction throws(StoreError) in
                let value = try body(transaction)
                kept.value.withLock { $0 = value }
                if isRehearsal { throw undone }
                return value
            }
        } catch {
            guard isRehearsal, error == undone, let value = kept.value.withLock({ $0 }) else { throw error }
            return value
        }
    }
}

/// What a transaction that is undone has found.
private final class Kept<Value: Sendable>: Sendable {
    let value = Mutex<Value?>(nil)
}
