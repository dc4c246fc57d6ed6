import API
import Domain
import HTTP
import Secrets
import Store
import Synchronization
import Telemetry
import TestKit

/// The endpoints that need a person, over a real store, with password hashes that cost next to nothing.
final class SignedInSurface: Sendable {
    static let password = "Correct-Horse-9"
    let store: Store
    let clock: TestClock
    let people: People
    let signIn: SignIn
    let passwords = PasswordHasher(cost: PasswordHasher.Cost(operations: 1, memoryBytes: 8192))
    let hasher = RelayKeyHasher(pepper: SecretBytes([UInt8](repeating: 7, count: 32)))
    let keys: RelayKeys
    let accounts: RelayAccounts
    let keyring: Keyring
    /// As another process has it after a rotation; `dataKeys` learns it.
    let rotated: Keyring
    let dataKeys: DataKeys
    let router: Router
    let metrics = Metrics()
    /// What went to the log.
    let written = WrittenLines()
    private let changes: Counter

    /// How often the data path was told that keys have changed.
    var keyChanges: Int { changes.count.load(ordering: .relaxed) }
    private final class Counter: Sendable { let count = Atomic<Int>(0) }

    init(
        _ store: Store, _ clock: TestClock, registration: SignIn.Registration = .off, isPlain: Bool = false,
        promoteSecret: String? = nil, verification: EmailVerification = .off
    ) {
        let limiter = AttemptLimiter(store)
        let log = Log(level: .info, output: written, now: clock.ambient.now)
        self.store = store
        self.clock = clock
        let changes = Counter()
        self.changes = changes
        people = People(store: store, passwords: passwords, rule: PasswordRule(minimumLength: 8))
        keys = RelayKeys(store: store, hasher: hasher) { _ = changes.count.wrappingAdd(1, ordering: .relaxed) }
        let password = SecretBytes([UInt8](repeating: 5, count: 32))
        let rings: [Keyring]
        do throws(SecretsError) {
            let first = try Keyring.makeDataKey(encryptionKey: password, ambient: clock.ambient)
            let second = try Keyring.makeDataKey(encryptionKey: password, ambient: clock.ambient)
            rings = [
                try Keyring.open([first], encryptionKey: password, legacyKey: nil, ambient: clock.ambient),
                try Keyring.open([first, second], encryptionKey: password, legacyKey: nil, ambient: clock.ambient),
            ]
        } catch { rings = [] }
        guard let keyring = rings.first, let rotated = rings.last else { preconditionFailure("a keyring of a test") }
        self.keyring = keyring
        self.rotated = rotated
        dataKeys = DataKeys(keyring) { _ throws(SecretsError) in rotated }
        let factors = SecondFactors(store: store, keys: dataKeys, issuer: "Gatehouse")
        var ports = RelayAccounts.Ports()
        ports.changed = { _ = changes.count.wrappingAdd(1, ordering: .relaxed) }
        ports.test = { _, _ in (true, "works", "works (200)") }
        ports.explain = { model, key in
            [
                "model": .string(model), "family": "sonnet", "key": key.map { .string($0.id.text) } ?? .null, "binding": nil,
                "account": nil,
                "free_at": nil, "accounts": [],
            ]
        }
        accounts = RelayAccounts(store: store, keyring: { keyring }, allowsLoopback: false, ports: ports)
        signIn = SignIn(
            people: people, algorithm: .hs256, key: SecretBytes([UInt8](repeating: 9, count: 32)),
            limiter: limiter, registration: registration, lifetimeMinutes: 60, verification: verification, factors: factors,
            log: log, metrics: metrics)
        let door = SessionDoor(signIn, cookie: SessionCookie(isPlain: isPlain))
        let problems = Problems(log: log)
        let shares = ShareTokens(key: SecretBytes([UInt8](repeating: 9, count: 32)))
        let promotion = Promotion(
            store: store, secret: promoteSecret.map { SecretBytes(Array($0.utf8)) }, limiter: limiter, log: log)
        router = Router(
            Authentication(door).endpoints + TokenEndpoints(door).endpoints + SecondFactorEndpoints(factors, people, door).endpoints
                + PromotionEndpoints(promotion, people, door).endpoints
                + AccountLinkEndpoints(AccountLinks(people: people, limiter: limiter, sendsMail: true, log: log), people, door).endpoints
                + Keys(keys, door).endpoints
                + Users(people, keys, door).endpoints + Accounts(accounts, door).endpoints
                + AccountGroupEndpoints(accounts, door).endpoints + Stats(keys, door).endpoints
                + HistoryCleanup(store, door, retentionMilliseconds: 30 * 86_400_000).endpoints
                + WebAuth(door, adminEmail: "admin@example.com", isSecure: !isPlain).endpoints
                + OlderKeys(keys, door, shares).endpoints + OlderStats(keys, shares) { _, _ in nil }.endpoints
                + KeyAdministration(keys, door) { _, _ in ["admitted": true] }.endpoints
                + OlderPool(
                    store, door, PoolView(prices: { [] }, inFlight: { [] }, usableAccounts: { 0 }), changed: keys.changed
                ).endpoints + OlderAccounts(accounts, door).endpoints, options: RouterOptions { problems.describe($0, $1) })
    }

    final class WrittenLines: LogOutput {
        private let lines = Mutex<[String]>([])
        var text: String { lines.withLock { $0.joined() } }
        func write(_ line: [UInt8], to channel: LogChannel) { lines.withLock { $0.append(String(decoding: line, as: UTF8.self)) } }
    }

    func person(_ name: String, _ role: UserRole = .customer) async throws -> User {
        try await people.create(
            email: try EmailAddress(parsing: "\(name)@example.com"), name: name, role: role, password: Self.password, actor: "system")
    }

    func send(
        _ method: HTTP.Method, _ path: String, _ body: JSON? = nil, headers: Headers = [:], token: String? = nil,
        address: String = "192.0.2.1"
    ) async -> Response {
        let parts = path.split(separator: "?", maxSplits: 1).map(String.init)
        var request = PublicSurface.request(method, parts[0], headers: headers, remoteAddress: address)
        if parts.count == 2 { request.query = parts[1] }
        if let token { request.headers.set("authorization", "Bearer \(token)") }
        if let body {
            request.headers.set("content-type", "application/json")
            request.body = body.bytes
        }
        return await router.respond(to: request)
    }

    func login(_ name: String, password: String = SignedInSurface.password, cookie: Bool = false, address: String = "192.0.2.1") async
        -> Response
    {
        await send(
            .post, "/api/auth/login",
            ["email": .string("\(name)@example.com"), "password": .string(password), "session": cookie ? "cookie" : "bearer"],
            address: address)
    }
    /// The newest session of that person.
    func session(_ name: String) async throws -> SessionID? {
        try await store.read { reader throws(StoreError) in
            try reader.user(email: "\(name)@example.com").flatMap { user throws(StoreError) in
                try reader.activeSessions(of: user.id).first?.id
            }
        }
    }
    func token(_ name: String) async -> String { await login(name).json["token"].string ?? "" }
}

func withSignedInSurface(
    _ database: TestDatabase = .sqliteInMemory, registration: SignIn.Registration = .off, isPlain: Bool = false,
    promoteSecret: String? = nil, verification: EmailVerification = .off, _ test: (SignedInSurface) async throws -> Void
) async throws {
    let clock = TestClock()
    try await withStore(database, clock: clock) { store in
        try await test(
            SignedInSurface(
                store, clock, registration: registration, isPlain: isPlain, promoteSecret: promoteSecret, verification: verification))
    }
}
