internal import Domain
public import Store
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
        try await Self.fill(store, with: table)
        try await refresh(store)
    }

    fileprivate static func fill(_ store: Store, with table: PriceTable) async throws(StoreError) {
        let rows = table.allRows
        try await store.transaction { transaction throws(StoreError) in
            guard try transaction.prices(since: 0).isEmpty else { return }
            _ = try transaction.addPrices(rows, source: "starting")
        }
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

extension PriceTable {
    /// An empty price list gets the rows that this version comes with. Before anything else is added: a list that is not empty is left
    /// alone, and later rows count.
    public static func fill(_ store: Store) async throws(StoreError) { try await PriceBook.fill(store, with: .starting) }
}
