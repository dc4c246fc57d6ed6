public import Domain

/// Who may use the keys of a person or a team, from where, for what and until when: it holds beside what each key says of itself, so what
/// one of them forbids is forbidden.
public struct SharedAccess: Sendable, Equatable {
    /// Models or globs; nil allows all, an empty list none.
    public var allowedModels: [String]?
    public var expiresAt: Timestamp?
    /// Only the members of `names` are ever set.
    private var rules = APIKeyAccess()
    /// When a key was first used under `activationSeconds`.
    public internal(set) var firstUsedAt: Timestamp?

    public init() {}

    public var deniedModels: [String] { rules.deniedModels }
    public var allowedClients: [String] { rules.allowedClients }
    public var ipAllowlist: [String] { rules.ipAllowlist }
    public var permissions: [String] { rules.permissions }
    /// Lifetime from the first billable request of any of the keys, so that a new key begins no new life.
    public var activationSeconds: Int64? { rules.activationSeconds }

    /// When all of the keys stop working. Nil: never, or not used yet.
    public var ends: Timestamp? {
        guard let activationSeconds, let firstUsedAt else { return expiresAt }
        let end = firstUsedAt.adding(seconds: activationSeconds)
        return expiresAt.map { min($0, end) } ?? end
    }
    public var awaitsFirstUse: Bool { activationSeconds != nil && firstUsedAt == nil }

    /// Every member outside, besides limits.
    public static let names: Set = [
        "allowed_models", "expires_at", "denied_models", "allowed_clients", "ip_allowlist", "permissions", "activation_seconds",
    ]
    static let maximumModels = 64

    /// All members that are set.
    public var json: JSON {
        var object = rules.json.object ?? [:]
        if let allowedModels { object["allowed_models"] = .array(allowedModels.map { .string($0) }) }
        if let expiresAt { object["expires_at"] = .string(expiresAt.text) }
        return .object(object)
    }

    /// Nil for what allows everything.
    init?(document: String?, firstUsedAt: Timestamp?) throws(StoreError) {
        guard let document, document != "{}" else { return nil }
        let object: JSON
        do throws(ParseError) { object = try JSON(parsing: document) } catch { throw .programming("shared access that is no JSON") }
        do throws(InputErrors) { try apply(object.object ?? [:]) } catch { throw .programming("shared access with unknown members") }
        self.firstUsedAt = firstUsedAt
    }

    /// Sets what the object names; null sets back to what allows everything. A lifetime that is taken away is forgotten: one that is set
    /// later begins with the next use.
    /// - Throws: `InputErrors` naming unknown members and values out of range.
    public mutating func apply(_ object: JSONObject) throws(InputErrors) {
        var faults: [FieldError] = []
        var others = JSONObject()
        for (name, value) in object.members {
            switch (name, value) {
            case ("allowed_models", .null): allowedModels = nil
            case ("allowed_models", _):
                let models = value.array?.compactMap(\.string)
                if let models, models.count == value.array?.count, models.count <= Self.maximumModels,
                    models.allSatisfy({ (1...200).contains($0.utf8.count) })
                {
                    allowedModels = models
                } else {
                    faults.append(FieldError(name, "must be a list of at most \(Self.maximumModels) texts"))
                }
            case ("expires_at", .null): expiresAt = nil
            case ("expires_at", _):
                if let time = value.string.flatMap({ try? Timestamp(parsing: $0) }) {
                    expiresAt = time
                } else {
                    faults.append(FieldError(name, "must be a time as 2026-11-21T04:45:23Z"))
                }
            case _ where Self.names.contains(name): others[name] = value
            default: faults.append(FieldError(name, "is nothing that keys share"))
            }
        }
        do throws(InputErrors) { try rules.apply(others) } catch { faults += error.fields }
        if !faults.isEmpty { throw InputErrors(fields: faults) }
        if rules.activationSeconds == nil { firstUsedAt = nil }
    }
}
