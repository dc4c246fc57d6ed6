private import Dispatch
internal import Domain
internal import Processes
private import Synchronization

/// How a host's scripts are run.
protocol HostWay: Sendable {
    /// For operators.
    var name: String { get }
    /// One at a time for a host; within 25 seconds.
    func run(_ line: HostScripts.Line) async throws(DriverError) -> Program.Ended
}

/// Runs programs one after the other on a thread of its own: at most one writer a node.
final class HostLane: Sendable {
    private let queue = DispatchQueue(label: "wireguard host")
    /// 10,000 peers in `wg_show.sh`'s lines.
    static let outputBytes = 4 << 20
    static let milliseconds: Int64 = 20_000

    func run(_ program: String, _ arguments: [String], secret: String?) async throws(DriverError) -> Program.Ended {
        // Handed over under a lock, so that the thread sanitizer sees it too.
        let outcome = Mutex<Result<Program.Ended, Program.Failure>?>(nil)
        await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
            queue.async {
                let result = Result { () throws(Program.Failure) in
                    try Program.run(
                        program, arguments, environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"],
                        input: secret.map { Array(($0 + "\n").utf8) } ?? [], outputBytes: Self.outputBytes,
                        withinMilliseconds: Self.milliseconds)
                }
                outcome.withLock { $0 = result }
                done.resume()
            }
        }
        switch outcome.withLock({ $0 }) {
        case .success(let ended): return ended
        case .failure(.tooMuchOutput): throw .unreachable("the host answers more than \(Self.outputBytes) bytes")
        case .failure(.cannotStart(let code)): throw .refused("\(program) cannot be started here: error \(code)")
        case nil: throw .outcomeUnknown("\(program) gave no outcome")
        }
    }
}

/// The scripts of this machine.
struct LocalWay: HostWay {
    let name = "this machine"
    private let lane = HostLane()

    func run(_ line: HostScripts.Line) async throws(DriverError) -> Program.Ended {
        try await lane.run(line.script, line.arguments, secret: line.secret)
    }
}

/// The scripts of another machine, with pinned host keys and one identity.
struct SSHWay: HostWay {
    let name: String
    private let program: String
    private let arguments: [String]
    private let lane = HostLane()

    /// - Parameter program: ssh by its absolute path; another one in tests.
    init(target: String, port: Int64, identity: String, knownHosts: String, program: String = "/usr/bin/ssh") {
        name = target
        self.program = program
        arguments =
            [
                "BatchMode=yes", "StrictHostKeyChecking=yes", "UserKnownHostsFile=\(knownHosts)", "GlobalKnownHostsFile=/dev/null",
                "IdentitiesOnly=yes", "PreferredAuthentications=publickey", "ConnectTimeout=5", "ServerAliveInterval=5",
                "ServerAliveCountMax=2", "ControlMaster=no", "LogLevel=ERROR",
            ].reduce(into: ["-F", "none", "-T", "-i", identity, "-p", "\(port)"]) { $0 += ["-o", $1] } + ["--", target]
    }

    func run(_ line: HostScripts.Line) async throws(DriverError) -> Program.Ended {
        let words = (["sudo", line.script] + line.arguments).joined(separator: " ")
        let ended = try await lane.run(program, (line.secret == nil ? ["-n"] : []) + arguments + [words], secret: line.secret)
        guard ended.status == 255, !ended.isCutOff else { return ended }
        throw Self.refusal(ended.errorText, changes: line.changes)
    }

    /// What ssh itself says: a person has to do something, or it may go by.
    static func refusal(_ text: String, changes: Bool) -> DriverError {
        let lasting = [
            "Permission denied": "the host does not take the key", "REMOTE HOST IDENTIFICATION HAS CHANGED": "the host's key has changed",
            "host key is known": "the host's key is not pinned", "Host key verification failed": "the host's key is not the pinned one",
            "No such file": "a file that ssh needs is not there", "not accessible": "a file that ssh needs cannot be read",
        ]
        // The most telling first: a changed key is followed by the general sentence.
        for words in [
            "REMOTE HOST IDENTIFICATION HAS CHANGED", "host key is known", "Host key verification failed", "not accessible", "No such file",
            "Permission denied",
        ]
        where text.contains(words) {
            return .refused("ssh: \(lasting[words] ?? words)")
        }
        let last = String(text.suffix(200))
        let isBefore = ["Connection refused", "Could not resolve", "No route to host", "Network is unreachable", "Connection timed out"]
            .contains { text.contains($0) }
        return changes && !isBefore ? .outcomeUnknown("ssh: \(last)") : .unreachable("ssh: \(last)")
    }
}
