public import Domain
private import Telemetry

/// One thing the process needs, and how to ask whether it works. The check is bounded by itself and throws when it does not.
public struct HealthProbe: Sendable {
    /// Stable: dashboards read it.
    public let names: [String]
    let check: @Sendable () async throws -> Void
    /// - Parameter names: more than one when readers know the same thing under several, as the storage also under "redis".
    public init(_ names: String..., check: @escaping @Sendable () async throws -> Void) {
        self.names = names
        self.check = check
    }
}

/// Asks the probes, at most once a second whoever asks: `/health` is open to everybody and a storage check costs a transaction.
public actor HealthMonitor {
    struct Component: Sendable {
        let names: [String]
        let isHealthy: Bool
        let latencyMilliseconds: Int64
    }
    private let probes: [HealthProbe]
    private let ambient: Ambient
    private var known: (components: [Component], atNanoseconds: UInt64)?
    private var running: Task<[Component], Never>?
    private static let freshNanoseconds: UInt64 = 1_000_000_000

    public init(_ probes: [HealthProbe], ambient: Ambient) {
        self.probes = probes
        self.ambient = ambient
    }

    func components() async -> [Component] {
        if let known, ambient.uptimeNanoseconds() &- known.atNanoseconds < Self.freshNanoseconds { return known.components }
        // Everybody who asks meanwhile awaits the same look.
        if let running { return await running.value }
        let look = Task { [probes, ambient] in await Self.ask(probes, ambient) }
        running = look
        let components = await look.value
        running = nil
        known = (components, ambient.uptimeNanoseconds())
        return components
    }

    private static func ask(_ probes: [HealthProbe], _ ambient: Ambient) async -> [Component] {
        await withTaskGroup(of: (Int, Component).self) { group in
            for (index, probe) in probes.enumerated() {
                group.addTask {
                    let begun = ambient.uptimeNanoseconds()
                    let isHealthy: Bool
                    do {
                        try await probe.check()
                        isHealthy = true
                    } catch { isHealthy = false }
                    let milliseconds = Int64(clamping: (ambient.uptimeNanoseconds() &- begun) / 1_000_000)
                    return (index, Component(names: probe.names, isHealthy: isHealthy, latencyMilliseconds: milliseconds))
                }
            }
            var found: [(Int, Component)] = []
            for await one in group { found.append(one) }
            return found.sorted { $0.0 < $1.0 }.map(\.1)
        }
    }
}
