import Domain
import HTTP
import Secrets
import Store
import TestKit
import Testing

@testable import API

/// Keys of the older relay (relay contract, section 2): taken over by the hash that it keeps.
struct OlderKeyImportTests {
    private static let salt = "0f5b9f0c2d8e4a61b7c3d9e8f0a1b2c3"
    private static func hash(_ key: String) -> String { Hex.text(Hashing.sha256(Array((key + salt).utf8))) }
    private static let secret = "cr_" + String(repeating: "ab12", count: 16)

    /// As its export has it: every value a text.
    private static func row(_ more: [String: String] = [:]) -> JSON {
        var members = [
            "id": "3b0f6a3e-0000-4000-8000-000000000001", "name": "4711", "description": "", "apiKey": hash(secret), "tokenLimit": "1000",
            "concurrencyLimit": "2", "rateLimitWindow": "60", "rateLimitRequests": "10", "rateLimitCost": "1.25", "dailyCostLimit": "3",
            "totalCostLimit": "0", "weeklyOpusCostLimit": "0", "isActive": "true", "permissions": "all", "enableModelRestriction": "true",
            "restrictedModels": #"["claude-opus-*"]"#, "enableClientRestriction": "false", "allowedClients": "[]", "tags": #"["team-a"]"#,
            "expirationMode": "fixed", "activationDays": "0", "activationUnit": "days", "isActivated": "true", "activatedAt": "",
            "expiresAt": "2027-01-01T00:00:00.000Z", "createdAt": "2025-01-01T00:00:00.000Z", "lastUsedAt": "", "createdBy": "admin",
            "geminiAccountId": "", "claudeAccountId": "", "isDeleted": "false",
        ]
        for (name, value) in more { members[name] = value }
        return .object(JSONObject(members.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) }))
    }

    private func keys(_ store: Store) async throws -> [APIKey] {
        try await store.read { reader throws(StoreError) in try reader.apiKeys(owner: nil, after: nil, limit: 100).items }
    }

    @Test func `a key comes with its limits and restrictions, once, and is found by what its customer holds`() async throws {
        try await withStore(.sqlite) { store in
            let export: JSON = ["metadata": [:], "data": ["apiKeys": [Self.row()]]]
            let rehearsal = try await OlderKeyImport(store).run(export, isRehearsal: true)
            #expect(rehearsal.taken == 1)
            #expect(try await keys(store).isEmpty)
            for known in [0, 1] {
                let report = try await OlderKeyImport(store).run(export, isRehearsal: false)
                #expect(report == .init(found: 1, taken: 1 - known, known: known))
            }
            let key = try #require(try await keys(store).first)
            #expect(key.name == "4711" && key.tags == ["team-a"] && key.hashAlgorithm == RelayKeyHasher.olderAlgorithm)
            #expect(key.limits.tokensTotal == 1000 && key.limits.concurrency == 2 && key.limits.windowCostMicroUSD == 1_250_000)
            #expect(key.limits.windowMinutes == 60 && key.limits.costPerDayMicroUSD == 3_000_000 && key.limits.costTotalMicroUSD == nil)
            #expect(key.access.deniedModels == ["claude-opus-*"] && key.access.activationSeconds == nil)
            #expect(key.expiresAt == Timestamp(year: 2027, month: 1, day: 1))
            let hasher = RelayKeyHasher(pepper: SecretBytes([1]), olderSalt: SecretBytes(Array(Self.salt.utf8)))
            #expect(
                try await RelayKeys(store: store, hasher: hasher, changed: {}).held(secret: Self.secret, from: "192.0.2.1").id == key.id)
            let without = RelayKeys(store: store, hasher: RelayKeyHasher(pepper: SecretBytes([1])), changed: {})
            await #expect(throws: Problem.self) { _ = try await without.held(secret: Self.secret, from: "192.0.2.1") }
        }
    }

    @Test(arguments: [false, true])
    func `a key that was used or removed here is not taken a second time`(isRemoved: Bool) async throws {
        try await withStore(.sqlite) { store in
            _ = try await OlderKeyImport(store).run([Self.row()], isRehearsal: false)
            let key = try #require(try await keys(store).first)
            let old = try #require(Hex.bytes(Self.hash(Self.secret)))
            let isDone = try await store.transaction { transaction throws(StoreError) in
                guard isRemoved else {
                    return try transaction.rehashAPIKey(
                        key.id, from: old, to: Array(0..<32), algorithm: RelayKeyHasher.algorithm, shownPrefix: "cr_ab12",
                        shownSuffix: "ab12")
                }
                _ = try transaction.deleteAPIKey(key.id)
                return try transaction.purgeAPIKey(key.id)
            }
            #expect(isDone)
            for isRehearsal in [true, false] {
                let again = try await OlderKeyImport(store).run([Self.row()], isRehearsal: isRehearsal)
                #expect(again == .init(found: 1, taken: 0, known: 1))
            }
            #expect(try await keys(store).count == (isRemoved ? 0 : 1))
        }
    }

    @Test(arguments: [
        (["apiKey": "cr_plain"], "apiKey"), (["apiKey": ""], "apiKey"), (["permissions": "gemini"], "permissions"),
        (["unheardOfLimit": "5"], "unheardOfLimit"), (["dailyCostLimit": "-1"], "dailyCostLimit"), (["name": ""], "name"),
        (["expirationMode": "activation", "isActivated": "false"], "activationDays"),
    ])
    func `a key that would lose a rule is left out and named`(more: [String: String], field: String) async throws {
        try await withStore(.sqlite) { store in
            let good = Self.row(["apiKey": Self.hash("cr_another_key_of_a_test")])
            let report = try await OlderKeyImport(store).run([Self.row(more), good], isRehearsal: false)
            #expect(report.found == 2 && report.taken == 1 && report.leftOut.count == 1)
            #expect(report.leftOut.first?.contains(field) == true, "\(report.leftOut)")
            #expect(try await keys(store).count == 1)
        }
    }

    @Test func `a lifetime that has not begun begins here, a binding is told of, deleted keys stay behind`() async throws {
        try await withStore(.sqlite) { store in
            let waiting = Self.row([
                "expirationMode": "activation", "isActivated": "false", "activationDays": "3", "expiresAt": "", "claudeAccountId": "acc-1",
            ])
            let deleted = Self.row(["apiKey": Self.hash("cr_deleted_key_of_a_test"), "isDeleted": "true"])
            let report = try await OlderKeyImport(store).run(["apiKeys": [waiting, deleted]], isRehearsal: false)
            #expect(report.found == 1 && report.taken == 1 && report.notes.count == 1 && report.notes[0].contains("account bind"))
            let key = try #require(try await keys(store).first)
            #expect(key.access.activationSeconds == 3 * 86_400 && key.expiresAt == nil && key.accountBinding == nil)
            await #expect(throws: InputErrors.self) { try await OlderKeyImport(store).run(["keys": []], isRehearsal: false) }
        }
    }
}
