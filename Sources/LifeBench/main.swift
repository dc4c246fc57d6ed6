internal import Domain
internal import Glibc
internal import Provisioning
internal import Secrets
internal import Store
internal import Telemetry

/// Orders services and measures how fast the workers make them.
func measure(_ location: DatabaseLocation, _ count: Int) async throws {
    let store = try await Store.open(location, ambient: .live)
    _ = try await store.migrate()
    let password = SecretBytes(store.ambient.randomBytes(32))
    let keyring = try Keyring.open(
        [try Keyring.makeDataKey(encryptionKey: password, ambient: store.ambient)], encryptionKey: password, legacyKey: nil,
        ambient: store.ambient)
    let notebook = Notebook()
    let kind = try ServiceKind(parsing: "notebook")
    let drivers = DriverTable([QuickDriver(notebook, kind)])
    let orders = Orders(drivers: drivers, keys: DataKeys(keyring))
    let group = 100
    let ordering = store.ambient.uptimeNanoseconds()
    for start in stride(from: 0, to: count, by: group) {
        try await store.transaction { transaction throws(StoreError) in
            for index in start..<min(start + group, count) {
                let wish = Orders.Wish(kind: kind, label: "s\(index)", limits: ["size": 5], owner: nil)
                _ = try orders.order(wish, actor: "bench", in: transaction)
            }
        }
    }
    var limits = WorkerLimits()
    limits.jobsPerPlace = limits.jobs
    let workers = Workers(store: store, drivers: drivers, keys: DataKeys(keyring), limits: limits, log: .silent, metrics: Metrics())
    let working = store.ambient.uptimeNanoseconds()
    let tries = try await workers.drain()
    let ended = store.ambient.uptimeNanoseconds()
    func rate(_ from: UInt64, _ to: UInt64) -> Int64 { Int64(Double(count) / (Double(to - from) / 1e9)) }
    let behind = try await store.read { reader throws(StoreError) in try reader.serviceCount(ServiceFilter(isBehind: true)) }
    print(
        "\(store.dialect.rawValue): ordered \(rate(ordering, working))/s, done \(rate(working, ended)) jobs/s, \(tries) tries, \(behind) behind"
    )
    let made = notebook.count
    guard made == count, behind == 0 else {
        print("the backend holds \(made) things, not \(count)")
        exit(1)
    }
    await store.close()
}

let words = CommandLine.arguments
guard words.count == 3 || words.count == 4 && words[3] == "reconcile", let count = Int(words[2]), count > 0 else {
    print("usage: LifeBench DATABASE_URL COUNT [reconcile]")
    exit(2)
}
let location = try DatabaseLocation(parsing: words[1])
if words.count == 4 { try await measureReconcile(location, count) } else { try await measure(location, count) }
