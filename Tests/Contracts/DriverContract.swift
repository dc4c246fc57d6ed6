import Domain
import Drivers
import FakeUpstreamParts
import HTTP
import Provisioning
import Store
import TestKit
import Testing

/// What every driver keeps, whatever its kind: each call may come twice, looking always tells the truth, and what was terminated is gone.
func driverContract(
    _ driver: any ServiceDriver, limits: JSON, others: JSON, ambient: Ambient, owner: UserID? = nil, backend: BackendAccess? = nil
)
    async throws
{
    try driver.check(limits: limits)
    try driver.check(limits: others)
    #expect(throws: InputErrors.self) { try driver.check(limits: ["no such limit": 1]) }
    #expect(throws: InputErrors.self) { try driver.check(options: ["no such option": 1]) }
    #expect(!driver.limits.isEmpty)
    var service = ServiceOrder(id: ServiceID(ambient), owner: owner, label: "contract", limits: limits, backend: backend)
    let prepared = try driver.prepare(service, ambient)
    var choices = prepared.choices
    for claim in prepared.claims { choices[claim.name] = claim.choose([]).map { .string($0) } }
    service.choices = .object(choices)
    service.details = .object(prepared.details)
    service.secret = prepared.secret
    func look() async throws -> Presence { try await driver.look(service).presence }

    #expect(try await look() == .absent)
    let first = try await driver.create(service)
    #expect(try await driver.create(service) == first, "a repeated create gives the same service")
    #expect(try await look() == .active)
    service.desired = .suspended
    for _ in 1...2 { #expect(try await driver.suspend(service).presence == .suspended) }
    #expect(try await look() == .suspended)
    service.limits = others
    for _ in 1...2 { #expect(try await driver.update(service).presence == .suspended, "new limits open nothing") }
    service.desired = .active
    for _ in 1...2 { #expect(try await driver.resume(service).presence == .active) }
    #expect(try await look() == .active)
    let seen = try await driver.survey([service])
    #expect(seen[service.id] == .active)
    service.desired = .terminated
    for _ in 1...2 { #expect(try await driver.terminate(service).presence == .absent) }
    #expect(try await look() == .absent)
    #expect(try await driver.survey([service])[service.id, default: .absent] == .absent)
}

@Suite struct DriverContract {
    @Test(arguments: TestDatabase.allCases)
    func `relay keys keep the driver contract`(database: TestDatabase) async throws {
        let clock = TestClock()
        try await withStore(database, clock: clock) { store in
            let owner = try await store.transaction { transaction throws(StoreError) in
                try transaction.createUser(.example("ada@example.com"))
            }
            let driver = RelayKeyDriver(StoredKeys(store, changed: {})) { Array($0.reversed()) }
            try await driverContract(
                driver, limits: ["concurrent": 2], others: ["concurrent": 5, "models": ["claude-*"]], ambient: clock.ambient,
                owner: owner.id)
            let keys = try await store.read { reader throws(StoreError) in try reader.apiKeyChanges(since: 0) }
            #expect(keys.count == 1 && keys[0].limits.concurrency == 5 && keys[0].allowedModels == #"["claude-*"]"#)
        }
    }

    @Test(arguments: WgEasyMode.allCases.filter { $0 != .rawClients })
    func `peers on a controller keep the driver contract`(mode: WgEasyMode) async throws {
        let server = try WgEasyServer(mode: mode, password: "secret")
        defer { server.close() }
        let ambient = TestClock().ambient
        try await driverContract(
            WireGuardDriver(NodePorts(http: try CurlClient(ambient: ambient), ambient: ambient)), limits: ["traffic_limit_bytes": 5],
            others: [:],
            ambient: ambient,
            backend: BackendAccess(
                id: BackendID(ambient), name: "node", address: "http://127.0.0.1:\(server.port)", settings: ["driver": "wg-easy"],
                secret: Array("secret".utf8)))
        #expect(server.names.isEmpty)
    }

    @Test func `the notebook of these tests keeps the driver contract`() async throws {
        let notebook = Notebook()
        try await driverContract(
            NotebookDriver(notebook, kind: try ServiceKind(parsing: "notebook")), limits: ["size": 5], others: ["size": 7],
            ambient: TestClock().ambient)
        #expect(notebook.effects.map { $0.split(separator: " ")[0] } == ["create", "suspend", "update", "resume", "terminate"])
    }
}
