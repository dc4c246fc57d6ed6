internal import Domain
internal import Secrets
internal import Store
internal import Telemetry

@testable internal import HTTP
@testable internal import Relay

/// A relay with many keys, none of whose limits is ever reached.
struct Pool {
    static let keysOfPerson = 10
    static let peopleOfTeam = 10
    /// Rows written in one transaction.
    private static let group = 1000

    let relay: Relay
    let secrets: [String]

    /// - Parameters:
    ///   - limits: of every key.
    ///   - shared: of every person and every team.
    ///   - folder: for the database and the journal.
    static func make(_ count: Int, _ limits: APIKeyLimits, shared: APIKeyLimits, in folder: String) async throws -> Pool {
        let store = try await Store.open(try DatabaseLocation(parsing: "sqlite:///" + folder + "/keys.db"), ambient: .live)
        _ = try await store.migrate()
        let ambient = store.ambient
        let password = SecretBytes(ambient.randomBytes(32))
        let keyring = try Keyring.open(
            [try Keyring.makeDataKey(encryptionKey: password, ambient: ambient)], encryptionKey: password, legacyKey: nil, ambient: ambient)
        let hasher = RelayKeyHasher(pepper: SecretBytes(ambient.randomBytes(32)))
        let secrets = (0..<count).map { _ in "cr_" + Hex.text(ambient.randomBytes(32)) }
        for start in stride(from: 0, to: count, by: group) {
            try await store.transaction { transaction throws(StoreError) in
                var team: TeamID?
                var person: UserID?
                for index in start..<min(start + group, count) {
                    if index % (keysOfPerson * peopleOfTeam) == 0 {
                        team = try transaction.createTeam(name: "team \(index)", limits: shared).id
                    }
                    if index % keysOfPerson == 0 {
                        let made = try transaction.createUser(
                            NewUser(email: "person\(index)@example.com", name: "", role: .customer, passwordHash: "none")
                        ).id
                        _ = try transaction.setSharedLimits(shared, SharedAccess(), of: made)
                        _ = try transaction.setTeam(team, of: made)
                        person = made
                    }
                    _ = try transaction.createAPIKey(
                        NewAPIKey(
                            ownerID: person, name: "key \(index)", secretHash: hasher.hash(Array(secrets[index].utf8)), shownPrefix: "",
                            shownSuffix: "", limits: limits))
                }
            }
        }
        let relay = try Relay(
            RelayConfiguration(dataDirectory: folder), store: store, keyring: keyring, reloadKeyring: { keyring }, hasher: hasher,
            reactors: [try Reactor(index: 0, ambient: ambient)], log: .silent, metrics: Metrics())
        try await relay.start()
        return Pool(relay: relay, secrets: secrets)
    }

    /// Every limit there is, so wide that all requests fit.
    static var allLimits: APIKeyLimits {
        var limits = APIKeyLimits(
            requestsPerMinute: APIKeyLimits.largest, tokensPerDay: APIKeyLimits.largest, concurrency: 1_000_000,
            costPerDayMicroUSD: APIKeyLimits.largest)
        for member in APIKeyLimits.members
        where limits[keyPath: member.path] == nil && !["hard_stop", "queue_length"].contains(member.name) {
            limits[keyPath: member.path] = member.range.upperBound
        }
        return limits
    }

    /// What most keys have.
    static var usualLimits: APIKeyLimits {
        var limits = APIKeyLimits(requestsPerMinute: APIKeyLimits.largest, tokensPerDay: APIKeyLimits.largest, concurrency: 1_000_000)
        limits.costPerMonthMicroUSD = APIKeyLimits.largest
        return limits
    }

    /// As a client sends it.
    static func head(_ secret: String) throws -> RequestHead {
        var parser = RequestParser()
        let text = """
            POST /v1/messages?beta=true HTTP/1.1\r
            host: relay.example.com\r
            user-agent: claude-cli/2.1.0 (external, cli)\r
            accept: application/json\r
            anthropic-version: 2023-06-01\r
            x-api-key: \(secret)\r
            content-type: application/json\r
            content-length: 2000\r
            \r

            """
        let bytes = Array(text.utf8)
        guard try parser.parse(bytes.span) == .complete(length: bytes.count) else { throw RequestFault.lineEnding }
        return parser.take(bytes.span, length: bytes.count)
    }
}
