import Domain
import Foundation
@testable import Store
import TestKit
import Testing

@Suite struct SQLiteFaultTests {
    private func withFile<Result>(
        clock: TestClock = TestClock(), options: StoreOptions = StoreOptions(), _ test: (Store, String) async throws -> Result
    ) async throws -> Result {
        try await withTemporaryFolder { folder in
            let path = folder.appending(path: "data/test.db").path
            let store = try await Store.open(.sqliteFile(path: path), ambient: clock.ambient, options: options)
            do {
                _ = try await store.migrate()
                let result = try await test(store, path)
                await store.close()
                return result
            } catch {
                await store.close()
                throw error
            }
        }
    }

    private static func add(_ name: String, to store: Store, bytes: Int = 0) async throws(StoreError) {
        try await store.transaction { transaction throws(StoreError) in
            _ = try transaction.createUser(
                NewUser(email: "\(name)@example.com", name: String(repeating: "x", count: bytes), role: .customer, passwordHash: ""))
        }
    }

    @Test func `the file is for its user alone, log and index included`() async throws {
        try await withFile { store, path in
            try await Self.add("a", to: store)
            for ending in ["", "-wal", "-shm"] {
                let mode = try FileManager.default.attributesOfItem(atPath: path + ending)[.posixPermissions] as? Int
                #expect(mode == 0o600)
            }
        }
    }

    @Test func `a full disk says so, keeps what was committed, and heals when there is room`() async throws {
        try await withFile { store, _ in
            try await Self.add("before", to: store)
            try await store.transaction { transaction throws(StoreError) in
                let pages: Int64? = try transaction.value("page_count", "PRAGMA page_count")
                try transaction.connection.script("PRAGMA max_page_count = \((pages ?? 0) + 2)")
            }
            // Many at once, so that the full disk meets shared commits too.
            let outcomes = await withTaskGroup(of: StoreError?.self) { group in
                for index in 0..<20 {
                    group.addTask {
                        do throws(StoreError) {
                            try await Self.add("big\(index)", to: store, bytes: 100_000)
                            return nil
                        } catch { return error }
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(outcomes == Array(repeating: .full, count: 20))
            #expect(StoreError.full.isRetryable)
            let users = try await store.read { reader throws(StoreError) in try reader.userCount() }
            #expect(users == 1, "reads go on")
            try await store.transaction { transaction throws(StoreError) in
                try transaction.connection.script("PRAGMA max_page_count = 1000000")
            }
            try await Self.add("after", to: store, bytes: 100_000)
        }
    }

    @Test func `a database that takes no writes is not healthy, though it can be read, until it takes them again`() async throws {
        let clock = TestClock()
        try await withFile(clock: clock) { store, _ in
            try await store.health()
            try await store.transaction { transaction throws(StoreError) in
                try transaction.connection.script(
                    "CREATE TRIGGER refused BEFORE INSERT ON alert_words BEGIN SELECT RAISE(ABORT, 'refused'); END")
            }
            try await store.health()
            clock.advance(milliseconds: StoreLimits.healthWriteMilliseconds)
            for _ in 0..<2 { await #expect(throws: StoreError.self) { try await store.health() } }
            try await store.transaction { transaction throws(StoreError) in try transaction.connection.script("DROP TRIGGER refused") }
            try await store.health()
        }
    }

    @Test func `a lock that another holds is busy, and only as long as it is held`() async throws {
        var options = StoreOptions()
        options.deadlineMilliseconds = 100
        try await withFile(options: options) { store, path in
            let other = try SQLiteConnection(path: path, for: .write)
            try other.run("BEGIN IMMEDIATE")
            await #expect(throws: StoreError.busy) { try await Self.add("a", to: store) }
            let users = try await store.read { reader throws(StoreError) in try reader.userCount() }
            #expect(users == 0, "reads go on")
            try other.run("ROLLBACK")
            try await Self.add("a", to: store)
        }
    }

    @Test func `a database that takes no writes says so`() async throws {
        try await withFile { store, _ in
            try await store.transaction { transaction throws(StoreError) in try transaction.connection.script("PRAGMA query_only = ON") }
            do throws(StoreError) {
                try await Self.add("a", to: store)
                Issue.record("it was written")
            } catch {
                guard case .readOnly = error else {
                    Issue.record("\(error)")
                    return
                }
            }
        }
    }

    @Test func `a file that is no database is named corrupt, and left as it is`() async throws {
        try await withTemporaryFolder { folder in
            let file = folder.appending(path: "test.db")
            let text = Data(repeating: 0x61, count: 8192)
            try text.write(to: file)
            do throws(StoreError) {
                let store = try await Store.open(.sqliteFile(path: file.path), ambient: TestClock().ambient)
                await store.close()
                Issue.record("it was opened")
            } catch {
                guard case .corrupt = error else {
                    Issue.record("\(error)")
                    return
                }
            }
            #expect(try Data(contentsOf: file) == text)
        }
    }

    @Test func `a log without its file is left as it is`() async throws {
        try await withTemporaryFolder { folder in
            let (path, log) = (folder.appending(path: "test.db").path, folder.appending(path: "test.db-wal"))
            try Data("a log".utf8).write(to: log)
            let refusal = await #expect(throws: StoreError.self) {
                let store = try await Store.open(.sqliteFile(path: path), ambient: TestClock().ambient)
                await store.close()
            }
            #expect(refusal?.description.contains("test.db is gone") == true)
            #expect(!FileManager.default.fileExists(atPath: path))
            #expect(try Data(contentsOf: log) == Data("a log".utf8))
        }
    }

    @Test func `damaged pages are corrupt to whoever opens or reads them`() async throws {
        try await withTemporaryFolder { folder in
            let path = folder.appending(path: "test.db").path
            let ambient = TestClock().ambient
            let store = try await Store.open(.sqliteFile(path: path), ambient: ambient)
            _ = try await store.migrate()
            for index in 0..<30 { try await Self.add("u\(index)", to: store, bytes: 2000) }
            await store.close()
            let file = try FileHandle(forUpdating: URL(filePath: path))
            let size = try file.seekToEnd()
            let end = size / 2
            try file.seek(toOffset: end)
            try file.write(contentsOf: Data(repeating: 0xff, count: Int(size - end)))
            try file.close()
            do throws(StoreError) {
                let again = try await Store.open(.sqliteFile(path: path), ambient: ambient)
                let outcome: StoreError?
                do throws(StoreError) {
                    _ = try await again.read { reader throws(StoreError) in try reader.users(limit: 1000).items.count }
                    outcome = nil
                } catch { outcome = error }
                await again.close()
                if let outcome { throw outcome }
                Issue.record("damage was not noticed")
            } catch {
                guard case .corrupt = error else {
                    Issue.record("\(error)")
                    return
                }
            }
        }
    }

    @Test(.timeLimit(.minutes(1))) func `a read that runs past its deadline is ended`() async throws {
        let clock = TestClock()
        try await withFile(clock: clock) { store, _ in
            let (started, bell) = AsyncStream.makeStream(of: Void.self)
            async let counted = store.read { reader throws(StoreError) -> Int64? in
                bell.finish()
                return try reader.value(
                    "count", "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) AS count FROM n")
            }
            for await _ in started {}
            clock.advance(milliseconds: 10_001)
            do {
                _ = try await counted
                Issue.record("it ended by itself")
            } catch { #expect(error as? StoreError == .unavailable("sqlite: the statement ran past its deadline")) }
            let users = try await store.read { reader throws(StoreError) in try reader.userCount() }
            #expect(users == 0, "the reader works on")
        }
    }

    @Test(.timeLimit(.minutes(1))) func `a full queue refuses at once, and what waits is served`() async throws {
        try await withFile { store, _ in
            let (gate, extra) = (Gate(), 7)
            let (started, bell) = AsyncStream.makeStream(of: Void.self)
            async let holder: Void = store.transaction { _ throws(StoreError) in
                bell.finish()
                gate.wait()
            }
            for await _ in started {}
            let served = await withTaskGroup(of: StoreError?.self) { group in
                for index in 0..<StoreLimits.waitingTransactions + extra {
                    group.addTask {
                        do throws(StoreError) {
                            try await Self.add("u\(index)", to: store)
                            return nil
                        } catch { return error }
                    }
                }
                for _ in 0..<extra { #expect(await group.next() == .busy) }  // only refusals can end while the writer is held
                gate.open()
                return await group.reduce(0) { $0 + ($1 == nil ? 1 : 0) }
            }
            try await holder
            #expect(served == StoreLimits.waitingTransactions)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `members of a shared commit fail alone, even one that ends the whole transaction`() async throws {
        try await withFile { store, _ in
            let gate = Gate()
            let (started, bell) = AsyncStream.makeStream(of: Void.self)
            async let holder: Void = store.transaction { _ throws(StoreError) in
                bell.finish()
                gate.wait()
            }
            for await _ in started {}
            let outcomes = await withTaskGroup(of: (Int, StoreError?).self) { group in
                for index in 0..<30 {
                    group.addTask {
                        do throws(StoreError) {
                            try await store.transaction { transaction throws(StoreError) in
                                _ = try transaction.createUser(
                                    NewUser(email: "u\(index)@example.com", name: "", role: .customer, passwordHash: ""))
                                if index % 10 == 4 { throw .refused("not this one") }
                                if index == 17 { try transaction.execute("ROLLBACK") }
                            }
                            return (index, nil)
                        } catch { return (index, error) }
                    }
                }
                while store.waiting.transactions < 30 { await Task.yield() }  // now all of them share what comes after the holder
                gate.open()
                return await group.reduce(into: [Int: StoreError?]()) { $0[$1.0] = $1.1 }
            }
            try await holder
            for index in 0..<30 where index != 17 {
                #expect(outcomes[index] == .some(index % 10 == 4 ? .refused("not this one") : nil))
            }
            guard case .some(.some(.programming)) = outcomes[17] else {
                Issue.record("\(String(describing: outcomes[17]))")
                return
            }
            let emails = try await store.read { reader throws(StoreError) in Set(try reader.users(limit: 100).items.map(\.email)) }
            #expect(emails == Set((0..<30).filter { $0 % 10 != 4 && $0 != 17 }.map { "u\($0)@example.com" }))
        }
    }

    /// A child process commits, notes each commit after it was told of it, and is killed in the middle of writing.
    @Test(.timeLimit(.minutes(2))) func `kill -9 loses no transaction that was committed`() async throws {
        try await withTemporaryFolder { folder in
            let (path, notes) = (folder.appending(path: "test.db").path, folder.appending(path: "notes").path)
            try Data().write(to: URL(filePath: notes))
            await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String, notes = notes as String] in
                let store = try await Store.open(.sqliteFile(path: path), ambient: TestClock().ambient)
                _ = try await store.migrate()
                let file = try #require(FileHandle(forWritingAtPath: notes))
                await withThrowingTaskGroup(of: Void.self) { group in
                    for writer in 0..<8 {
                        group.addTask {
                            for count in 0..<10_000 {
                                try await SQLiteFaultTests.add("w\(writer).\(count)", to: store)
                                try file.write(contentsOf: Data("w\(writer).\(count)\n".utf8))
                                if writer == 0, count == 100 { kill(getpid(), SIGKILL) }
                            }
                        }
                    }
                }
            }
            let noted = try String(contentsOfFile: notes, encoding: .utf8).split(separator: "\n").map(String.init)
            #expect(noted.count > 100)
            let store = try await Store.open(.sqliteFile(path: path), ambient: TestClock().ambient)
            let missing = try await store.read { reader throws(StoreError) in
                var missing: [String] = []
                for name in noted where try reader.user(email: "\(name)@example.com") == nil { missing.append(name) }
                return missing
            }
            let verdict: String? = try await store.read { reader throws(StoreError) in
                try reader.value("integrity_check", "PRAGMA integrity_check")
            }
            #expect(missing.isEmpty)
            #expect(verdict == "ok")
            await store.close()
        }
    }
}
