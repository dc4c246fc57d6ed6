import API
import Domain
import Foundation
import HTTP
import Provisioning
import Relay
import Secrets
import Store
import Telemetry
import TestKit

@testable import Server

/// The whole surface on a loopback port: real store, real relay in demo mode, clock in the test's hand.
struct RunningSurface: Sendable {
    let router: Router
    let store: Store
    let keys: RelayKeys
    let people: People
    let clock: TestClock
    let port: UInt16
    /// Does the jobs that are due.
    let work: @Sendable () async throws -> Void

    func request(_ method: HTTP.Method, _ path: String) -> Request {
        Request(id: RequestID(high: 1, low: 2), method: method, path: path, headers: [:], remoteAddress: "127.0.0.1")
    }

    func key(owner: UserID? = nil, expiresIn seconds: Int64? = nil) async throws -> RelayKeys.Made {
        let end = seconds.map { store.ambient.now().adding(seconds: $0) }
        return try await keys.create(RelayKeys.Wish(name: "k", expiresAt: end), owner: owner, actor: "system")
    }

    /// The key of somebody who was blocked afterwards, and the token of somebody who is signed in.
    func blockedOwner() async throws -> (RelayKeys.Made, token: String) {
        let password = "Correct-Horse-9"
        func person(_ name: String) async throws -> User {
            try await people.create(
                email: try EmailAddress(parsing: "\(name)@example.com"), name: name, role: .customer, password: password, actor: "system")
        }
        let blocked = try await person("blocked")
        _ = try await person("ada")
        let made = try await key(owner: blocked.id)
        _ = try await people.setStatus(.blocked, of: blocked.id, actor: "system")
        await keys.changed()
        var login = request(.post, "/api/auth/login")
        login.headers.set("content-type", "application/json")
        login.body = JSON.object(["email": "ada@example.com", "password": .string(password)]).bytes
        let reply = await router.respond(to: login)
        guard let token = try JSON(parsing: reply.body)["token"].string else {
            throw RawClientError(description: "no login: \(reply.status)")
        }
        return (made, token)
    }

    func send(_ method: String, _ path: String, key: RelayKeys.Made, body: String? = nil) async throws -> RawReply {
        try await send(method, path, secret: key.secret.reveal { $0 }, body: body)
    }
    func send(_ method: String, _ path: String, secret: String?, body: String? = nil) async throws -> RawReply {
        let client = try RawClient(port: port)
        var text = "\(method) \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        if let secret { text += "Authorization: Bearer \(secret)\r\n" }
        if let body { text += "Content-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n" }
        try await client.send(text + "\r\n" + (body ?? ""))
        let reply = try await client.reply()
        client.close()
        return reply
    }

    /// A finished request of that key in the history.
    func finishedRequest(of key: RelayKeys.Made) async throws -> RequestID {
        let ambient = store.ambient
        let record = RequestRecord(
            id: RequestID(ambient), apiKeyID: key.key.id, keyName: "k", model: "claude-sonnet-5-5", path: "/v1/messages", stream: false,
            status: .success, httpStatus: 200, startedAt: ambient.now(), durationMilliseconds: 1, ttftMilliseconds: nil, attempts: 1,
            tokens: TokenCounts(), costMicroUSD: 0, priceMicroUSD: 0, usageSource: .final, upstreamRequestID: nil)
        try await store.transaction { transaction throws(StoreError) in
            _ = try transaction.settle([SettledRequest(request: record, entries: [])])
        }
        return record.id
    }
}

func withSurface(_ test: (RunningSurface) async throws -> Void) async throws {
    try await withTemporaryFolder { folder in
        let clock = TestClock()
        try await withStore(.sqlite, clock: clock) { store in
            let pepper = SecretBytes([UInt8](repeating: 7, count: 32))
            let hasher = RelayKeyHasher(pepper: pepper)
            let log = Log.silent
            let people = People(
                store: store, passwords: PasswordHasher(cost: PasswordHasher.Cost(operations: 1, memoryBytes: 8192)),
                rule: PasswordRule(minimumLength: 8))
            let reactor = try Reactor(index: 0, ambient: clock.ambient)
            try reactor.start()
            var configuration = RelayConfiguration(dataDirectory: folder.path)
            configuration.isDemo = true
            let metrics = Metrics()
            let keyring = try Keyring.open(
                [try Keyring.makeDataKey(encryptionKey: pepper, ambient: clock.ambient)], encryptionKey: pepper, legacyKey: nil,
                ambient: clock.ambient)
            let relay = try Relay(
                configuration, store: store, keyring: keyring, reloadKeyring: { keyring }, hasher: hasher, reactors: [reactor], log: log,
                metrics: metrics)
            try await relay.start()
            let keys = RelayKeys(store: store, hasher: hasher, rotated: relay.rotatedKey(from:)) { try? await relay.refresh() }
            let settings = try Settings(environment: ["ALLOW_LOOPBACK_UPSTREAM": "true"], file: nil, readFile: { _ in nil })
            let parts = try SalesParts(
                settings: settings, store: store, dataKeys: DataKeys(keyring), hasher: hasher, log: log, metrics: metrics, changed: {})
            let surface = Surface(
                settings: settings, store: store, relay: relay, metrics: metrics,
                startedAt: clock.ambient.now(), people: people, keys: keys, tokenKey: pepper, dataKeys: DataKeys(keyring),
                parts: parts, log: log, isReady: { true })
            let router = surface.router()
            let server = try Server(ServerConfiguration(), reactors: [reactor], handler: router)
            let port = try await server.start()
            let outcome: Result<Void, any Error>
            do {
                try await test(
                    RunningSurface(router: router, store: store, keys: keys, people: people, clock: clock, port: port) {
                        try await parts.workers.drain()
                    })
                outcome = .success(())
            } catch { outcome = .failure(error) }
            await server.drain(deadline: .zero)
            reactor.stop()
            try outcome.get()
        }
    }
}
