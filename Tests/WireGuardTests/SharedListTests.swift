import Domain
@testable import Drivers
import FakeUpstreamParts
import HTTP
import Synchronization
import TestKit
import Testing

@Suite struct SharedListTests {
    /// A list whose fetches wait until they are let go, one by one.
    private final class Slow: Sendable {
        private struct Held {
            var begun = 0
            var doors: [CheckedContinuation<Void, Never>] = []
            var written = 0
        }
        private let held = Mutex(Held())
        var begun: Int { held.withLock { $0.begun } }
        func write() { held.withLock { $0.written += 1 } }
        /// The list as it was when the fetch began: one peer for each write until then.
        func fetch() async -> [NodePeer] {
            let count = held.withLock { held in
                held.begun += 1
                return held.written
            }
            await withCheckedContinuation { door in held.withLock { $0.doors.append(door) } }
            return (0..<count).map { NodePeer(id: "\($0)", publicKey: nil, addresses: []) }
        }
        func open() async {
            while true {
                let door = held.withLock { $0.doors.isEmpty ? nil : $0.doors.removeFirst() }
                if let door { return door.resume() }
                await Task.yield()
            }
        }
        func untilBegun(_ count: Int) async { while begun < count { await Task.yield() } }
    }

    @Test func `those who come while a list is fetched share the next one, and see what they wrote`() async throws {
        let slow = Slow()
        let list = SharedList { () async throws(DriverError) in await slow.fetch() }
        let first = Task { try await list.peers() }
        await slow.untilBegun(1)
        slow.write()
        try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<20 { group.addTask { try await list.peers().count } }
            while list.waiting < 20 { await Task.yield() }
            await slow.open()
            let early = try await first.value
            #expect(early.isEmpty, "its fetch began before the write")
            await slow.open()
            for try await count in group { #expect(count == 1) }
        }
        #expect(slow.begun == 2)
        async let later = list.peers()
        await slow.open()
        let last = try await later
        #expect(last.count == 1 && slow.begun == 3)
    }

    @Test func `a fetch that fails fails for those who shared it, and not for the next`() async throws {
        let fails = Atomic(true)
        let list = SharedList { () async throws(DriverError) -> [NodePeer] in
            if fails.load(ordering: .relaxed) { throw .unreachable("gone") }
            return []
        }
        await #expect(throws: DriverError.unreachable("gone")) { _ = try await list.peers() }
        fails.store(false, ordering: .relaxed)
        #expect(try await list.peers().isEmpty)
    }

    private func service(_ server: WgEasyServer, _ clock: TestClock) throws -> (WireGuardDriver, BackendAccess) {
        let driver = WireGuardDriver(NodePorts(http: try CurlClient(ambient: clock.ambient), ambient: clock.ambient))
        return (
            driver,
            BackendAccess(
                id: BackendID(clock.ambient), name: "node", address: "http://127.0.0.1:\(server.port)", settings: ["driver": "wg-easy"],
                secret: Array(server.password.utf8))
        )
    }
    private func lists(_ server: WgEasyServer) -> Int {
        server.seen.filter { $0.hasPrefix("GET /api/client ") || $0.hasPrefix("GET /api/wireguard/client ") }.count
    }

    @Test(arguments: [WgEasyMode.v14, .v15_3])
    func `jobs beside each other on one controller fetch fewer lists than there are jobs`(mode: WgEasyMode) async throws {
        let (server, clock) = (try WgEasyServer(mode: mode, password: "secret"), TestClock())
        defer { server.close() }
        let (driver, backend) = try service(server, clock)
        let services = (0..<20).map { number in
            ServiceOrder(
                id: ServiceID(clock.ambient), owner: nil, label: "peer", limits: [:], choices: ["peer_name": .string("peer-\(number)")],
                backend: backend)
        }
        // A first answer that takes its time gathers the others behind it.
        server.befall(.slow, "GET", "/client")
        try await withThrowingTaskGroup(of: Presence.self) { group in
            for service in services { group.addTask { try await driver.look(service).presence } }
            for try await presence in group { #expect(presence == .absent) }
        }
        #expect((1...5).contains(lists(server)), "\(lists(server))")
    }

    @Test(arguments: [WgEasyMode.v15_0, .v15_2, .v15_3])
    func `where one peer can be asked for alone it is, and another of its number is not believed`(mode: WgEasyMode) async throws {
        let (server, clock) = (try WgEasyServer(mode: mode, password: "secret"), TestClock())
        defer { server.close() }
        let (driver, backend) = try service(server, clock)
        var service = ServiceOrder(
            id: ServiceID(clock.ambient), owner: nil, label: "peer", limits: [:], choices: ["peer_name": "peer-1"], backend: backend)
        let made = try await driver.create(service)
        service.details = try #require(made.details)
        #expect(service.details["remote_id"] == "1" && server.secrets.allSatisfy { !"\(made)".contains($0) })
        let before = lists(server)
        #expect(try await driver.look(service).presence == .active)
        #expect(try await driver.suspend(service).presence == .suspended)
        #expect(try await driver.look(service).presence == .suspended)
        #expect(try await driver.resume(service).presence == .active)
        #expect(lists(server) == before)
        // As after a restore: the number is another's, ours is gone.
        service.choices = ["peer_name": "peer-2"]
        service.details = ["remote_id": "1"]
        #expect(try await driver.look(service).presence == .absent)
        service.details = ["remote_id": "99"]
        #expect(try await driver.look(service).presence == .absent)
        #expect(lists(server) == before + 2)
    }
}
