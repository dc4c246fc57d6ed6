import Domain
import Foundation
import Secrets
import Store
import TestKit
import Testing

@testable import Relay

/// The worker against scripts that stand in for the operator's program.
struct CLIWorkerTests {
    /// A worker whose program is that shell script.
    private func withWorker(
        _ script: String, concurrency: Int = 2, timeoutSeconds: Int64 = 60, _ test: (CLIWorker, URL) async throws -> Void
    ) async throws {
        try await withTemporaryFolder { folder in
            let program = folder.appending(path: "program")
            try Data(("#!/bin/sh\n" + script).utf8).write(to: program)
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: program.path)
            var configuration = CLIWorker.Configuration(
                program: program.path, folder: folder.appending(path: "runs").path)
            configuration.concurrency = concurrency
            configuration.timeoutSeconds = timeoutSeconds
            try await test(CLIWorker(configuration), folder)
            let left = (try? FileManager.default.contentsOfDirectory(atPath: folder.appending(path: "runs").path)) ?? []
            #expect(left.isEmpty, "every run takes its folder along: \(left)")
        }
    }
    private func run(_ worker: CLIWorker, _ text: String = "Hello") -> CLIWorker.Run {
        var prompt = CLIWorker.Prompt([["type": "text", "text": .string(text)]], model: "claude-sonnet-5-5")
        (prompt.system, prompt.maxTokens) = ("Be brief.", 77)
        return worker.run(prompt, as: .init(credential: SecretBytes(Array("sk-example-cli".utf8))))
    }
    private func events(_ worker: CLIWorker, _ text: String = "Hello") async -> [CLIWorker.Event] {
        var events: [CLIWorker.Event] = []
        for await event in run(worker, text).events { events.append(event) }
        return events
    }

    @Test func `an answer comes in pieces and ends with its usage`() async throws {
        let script = #"""
            echo 'a warning that is no JSON'
            echo '{"type":"system","subtype":"init","model":"claude-sonnet-5-5"}'
            echo '{"type":"stream_event","event":{"type":"message_start","message":{"model":"claude-sonnet-5-5","usage":{"input_tokens":7}}}}'
            echo '{"type":"stream_event","event":{"type":"content_block_start","content_block":{"type":"thinking"}}}'
            printf '{"type":"stream_event","event":{"type":"content_block_delta","delta":{"type":"text_delta","text":"Hé"}}}\n{"type":"stream'
            printf '_event","event":{"type":"content_block_delta","delta":{"type":"text_delta","text":"llo"}}}\n'
            echo '{"type":"stream_event","event":{"type":"message_delta","delta":{"stop_reason":"end_turn"}}}'
            echo '{"type":"assistant","message":{"content":[{"type":"text","text":"Héllo"}]}}'
            echo '{"type":"result","subtype":"success","is_error":false,"result":"Héllo","usage":{"input_tokens":7,"output_tokens":3,"cache_read_input_tokens":2,"cache_creation_input_tokens":1}}'
            """#
        try await withWorker(script) { worker, _ in
            let result = CLIWorker.Result(
                text: "Héllo", stopReason: "end_turn",
                usage: ["input_tokens": 7, "output_tokens": 3, "cache_read_input_tokens": 2, "cache_creation_input_tokens": 1])
            #expect(
                await events(worker) == [
                    .started, .began(model: "claude-sonnet-5-5", usage: ["input_tokens": 7]), .thinking, .text("Hé"), .text("llo"),
                    .finished(result),
                ])
        }
    }

    @Test func `the child gets its prompt on input, a folder of its own and nothing of our environment`() async throws {
        let script = #"""
            env > "$HOME/../../environment"; pwd > "$HOME/../../folder"; cat > "$HOME/../../prompt"; cat "$HOME/system.txt" > "$HOME/../../system"; grep NoNewPrivs /proc/self/status > "$HOME/../../privileges"; echo "$@" > "$HOME/../../arguments"
            ls /proc/self/fd > "$HOME/../../descriptors"
            echo '{"type":"result","subtype":"success","is_error":false,"result":"ok","usage":{}}'
            """#
        unsafe setenv("A_SECRET_OF_THE_SERVER", "server-secret", 1)
        try await withWorker(script) { worker, folder in
            _ = await events(worker, "the prompt\nof two lines")
            func text(_ name: String) throws -> String { try String(contentsOf: folder.appending(path: name), encoding: .utf8) }
            let environment = try text("environment").split(separator: "\n").map { String($0.prefix { $0 != "=" }) }
            let allowed: Set = [
                "HOME", "TMPDIR", "PATH", "LANG", "DISABLE_TELEMETRY", "DISABLE_AUTOUPDATER", "DISABLE_ERROR_REPORTING",
                "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "CLAUDE_CODE_MAX_RETRIES", "CLAUDE_CODE_MAX_OUTPUT_TOKENS", "ANTHROPIC_API_KEY",
                "PWD", "_", "SHLVL", "OLDPWD",
            ]
            #expect(Set(environment).isSubset(of: allowed), "\(environment)")
            let (all, prompt, directory, descriptors) = (
                try text("environment"), try text("prompt"), try text("folder"), try text("descriptors")
            )
            #expect(all.contains("ANTHROPIC_API_KEY=sk-example-cli"))
            let message = try JSON(parsing: Array(prompt.utf8))
            #expect(message["message"]["content"].array?.first?["text"] == "the prompt\nof two lines")
            #expect(prompt.split(separator: "\n").count == 1, "one line, as the program reads lines")
            let (system, privileges) = (try text("system"), try text("privileges"))
            #expect(system == "Be brief." && privileges.contains("1") && all.contains("CLAUDE_CODE_MAX_OUTPUT_TOKENS=77"))
            let arguments = try text("arguments")
            #expect(
                !arguments.contains("two lines") && !arguments.contains("brief") && !arguments.contains("sk-example")
                    && arguments.contains("--tools"))
            #expect(directory.contains("/runs/run."))
            #expect(descriptors.split(separator: "\n").count <= 5, "none of the server's descriptors")
        }
    }

    @Test(
        arguments: [
            ("exit 3", .broken), ("echo nonsense", .broken),
            (#"echo '{"type":"result","subtype":"error_max_turns","is_error":true}'"#, .refused(status: nil, "error_max_turns")),
            (
                #"echo '{"type":"result","subtype":"success","is_error":true,"api_error_status":401,"result":"Invalid API key"}'"#,
                .refused(status: 401, "success")
            ),
            ("head -c 9000000 /dev/zero", .broken),
        ] as [(String, CLIWorker.Failure)])
    func `what does not work is told once, as the last event`(script: String, failure: CLIWorker.Failure) async throws {
        try await withWorker(script) { worker, _ in
            #expect(await events(worker) == [.failed(failure)])
            #expect(worker.running == 0)
        }
    }

    @Test func `a program that is not there cannot start`() async throws {
        try await withTemporaryFolder { folder in
            let worker = CLIWorker(
                CLIWorker.Configuration(
                    program: folder.appending(path: "nothing").path, folder: folder.path))
            #expect(await events(worker) == [.failed(.cannotStart)])
        }
    }

    private static let hangs = #"""
        sleep 600 &
        echo $! > "$HOME/../../grandchild"
        echo '{"type":"system","subtype":"init","model":"m"}'
        wait
        """#
    private func isGone(_ folder: URL) async throws -> Bool {
        let text = try String(contentsOf: folder.appending(path: "grandchild"), encoding: .utf8)
        let pid = try #require(Int32(text.split(separator: "\n").first ?? ""))
        // A process that was killed is a zombie until its new parent takes notice.
        func isOver() -> Bool {
            let stat = (try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)) ?? ""
            return kill(pid, 0) != 0 || stat.contains(") Z ")
        }
        for _ in 1...100_000 { guard !isOver() else { break }; await Task.yield() }
        return isOver()
    }

    @Test func `a child that takes too long is ended with everything it started`() async throws {
        try await withWorker(Self.hangs, timeoutSeconds: 1) { worker, folder in
            #expect(await events(worker) == [.started, .failed(.timeout)])
            let isOver = try await isGone(folder)
            #expect(isOver && worker.running == 0)
        }
    }

    @Test func `a child that never stops writing is ended in time, too`() async throws {
        try await withWorker("exec yes", timeoutSeconds: 1) { worker, _ in
            #expect(await events(worker) == [.failed(.timeout)])
            #expect(worker.running == 0)
        }
    }

    @Test func `what a child may write is bounded in all, whatever it is`() {
        var output = CLIOutput(outputBytes: 100)
        let line = Array("warning\n".utf8)
        for _ in 1...12 {
            let isTaken = output.feed(line) { _ in }
            #expect(isTaken)
        }
        let isTaken = output.feed(line) { _ in }
        #expect(!isTaken)
    }

    @Test func `who stops reading ends the child, and its place is free`() async throws {
        try await withWorker(Self.hangs, concurrency: 1) { worker, folder in
            let task = Task {
                for await event in run(worker).events where event == .started {
                    #expect(await events(worker) == [.failed(.busy)], "one at a time")
                    return
                }
            }
            await task.value
            let isOver = try await isGone(folder)
            #expect(isOver)
            for _ in 1...1_000_000 { guard worker.running > 0 else { break }; await Task.yield() }
            #expect(worker.running == 0)
        }
    }

    @Test func `a stop ends the children that are at work, and waits for nobody to read`() async throws {
        try await withWorker(Self.hangs) { worker, folder in
            var iterator = run(worker).events.makeAsyncIterator()
            #expect(await iterator.next() == .started)
            worker.stop()
            for _ in 1...1_000_000 { guard worker.running > 0 else { break }; await Task.yield() }
            #expect(worker.running == 0)
            let isOver = try await isGone(folder)
            #expect(isOver)
        }
    }

    @Test func `a program that would go on past the caller's limit is ended there`() async throws {
        let script = #"""
            echo '{"type":"stream_event","event":{"type":"content_block_delta","delta":{"type":"text_delta","text":"cut"}}}'
            echo '{"type":"stream_event","event":{"type":"message_delta","delta":{"stop_reason":"max_tokens"},"usage":{"output_tokens":5}}}'
            echo '{"type":"stream_event","event":{"type":"message_stop"}}'
            sleep 600
            """#
        try await withWorker(script) { worker, _ in
            let result = CLIWorker.Result(text: "cut", stopReason: "max_tokens", usage: ["output_tokens": 5])
            #expect(await events(worker) == [.text("cut"), .finished(result)])
        }
    }

    @Test func `what several models did is told as passes, each at its own price`() async throws {
        let script = #"""
            echo '{"type":"result","subtype":"success","result":"x","usage":{"input_tokens":7,"output_tokens":3},"modelUsage":{"claude-sonnet-5-5":{"inputTokens":7,"outputTokens":3,"cacheReadInputTokens":0,"cacheCreationInputTokens":0},"claude-haiku-5-5":{"inputTokens":2,"outputTokens":1,"cacheReadInputTokens":4,"cacheCreationInputTokens":0}}}'
            """#
        try await withWorker(script) { worker, _ in
            guard case .finished(let result) = await events(worker).last else {
                Issue.record("no result")
                return
            }
            var usage = MeteredUsage()
            usage.overlay(result.usage.bytes.span, 0)
            #expect(usage.iterationTotal.input == 9 && usage.iterationTotal.output == 4 && usage.iterationTotal.cacheRead == 4)
            #expect(usage.iterations.map(\.model) == ["claude-sonnet-5-5", "claude-haiku-5-5"])
        }
    }

    @Test func `an answer that begins a second time, or never ends, is broken`() async throws {
        let twice = #"""
            echo '{"type":"stream_event","event":{"type":"message_start","message":{"model":"m","usage":{}}}}'
            echo '{"type":"stream_event","event":{"type":"content_block_delta","delta":{"type":"text_delta","text":"one"}}}'
            echo '{"type":"stream_event","event":{"type":"message_start","message":{"model":"m","usage":{}}}}'
            sleep 600
            """#
        try await withWorker(twice) { worker, _ in #expect(await events(worker).last == .failed(.broken)) }
        let endless = #"""
            piece=$(head -c 1000000 /dev/zero | tr '\0' a)
            while :; do
                echo '{"type":"stream_event","event":{"type":"content_block_delta","delta":{"type":"text_delta","text":"'$piece'"}}}' || exit
            done
            """#
        try await withWorker(endless) { worker, _ in
            let all = await events(worker)
            #expect(all.last == .failed(.broken) && (16...20).contains(all.count), "\(all.count) pieces of a million")
        }
    }

    @Test func `a killed server's children and folders go with it`() async throws {
        try await withTemporaryFolder { folder in
            // A process number that is over.
            let gone = Process()
            gone.executableURL = URL(filePath: "/bin/true")
            try gone.run()
            gone.waitUntilExit()
            let (left, own) = (
                folder.appending(path: "run.\(gone.processIdentifier).abcdef"), folder.appending(path: "run.\(getpid()).abcdef")
            )
            for path in [left, own] {
                try FileManager.default.createDirectory(at: path, withIntermediateDirectories: true)
                try Data("x".utf8).write(to: path.appending(path: "file"))
            }
            _ = CLIWorker(CLIWorker.Configuration(program: "/bin/true", folder: folder.path))
            #expect(!FileManager.default.fileExists(atPath: left.path) && FileManager.default.fileExists(atPath: own.path))
        }
    }

    @Test(arguments: [
        ("claude-sonnet-5-5", true), ("anthropic/claude@2026:x[1m]", true), ("--dangerous", false), ("", false), ("a b", false),
        ("ä", false),
    ])
    func `a model's name is an argument only when it cannot be anything else`(name: String, isGood: Bool) {
        #expect(CLIWorker.isModelName(name) == isGood)
    }
}
