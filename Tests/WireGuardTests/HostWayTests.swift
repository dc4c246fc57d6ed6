import Domain
import Foundation
import HTTP
import Processes
import Synchronization
import TestKit
import Testing

@testable import Drivers

/// A host whose scripts answer what a test says, and which keeps what it was asked.
private final class Script: HostWay {
    let name = "a script"
    private let answers: Mutex<[Program.Ended]>
    private let kept = Mutex<[HostScripts.Line]>([])
    var asked: [HostScripts.Line] { kept.withLock { $0 } }
    init(_ answers: [Program.Ended]) { self.answers = Mutex(answers) }
    func run(_ line: HostScripts.Line) async throws(DriverError) -> Program.Ended {
        kept.withLock { $0.append(line) }
        return answers.withLock { $0.count > 1 ? $0.removeFirst() : $0[0] }
    }
}

@Suite struct HostWayTests {
    private static let key = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="
    private static func ended(_ status: Int32, _ output: String = "", _ errors: String = "", isCutOff: Bool = false) -> Program.Ended {
        Program.Ended(status: status, output: Array(output.utf8), errorText: errors, isCutOff: isCutOff)
    }
    private func node(_ answers: [Program.Ended], apply: Bool = true) throws -> (HostNode, Script) {
        let json: JSON = [
            "driver": "local", "key_policy": "client", "apply": .bool(apply), "pool": ["v4": "10.8.0.0/24"],
            "server": ["public_key": .string(Self.key), "endpoint": "vpn.example.com:51820"],
        ]
        let script = Script(answers)
        return (HostNode(try NodeSettings(json), try HostSettings.parse(json).hostScripts("wg0"), script), script)
    }
    private func peer(_ addresses: [String] = ["10.8.0.7"]) throws -> WantedPeer {
        WantedPeer(name: "a", publicKey: try WireGuardKey(parsing: Self.key), addresses: addresses)
    }
    private static let shown = "\(key)\t192.0.2.9:5000\t10.8.0.7/32\t1700000000\t564\t476\t25\n"

    @Test func `a peer is applied by its key and addresses, and read back`() async throws {
        let (node, script) = try node([Self.ended(0, "applied\n"), Self.ended(0, Self.shown)])
        let made = try await node.put(try peer())
        #expect(
            made.addresses == ["10.8.0.7"] && made.received == 564 && made.sent == 476 && made.handshake?.milliseconds == 1_700_000_000_000)
        let asked = script.asked
        #expect(asked.map(\.arguments) == [["wg0", Self.key, "10.8.0.7/32"], ["wg0"]])
        #expect(asked.map(\.script) == ["/srv/vpn-api/scripts/wg_apply.sh", "/srv/vpn-api/scripts/wg_show.sh"])
    }

    @Test(arguments: ["10.8.1.7", "10.8.0.7/32", "10.8.0.7 ;id", "", "fd00::1", "10.8.0.0"])
    func `an address outside the pool never reaches the host`(address: String) async throws {
        let (node, script) = try node([Self.ended(0)])
        await #expect(throws: DriverError.self) { try await node.put(try peer([address])) }
        #expect(script.asked.isEmpty)
    }

    @Test func `what the host does not show was not done for sure`() async throws {
        for shown in [
            "", Self.shown.replacingOccurrences(of: "10.8.0.7", with: "(none)"), Self.shown.replacingOccurrences(of: "0.7", with: "0.8"),
        ] {
            let (node, _) = try node([
                Self.ended(0, "applied\n"), Self.ended(0, shown.replacingOccurrences(of: "(none)/32", with: "(none)")),
            ])
            await #expect(throws: DriverError.outcomeUnknown("the host does not show the peer as it was written")) {
                try await node.put(try peer())
            }
        }
        let (node, _) = try node([Self.ended(0, "removed\n"), Self.ended(0, Self.shown)])
        await #expect(throws: DriverError.outcomeUnknown("the host still shows the peer")) { try await node.remove(try peer()) }
    }

    @Test func `exit codes mean what the scripts say`() async throws {
        let table: [(Program.Ended, Bool)] = [
            (Self.ended(2, "", "a key must be 44 characters"), false), (Self.ended(3), true), (Self.ended(4, "", "wg set failed"), true),
            (Self.ended(4, "", "10.8.0.7/32 belongs to another peer"), false), (Self.ended(126, "", "refused"), false),
            (Self.ended(127), false),
            (Self.ended(137), true), (Self.ended(0, "", "", isCutOff: true), true), (Self.ended(1), true),
        ]
        for (answer, isRetryable) in table {
            let (node, _) = try node([answer])
            do throws(DriverError) {
                _ = try await node.put(try wanted())
                Issue.record("\(answer) passed")
            } catch { #expect(error.isRetryable == isRetryable, "\(answer): \(error)") }
        }
    }
    private func wanted() throws(DriverError) -> WantedPeer {
        do { return try peer() } catch { throw .refused("\(error)") }
    }

    @Test func `a host that is not switched on is left alone`() async throws {
        let (node, script) = try node([Self.ended(0)], apply: false)
        _ = try await node.put(try peer())
        try await node.remove(try peer())
        #expect(try await node.list().isEmpty && !node.isApplied)
        await #expect(throws: DriverError.self) { try await node.makeKey(named: "a") }
        #expect(script.asked.isEmpty)
    }

    @Test func `a lying list is no list`() async throws {
        for lie in [
            "x", Self.shown.replacingOccurrences(of: "564", with: "-"), Self.shown.replacingOccurrences(of: Self.key, with: "key"),
            "\t\t\t\t\t\t",
        ] {
            let (node, _) = try node([Self.ended(0, lie)])
            await #expect(throws: DriverError.self) { try await node.list() }
        }
    }

    @Test func `what ssh says is told apart`() {
        let lasting = [
            "root@192.0.2.1: Permission denied (publickey).", "Host key verification failed.",
            "@@@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @@@; Host key verification failed.",
            "No ED25519 host key is known for [192.0.2.1]:22 and you have requested strict checking.; Host key verification failed.",
        ]
        for text in lasting { #expect(!SSHWay.refusal(text, changes: true).isRetryable, "\(text)") }
        #expect(SSHWay.refusal(lasting[2], changes: true) == .refused("ssh: the host's key has changed"))
        for text in ["connect to host 192.0.2.1 port 22: Connection refused", "Connection timed out"] {
            #expect(SSHWay.refusal(text, changes: true) == .unreachable("ssh: \(text)"))
        }
        #expect(SSHWay.refusal("Connection reset by peer", changes: true) == .outcomeUnknown("ssh: Connection reset by peer"))
        #expect(SSHWay.refusal("Connection reset by peer", changes: false) == .unreachable("ssh: Connection reset by peer"))
    }

    @Test func `paths and targets are plain words`() {
        for path in ["", "/", "relative/x", "/a/../b", "/a b", "/a;b", "/a$b", "/a\nb", "/ä"] {
            #expect(throws: ParseError.self, "\(path)") { try HostScripts.checkPath(path) }
        }
        for target in [
            "", "-oProxyCommand=id", "a@-x", "A@host", "a b@host", "a@b@c", "host;id", "a@", "@host", "a@[::1", "a@::1", "a@[id]",
        ] {
            #expect(throws: ParseError.self, "\(target)") { try HostScripts.checkTarget(target) }
        }
        for target in ["host", "alice@vpn.example.com", "_a-1@192.0.2.1", "root@[2001:db8::1]"] {
            #expect(throws: Never.self, "\(target)") { try HostScripts.checkTarget(target) }
        }
        #expect(throws: Never.self) { try HostScripts.checkPath("/srv/vpn-api/scripts/wg_apply.sh") }
    }
}
