import Domain
import Processes
import Provisioning
import Store
import Synchronization
import TestKit
import Testing

@testable import Drivers

/// A host as its scripts leave it: an interface with peers, and a folder of keys.
private final class PaperHost: HostWay {
    let name = "a host on paper"
    private struct Contents {
        var peers: [String: [Substring]] = [:]
        var keys: [String: String] = [:]
        var removed: Set<String> = []
    }
    private let contents = Mutex(Contents())
    var peers: [String: [Substring]] { contents.withLock(\.peers) }
    var keys: [String: String] { contents.withLock(\.keys) }

    func run(_ line: HostScripts.Line) async throws(DriverError) -> Program.Ended {
        let words = line.arguments
        let output = contents.withLock { contents -> String in
            switch line.script.split(separator: "/").last {
            case "wg_apply.sh":
                contents.peers[words[1]] = words[2].split(separator: ",")
                return "applied\n"
            case "wg_remove.sh":
                contents.peers[words[1]] = nil
                return "removed\n"
            case "wg_gen_key.sh":
                let number = UInt8(contents.keys.count + 1)
                let known = contents.keys[words[1]] ?? Base64.text([UInt8](repeating: number, count: 32))
                contents.keys[words[1]] = known
                return "PUBLIC=\(known)\nPRIVATE=\(words[0])/\(words[1]).key\n"
            default:
                return contents.peers.map { "\($0.key)\t(none)\t\($0.value.joined(separator: ","))\t0\t0\t0\toff\n" }.joined()
            }
        }
        return Program.Ended(status: 0, output: Array(output.utf8), errorText: "", isCutOff: false)
    }
}

/// A whole server's machinery over a host written by scripts, stopped at every step.
@Suite struct HostCrashTests {
    @Test(arguments: ["db", "host"], ProvisioningStep.allCases)
    func `a stop at any step leaves one peer, one key and one row`(policy: String, step: ProvisioningStep) async throws {
        let host = PaperHost()
        let way: NodeWay = { access, settings, _ throws(DriverError) in
            HostNode(settings, try HostSettings.parse(access.settings).hostScripts(settings.interface), host)
        }
        try await withNodes(ways: ["local": way]) { world in
            var settings = NodeWorld.recordOnly.object ?? [:]
            settings["driver"] = "local"
            settings["key_policy"] = .string(policy)
            settings["apply"] = true
            _ = try await world.addNode(.object(settings))
            let service = try await world.order()
            var kept: [String: [Substring]]?
            for (change, actual, count) in [
                (nil, ActualState.active, 1), (Orders.Change.suspend(Suspension(.abuse, by: .operator)), .suspended, 0),
                (.lift(.operator), .active, 1), (.terminate, .gone, 0),
            ] {
                if let change { try await world.change(service.id, change) }
                try await world.workers { reached, _ throws(Stopped) in if reached == step { throw Stopped() } }.drain()
                world.clock.advance(milliseconds: 61_000)
                try await world.settle()
                #expect(try await world.service(service.id)?.actual == actual)
                #expect(host.peers.count == count)
                if count == 1 {
                    kept = kept ?? host.peers
                    #expect(host.peers == kept, "the same key and address as before")
                }
            }
            #expect(host.keys.count == (policy == "host" ? 1 : 0), "a key is made once on the host that makes it")
            #expect(try await world.store.read { reader throws(StoreError) in try reader.serviceCount(ServiceFilter()) } == 1)
        }
    }
}
