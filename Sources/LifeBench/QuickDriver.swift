internal import Domain
private import Synchronization

/// A backend in memory that answers at once and finds by name in one look-up.
final class Notebook: Sendable {
    private let open = Mutex<[ServiceID: Bool]>([:])
    var count: Int { open.withLock { $0.count } }
    func set(_ id: ServiceID, _ isOpen: Bool?) -> Sight {
        open.withLock { $0[id] = isOpen }
        return look(id)
    }
    func look(_ id: ServiceID) -> Sight { Sight(open.withLock { $0[id] }.map { $0 ? .active : .suspended } ?? .absent) }
}

struct QuickDriver: ServiceDriver {
    let kind: ServiceKind
    let notebook: Notebook
    let limits: [FieldDoc] = []
    let options: [FieldDoc] = []
    let usesBackends = false
    init(_ notebook: Notebook, _ kind: ServiceKind) { (self.notebook, self.kind) = (notebook, kind) }

    func check(limits: JSON) throws(InputErrors) {}
    func check(options: JSON) throws(InputErrors) {}
    func prepare(_ order: ServiceOrder, _ ambient: Ambient) throws(DriverError) -> Preparation {
        Preparation(choices: ["name": .string(order.id.text)], secret: Array(order.id.text.utf8))
    }
    func create(_ service: ServiceOrder) async throws(DriverError) -> Sight { notebook.set(service.id, true) }
    func update(_ service: ServiceOrder) async throws(DriverError) -> Sight { notebook.look(service.id) }
    func suspend(_ service: ServiceOrder) async throws(DriverError) -> Sight { notebook.set(service.id, false) }
    func resume(_ service: ServiceOrder) async throws(DriverError) -> Sight { notebook.set(service.id, true) }
    func terminate(_ service: ServiceOrder) async throws(DriverError) -> Sight { notebook.set(service.id, nil) }
    func look(_ service: ServiceOrder) async throws(DriverError) -> Sight { notebook.look(service.id) }
}
