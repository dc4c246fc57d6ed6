import Domain
import Foundation
import HTTP
import Secrets
import Store
import Telemetry
import TestKit
import Testing

@testable import Relay

/// The real relay behind the real server, on SQLite, with a clock that the test moves.
struct RelayWorld: Sendable {
    static let secret = "cr_" + String(repeating: "ab12", count: 16)
    static let body = #"{"model":"claude-sonnet-5-5","max_tokens":64,"messages":[{"role":"user","content":"hé 🌍"}]}"#
    static let streamBody = #"{"stream":true, "model":"claude-sonnet-5-5","max_tokens":64,"messages":[{"role":"user","content":"hé"}]}"#

    let relay: Relay
    let store: Store
    let metrics: Metrics
    let key: APIKey
    let reactor: Reactor
    let server: Server
    let clock: TestClock
    let port: UInt16
    let keyring: Keyring

    /// The living side of the account of that secret.
    func account(_ secret: String) throws -> RelayAccount {
        try #require(relay.services.accounts.accounts.first { $0.account.details.name == secret })
    }
    /// Runs a change of the store, then has the pool read it.
    func change<Value: Sendable>(_ body: @escaping @Sendable (Transaction) throws(StoreError) -> Value) async throws -> Value {
        let value = try await store.transaction(body)
        try await relay.refresh()
        return value
    }

    let hasher: RelayKeyHasher

    /// Another customer's key.
    func addKey(_ secret: String) async throws {
        try await store.transaction { [hasher] transaction throws(StoreError) in
            _ = try transaction.createAPIKey(
                NewAPIKey(
                    ownerID: nil, name: "another key", secretHash: hasher.hash(Array(secret.utf8)), shownPrefix: "cr_cd34",
                    shownSuffix: "cd34"))
        }
        try await relay.refresh()
    }

    func client() throws -> RawClient { try RawClient(port: port) }

    static func request(_ body: String, _ path: String = "/v1/messages", headers: [String] = ["x-api-key: " + secret]) -> String {
        let fields = (headers + ["host: relay.example.com", "content-type: application/json", "content-length: \(body.utf8.count)"])
        return "POST \(path) HTTP/1.1\r\n" + fields.map { $0 + "\r\n" }.joined() + "\r\n" + body
    }

    /// One POST on a connection of its own.
    func send(_ body: String = body, _ path: String = "/v1/messages", headers: [String] = ["x-api-key: " + secret]) async throws -> RawReply
    {
        let client = try client()
        defer { client.close() }
        try await client.send(Self.request(body, path, headers: headers))
        return try await client.reply()
    }
    func get(_ path: String, headers: [String] = ["x-api-key: " + secret]) async throws -> RawReply {
        let client = try client()
        defer { client.close() }
        let fields = (headers + ["host: relay.example.com"]).map { $0 + "\r\n" }.joined()
        try await client.send("GET \(path) HTTP/1.1\r\n\(fields)\r\n")
        return try await client.reply()
    }

    func advance(seconds: Int64) async {
        clock.advance(milliseconds: seconds * 1000)
        await reactor.poke()
    }

    /// Waits for that many journal records; a hundred thousand turns of the loop are enough for anything that is still to come.
    func hasJournalled(_ count: Int) async -> Bool {
        for _ in 1...100_000 where relay.pendingRecords < count { await reactor.poke() }
        return relay.pendingRecords >= count
    }

    /// Whether every client's connection closes.
    func hasNoConnection() async -> Bool {
        for _ in 1...100_000 where server.openConnections > 0 { await reactor.poke() }
        return server.openConnections == 0
    }

    /// Stops the relay, which moves everything to the ledger.
    func books() async throws -> (requests: [RequestRecord], ledger: [LedgerEntry]) {
        await relay.stop()
        await relay.run()
        return try await store.read { reader throws(StoreError) in
            (
                try reader.history(HistoryFilter(apiKeyID: key.id), limit: 500).items, try reader.ledger(limit: 500).items
            )
        }
    }
}

struct WorldAccount: Sendable {
    var secret: String
    var baseURL: String
    var change: @Sendable (inout AccountDetails) -> Void = { _ in }
    /// Makes it an OAuth account: `secret` is its access token, unless `lacksAccess`.
    var refreshToken: String?
    var lacksAccess = false
    /// Of the access token, from the start of the test.
    var lifeSeconds: Int64 = 3600
    var proxy: String?
}

func withRelay(
    _ accounts: [WorldAccount], limits: APIKeyLimits = APIKeyLimits(), allowedModels: String? = nil, expiresAt: Timestamp? = nil,
    clock: TestClock = TestClock(sleeping: .pauses), configure: @Sendable (inout RelayConfiguration) -> Void = { _ in },
    serving: ServerConfiguration = ServerConfiguration(), _ test: (RelayWorld) async throws -> Void
) async throws {
    try await withTemporaryFolder { folder in
        try await withStore(.sqlite, clock: clock) { store in
            let password = SecretBytes(Array("an encryption key of a test".utf8))
            let keyring = try Keyring.open(
                [try Keyring.makeDataKey(encryptionKey: password, ambient: clock.ambient)], encryptionKey: password, legacyKey: nil,
                ambient: clock.ambient)
            let hasher = RelayKeyHasher(pepper: SecretBytes([1, 2, 3]))
            let key = try await store.transaction { transaction throws(StoreError) in
                for account in accounts {
                    var details = AccountDetails(name: account.secret, baseURL: account.baseURL)
                    account.change(&details)
                    if account.refreshToken != nil { details.kind = .oauth }
                    let made = try transaction.createAccount(details) { id in
                        keyring.seal(Array(account.secret.utf8), for: AccountSeal.secret(id))
                    }
                    if let proxy = account.proxy {
                        _ = try transaction.setAccountProxy(keyring.seal(Array(proxy.utf8), for: AccountSeal.proxy(made.id)), of: made.id)
                    }
                    guard let refresh = account.refreshToken else { continue }
                    try transaction.setAccountToken(
                        TokenSource(tokenURL: account.baseURL + "/oauth/token", clientID: "client-1"), clientSecretSealed: nil,
                        refreshSealed: keyring.seal(Array(refresh.utf8), for: AccountSeal.refresh(made.id)),
                        accessSealed: account.lacksAccess
                            ? nil : keyring.seal(Array(account.secret.utf8), for: AccountSeal.access(made.id)),
                        expiresAt: transaction.ambient.now().adding(seconds: account.lifeSeconds), of: made.id)
                }
                return try transaction.createAPIKey(
                    NewAPIKey(
                        ownerID: nil, name: "a key", secretHash: hasher.hash(Array(RelayWorld.secret.utf8)), shownPrefix: "cr_ab12",
                        shownSuffix: "ab12", limits: limits, allowedModels: allowedModels, expiresAt: expiresAt))
            }
            let reactor = try Reactor(index: 0, ambient: clock.ambient)
            try reactor.start()
            let metrics = Metrics()
            var configuration = RelayConfiguration(dataDirectory: folder.path)
            configuration.allowsLoopback = true
            configure(&configuration)
            let relay = try Relay(
                configuration, store: store, keyring: keyring, reloadKeyring: { keyring }, hasher: hasher, reactors: [reactor],
                log: .silent, metrics: metrics)
            try await relay.start()
            let router = Router([], raw: relay.routes, options: RouterOptions { _, _ in Problem(.internalError) })
            let server = try Server(
                serving, reactors: [reactor], handler: router, hooks: Server.Hooks(errorResponder: Router.errorResponder))
            let port = try await server.start()
            let outcome: Result<Void, any Error>
            do {
                try await test(
                    RelayWorld(
                        relay: relay, store: store, metrics: metrics, key: key, reactor: reactor, server: server, clock: clock,
                        port: port, keyring: keyring, hasher: hasher))
                outcome = .success(())
            } catch { outcome = .failure(error) }
            await server.drain(deadline: .zero)
            reactor.stop()
            try outcome.get()
        }
    }
}
