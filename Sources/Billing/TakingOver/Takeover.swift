public import Domain
public import Provisioning
public import Secrets
public import Store

/// Takes over what another VPN API has sold: people with their passwords, tariffs, running times, peers as they are, and payments as
/// history. All of it or nothing, in one transaction; a second run takes what is new.
public struct Takeover: Sendable {
    /// Where peers go.
    public struct Node: Sendable {
        public let backend: Backend
        /// What is there now.
        public let seen: [Orders.Seen]
        public init(backend: Backend, seen: [Orders.Seen]) { (self.backend, self.seen) = (backend, seen) }
    }
    let store: Store
    let orders: Orders
    /// Opens private keys that were sealed there.
    let keyring: Keyring
    let currency: Currency
    /// How long expired peers are kept.
    let retentionSeconds: Int64

    public init(store: Store, orders: Orders, keyring: Keyring, currency: Currency, retentionSeconds: Int64) {
        (self.store, self.orders, self.keyring) = (store, orders, keyring)
        (self.currency, self.retentionSeconds) = (currency, retentionSeconds)
    }

    /// - Parameters:
    ///   - source: tells runs of one database from those of another.
    ///   - isRehearsal: everything is done and then undone.
    public func run(_ tables: ForeignTables, from source: String, to node: Node?, isRehearsal: Bool) async throws(StoreError)
        -> TakeoverReport
    {
        try await store.takeOver(isRehearsal: isRehearsal) { [self] transaction throws(StoreError) in
            var run = TakeoverRun(self, source, node, isRehearsal, transaction)
            return try run.all(tables)
        }
    }
}

/// One run, inside its transaction.
struct TakeoverRun {
    let takeover: Takeover
    let source: String
    let node: Takeover.Node?
    let isRehearsal: Bool
    let transaction: Transaction
    let now: Timestamp
    var report = TakeoverReport()
    var users: [Int64: User] = [:]
    var plans: [Int64: Plan] = [:]
    /// By the owner's id there, newest first.
    var subscriptions: [Int64: [Subscription]] = [:]
    /// What is on the node, by public key.
    let seen: [String: Orders.Seen]
    /// Rows of this run.
    var made: Set<String> = []
    var orders: Orders { takeover.orders }

    init(_ takeover: Takeover, _ source: String, _ node: Takeover.Node?, _ isRehearsal: Bool, _ transaction: Transaction) {
        (self.takeover, self.source, self.node, self.isRehearsal) = (takeover, source, node, isRehearsal)
        self.transaction = transaction
        now = transaction.ambient.now()
        seen = Dictionary(
            (node?.seen ?? []).map { ($0.foundling.facts["public_key"].string ?? "", $0) }, uniquingKeysWith: { first, _ in first })
    }

    mutating func all(_ tables: ForeignTables) throws(StoreError) -> TakeoverReport {
        for name in tables.missing { report.note("there is no table \(name.rawValue): nothing of it is taken") }
        try each(.users, tables, .users) { run, row throws(StoreError) in try run.user(row) }
        try each(.tariffs, tables, .plans) { run, row throws(StoreError) in try run.tariff(row) }
        try each(.userTariffs, tables, nil) { run, row throws(StoreError) in try run.subscription(row) }
        for owner in subscriptions.keys { subscriptions[owner]?.sort { ($0.endsAt ?? .distantEnd) > ($1.endsAt ?? .distantEnd) } }
        try each(.peers, tables, .services) { run, row throws(StoreError) in try run.peer(row) }
        try each(.payments, tables, .payments) { run, row throws(StoreError) in try run.payment(row) }
        if !isRehearsal {
            try transaction.audit(actor: "command", action: "takeover", subject: source, after: report.json["tables"].text)
        }
        return report
    }

    /// How a row ended.
    enum End { case taken(String), known(String), skipped(String) }

    private mutating func each(
        _ name: ForeignTables.Name, _ tables: ForeignTables, _ numbered: NumberedTable?,
        _ take: (inout TakeoverRun, ForeignRow) throws(StoreError) -> End
    ) throws(StoreError) {
        let rows = tables.rows[name] ?? []
        let before = try transaction.takenOver(from: source, kind: name.rawValue)
        var part = TakeoverReport.Part(name: name.rawValue, found: rows.count)
        if let numbered, !isRehearsal, let largest = rows.compactMap({ ForeignRow($0)?.id }).max() {
            try transaction.reserveNumbers(upTo: min(largest, Self.largestNumber), in: numbered)
        }
        for json in rows {
            guard let row = ForeignRow(json) else {
                part.skipped += 1
                report.note("\(name.rawValue): a row without a whole number as its id is left out")
                continue
            }
            if let ours = before[row.id] {
                part.known += 1
                try recall(name, row, ours)
                continue
            }
            switch try take(&self, row) {
            case .taken(let id):
                part.taken += 1
                try transaction.setTakenOver(row.id, kind: name.rawValue, from: source, as: id)
                if let numbered { try keepNumber(row.id, of: id, in: numbered, name) }
            case .known(let id):
                part.known += 1
                try transaction.setTakenOver(row.id, kind: name.rawValue, from: source, as: id)
            case .skipped(let reason):
                part.skipped += 1
                report.note("\(name.rawValue) \(row.id) is left out: \(reason)")
            }
        }
        report.parts.append(part)
    }

    /// What JSON and JavaScript still write exactly.
    private static let largestNumber: Int64 = 1 << 53

    private mutating func keepNumber(
        _ number: Int64, of id: String, in table: NumberedTable, _ name: ForeignTables.Name
    ) throws(StoreError) {
        made.insert(id)
        let holder = try transaction.holder(of: number, in: table)
        // In a rehearsal rows keep the numbers that they got by themselves.
        guard number <= Self.largestNumber, holder.map({ made.contains($0) }) ?? true else {
            report.note("\(name.rawValue) \(number) gets another number here, because somebody has that one")
            return
        }
        if !isRehearsal { try transaction.setNumber(number, of: id, in: table) }
    }

    /// What an earlier run has taken is there for what refers to it.
    private mutating func recall(_ name: ForeignTables.Name, _ row: ForeignRow, _ ours: String) throws(StoreError) {
        switch name {
        case .users: if let id = try? UserID(parsing: ours) { users[row.id] = try transaction.user(id) }
        case .tariffs: if let id = try? PlanID(parsing: ours) { plans[row.id] = try transaction.plan(id) }
        case .userTariffs:
            if let owner = row.number("user_id"), let id = try? SubscriptionID(parsing: ours), let one = try transaction.subscription(id) {
                subscriptions[owner, default: []].append(one)
            }
        case .peers, .payments: break
        }
    }
}

extension Timestamp {
    /// Later than any end.
    static let distantEnd = Timestamp(milliseconds: .max)
}
