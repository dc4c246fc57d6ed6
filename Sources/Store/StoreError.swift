/// Why the store did not do what was asked, named for what the caller can do about it. Private details (texts from the database)
/// go to the log, never to whoever called us; none of them carries a bound value or a password.
public enum StoreError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The queue is full, another process holds the lock, or too many transactions changed the same rows. Nothing was done; try again.
    case busy
    /// The database cannot be reached, or did not answer before the deadline. Nothing was committed; try again later.
    case unavailable(String)
    /// The connection broke while the commit was under way: it may or may not have happened. Look before repeating.
    case outcomeUnknown(String)
    /// A rule of the schema refused the change; the whole transaction was rolled back.
    case conflict(Constraint)
    /// No room on the disk. Nothing was committed; reads still work.
    case full
    /// The database or its file system takes no writes.
    case readOnly(String)
    /// The file is damaged or is not a database.
    case corrupt(String)
    /// A newer program has migrated this database. Start that one, or restore a backup.
    case newerSchema(found: Int, known: Int)
    /// A migration that already ran differs from the one compiled in.
    case changedMigration(version: Int)
    /// The closure itself gave up, to roll back. The code is the closure's own.
    case refused(String)
    /// A mistake in the program: bad SQL, a column that is not there, a value of another type, too many rows.
    case programming(String)
    /// A backup cannot be used, or a step of backup or restore failed; the text says which and is safe to show to the operator.
    case backup(String)

    /// For the operator.
    public var description: String {
        switch self {
        case .busy: "the database is busy; try again"
        case .unavailable(let detail): "the database cannot be used: \(detail)"
        case .outcomeUnknown(let detail): "the database broke off (\(detail)); look whether it was done before you repeat it"
        case .conflict(let constraint): "it collides with something that exists: \(constraint)"
        case .refused(let code): "refused: \(code)"
        case .full: "the disk or the database is full; make room and try again"
        case .readOnly(let detail): "the database takes no changes: \(detail)"
        case .corrupt(let detail): "the database is damaged: \(detail); restore a backup (gatehouse restore --from FILE --replace)"
        case .newerSchema(let found, let known):
            "the database has schema \(found), this program knows \(known); use a newer gatehouse or restore an older backup"
        case .changedMigration(let version):
            "migration \(version) is not the one that made this database; use the gatehouse that made it, or restore a backup"
        case .backup(let detail): detail
        case .programming(let detail): "a defect in gatehouse: \(detail)"
        }
    }

    /// Whether the same call may succeed later without anybody changing anything.
    public var isRetryable: Bool {
        switch self {
        case .busy, .unavailable, .full: true
        case .outcomeUnknown, .conflict, .readOnly, .corrupt, .newerSchema, .changedMigration, .refused, .programming, .backup: false
        }
    }
}

/// A rule of the schema, by the name both databases report it under: `<table>_<column>_…_unique`, `<table>_<what>_check`, `foreign_key`.
public struct Constraint: Hashable, Sendable, CustomStringConvertible {
    public let name: String
    public init(_ name: String) { self.name = name }
    public var description: String { name }

    public static let userEmail = Constraint("users_email_unique")
    public static let apiKeySecret = Constraint("api_keys_secret_hash_unique")
    public static let teamName = Constraint("teams_name_unique")
    public static let accountSource = Constraint("accounts_source_key_unique")
    public static let idempotencyKey = Constraint("idempotency_keys_actor_route_key_unique")
    /// A row that is referred to does not exist, or is still referred to.
    public static let foreignKey = Constraint("foreign_key")
}
