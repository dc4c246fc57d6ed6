internal import Domain
final class PostgresDatabase: Database {
    let dialect = Dialect.postgres
    init(_ address: PostgresAddress, ambient: Ambient, options: StoreOptions) {}
    func transaction<Value: Sendable>(
        within milliseconds: Int64?, _ body: @escaping @Sendable (Transaction) throws(StoreError) -> Value
    ) async throws(StoreError) -> Value { throw .unavailable("") }
    func read<Value: Sendable>(_ body: @escaping @Sendable (Reader) throws(StoreError) -> Value) async throws(StoreError) -> Value {
        throw .unavailable("")
    }
    func close() async {}
}
