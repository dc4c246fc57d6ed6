import Domain
import Foundation
import HTTP
import Store
import TestKit
import Testing

@testable import Relay

/// Accounts of the kind `cli` behind `/api/chat`, with a script in the place of the operator's program.
struct ProgramTurnsTests {
    private static let answers = #"""
        cat > "$HOME/../../prompt"; cat "$HOME/system.txt" > "$HOME/../../system"
        echo '{"type":"stream_event","event":{"type":"message_start","message":{"model":"claude-sonnet-5-5","usage":{"input_tokens":7,"output_tokens":1}}}}'
        echo '{"type":"stream_event","event":{"type":"content_block_start","content_block":{"type":"thinking"}}}'
        echo '{"type":"stream_event","event":{"type":"content_block_delta","delta":{"type":"text_delta","text":"Of the "}}}'
        echo '{"type":"stream_event","event":{"type":"content_block_delta","delta":{"type":"text_delta","text":"prögram"}}}'
        echo '{"type":"result","subtype":"success","stop_reason":"end_turn","result":"Of the prögram","usage":{"input_tokens":700,"output_tokens":30,"cache_read_input_tokens":20}}'
        """#
    private static func refuses(_ status: Int) -> String {
        #"echo '{"type":"result","subtype":"success","is_error":true,"api_error_status":\#(status),"result":"secret words"}'"#
    }

    /// The account of the program has the name "program", that of the pool "sk-pool".
    private func withProgram(
        _ script: String, priority: Int64 = 50, hasPool: Bool = true, billsEstimates: Bool = true,
        _ test: (RelayWorld, FakeUpstream, URL) async throws -> Void
    ) async throws {
        try await withTemporaryFolder { folder in
            let program = folder.appending(path: "program")
            try Data(("#!/bin/sh\n" + script).utf8).write(to: program)
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: program.path)
            try await withFakeUpstream { fake in
                let own = WorldAccount(secret: "program", baseURL: fake.baseURL) { details in
                    details.kind = .cli
                    details.priority = priority
                }
                let accounts = hasPool ? [own, WorldAccount(secret: "sk-pool", baseURL: fake.baseURL)] : [own]
                try await withRelay(
                    accounts,
                    configure: { configuration in
                        configuration.dataDirectory = folder.path
                        configuration.program = program.path
                        configuration.programConcurrency = 1
                        configuration.limits.billsEstimates = billsEstimates
                    }
                ) { world in try await test(world, fake, folder) }
            }
        }
    }
    private func ask(_ body: String, _ world: RelayWorld) async throws -> RawReply { try await world.send(body, "/api/chat") }
    private func account(_ world: RelayWorld) throws -> RelayAccount { try #require(world.relay.services.accounts.pool.programs.first) }

    @Test func `a turn is made by the program, metered by its result, and booked to its account`() async throws {
        try await withProgram(Self.answers) { world, fake, folder async throws in
            let first = try JSON(
                parsing: try await ask(#"{"message":"Hellö","system":"Be brief","model":"claude-sonnet-5-5"}"#, world).body)
            #expect(first["response"] == "Of the prögram" && first["stop_reason"] == "end_turn", "\(first.text)")
            #expect(first["usage"]["input_tokens"] == 700 && first["usage"]["cache_read_tokens"] == 20)
            let id = try #require(first["conversation_id"].string)
            let second = try await ask(#"{"message":"And now?","conversation_id":"\#(id)","stream":true}"#, world)
            #expect(second.status == 200 && second.text.contains(#""type":"thinking""#) && second.text.contains(#""type":"done""#))
            let prompt = try JSON(parsing: try Data(contentsOf: folder.appending(path: "prompt")).map { $0 })
            let told = (prompt["message"]["content"].array ?? []).compactMap { $0["text"].string }
            #expect(
                told == [
                    "Our conversation so far, oldest first:", "I said:", "Hellö", "You said:", "Of the prögram",
                    "That is all so far. I say now:", "And now?",
                ])
            let system = try String(contentsOf: folder.appending(path: "system"), encoding: .utf8)
            #expect(system == "Be brief")
            #expect(try await fake.requests().isEmpty, "the pool was not asked")
            let program = try account(world).id
            let (history, ledger) = try await world.books()
            #expect(history.count == 2 && history.allSatisfy { $0.dialect == "chat" && $0.status == .success && $0.accountID == program })
            #expect(
                ledger.allSatisfy {
                    $0.accountID == program && $0.usageSource == .final && $0.tokens == TokenCounts(input: 700, output: 30, cacheRead: 20)
                })
            #expect(ledger.count == 2 && ledger.allSatisfy { $0.costMicroUSD > 0 })
        }
    }

    @Test(
        arguments: [
            ("sk-ant-api03-example", .authorizationBearer, "ANTHROPIC_API_KEY"),
            ("sk-ant-oat01-example", .xAPIKey, "CLAUDE_CODE_OAUTH_TOKEN"),
            ("cr_example", .authorizationBearer, "ANTHROPIC_AUTH_TOKEN"), ("cr_example", .xAPIKey, "ANTHROPIC_API_KEY"),
        ] as [(String, CredentialHeader, String)])
    func `a program gets its credential as what it is`(secret: String, header: CredentialHeader, variable: String) async throws {
        let own = WorldAccount(secret: secret, baseURL: "http://127.0.0.1:9") { details in
            (details.kind, details.header) = (.cli, header)
        }
        try await withRelay([own]) { world in
            let identity = ProgramTurns.identity(try account(world))
            #expect(identity.credentialName == variable)
        }
    }

    @Test func `of a key that has its bodies kept the program's answer is kept too`() async throws {
        try await withProgram(Self.answers, hasPool: false) { world, _, _ async throws in
            let key = world.key
            _ = try await world.change { transaction throws(StoreError) in
                var change = APIKeyChange(key)
                change.access.storesBodies = true
                return try transaction.changeAPIKey(key.id, to: change)
            }
            #expect(try await ask(#"{"message":"Hellö","stream":true}"#, world).status == 200)
            await world.relay.services.bodies.write()
            let row = try #require(
                try await world.store.read { reader throws(StoreError) in try reader.requestBodies(after: nil, limit: 10) }.first)
            let content = try row.opened(world.keyring)
            #expect(content.request.contains("Hellö"))
            #expect(content.response.contains(#""text":"prögram""#) && content.response.contains("event: message_stop"))
            #expect(row.responseBytes == content.response.utf8.count)
        }
    }

    @Test func `no other surface is ever served by a program`() async throws {
        try await withProgram(Self.answers, priority: 1) { world, fake, folder async throws in
            #expect(try await world.send().status == 200)
            let openAI = #"{"model":"claude-sonnet-5-5","messages":[{"role":"user","content":"hi"}]}"#
            #expect(try await world.send(openAI, "/v1/chat/completions").status == 200)
            #expect(try await fake.requests(finished: 2).count == 2)
            #expect(!FileManager.default.fileExists(atPath: folder.appending(path: "prompt").path))
        }
        try await withProgram(Self.answers, hasPool: false) { world, _, _ async throws in
            let reply = try await world.send()
            #expect(reply.status == 404 && reply.header("x-should-retry") == "false", "no account can ever serve it")
        }
    }

    @Test func `an account of the pool that is preferred goes first`() async throws {
        try await withProgram(Self.answers, priority: 60) { world, fake, _ async throws in
            #expect(try await ask(#"{"message":"Hi"}"#, world).status == 200)
            #expect(try await fake.requests(finished: 1).count == 1)
            world.relay.services.accounts.accounts.first?.live.failed(.held("held"), .other, now: world.clock.ambient.now())
            let reply = try JSON(parsing: try await ask(#"{"message":"Hi"}"#, world).body)
            #expect(reply["response"] == "Of the prögram", "the program when nobody better is there")
        }
    }

    @Test func `a program goes its own way, whatever became of the pool's`() async throws {
        try await withProgram(Self.answers, priority: 1) { world, _, _ async throws in
            let pool = try world.account("sk-pool")
            #expect(try account(world).route !== pool.route)
            pool.route.failed(world.clock.ambient.now())
            await world.advance(seconds: 11)
            #expect(try await ask(#"{"message":"Hi"}"#, world).text.contains("prögram"))
            #expect(try await world.send().status == 200, "its turn took nobody's probe")
        }
    }

    @Test(arguments: [(401, "401: the credential is not taken", true), (529, "529", false), (403, "403", false)])
    func `what the program's upstream refuses is the account's fault, and somebody else answers`(
        status: Int, reason: String, isBlock: Bool
    ) async throws {
        try await withProgram(Self.refuses(status)) { world, fake, _ async throws in
            let reply = try await ask(#"{"message":"Hi"}"#, world)
            #expect(reply.status == 200 && !reply.text.contains("secret words"))
            #expect(try await fake.requests(finished: 1).count == 1)
            let rest = try account(world).live.snapshot.rests.first
            #expect(rest?.reason == reason && rest?.isBlock == isBlock)
            let (history, ledger) = try await world.books()
            #expect(history.map(\.status) == [.success] && ledger.count == 1, "the failed one is not paid for")
        }
        try await withProgram(Self.refuses(status), hasPool: false) { world, _, _ async throws in
            let reply = try await ask(#"{"message":"Hi"}"#, world)
            #expect(reply.status == 529 && !reply.text.contains("secret words"), "\(reply.text)")
            #expect(try await world.books().ledger.isEmpty)
        }
    }

    @Test(arguments: [true, false])
    func `a program that fails before its first word is booked with what its upstream reported, and nobody pays`(hasPool: Bool) async throws
    {
        let begins = Self.answers.split(separator: "\n").first { $0.contains("message_start") }.map(String.init) ?? ""
        try await withProgram(begins + "\nexit 3", hasPool: hasPool) { world, _, _ async throws in
            let reply = try await ask(#"{"message":"Hi"}"#, world)
            #expect((reply.status == 200) == hasPool, "\(reply.text)")
            let program = try account(world).id
            let (history, ledger) = try await world.books()
            #expect(history.map(\.status) == [hasPool ? .success : .error])
            let lost = try #require(ledger.first)
            #expect(lost.accountID == program && !lost.charged && lost.tokens.input == 7 && lost.priceMicroUSD == 0)
            #expect(lost.attempt == 1 && lost.costMicroUSD > 0 && ledger.dropFirst().map(\.charged) == (hasPool ? [true] : []))
        }
    }

    @Test func `a program that breaks in the middle ends the stream, and what was told is billed`() async throws {
        let script = Self.answers.split(separator: "\n").filter { !$0.contains("result") }.joined(separator: "\n")
        try await withProgram(script) { world, fake, _ async throws in
            let reply = try await ask(#"{"message":"Hi","stream":true}"#, world)
            #expect(reply.status == 200 && reply.text.contains(#""type":"error""#) && !reply.text.contains(#""type":"done""#))
            #expect(try await fake.requests().isEmpty, "never a second answer after the first byte")
            let (history, ledger) = try await world.books()
            #expect(history.map(\.status) == [.error] && ledger.map(\.usageSource) == [.snapshot])
            #expect(ledger.first?.tokens.input == 7 && (ledger.first?.tokens.output ?? 0) > 1)
        }
    }

    /// Waits until the script has made that file.
    private func comes(_ name: String, in folder: URL, _ world: RelayWorld) async -> Bool {
        let path = folder.appending(path: name).path
        for _ in 1...1_000_000 { guard !FileManager.default.fileExists(atPath: path) else { break }; await world.reactor.poke() }
        return FileManager.default.fileExists(atPath: path)
    }

    @Test(arguments: [true, false])
    func `who leaves before the first word pays for the prompt, by estimate if that is billed`(billsEstimates: Bool) async throws {
        let script = #"cat > /dev/null; touch "$HOME/../../begun"; sleep 600"#
        try await withProgram(script, hasPool: false, billsEstimates: billsEstimates) { world, _, folder async throws in
            let client = try world.client()
            try await client.send(RelayWorld.request(#"{"message":"Hi"}"#, "/api/chat"))
            #expect(await comes("begun", in: folder, world))
            client.close()
            #expect(await world.hasJournalled(2))
            let (history, ledger) = try await world.books()
            #expect(history.map(\.status) == [.aborted])
            #expect(ledger.map(\.usageSource) == (billsEstimates ? [.estimated] : []))
            #expect(ledger.allSatisfy { $0.tokens.input > 0 && $0.tokens.output == 0 && $0.charged })
            let left = try FileManager.default.contentsOfDirectory(atPath: folder.appending(path: "cli").path)
            #expect(left.isEmpty, "a stopped relay has left nothing of a run: \(left)")
        }
    }

    @Test func `a busy program is waited for when the pool's account needs its operator`() async throws {
        let script = #"cat > /dev/null; touch "$HOME/../../begun"; sleep 600"#
        try await withProgram(script) { world, fake, folder async throws in
            let pool = try world.account("sk-pool").id
            let isSet = try await world.change { transaction throws(StoreError) in
                try transaction.setAccountStatus(.disabled, reason: "", of: pool)
            }
            #expect(isSet)
            let client = try world.client()
            try await client.send(RelayWorld.request(#"{"message":"Hi"}"#, "/api/chat"))
            #expect(await comes("begun", in: folder, world))
            let other = try await ask(#"{"message":"Hi"}"#, world)
            #expect(other.status == 529 && other.header("retry-after") == "1", "\(other.text)")
            #expect(try await fake.requests().isEmpty)
            client.close()
            #expect(await world.hasJournalled(4))
            #expect(try await world.books().requests.count == 2)
        }
    }

    @Test func `who leaves ends the program, its children and its place, and pays for what was told`() async throws {
        let script = #"""
            echo '{"type":"stream_event","event":{"type":"message_start","message":{"model":"claude-sonnet-5-5","usage":{"input_tokens":7}}}}'
            echo '{"type":"stream_event","event":{"type":"content_block_delta","delta":{"type":"text_delta","text":"a"}}}'
            sleep 600 &
            echo $! > "$HOME/../../grandchild"
            wait
            """#
        try await withProgram(script, hasPool: false) { world, _, folder async throws in
            let client = try world.client()
            try await client.send(RelayWorld.request(#"{"message":"Hi"}"#, "/api/chat"))
            let place = folder.appending(path: "grandchild")
            func number() -> Int32? { (try? String(contentsOf: place, encoding: .utf8)).flatMap { Int32($0.prefix { $0.isNumber }) } }
            for _ in 1...1_000_000 { guard number() == nil else { break }; await world.reactor.poke() }
            let grandchild = try #require(number())
            // One at a time: the next one has nobody to wait for.
            let other = try await ask(#"{"message":"Hi"}"#, world)
            #expect(other.status == 529 && other.header("retry-after") == "1", "\(other.text)")
            client.close()
            func isOver() -> Bool {
                let stat = (try? String(contentsOfFile: "/proc/\(grandchild)/stat", encoding: .utf8)) ?? ""
                return kill(grandchild, 0) != 0 || stat.contains(") Z ")
            }
            for _ in 1...1_000_000 { guard !isOver() else { break }; await world.reactor.poke() }
            #expect(isOver())
            let live = try account(world).live
            for _ in 1...1_000_000 { guard live.slots.inFlight > 0 else { break }; await world.reactor.poke() }
            #expect(live.slots.inFlight == 0)
            let (history, ledger) = try await world.books()
            #expect(Set(history.map(\.status)) == [.aborted, .error])
            #expect(ledger.map(\.tokens.input) == [7])
        }
    }
}
