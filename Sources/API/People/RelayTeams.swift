public import Domain
public import Store

/// Limits that several keys share: those of a team, and those of one person's keys together. The tightest of a key's own, its owner's and
/// its team's holds; so do the rules of all three (models, clients, addresses, services, end).
public struct RelayTeams: Sendable {
    private let store: Store
    private let changed: @Sendable () async -> Void

    public enum Refusal: Error, Equatable {
        case unknownTeam, unknownUser
        /// People or keys are in it.
        case inUse
    }

    /// - Parameter changed: tells the data path that limits of keys have changed.
    public init(store: Store, changed: @escaping @Sendable () async -> Void = {}) { (self.store, self.changed) = (store, changed) }

    // MARK: Teams

    /// In the order they were made, at most 1000.
    public func list() async throws(StoreError) -> [JSON] {
        try await store.read { reader throws(StoreError) in
            var shown: [JSON] = []
            for team in try reader.teams(limit: 1000).items { shown.append(Self.json(team, try reader.members(of: team.id))) }
            return shown
        }
    }

    /// - Parameter limits: as `key edit` takes them.
    /// - Throws: `InputErrors`, `StoreError.conflict(.teamName)`.
    public func create(_ name: String, limits: JSONObject, actor: String, request: RequestID? = nil) async throws -> JSON {
        var wanted = Shared()
        try Self.check(name)
        try wanted.apply(limits)
        let most = wanted
        return try await store.transaction { transaction throws(StoreError) in
            let team = try transaction.createTeam(name: name, limits: most.limits, access: most.access)
            try transaction.record(
                actor: actor, "team.create", subject: team.id.text, before: nil, after: ["name": .string(name), "limits": most.json],
                request)
            return Self.json(team, [])
        }
    }

    /// What is nil stays, and limits that are not named.
    /// - Throws: `Refusal.unknownTeam`, and as `create`.
    public func edit(
        _ id: TeamID, name: String?, limits: JSONObject, actor: String, request: RequestID? = nil
    ) async throws -> JSON {
        if let name { try Self.check(name) }
        let outcome = try await store.transaction { transaction throws(StoreError) -> Result<JSON?, InputErrors> in
            guard let team = try transaction.team(id) else { return .success(nil) }
            let known = Shared(limits: team.limits, access: team.access)
            var most = known
            do throws(InputErrors) { try most.apply(limits) } catch { return .failure(error) }
            guard try transaction.updateTeam(id, name: name ?? team.name, limits: most.limits, access: most.access),
                let after = try transaction.team(id)
            else { return .success(nil) }
            try transaction.record(
                actor: actor, "team.edit", subject: id.text, before: ["name": .string(team.name), "limits": known.json],
                after: ["name": .string(after.name), "limits": most.json], request)
            return .success(Self.json(after, try transaction.members(of: id)))
        }
        guard let shown = try outcome.get() else { throw Refusal.unknownTeam }
        await changed()
        return shown
    }

    /// - Throws: `Refusal.unknownTeam`, `Refusal.inUse`.
    public func delete(_ id: TeamID, actor: String, request: RequestID? = nil) async throws {
        let refusal = try await store.transaction { transaction throws(StoreError) -> Refusal? in
            guard try transaction.team(id) != nil else { return .unknownTeam }
            guard try transaction.deleteTeam(id) else { return .inUse }
            try transaction.record(actor: actor, "team.delete", subject: id.text, before: nil, after: nil, request)
            return nil
        }
        if let refusal { throw refusal }
    }

    // MARK: People

    /// Into a team, or (nil) out of any.
    /// - Throws: `Refusal.unknownUser`, `Refusal.unknownTeam`.
    public func move(_ user: UserID, to team: TeamID?, actor: String, request: RequestID? = nil) async throws {
        let refusal = try await store.transaction { transaction throws(StoreError) -> Refusal? in
            if let team, try transaction.team(team) == nil { return .unknownTeam }
            guard try transaction.setTeam(team, of: user) else { return .unknownUser }
            try transaction.record(
                actor: actor, "user.set_team", subject: user.text, before: nil, after: ["team": team.map { .string($0.text) } ?? .null],
                request)
            return nil
        }
        if let refusal { throw refusal }
        await changed()
    }

    /// What all keys of a person may use together.
    /// - Throws: `Refusal.unknownUser`.
    public func shared(of user: UserID) async throws -> JSON {
        guard let known = try await store.read({ reader throws(StoreError) in try reader.sharedLimits(of: user) }) else {
            throw Refusal.unknownUser
        }
        return Shared(limits: known.limits, access: known.access).json
    }

    /// Limits that are not named stay.
    /// - Throws: `InputErrors`, `Refusal.unknownUser`.
    public func share(_ user: UserID, limits: JSONObject, actor: String, request: RequestID? = nil) async throws -> JSON {
        let outcome = try await store.transaction { transaction throws(StoreError) -> Result<JSON?, InputErrors> in
            guard let kept = try transaction.sharedLimits(of: user) else { return .success(nil) }
            let known = Shared(limits: kept.limits, access: kept.access)
            var most = known
            do throws(InputErrors) { try most.apply(limits) } catch { return .failure(error) }
            guard try transaction.setSharedLimits(most.limits, most.access, of: user) else { return .success(nil) }
            try transaction.record(
                actor: actor, "user.share_limits", subject: user.text, before: known.json, after: most.json, request)
            return .success(most.json)
        }
        guard let shown = try outcome.get() else { throw Refusal.unknownUser }
        await changed()
        return shown
    }

    /// Limits and rules stand in one object outside.
    private struct Shared: Sendable {
        var limits = APIKeyLimits()
        var access = SharedAccess()

        var json: JSON {
            var object = limits.json.object ?? [:]
            for (name, value) in access.json.object?.members ?? [] { object[name] = value }
            return .object(object)
        }

        mutating func apply(_ object: JSONObject) throws(InputErrors) {
            var (amounts, rules) = (JSONObject(), JSONObject())
            for (name, value) in object.members {
                if SharedAccess.names.contains(name) { rules[name] = value } else { amounts[name] = value }
            }
            var faults = AddressRules.faults(in: rules)
            do throws(InputErrors) { try limits.apply(amounts) } catch { faults += error.fields }
            do throws(InputErrors) { try access.apply(rules) } catch {
                faults += error.fields.map { FieldError("limits.\($0.field)", $0.message) }
            }
            if !faults.isEmpty { throw InputErrors(fields: faults) }
        }
    }

    private static func check(_ name: String) throws(InputErrors) {
        guard (1...100).contains(name.count) else {
            throw InputErrors(fields: [FieldError("name", "must be a text of 1 to 100 characters")])
        }
    }

    private static func json(_ team: Team, _ members: [UserID]) -> JSON {
        [
            "id": .string(team.id.text), "name": .string(team.name), "limits": Shared(limits: team.limits, access: team.access).json,
            "members": .array(members.map { .string($0.text) }), "created_at": .string(team.createdAt.text),
        ]
    }
}
