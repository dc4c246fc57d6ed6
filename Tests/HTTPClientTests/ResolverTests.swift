import HTTP
import Synchronization
import TestKit
import Testing

/// Names are asked for once, kept for a time that the clock decides, and never too many.
struct ResolverTests {
    /// Counts lookups and answers by name.
    final class Names: Sendable {
        private let asked = Mutex<[String: Int]>([:])
        func count(_ name: String) -> Int { asked.withLock { $0[name] ?? 0 } }
        @Sendable func lookup(_ name: String) -> Resolver.Answer {
            asked.withLock { $0[name, default: 0] += 1 }
            return name.hasPrefix("bad") ? .failure(LookupFault("no such name")) : .success([.loopback])
        }
    }
    static func ask(_ resolver: Resolver, _ name: String) async -> Resolver.Answer {
        await withCheckedContinuation { continuation in resolver.resolve(name) { continuation.resume(returning: $0) } }
    }

    @Test func `an answer holds 60 seconds, a failure 5`() async {
        var limits = Resolver.Limits()
        limits.staleSeconds = 0
        let (clock, names) = (TestClock(), Names())
        let resolver = Resolver(ambient: clock.ambient, limits: limits, lookup: names.lookup)
        for (name, milliseconds) in [("good.example", Int64(60_000)), ("bad.example", 5_000)] {
            #expect(resolver.cached(name) == nil)
            let first = await Self.ask(resolver, name)
            clock.advance(milliseconds: milliseconds - 1)
            #expect(await Self.ask(resolver, name) == first && names.count(name) == 1)
            #expect(resolver.cached(name) == first)
            clock.advance(milliseconds: 1)
            #expect(resolver.cached(name) == nil)
            #expect(await Self.ask(resolver, name) == first && names.count(name) == 2)
        }
    }

    @Test func `an answer serves five minutes longer while its name cannot be looked up`() async {
        let (clock, names, gate) = (TestClock(), Names(), Latch())
        let isFirst = Mutex(true)
        let resolver = Resolver(ambient: clock.ambient) { name in
            let first = isFirst.withLock { isFirst in
                defer { isFirst = false }
                return isFirst
            }
            if first { return names.lookup(name) }
            gate.wait()
            return .failure(LookupFault("no server answers"))
        }
        #expect(await Self.ask(resolver, "good.example") == .success([.loopback]))
        clock.advance(milliseconds: 359_999)
        for _ in 1...2 { #expect(await Self.ask(resolver, "good.example") == .success([.loopback])) }
        gate.open()
        // The failure that comes from the lookup keeps the answer, but not beyond its time.
        while resolver.cached("good.example") == nil { await Task.yield() }
        #expect(resolver.cached("good.example") == .success([.loopback]))
        clock.advance(milliseconds: 1)
        #expect(await Self.ask(resolver, "good.example") == .failure(LookupFault("no server answers")))
    }

    @Test func `who asks for the same name meanwhile shares the lookup`() async {
        let (names, gate) = (Names(), Latch())
        let resolver = Resolver(ambient: TestClock().ambient) { name in
            gate.wait()
            return names.lookup(name)
        }
        async let answers = withTaskGroup(of: Resolver.Answer.self) { group in
            for _ in 1...20 { group.addTask { await Self.ask(resolver, "good.example") } }
            gate.open()
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(await answers == Array(repeating: .success([.loopback]), count: 20))
        #expect(names.count("good.example") == 1)
    }

    @Test func `the cache and the lookups under way are bounded`() async {
        var limits = Resolver.Limits()
        (limits.names, limits.lookups) = (2, 3)
        let (clock, names, gate) = (TestClock(), Names(), Latch())
        let resolver = Resolver(ambient: clock.ambient, limits: limits) { name in
            gate.wait()
            return names.lookup(name)
        }
        let answers = Mutex<[String: Resolver.Answer]>([:])
        for index in 1...4 {
            resolver.resolve("\(index).example") { answer in answers.withLock { $0["\(index)"] = answer } }
        }
        #expect(answers.withLock { $0 } == ["4": .failure(LookupFault("too many names are being looked up"))])
        gate.open()
        while answers.withLock({ $0.count }) < 4 { await Task.yield() }
        let kept = (1...3).filter { resolver.cached("\($0).example") != nil }
        #expect(kept.count == 2)
    }

    @Test func `the system knows localhost, and says so when a name is none`() async {
        let resolver = Resolver(ambient: TestClock().ambient)
        let found = await Self.ask(resolver, "localhost")
        #expect((try? found.get().contains { $0.isLoopback }) == true)
        // Reserved for this (RFC 6761); fails at once without a network, too.
        guard case .failure(let fault) = await Self.ask(resolver, "nothing.invalid") else {
            Issue.record("a name that cannot be was found")
            return
        }
        #expect(!fault.message.isEmpty)
    }

    @Test func `a name that cannot be resolved fails the call`() async throws {
        try await withUpstream(lookup: Names().lookup) { upstream in
            let target = try UpstreamTarget(parsing: "https://bad.example")
            #expect(await upstream.fetch(UpstreamCall(upstream.request(), to: target)).value == .failed(.resolve("no such name")))
        }
    }
}
