private import Dispatch
internal import Domain
internal import Processes
internal import Secrets
internal import Synchronization

/// The operator's own command line client, as a child that answers one prompt: print mode, events as lines of JSON, no tools. For
/// `/api/chat` only.
///
/// The child has a folder of its own as HOME and working folder, gone when it ends; an environment of a handful of fixed variables and
/// the credential; the prompt on its standard input; no way to gain privileges; a hard timeout. It is killed with its process group when
/// nobody reads its events any more or the server stops. A killed server takes it along, but nothing that it started; what began a session
/// of its own is out of reach. What it is not kept from is the network and the files its user may read: run the server as a user of its own.
final class CLIWorker: Sendable {
    struct Configuration: Sendable {
        /// An absolute path.
        var program: String
        /// Holds the folders of runs.
        var folder: String
        /// Children at once, of all accounts; one more is `busy`.
        var concurrency = 2
        /// From start to end.
        var timeoutSeconds: Int64 = 300

        init(program: String, folder: String) {
            self.program = program
            self.folder = folder
        }
    }

    /// Whose account the child works with.
    struct Identity: Sendable {
        /// The variable that carries the credential.
        var credentialName = "ANTHROPIC_API_KEY"
        var credential: SecretBytes
        /// Nil is the program's own.
        var baseURL: String?
        /// `http://user:password@host:port`; nil is none.
        var proxy: SecretBytes?
        init(credential: SecretBytes) { self.credential = credential }
    }

    struct Prompt: Sendable {
        /// Content of the one message it gets, as Messages blocks.
        var content: JSON
        var model: String
        /// Nil is a sentence of ours: the program's own would make it an agent for code.
        var system: String?
        var maxTokens: Int64?
        init(_ content: JSON, model: String) {
            self.content = content
            self.model = model
        }
    }

    /// What a run tells, in order; `finished` or `failed` is the last.
    enum Event: Sendable, Equatable {
        /// The program is up.
        case started
        /// Its upstream answers.
        case began(model: String, usage: JSON)
        /// A piece of the answer.
        case text(String)
        /// It thinks; what, is not told.
        case thinking
        case finished(Result)
        case failed(Failure)
    }
    struct Result: Sendable, Equatable {
        /// The whole answer.
        var text: String
        var stopReason: String?
        /// As in a Messages answer; of several models as `iterations`.
        var usage: JSON
    }
    enum Failure: Error, Sendable, Equatable {
        /// As many children as allowed are at work.
        case busy
        /// The program is not there or cannot be started.
        case cannotStart
        case timeout
        /// It ended without a result, or wrote what is none.
        case broken
        /// It said itself that it failed: the status of its upstream if that is why, and its word for it.
        case refused(status: Int?, String)
    }

    private let configuration: Configuration
    private let slots = Slots()
    /// Those that have a place.
    private let runs = Mutex<[ObjectIdentifier: CLIRun]>([:])
    /// Blocking reads, a thread for each child.
    private let queue = DispatchQueue(label: "cli", attributes: .concurrent)

    /// Events that wait for whoever reads them; more end the run.
    private static let waitingEvents = 4096

    init(_ configuration: Configuration) {
        self.configuration = configuration
        RunFolder.removeLeft(in: configuration.folder)
    }

    /// Children at work.
    var running: Int { slots.inFlight }
    var hasRoom: Bool { running < configuration.concurrency }

    /// A run under way.
    struct Run: Sendable {
        let events: AsyncStream<Event>
        let stop: @Sendable () -> Void
        /// Whether a child was given the prompt: its upstream may charge from then on.
        let hasPrompt: @Sendable () -> Bool
    }

    /// Starts a child. `stop`, dropping the sequence, or cancelling the task that reads it, kills the child.
    func run(_ prompt: Prompt, as identity: Identity) -> Run {
        let (stream, continuation) = AsyncStream.makeStream(of: Event.self, bufferingPolicy: .bufferingOldest(Self.waitingEvents))
        let run = CLIRun(continuation)
        continuation.onTermination = { _ in run.stop() }
        queue.async { [self] in
            guard let slot = SlotLease(slots, limit: configuration.concurrency) else { return run.end(.failed(.busy)) }
            runs.withLock { $0[ObjectIdentifier(run)] = run }
            let last = answer(prompt, identity, run)
            runs.withLock { $0[ObjectIdentifier(run)] = nil }
            // The place is free before anybody hears of the end.
            _ = consume slot
            run.end(last)
        }
        return Run(events: stream, stop: { run.stop() }, hasPrompt: { run.hasPrompt })
    }

    /// Kills the children that are at work now; their places are free once they and their folders are gone.
    func stop() {
        let all = runs.withLock { Array($0.values) }
        for run in all { run.stop() }
    }

    private static let standardSystem = "You answer a person's questions in a chat."

    private func answer(_ prompt: Prompt, _ identity: Identity, _ run: CLIRun) -> Event {
        let message: JSON = ["type": "user", "message": ["role": "user", "content": prompt.content]]
        guard let folder = RunFolder(in: configuration.folder),
            folder.write(Array((prompt.system ?? Self.standardSystem).utf8), as: Self.systemFile),
            let input = folder.unnamedFile(message.bytes + [0x0a])
        else { return .failed(.cannotStart) }
        defer { RunFolder.closeFile(input) }
        let child: ChildGroup
        do throws(CannotStart) {
            child = try ChildGroup(
                configuration.program, Self.arguments(model: prompt.model, home: folder.path),
                environment: Self.environment(prompt, identity, home: folder.path), folder: folder.path, input: input)
        } catch { return .failed(.cannotStart) }
        // Before the folder goes: a program that still runs would make it anew.
        defer { child.end() }
        guard run.began(child) else { return .failed(.broken) }
        var reader = CLIOutput()
        let clock = ContinuousClock()
        let deadline = clock.now + .seconds(configuration.timeoutSeconds)
        while true {
            let left = clock.now.duration(to: deadline)
            // Whatever waits to be read: a program that writes without end is over, too.
            guard left > .zero else { return .failed(.timeout) }
            switch child.read(withinMilliseconds: Int64(left / .milliseconds(1))) {
            case .deadline: return .failed(.timeout)
            case .ended: return reader.last ?? .failed(.broken)
            case .bytes(let bytes):
                guard reader.feed(bytes, { run.tell($0) }) else { return .failed(.broken) }
                if let last = reader.last { return last }
            }
        }
    }

    private static let systemFile = "system.txt"

    /// Neither prompt nor credential is among them: arguments are everybody's to read.
    static func arguments(model: String, home: String) -> [String] {
        [
            "-p", "--input-format", "stream-json", "--output-format", "stream-json", "--verbose", "--include-partial-messages", "--tools",
            "", "--strict-mcp-config", "--disable-slash-commands", "--no-session-persistence", "--setting-sources", "",
            "--system-prompt-file", home + "/" + systemFile, "--max-turns", "1", "--model=" + model,
        ]
    }

    /// Whether a name that a customer chose may stand among arguments.
    static func isModelName(_ text: String) -> Bool {
        (1...128).contains(text.utf8.count) && text.utf8.first != 0x2d
            && text.unicodeScalars.allSatisfy {
                $0.isASCII && ($0.properties.isAlphabetic || ("0"..."9").contains($0) || "-._:@/[]".unicodeScalars.contains($0))
            }
    }

    private static func environment(_ prompt: Prompt, _ identity: Identity, home: String) -> [String: String] {
        var variables = [
            "HOME": home, "TMPDIR": home, "PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "DISABLE_TELEMETRY": "1",
            "DISABLE_AUTOUPDATER": "1", "DISABLE_ERROR_REPORTING": "1", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            // Trying again is the relay's business: it knows the other accounts.
            "CLAUDE_CODE_MAX_RETRIES": "0",
        ]
        if let tokens = prompt.maxTokens { variables["CLAUDE_CODE_MAX_OUTPUT_TOKENS"] = String(tokens) }
        identity.credential.reveal { variables[identity.credentialName] = String(decoding: $0, as: UTF8.self) }
        identity.proxy?.reveal { variables["HTTPS_PROXY"] = String(decoding: $0, as: UTF8.self) }
        if let url = identity.baseURL { variables["ANTHROPIC_BASE_URL"] = url }
        return variables
    }
}

/// One run between its child and whoever reads.
private final class CLIRun: Sendable {
    private let continuation: AsyncStream<CLIWorker.Event>.Continuation
    private struct Life: Sendable {
        var child: ChildGroup?
        var isStopped = false
        var hasPrompt = false
    }
    private let life = Mutex(Life())

    var hasPrompt: Bool { life.withLock(\.hasPrompt) }

    init(_ continuation: AsyncStream<CLIWorker.Event>.Continuation) { self.continuation = continuation }

    /// False when nobody waits for it any more: the child goes with its last reference.
    func began(_ child: ChildGroup) -> Bool {
        life.withLock { life in
            guard !life.isStopped else { return false }
            life.child = child
            life.hasPrompt = true
            return true
        }
    }
    func stop() {
        life.withLock { life in
            life.isStopped = true
            life.child?.kill()
            life.child = nil
        }
        continuation.finish()
    }
    func tell(_ event: CLIWorker.Event) {
        // A reader that does not read would let events pile up.
        if case .dropped = continuation.yield(event) { stop() }
    }
    func end(_ event: CLIWorker.Event) {
        life.withLock { $0.child = nil }
        continuation.yield(event)
        continuation.finish()
    }
}
