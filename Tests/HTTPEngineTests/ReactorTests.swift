import Domain
import HTTP
import Synchronization
import TestKit
import Testing

struct ReactorTests {
    private func withReactor(_ body: (Reactor, TestClock) async throws -> Void) async throws {
        let clock = TestClock()
        let reactor = try Reactor(index: 0, ambient: clock.ambient)
        try reactor.start()
        let outcome: Result<Void, any Error>
        do { outcome = .success(try await body(reactor, clock)) } catch { outcome = .failure(error) }
        reactor.stop()
        try outcome.get()
    }

    @Test func `timers fire in order, not before their time, and not when cancelled`() async throws {
        try await withReactor { reactor, clock in
            let fired = Mutex<[Int]>([])
            await reactor.ask {
                for (number, seconds) in [(1, 30), (2, 1), (3, 11), (4, 10), (5, 100)] {
                    let timer = reactor.schedule(afterNanoseconds: UInt64(seconds) * 1_000_000_000) { fired.withLock { $0.append(number) } }
                    if number == 4 { reactor.cancel(timer) }
                }
                // One that is due cancels another that is due in the same round.
                let victim = reactor.schedule(afterNanoseconds: 50_000_000_001) { fired.withLock { $0.append(7) } }
                _ = reactor.schedule(afterNanoseconds: 49_000_000_000) { reactor.cancel(victim) }
            }
            clock.advance(milliseconds: 999)
            await reactor.poke()
            #expect(fired.withLock { $0 } == [])
            for _ in 1...12 {
                clock.advance(milliseconds: 1000)
                await reactor.poke()
            }
            #expect(fired.withLock { $0 } == [2, 3])
            clock.advance(milliseconds: 200_000)
            await reactor.poke()
            #expect(fired.withLock { $0 } == [2, 3, 1, 5])
        }
    }

    @Test func `thousands of timers keep their times`() async throws {
        try await withReactor { reactor, clock in
            let late = Mutex<[UInt64]>([])
            await reactor.ask {
                for number in UInt64(1)...5000 {
                    let due = number * 7_919 % 60_000 * 1_000_000
                    _ = reactor.schedule(afterNanoseconds: due) { [start = reactor.nowNanoseconds] in
                        let now = reactor.nowNanoseconds - start
                        late.withLock { $0.append(now >= due ? now - due : .max) }
                    }
                }
            }
            for _ in 0..<3000 {
                clock.advance(milliseconds: 21)
                await reactor.poke()
            }
            let lateness = late.withLock { $0 }
            // A round of 21 ms and a tick of 10 ms.
            #expect(lateness.count == 5000 && lateness.allSatisfy { $0 <= 31_000_000 })
        }
    }

    @Test func `tasks started on a reactor stay on it across suspensions`() async throws {
        try await withReactor { reactor, _ in
            let places = Mutex<[Bool]>([])
            let tasks = (0..<50).map { _ in
                reactor.run {
                    for _ in 0..<20 {
                        places.withLock { $0.append(reactor.isCurrent) }
                        await Task.yield()
                    }
                }
            }
            for task in tasks { await task.value }
            #expect(places.withLock { $0 } == [Bool](repeating: true, count: 1000))
            #expect(!reactor.isCurrent)
        }
    }

    @Test func `work sent after the end still runs`() async throws {
        let clock = TestClock()
        let reactor = try Reactor(index: 0, ambient: clock.ambient)
        try reactor.start()
        reactor.stop()
        let ran = Mutex(false)
        await reactor.run { ran.withLock { $0 = true } }.value
        #expect(ran.withLock { $0 })
    }

    @Test(arguments: [
        ("10.0.0.0/8", "10.1.2.3", true), ("10.0.0.0/8", "11.0.0.1", false), ("0.0.0.0/0", "203.0.113.1", true),
        ("0.0.0.0/0", "2001:db8::1", false),
        ("192.0.2.1", "192.0.2.1", true), ("192.0.2.1", "192.0.2.2", false), ("2001:db8::/32", "2001:db8:ffff::1", true),
        ("2001:db8::/32", "2001:db9::1", false), ("::/0", "2001:db8::1", true), ("::1", "::1", true),
        ("198.51.100.0/31", "198.51.100.1", true),
        ("198.51.100.0/31", "198.51.100.2", false), ("2001:db8::/65", "2001:db8::7fff:0:0:1", true),
        ("2001:db8::/65", "2001:db8::8000:0:0:1", false),
    ])
    func `networks hold their addresses`(network: String, address: String, holds: Bool) throws {
        let network = try #require(IPNetwork(network))
        #expect(network.contains(try #require(IPAddress(address))) == holds)
    }

    @Test(arguments: [
        "", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/", "10.0.0/8", "2001:db8::/129", "host/8", "::1/64",
        "1.2.3.4.5", "[::1]",
    ])
    func `anything else is no network`(text: String) { #expect(IPNetwork(text) == nil) }

    @Test(arguments: ["192.0.2.1", "2001:db8::1", "::", "0.0.0.0", "255.255.255.255"]) func `an address reads back as it was written`(
        text: String
    ) {
        #expect(IPAddress(text)?.description == text)
    }
}
