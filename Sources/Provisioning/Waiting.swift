public import Domain
public import Store

/// For callers that want an answer: waits for an operation, and gives up in time to say 202.
public struct Waiting: Sendable {
    let store: Store
    public init(_ store: Store) { self.store = store }

    /// First and longest pause between two looks at the operation.
    private static let pauses: (first: Int64, longest: Int64) = (20, 250)

    /// The operation when it is no longer pending; nil when the time is over or there is none.
    /// - Parameter firstTry: returns as soon as a try has failed, though more will follow.
    public func finish(_ id: OperationID, withinMilliseconds limit: Int64, firstTry: Bool = false) async throws(StoreError) -> Operation? {
        let deadline = store.ambient.uptimeNanoseconds() &+ UInt64(clamping: limit) &* 1_000_000
        var pause = Self.pauses.first
        while true {
            guard let operation = try await store.read({ reader throws(StoreError) in try reader.operation(id) }) else { return nil }
            if operation.state != .pending { return operation }
            if firstTry {
                let failure = try await store.read { reader throws(StoreError) in try reader.service(operation.serviceID)?.failure }
                if failure != nil { return operation }
            }
            guard store.ambient.uptimeNanoseconds() < deadline else { return nil }
            do { try await store.ambient.sleep(.milliseconds(pause)) } catch { return nil }
            pause = min(pause * 2, Self.pauses.longest)
        }
    }
}
