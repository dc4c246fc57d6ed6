import Store
import Telemetry
import TestKit
import Testing

@testable import Relay

/// An upstream that is slow, silent or wrong, spoken byte by byte, with the clock moved by hand.
struct SlowUpstreamTests {
    private static let head =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nrequest-id: req_up\r\ntransfer-encoding: chunked\r\n\r\n"
    private static let start =
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"claude-sonnet-5-5\",\"usage\":{\"input_tokens\":7,\"output_tokens\":1}}}\n\n"
    private static let stop =
        "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{},\"usage\":{\"output_tokens\":9}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"
    private static func chunk(_ text: String) -> String { String(text.utf8.count, radix: 16) + "\r\n" + text + "\r\n" }

    /// A stream's request that has arrived at the upstream.
    private func withStream(
        configure: @Sendable (inout RelayConfiguration) -> Void = { _ in },
        _ test: (_ world: RelayWorld, _ client: RawClient, _ peer: RawClient) async throws -> Void
    ) async throws {
        let listener = try RawListener()
        defer { listener.close() }
        try await withRelay([WorldAccount(secret: "sk-account-one", baseURL: "http://127.0.0.1:\(listener.port)")], configure: configure) {
            world in
            let client = try world.client()
            defer { client.close() }
            try await client.send(RelayWorld.request(RelayWorld.streamBody))
            let peer = try await listener.accept()
            defer { peer.close() }
            let request = try await peer.text(until: RelayWorld.streamBody)
            #expect(request.contains("x-api-key: sk-account-one") && request.contains("accept-encoding: identity"))
            try await test(world, client, peer)
        }
    }

    @Test func `the reply begins with the first event, not with the head or a ping`() async throws {
        try await withStream { world, client, peer in
            try await peer.send(Self.head + Self.chunk("event: ping\ndata: {\"type\":\"ping\"}\n\n"))
            await world.advance(seconds: 1)
            try await peer.send(Self.chunk(Self.start))
            let text = try await client.text(until: "message_start")
            #expect(text.hasPrefix("HTTP/1.1 200 ") && text.contains("event: ping"))
            try await peer.send(Self.chunk(Self.stop) + "0\r\n\r\n")
            _ = try await client.text(until: "0\r\n\r\n")
            let (history, ledger) = try await world.books()
            #expect(history.first?.status == .success && ledger.first?.tokens.output == 9)
        }
    }

    @Test(arguments: [true, false])
    func `with JOURNAL_FSYNC=always the last event waits for the disk`(syncsAlways: Bool) async throws {
        try await withStream(configure: { $0.syncsAlways = syncsAlways }) { world, client, peer in
            let syncs = world.metrics.counter(.journalSyncs)
            try await peer.send(Self.head + Self.chunk(Self.start))
            _ = try await client.text(until: "}}}\n\n\r\n")
            #expect(syncs.value == 0)
            try await peer.send(Self.chunk(Self.stop) + "0\r\n\r\n")
            let text = try await client.text(until: "message_stop\"}\n\n")
            #expect(syncs.value == (syncsAlways ? 1 : 0) && text.contains("message_delta"))
            _ = try await client.text(until: "0\r\n\r\n")
            let (_, ledger) = try await world.books()
            #expect(ledger.map(\.usageSource) == [.final])
        }
    }

    @Test func `silence is filled with pings, but never inside a frame`() async throws {
        try await withStream { world, client, peer in
            try await peer.send(Self.head + Self.chunk(Self.start))
            _ = try await client.text(until: "}}}\n\n\r\n")
            await world.advance(seconds: 16)
            #expect(try await client.text(until: "\n\n").contains("event: ping"))
            // Half a frame: whatever time passes, nothing may come between its halves.
            let (first, second) = (Self.stop.prefix(40), Self.stop.dropFirst(40))
            try await peer.send(Self.chunk(String(first)))
            _ = try await client.text(until: String(first))
            await world.advance(seconds: 16)
            await world.advance(seconds: 16)
            try await peer.send(Self.chunk(String(second)) + "0\r\n\r\n")
            #expect(!(try await client.text(until: "message_stop\"}")).contains("event: ping"))
        }
    }

    @Test func `an upstream that says nothing more is given up after its time`() async throws {
        try await withStream { world, client, peer in
            try await peer.send(Self.head + Self.chunk(Self.start))
            _ = try await client.text(until: "}}}\n\n\r\n")
            for _ in 1...40 { await world.advance(seconds: 10) }
            #expect(try await client.text(until: "0\r\n\r\n").contains("event: error"))
            #expect(try await peer.rest().isEmpty, "its connection is closed")
            let (history, ledger) = try await world.books()
            #expect(history.first?.status == .error && ledger.map(\.usageSource) == [.snapshot])
        }
    }

    @Test func `no first byte in time is 504`() async throws {
        try await withStream { world, client, _ in
            for _ in 1...80 { await world.advance(seconds: 10) }
            let reply = try await client.reply()
            #expect(reply.status == 504 && reply.text.contains("timeout_error"))
            let (history, _) = try await world.books()
            #expect(history.first?.status == .error)
        }
    }

    @Test(arguments: [
        "SSH-2.0-OpenSSH\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello", "HTTP/1.1 999 Odd\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", "",
    ]) func `garbage from the upstream is 502`(answer: String) async throws {
        try await withStream { world, client, peer in
            try await peer.send(answer)
            peer.finishSending()
            let reply = try await client.reply()
            #expect(reply.status == 502 && reply.text.contains("api_error"), "\(reply.text)")
            let (history, _) = try await world.books()
            #expect(history.map(\.status) == [.error])
        }
    }

    @Test func `a slot is free again when the client leaves before the answer`() async throws {
        try await withStream { world, client, peer in
            client.reset()
            #expect(try await peer.rest().isEmpty, "the upstream is closed at once")
            #expect(await world.hasJournalled(2))
            let (history, ledger) = try await world.books()
            #expect(history.map(\.status) == [.aborted] && ledger.map(\.usageSource) == [.estimated])
        }
    }
}
