internal import Domain
internal import Glibc
internal import Store

@testable internal import HTTP
@testable internal import Relay

let words = CommandLine.arguments
/// How often each of the steps is timed, with how many requests, and how many different keys ask. With fewer requests instructions are
/// counted (callgrind), which takes fifty times as long.
let (rounds, requests, callers) = (7, words.count == 4 ? Int(words[3]) ?? 0 : 200_000, 20_000)
/// Microseconds of one admission: `docs/benchmarks.md`.
let goal = 5.0

/// The requests of some keys, picked at random, as they arrive.
struct Arrivals {
    let heads: [RequestHead]
    let request: MessagesRequest
    let services: RelayServices
    static let inputEstimate: Int64 = 571
    /// What is booked in the end.
    static let used = TokenCounts(input: 500, output: 200, cacheWrite5m: 10, cacheRead: 1000)

    init(_ pool: Pool) throws {
        services = pool.relay.services
        heads = try (0..<callers).map { _ in try Pool.head(pool.secrets[Int.random(in: pool.secrets.indices)]) }
        let body = #"{"model":"claude-opus-5-5","max_tokens":1024,"messages":[{"role":"user","content":"hi"}]}"#
        request = try MessagesRequest(scanning: Array(body.utf8).span)
    }

    func find(_ number: Int) throws -> RelayKey {
        let key = try RelayGate.check(try KeyCheck.find(heads[number % heads.count], in: services.keys), services)
        try key.check(service: "messages")
        try key.check(model: request.model)
        return key
    }

    /// Reserves under every limit and settles, as a request does that the upstream answers at once.
    func admit(_ key: RelayKey) throws {
        let want = RelayGate.reservation(
            key, request, Self.inputEstimate, services,
            RelayGate.Moment(now: services.ambient.now(), second: services.ambient.uptimeNanoseconds() / 1_000_000_000))
        let lease = try KeyLease(services.keeper, key.holders, want: want)
        lease.ticket.settle(Self.used, costMicroUSD: 6000, model: request.model)
    }
}

/// The least and the middle of the rounds, in microseconds of processor time for each request: other work on the machine counts only by
/// what it takes out of the caches.
func measure(_ work: (Int) throws -> Void) rethrows -> (least: Double, middle: Double) {
    var times: [Double] = []
    for _ in 0..<rounds {
        let begin = clock()
        for number in 0..<requests { try work(number) }
        times.append(Double(clock() - begin) / Double(requests))
    }
    times.sort()
    return (times[0], times[rounds / 2])
}

func text(_ microseconds: Double) -> String { "\(Double(Int(microseconds * 100)) / 100)" }

/// - Returns: the middle of the whole.
func run(_ count: Int, _ name: String, _ limits: APIKeyLimits, shared: APIKeyLimits? = nil, in folder: String) async throws -> Double {
    guard unsafe mkdir(folder, 0o700) == 0 else { throw ParseError("a folder that can be made", got: folder) }
    let pool = try await Pool.make(count, limits, shared: shared ?? limits, in: folder)
    let arrivals = try Arrivals(pool)
    let found = try (0..<callers).map { try arrivals.find($0) }
    for key in found { try arrivals.admit(key) }
    let find = try measure { _ = try arrivals.find($0) }
    let admit = try measure { try arrivals.admit(found[$0 % callers]) }
    let both = try measure { try arrivals.admit(try arrivals.find($0)) }
    // Nothing may stay behind, and every request was counted: else less was done than is claimed.
    let counted = found[0].holders.allSatisfy { $0.counters.concurrent == 0 && $0.counters.reserved(.total) == PeriodAmounts() }
    let isBooked = limits.concurrency == nil || found[0].counters.used(.total).requests > 2 * rounds
    guard counted, isBooked else { throw ParseError("counters that were given back", got: "others") }
    print("| \(count) | \(name) | \(text(find.middle)) | \(text(admit.middle)) | \(text(both.middle)) | \(text(both.least)) |")
    await pool.relay.stop()
    return both.middle
}

guard (3...4).contains(words.count), let count = Int(words[2]), count >= 1000, requests > 0 else {
    print("usage: AdmissionBench FOLDER COUNT (1000 or more) [REQUESTS a round]")
    exit(2)
}
guard unsafe mkdir(words[1], 0o700) == 0 || errno == EEXIST else {
    print("cannot make \(words[1])")
    exit(2)
}
print("| keys | limits | find | admit and settle | both | least of \(rounds) |\n| --- | --- | --- | --- | --- | --- |")
_ = try await run(1000, "all, three holders", Pool.allLimits, in: words[1] + "/few")
_ = try await run(count, "none", APIKeyLimits(), in: words[1] + "/free")
_ = try await run(count, "usual", Pool.usualLimits, shared: APIKeyLimits(), in: words[1] + "/usual")
let whole = try await run(count, "all, three holders", Pool.allLimits, in: words[1] + "/many")
print("microseconds; goal < \(goal): \(whole < goal ? "met" : "missed")")
exit(whole < goal ? 0 : 1)
