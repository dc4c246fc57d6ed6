internal import Domain
public import HTTP
public import Store

/// `POST /api/admin/history/cleanup`: deletes old request history now, a part at a time. Ledger and daily totals stay.
public struct HistoryCleanup: Sendable {
    private let store: Store
    private let door: SessionDoor
    /// HISTORY_RETENTION_DAYS in milliseconds; nil keeps everything.
    private let retentionMilliseconds: Int64?

    /// Rows deleted at once, and parts in one call: the writer is never held long, and a call ends in seconds.
    private static let rows = 500
    private static let parts = 20
    private static let pause = Duration.milliseconds(50)

    public init(_ store: Store, _ door: SessionDoor, retentionMilliseconds: Int64?) {
        (self.store, self.door, self.retentionMilliseconds) = (store, door, retentionMilliseconds)
    }

    public var endpoints: [MountedEndpoint] { [cleanup].mounted { try await door.person($0, roles: [.admin]) } }

    private struct Order: Sendable { let isDry: Bool, days: Int64? }
    private var cleanup: Endpoint<CustomerContext> {
        Endpoint(
            .post, "/api/admin/history/cleanup", "Delete old request history", tag: "History",
            audience: .operators(roles: [UserRole.admin.rawValue]),
            takes: .body(
                Shape(
                    Field<Bool>.boolean("dry_run", "Only count.").or(false),
                    Field<Int64>.integer("older_than_days", "Left out: HISTORY_RETENTION_DAYS.", 1...36_500).optional, make: Order.init)),
            replies: .ok(
                View(
                    "HistoryCleanup",
                    [
                        .always("dry_run", "Whether nothing was deleted.", .boolean),
                        .always("before", "Older requests go.", .nullable(.time)),
                        .always("deleted", "Requests.", .count), .always("remaining", "Requests that are still to go.", .count),
                    ], example: ["dry_run": true, "before": "2026-10-22T00:00:00.000Z", "deleted": 0, "remaining": 1200])),
            problems: ProblemKind.ofSignIn + ProblemKind.ofStore + [.csrf],
            about:
                "At most \(Self.rows * Self.parts) a call; repeat it until `remaining` is 0, or leave the rest to the timer. Ledger and totals stay.",
            idempotent: false
        ) { input, context in
            let milliseconds = input.body.days.map { $0 * 86_400_000 } ?? retentionMilliseconds
            guard let milliseconds else { return ["dry_run": .bool(input.body.isDry), "before": nil, "deleted": 0, "remaining": 0] }
            let before = store.ambient.now().adding(milliseconds: -milliseconds)
            var deleted = 0
            if !input.body.isDry {
                for part in 0..<Self.parts {
                    if part > 0 { try await store.ambient.sleep(Self.pause) }
                    let count = try await store.transaction { transaction throws(StoreError) in
                        try transaction.deleteRequests(startedBefore: before, limit: Self.rows)
                    }
                    deleted += count
                    if count < Self.rows { break }
                }
                let gone = deleted
                try await store.transaction { transaction throws(StoreError) in
                    try transaction.record(
                        actor: context.user.id.text, "history.cleanup", subject: "history", before: nil,
                        after: ["before": .string(before.text), "deleted": .int(Int64(gone))], input.request.id)
                }
            }
            let remaining = try await store.read { reader throws(StoreError) in try reader.requestCount(startedBefore: before) }
            return [
                "dry_run": .bool(input.body.isDry), "before": .string(before.text), "deleted": .int(Int64(deleted)),
                "remaining": .int(remaining),
            ]
        }
    }
}
