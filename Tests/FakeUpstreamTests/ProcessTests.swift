import TestKit
import Testing

struct ProcessTests {
    @Test func `the program starts, is scripted, remembers, and ends`() async throws {
        try await withFakeUpstream { fake in
            try await fake.script("sk-one", ["status=529"])
            let client = try RawClient(port: fake.port)
            defer { client.close() }
            for expected in [529, 200] {
                try await client.send(WireTests.request(WireTests.body))
                #expect(try await client.reply().status == expected)
            }
            #expect(try await fake.requests(finished: 2).count == 2)
            #expect(try await fake.ledger().count == 1)
            #expect(try await fake.violations().isEmpty)
            try await fake.reset()
            #expect(try await fake.requests().isEmpty)
        }
    }
}
