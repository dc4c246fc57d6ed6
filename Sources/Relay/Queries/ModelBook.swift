public import Domain
public import Store
internal import Synchronization

/// What operators have said of models, as it is now. Read where a model is listed or a request is made from another dialect, never on the
/// path of a Messages request.
final class ModelBook: Sendable {
    private struct Known: Sendable {
        var entries: [String: ModelEntry] = [:]
        var version: Int64 = 0
    }
    private let known = Mutex(Known())

    func entry(_ id: String) -> ModelEntry? { known.withLock { $0.entries[PriceTable.base(id)] } }
    func traits(_ id: String) -> ModelTraits { ModelTraits(id, entry(id)) }
    var ids: [String] { known.withLock { Array($0.entries.keys) } }

    /// Reads what was changed since the last time.
    func refresh(_ store: Store) async throws(StoreError) {
        let since = known.withLock(\.version)
        let changed = try await store.read { reader throws(StoreError) in try reader.models(since: since) }
        guard let last = changed.last else { return }
        known.withLock { known in
            guard known.version == since else { return }
            for entry in changed { known.entries[entry.id] = entry }
            known.version = last.version
        }
    }
}

/// The model table for people: what every model of it can do, and until when.
public enum ModelTable {
    /// As `/v1/models` lists them, for nobody's key in particular.
    public static func list(_ store: Store) async throws(StoreError) -> [JSON] {
        let (prices, models) = (PriceBook.starting, ModelBook())
        try await prices.refresh(store)
        try await models.refresh(store)
        let list = ModelList(prices: prices, models: models)
        return list.all.map(list.entry)
    }
}
