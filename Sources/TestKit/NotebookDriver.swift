public import Domain
private import Synchronization

/// A backend of a test's own, as unkind as real ones: asked twice to make something, it makes two. What it was asked to do stands in a list.
public final class Notebook: Sendable {
    public struct Thing: Sendable, Equatable {
        public let name: String
        public var isOpen: Bool
        public var size: Int64
    }
    /// What befalls the next call.
    public enum Fault: Sendable { case unreachable, cutOffBefore, cutOffAfter, refused, full }

    private struct Pages {
        var things: [Int: Thing] = [:]
        var next = 1
        var effects: [String] = []
        var faults: [Fault] = []
        var fault: (@Sendable (String) -> Fault?)?
        var isLying = false
    }
    private let pages = Mutex(Pages())

    public init() {}

    public var things: [Thing] { pages.withLock { $0.things.sorted { $0.key < $1.key }.map(\.value) } }
    public func things(named name: String) -> [Thing] { things.filter { $0.name == name } }
    /// "create svc_…", in order.
    public var effects: [String] { pages.withLock { $0.effects } }
    /// Befalls the next calls, one each.
    public func befall(_ faults: Fault...) { pages.withLock { $0.faults += faults } }
    /// Decides for each call, by its effect's text.
    public func befall(_ decide: (@Sendable (String) -> Fault?)?) { pages.withLock { $0.fault = decide } }
    /// Somebody tears pages out.
    public func lose(_ count: Int) {
        pages.withLock { pages in for key in pages.things.keys.sorted().prefix(count) { pages.things[key] = nil } }
    }
    /// Says that nothing is there, whatever is.
    public func lie(_ isLying: Bool) { pages.withLock { $0.isLying = isLying } }

    fileprivate func list(_ name: String) -> [(id: Int, thing: Thing)] {
        pages.withLock { pages in
            pages.isLying ? [] : pages.things.filter { $0.value.name == name }.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        }
    }
    fileprivate func names() -> [String: Bool] {
        pages.withLock { pages in
            pages.isLying ? [:] : Dictionary(pages.things.values.map { ($0.name, $0.isOpen) }, uniquingKeysWith: { $0 || $1 })
        }
    }
    fileprivate func change(_ effect: String, _ body: (inout [Int: Thing], inout Int) -> Void) throws(DriverError) {
        let fault = pages.withLock { pages -> Fault? in
            var fault = pages.faults.isEmpty ? nil : pages.faults.removeFirst()
            if fault == nil { fault = pages.fault?(effect) }
            switch fault {
            case nil, .cutOffAfter:
                pages.effects.append(effect)
                body(&pages.things, &pages.next)
            case .unreachable, .cutOffBefore, .refused, .full: break
            }
            return fault
        }
        switch fault {
        case nil: break
        case .unreachable: throw .unreachable("the notebook is closed")
        case .cutOffBefore, .cutOffAfter: throw .outcomeUnknown("the line broke")
        case .refused: throw .refused("the notebook says no")
        case .full: throw .noCapacity("no page is free")
        }
    }
}

/// The driver for it: finds by the name that was chosen before the first call, and makes only what it does not find.
public struct NotebookDriver: ServiceDriver {
    public let kind: ServiceKind
    public let options: [FieldDoc] = []
    public let usesBackends: Bool
    public let notebook: Notebook
    /// Runs before each call to the backend, for tests that hold it.
    public let before: @Sendable () async -> Void

    public init(_ notebook: Notebook, kind: ServiceKind, usesBackends: Bool = false, before: @escaping @Sendable () async -> Void = {}) {
        (self.notebook, self.kind, self.usesBackends, self.before) = (notebook, kind, usesBackends, before)
    }

    private static let plan = Shape(Field<Int64>.integer("size", "Lines on a page.", 1...1000).or(10), make: { $0 })
    private static let choice = Shape(make: { true })
    public var limits: [FieldDoc] { Self.plan.docs }
    public func check(limits: JSON) throws(InputErrors) { try Self.plan.check(limits) }
    public func check(options: JSON) throws(InputErrors) { try Self.choice.check(options) }

    public func prepare(_ order: ServiceOrder, _ ambient: Ambient) throws(DriverError) -> Preparation {
        Preparation(
            choices: ["name": .string(order.id.text)], secret: Array("secret of \(order.id.text)".utf8),
            claims: [
                ClaimWish("page", scope: order.backend?.id.text ?? "", as: "page") { taken in
                    (1...100_000).lazy.map(String.init).first { !taken.contains($0) }
                }
            ])
    }

    private func name(_ service: ServiceOrder) -> String { service.choices["name"].string ?? "" }
    private func size(_ service: ServiceOrder) throws(DriverError) -> Int64 {
        do throws(InputErrors) { return try Self.plan.parse(service.limits) } catch { throw .badOptions(error) }
    }

    public func create(_ service: ServiceOrder) async throws(DriverError) -> Sight {
        await before()
        let (name, size) = (name(service), try size(service))
        guard let known = notebook.list(name).first else {
            try notebook.change("create \(name)") { things, next in
                things[next] = Notebook.Thing(name: name, isOpen: true, size: size)
                next += 1
            }
            return Sight(.active)
        }
        guard known.thing.isOpen, known.thing.size == size else {
            return try await set("adopt", service, isOpen: true, size: size)
        }
        return Sight(.active)
    }
    public func update(_ service: ServiceOrder) async throws(DriverError) -> Sight {
        await before()
        return try await set("update", service, isOpen: nil, size: try size(service))
    }
    public func suspend(_ service: ServiceOrder) async throws(DriverError) -> Sight {
        await before()
        return try await set("suspend", service, isOpen: false, size: nil)
    }
    public func resume(_ service: ServiceOrder) async throws(DriverError) -> Sight {
        await before()
        return try await set("resume", service, isOpen: true, size: nil)
    }
    public func terminate(_ service: ServiceOrder) async throws(DriverError) -> Sight {
        await before()
        let name = name(service)
        if !notebook.list(name).isEmpty {
            try notebook.change("terminate \(name)") { things, _ in things = things.filter { $0.value.name != name } }
        }
        return Sight(.absent)
    }
    public func look(_ service: ServiceOrder) async throws(DriverError) -> Sight {
        guard let found = notebook.list(name(service)).first else { return Sight(.absent) }
        return Sight(found.thing.isOpen ? .active : .suspended, details: ["lines": .int(found.thing.size)])
    }
    public func survey(_ services: [ServiceOrder]) async throws(DriverError) -> [ServiceID: Presence] {
        let names = notebook.names()
        var seen: [ServiceID: Presence] = [:]
        for service in services { if let isOpen = names[name(service)] { seen[service.id] = isOpen ? .active : .suspended } }
        return seen
    }

    private func set(_ verb: String, _ service: ServiceOrder, isOpen: Bool?, size: Int64?) async throws(DriverError) -> Sight {
        let name = name(service)
        guard let found = notebook.list(name).first else { throw .refused("there is no page \(name)") }
        let wanted = Notebook.Thing(name: name, isOpen: isOpen ?? found.thing.isOpen, size: size ?? found.thing.size)
        if wanted != found.thing { try notebook.change("\(verb) \(name)") { things, _ in things[found.id] = wanted } }
        return Sight(wanted.isOpen ? .active : .suspended)
    }
}
