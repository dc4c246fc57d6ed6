internal import Domain
internal import HTTP
internal import Store

/// A relay key with everything that can be changed about it, as administrators and owners read it. Never its secret.
enum KeyDocument {
    static func json(_ key: APIKey) -> JSONObject {
        func time(_ moment: Timestamp?) -> JSON { moment.map { .string($0.text) } ?? .null }
        return [
            "id": .string(key.id.text), "name": .string(key.name), "description": .string(key.description),
            "tags": .array(key.tags.map { .string($0) }), "prefix": .string("\(key.shownPrefix)…\(key.shownSuffix)"),
            "status": .string(key.status.rawValue), "owner_id": key.ownerID.map { .string($0.text) } ?? .null,
            "team_id": key.teamID.map { .string($0.text) } ?? .null, "limits": key.limits.json, "access": key.access.json,
            "allowed_models": key.allowedModels.flatMap { try? JSON(parsing: Array($0.utf8)) } ?? .null, "expires_at": time(key.expiresAt),
            "activated_at": time(key.activatedAt), "created_at": .string(key.createdAt.text), "last_used_at": time(key.lastUsedAt),
            "previous_until": time(key.previousUntil),
        ]
    }

    /// With the secret, which nobody learns again.
    static func json(_ made: RelayKeys.Made) -> JSONObject {
        var members = json(made.key)
        members["key"] = .string(made.secret.reveal { $0 })
        return members
    }

    static let grace = Shape(
        Field<Int64>.integer("grace_seconds", "How long the old secret works beside the new one.", 0...RelayKeys.maximumGraceSeconds).or(0),
        make: { $0 })
    static let aboutRotation =
        "The new secret is shown here once and never again. The key of a service is the service's: it cannot be given another secret."

    private static let fields: [FieldDoc] = [
        .always("id", "As key_….", .text), .always("name", "For people.", .text), .always("description", "For people.", .text),
        .always("tags", "Words to find it by.", .list(of: .text, count: 0...64)),
        .always("prefix", "First and last characters of the key.", .text),
        .always("status", "Whether it works.", .choice(["active", "disabled"])),
        .always("owner_id", "null is nobody.", .nullable(.text)), .always("team_id", "null is none.", .nullable(.text)),
        .always("limits", "Those that are set.", .anything), .always("access", "Restrictions that are set.", .anything),
        .always("allowed_models", "null is all.", .nullable(.list(of: .text, count: 0...64))),
        .always("expires_at", "null is never.", .nullable(.time)),
        .always("activated_at", "Its first use, where that counts.", .nullable(.time)),
        .always("created_at", "When it was made.", .time), .always("last_used_at", "null is never.", .nullable(.time)),
        .always("previous_until", "Until when the secret before works too.", .nullable(.time)),
    ]
    private static let example: JSONObject = [
        "id": "key_0193c0de8a7b7f3e9d2c4b5a69788796", "name": "laptop", "description": "", "tags": ["team-a"], "prefix": "cr_ab12…f9e0",
        "status": "active", "owner_id": nil, "team_id": nil, "limits": ["requests_per_minute": 60], "access": [:], "allowed_models": nil,
        "expires_at": nil, "activated_at": nil, "created_at": "2026-11-21T00:00:00.000Z", "last_used_at": nil,
        "previous_until": "2026-11-21T01:00:00.000Z",
    ]
    static let view = View("RelayKey", fields, example: .object(example))
    static let madeView: View = {
        var shown = example
        shown["key"] = "cr_…"
        return View("RotatedKey", fields + [.always("key", "Shown once.", .text)], example: .object(shown))
    }()
}
