internal import Domain
internal import Store
internal import Synchronization

/// The price list as it is now: read from the database, kept as an immutable table that requests take as they come.
final class PriceBook: Sendable {
    private struct Known: Sendable {
        var table: PriceTable
        var rows: [PriceRow] = []
        var version: Int64 = 0
    }
    private let known: Mutex<Known>

    /// - Parameter starting: what counts until the database has been read.
    init(_ starting: PriceTable) { known = Mutex(Known(table: starting)) }
    static var starting: PriceBook { PriceBook(.starting) }

    var table: PriceTable { known.withLock(\.table) }

    /// An empty price list gets the rows that this version comes with.
    func fill(_ store: Store) async throws(StoreError) {
        let rows = table.allRows
        let isEmpty = try await store.read { reader throws(StoreError) in try reader.prices(since: 0).isEmpty }
        if isEmpty {
            try await store.transaction { transaction throws(StoreError) in _ = try transaction.addPrices(rows, source: "starting") }
        }
        try await refresh(store)
    }

    /// Reads what was added since the last time.
    func refresh(_ store: Store) async throws(StoreError) {
        while true {
            let since = known.withLock(\.version)
            let added = try await store.read { reader throws(StoreError) in try reader.prices(since: since) }
            guard let last = added.last else { return }
            known.withLock { known in
                guard known.version == since else { return }
                known.rows += added.map(\.row)
                known.version = last.version
                known.table = PriceTable(known.rows)
            }
        }
    }
}
