public import Domain
internal import Secrets
public import Store

/// Changing keys that exist: the use cases behind the admin's surfaces and the `gatehouse key` commands.
extension RelayKeys {
    /// Longest texts and lists.
    private static let maximumText = 1000
    private static let maximumTags = 32
    /// Of keys changed in one batch.
    public static let maximumBatch = 1000
    /// Longest time that an old secret works beside the new one: 30 days.
    public static let maximumGraceSeconds: Int64 = 2_592_000

    /// Sets what the document names and leaves the rest: `name`, `description`, `tags`, `limits` (an object, null takes one away),
    /// `allowed_models`, `expires_at`, `status`, `team_id`, and the members of `APIKeyAccess`.
    /// - Parameter owner: only a key of this person; nil for anybody's.
    /// - Returns: the key as it is then; nil when it is unknown or deleted.
    /// - Throws: `InputErrors` naming what is wrong and limits above the owner's, `StoreError`.
    public func edit(
        _ id: APIKeyID, _ document: JSONObject, owner: UserID? = nil, actor: String, request: RequestID? = nil
    ) async throws -> APIKey? {
        let outcome = try await store.transaction { transaction throws(StoreError) -> Result<APIKey?, InputErrors> in
            guard let key = try transaction.apiKey(id), key.deletedAt == nil, owner == nil || key.ownerID == owner else {
                return .success(nil)
            }
            var change = APIKeyChange(key)
            do throws(InputErrors) { try Self.apply(document, to: &change) } catch { return .failure(error) }
            if let owner = key.ownerID, let user = try transaction.user(owner) {
                let faults = Self.faults(document["limits"]?.object ?? [:], change.limits, above: user.limits.perKey)
                guard faults.isEmpty else { return .failure(InputErrors(fields: faults)) }
                change.limits = change.limits.lowered(to: user.limits.perKey)
            }
            // Asked first: a statement that the database refuses fails the whole transaction, and its refusal names no field.
            if let team = change.teamID, team != key.teamID, try transaction.team(team) == nil {
                return .failure(InputErrors(fields: [FieldError("team_id", "must be a team's id; there is no such team")]))
            }
            guard try transaction.changeAPIKey(id, to: change) else { return .success(nil) }
            try transaction.record(actor: actor, "key.edit", subject: id.text, before: nil, after: .object(document), request)
            return .success(try transaction.apiKey(id))
        }
        let key = try outcome.get()
        if key != nil { await changed() }
        return key
    }

    /// Limits that are asked for and that the owner may not have.
    private static func faults(_ asked: JSONObject, _ wanted: APIKeyLimits, above most: APIKeyLimits) -> [FieldError] {
        APIKeyLimits.members.compactMap { member in
            asked[member.name] == nil ? nil : above(member.name, wanted[keyPath: member.path], most[keyPath: member.path])
        }
    }

    private static func apply(_ document: JSONObject, to change: inout APIKeyChange) throws(InputErrors) {
        var faults: [FieldError] = []
        var access = JSONObject()
        func text(_ name: String, _ value: JSON, _ range: ClosedRange<Int>) -> String? {
            guard let text = value.string, range.contains(text.count) else {
                faults.append(FieldError(name, "must be a text of \(range.lowerBound) to \(range.upperBound) characters"))
                return nil
            }
            return text
        }
        for (name, value) in document.members {
            switch name {
            case "name": change.name = text(name, value, 1...100) ?? change.name
            case "description": change.description = text(name, value, 0...maximumText) ?? change.description
            case "tags", "allowed_models":
                if name == "allowed_models", case .null = value {
                    change.allowedModels = nil
                    continue
                }
                guard let list = value.array?.compactMap(\.string), list.count == value.array?.count, list.count <= maximumTags * 2,
                    list.allSatisfy({ (1...200).contains($0.count) })
                else {
                    faults.append(FieldError(name, "must be a list of at most \(maximumTags * 2) texts"))
                    continue
                }
                if name == "tags" { change.tags = list } else { change.allowedModels = JSON.array(list.map { .string($0) }).text }
            case "limits":
                guard let object = value.object else {
                    faults.append(FieldError(name, "must be an object"))
                    continue
                }
                do throws(InputErrors) { try change.limits.apply(object) } catch { faults += error.fields }
            case "expires_at":
                if case .null = value {
                    change.expiresAt = nil
                } else if let time = value.string.flatMap({ try? Timestamp(parsing: $0) }) {
                    change.expiresAt = time
                } else {
                    faults.append(FieldError(name, "must be a time as 2026-11-21T04:45:23Z"))
                }
            case "status":
                if let status = value.string.flatMap(APIKeyStatus.init(rawValue:)) {
                    change.status = status
                } else {
                    faults.append(FieldError(name, "must be active or disabled"))
                }
            case "team_id":
                if case .null = value {
                    change.teamID = nil
                } else if let team = value.string.flatMap({ try? TeamID(parsing: $0) }) {
                    change.teamID = team
                } else {
                    faults.append(FieldError(name, "must be a team's id"))
                }
            default: access[name] = value
            }
        }
        faults += AddressRules.faults(in: access)
        do throws(InputErrors) { try change.access.apply(access) } catch { faults += error.fields }
        if !faults.isEmpty { throw InputErrors(fields: faults) }
    }

    /// The same change for many keys, each in a transaction of its own: a failure leaves those before it changed, and the same call once more
    /// changes the rest.
    /// - Returns: the keys that are unknown or deleted; the others are changed.
    public func edit(_ ids: [APIKeyID], _ document: JSONObject, actor: String) async throws -> [APIKeyID] {
        guard ids.count <= Self.maximumBatch else {
            throw InputErrors(fields: [FieldError("ids", "must be at most \(Self.maximumBatch)")])
        }
        var missing: [APIKeyID] = []
        for id in ids { if try await edit(id, document, actor: actor) == nil { missing.append(id) } }
        return missing
    }

    /// A new secret for a key; the old one works for `graceSeconds` more (0: not at all).
    /// - Parameter owner: only a key of this person; nil for anybody's.
    /// - Returns: nil when the key is unknown or deleted.
    /// - Throws: `InputErrors` for the key of a service, which finds it by its secret; `StoreError`.
    public func rotate(
        _ id: APIKeyID, graceSeconds: Int64, owner: UserID? = nil, actor: String, request: RequestID? = nil
    ) async throws -> Made? {
        let secret = RelayKeySecret(store.ambient)
        let hash = secret.reveal { hasher.hash(Array($0.utf8)) }
        let seconds = min(max(0, graceSeconds), Self.maximumGraceSeconds)
        let outcome = try await store.transaction { transaction throws(StoreError) -> Result<APIKey?, InputErrors> in
            guard let old = try transaction.apiKey(id), old.deletedAt == nil, owner == nil || old.ownerID == owner else {
                return .success(nil)
            }
            if let service = try transaction.liveService(holding: id) {
                return .failure(InputErrors(fields: [FieldError("", "is the key of service \(service.text), which keeps its secret")]))
            }
            let until = seconds == 0 ? nil : transaction.ambient.now().adding(seconds: seconds)
            guard
                try transaction.rotateAPIKey(
                    id, secretHash: hash, hashAlgorithm: RelayKeyHasher.algorithm, shownPrefix: secret.shown.prefix,
                    shownSuffix: secret.shown.suffix, until: until)
            else { return .success(nil) }
            try transaction.record(
                actor: actor, "key.rotate", subject: id.text, before: nil, after: ["grace_seconds": .int(seconds)], request)
            return .success(try transaction.apiKey(id))
        }
        guard let key = try outcome.get() else { return nil }
        await changed()
        return Made(key: key, secret: secret)
    }
}
