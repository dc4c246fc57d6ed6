import TestKit
import Testing

@testable import Relay

struct APIVersionTests {
    private static let version = "anthropic-version"

    @Test(arguments: ["2023-06-01", "2026-10-21"])
    func `requests that are built here name the version of the settings, clients' own pass`(version: String) async throws {
        try await withFakeUpstream { fake in
            try await withRelay(
                [WorldAccount(secret: "sk-account-one", baseURL: fake.baseURL)], configure: { $0.limits.apiVersion = version }
            ) { world in
                let question = #"{"model":"claude-sonnet-5-5","messages":[{"role":"user","content":"hi"}],"max_tokens":9}"#
                #expect(try await world.send(#"{"message":"hi"}"#, "/api/chat").status == 200)
                #expect(try await world.send(question, "/v1/chat/completions").status == 200)
                #expect(try await world.send(question, "/v1/messages", headers: ["x-api-key: \(RelayWorld.secret)"]).status == 200)
                let own = ["x-api-key: \(RelayWorld.secret)", "\(Self.version): 2026-10-21"]
                #expect(try await world.send(question, "/v1/messages", headers: own).status == 200)
                let named = try await fake.requests(finished: 4).map { request in
                    (request["headers"] as? [[String]])?.filter { $0.first == Self.version }.map { $0.last }
                }
                #expect(named == [[version], [version], ["2023-06-01"], ["2026-10-21"]])
            }
        }
    }
}
