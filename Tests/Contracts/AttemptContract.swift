import Domain
import Store
import TestKit
import Testing

@Suite struct AttemptContract {
    private static let window: Int64 = 900_000
    private static let (ada, bob) = ([UInt8](repeating: 1, count: 32), [UInt8](repeating: 2, count: 32))
    private static func begin(_ store: Store, _ name: [UInt8], most: Int = 5) async throws -> Timestamp? {
        try await store.transaction { transaction throws(StoreError) in
            try transaction.beginAttempt(name, most: most, windowMilliseconds: window)
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `attempts that begin together pass as often as is allowed, and other names are not counted with them`(
        database: TestDatabase
    ) async throws {
        let clock = TestClock()
        try await withStore(database, clock: clock) { store in
            let passed = try await withThrowingTaskGroup(of: Bool.self) { group in
                for _ in 0..<20 { group.addTask { try await Self.begin(store, Self.ada) == nil } }
                return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(passed == 5)
            #expect(try await Self.begin(store, Self.bob) == nil)
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `an attempt counts for its time, and not when it was taken back or all are forgotten`(database: TestDatabase) async throws {
        let clock = TestClock()
        try await withStore(database, clock: clock) { store in
            let began = clock.ambient.now()
            for _ in 0..<3 {
                #expect(try await Self.begin(store, Self.ada, most: 3) == nil)
                clock.advance(milliseconds: 1000)
            }
            #expect(try await Self.begin(store, Self.ada, most: 3) == began.adding(milliseconds: Self.window))
            try await store.transaction { transaction throws(StoreError) in try transaction.takeBackAttempt(Self.ada) }
            #expect(try await Self.begin(store, Self.ada, most: 3) == nil)
            clock.advance(milliseconds: Self.window - 3000)
            #expect(try await Self.begin(store, Self.ada, most: 3) == nil, "the first of them is a window old")
            #expect(try await Self.begin(store, Self.ada, most: 3) != nil)
            try await store.transaction { transaction throws(StoreError) in try transaction.clearAttempts(Self.ada) }
            #expect(try await Self.begin(store, Self.ada, most: 3) == nil)
            clock.advance(milliseconds: Self.window)
            let gone = try await store.transaction { transaction throws(StoreError) in
                try transaction.deleteAttempts(madeBefore: clock.ambient.now().adding(milliseconds: 1))
            }
            #expect(gone == 1)
        }
    }
}
