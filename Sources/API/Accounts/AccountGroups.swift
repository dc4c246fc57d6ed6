public import Domain
public import Store

extension RelayAccounts {
    /// A group with its members.
    public struct Group: Sendable {
        public let group: AccountGroup
        public let members: [AccountID]
    }

    public func groups() async throws -> [Group] {
        try await store.read { reader throws(StoreError) in
            let members = try reader.accountGroupMembers()
            return try reader.accountGroups().map { Group(group: $0, members: members[$0.id] ?? []) }
        }
    }

    public func group(_ id: AccountGroupID) async throws -> Group {
        let found = try await store.read { reader throws(StoreError) -> Group? in
            guard let group = try reader.accountGroup(id) else { return nil }
            return Group(group: group, members: try reader.accountGroupMembers(of: id))
        }
        guard let found else { throw Refusal.unknownGroup }
        return found
    }

    /// - Throws: `StoreError.conflict` for a name that is taken or a member that is not there.
    public func createGroup(
        name: String, strategy: SchedulingStrategy?, notes: String, members: [AccountID], actor: String, request: RequestID? = nil
    ) async throws -> Group {
        let made = try await store.transaction { transaction throws(StoreError) in
            let group = try transaction.createAccountGroup(name: name, strategy: strategy, notes: notes)
            try transaction.setMembers(members, of: group.id)
            try transaction.record(
                actor: actor, "account_group.create", subject: group.id.text, before: nil, after: ["name": .string(name)], request)
            return Group(group: group, members: try transaction.accountGroupMembers(of: group.id))
        }
        await ports.changed()
        return made
    }

    /// What is nil stays. A strategy of the pool's own is an inner nil.
    public func editGroup(
        _ id: AccountGroupID, name: String? = nil, strategy: SchedulingStrategy?? = nil, notes: String? = nil, members: [AccountID]? = nil,
        adding: AccountID? = nil, removing: AccountID? = nil, actor: String, request: RequestID? = nil
    ) async throws -> Group {
        let changed = try await store.transaction { transaction throws(StoreError) -> Group? in
            guard let known = try transaction.accountGroup(id) else { return nil }
            _ = try transaction.updateAccountGroup(
                id, name: name ?? known.name, strategy: strategy ?? known.strategy, notes: notes ?? known.notes)
            if let members { try transaction.setMembers(members, of: id) }
            if let adding { try transaction.addMember(adding, to: id) }
            if let removing { try transaction.removeMember(removing, from: id) }
            guard let group = try transaction.accountGroup(id) else { return nil }
            let now = try transaction.accountGroupMembers(of: id)
            try transaction.record(
                actor: actor, "account_group.edit", subject: id.text, before: nil,
                after: ["name": .string(group.name), "members": .array(now.map { .string($0.text) })], request)
            return Group(group: group, members: now)
        }
        guard let changed else { throw Refusal.unknownGroup }
        await ports.changed()
        return changed
    }

    /// False when it is gone already. Keys bound to it are served by nobody until they are bound anew.
    public func deleteGroup(_ id: AccountGroupID, actor: String, request: RequestID? = nil) async throws -> Bool {
        let isGone = try await store.transaction { transaction throws(StoreError) in
            guard try transaction.deleteAccountGroup(id) else { return false }
            try transaction.record(actor: actor, "account_group.delete", subject: id.text, before: nil, after: nil, request)
            return true
        }
        if isGone { await ports.changed() }
        return isGone
    }

    public static func json(_ group: Group) -> JSON {
        [
            "id": .string(group.group.id.text), "name": .string(group.group.name),
            "strategy": group.group.strategy.map { .string($0.rawValue) } ?? .null, "notes": .string(group.group.notes),
            "account_ids": .array(group.members.map { .string($0.text) }), "created_at": .string(group.group.createdAt.text),
        ]
    }
}
