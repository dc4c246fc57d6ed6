internal import Domain
internal import Store

/// A key in the words of the older relay: what its dashboards read, and what they send.
struct OlderKeyFields: Sendable {
    var name: String?
    var description: String?
    var tags: [String]?
    var isActive: Bool?
    var limits: APIKeyLimits
    /// Which of the limits stand in the body; the others stay as they are.
    var given: Set<String>
    var allowedModels: [String]?
    var expiresAt: Timestamp?
    var owner: String?
    var binding: String?

    private static let largest: Int64 = 1_000_000_000_000_000

    /// Fields that are understood; a value of 0, null or "" means none, as dashboards send it.
    private static let known: Set<String> = [
        "name", "description", "tags", "isActive", "tokensPerDay", "requestsPerMinute", "concurrencyLimit", "dailyCostLimit",
        "allowedModels", "expiresAt", "customerId", "claudeAccountId", "ids", "keyIds", "updates", "count",
    ]
    /// Fields that switch on what follows in another one; by themselves they limit nothing.
    private static let harmless: Set<String> = [
        "expirationMode", "activationUnit", "permissions", "icon", "weeklyResetDay", "weeklyResetHour", "rateLimitWindow",
    ]

    /// - Throws: `InputErrors` naming every bad field; a limit that this server does not know is refused rather than dropped.
    init(_ json: JSON, nameRequired: Bool) throws {
        guard let object = json.object else { throw InputErrors(fields: [FieldError("", "must be an object")]) }
        var faults: [FieldError] = []
        func text(_ name: String, _ length: ClosedRange<Int>) -> String? {
            guard let value = json[name].string else {
                if json[name] != .null { faults.append(FieldError(name, "must be text")) }
                return nil
            }
            if !length.contains(value.count) {
                faults.append(FieldError(name, "must be \(length.lowerBound) to \(length.upperBound) characters"))
            }
            return value
        }
        func count(_ name: String) -> Int64? {
            switch json[name] {
            case .null, .string(""): return nil
            case .int(let number) where (0...Self.largest).contains(number): return number == 0 ? nil : number
            case .string(let text):
                if let number = Int64(text), (0...Self.largest).contains(number) { return number == 0 ? nil : number }
                fallthrough
            default:
                faults.append(FieldError(name, "must be a whole number of 0 or more"))
                return nil
            }
        }
        func dollars(_ name: String) -> Int64? {
            switch json[name] {
            case .null, .string(""), .int(0), .string("0"): return nil
            case .int(let number): return micro(String(number), name)
            case .number(let text), .string(let text): return Double(text) == 0 ? nil : micro(text, name)
            default:
                faults.append(FieldError(name, "must be US dollars"))
                return nil
            }
        }
        func micro(_ text: String, _ name: String) -> Int64? {
            do throws(ParseError) { return try Dollars.parse(text) } catch {
                faults.append(FieldError(name, error.message))
                return nil
            }
        }
        func texts(_ name: String, _ length: ClosedRange<Int>) -> [String]? {
            guard let list = json[name].array else {
                if json[name] != .null { faults.append(FieldError(name, "must be a list of texts")) }
                return nil
            }
            let texts = list.compactMap(\.string)
            if texts.count != list.count || texts.count > 64 || texts.contains(where: { !length.contains($0.count) }) {
                faults.append(FieldError(name, "must be at most 64 texts of \(length.lowerBound) to \(length.upperBound) characters"))
            }
            return texts
        }
        name = text("name", 1...100)
        if nameRequired, name == nil { faults.append(FieldError("name", "is required")) }
        description = text("description", 0...1000)
        tags = texts("tags", 1...64)
        isActive = json["isActive"].bool
        limits = APIKeyLimits(
            requestsPerMinute: count("requestsPerMinute"), tokensPerDay: count("tokensPerDay"), concurrency: count("concurrencyLimit"),
            costPerDayMicroUSD: dollars("dailyCostLimit"))
        given = Set(object.members.map(\.name))
        allowedModels = texts("allowedModels", 1...255)
        if let list = allowedModels, list.isEmpty { allowedModels = nil }
        owner = text("customerId", 1...64)
        binding = json["claudeAccountId"].string.flatMap { $0.isEmpty ? nil : $0 }
        if let text = json["expiresAt"].string, !text.isEmpty {
            do throws(ParseError) { expiresAt = try Timestamp(parsing: text) } catch {
                faults.append(FieldError("expiresAt", error.message))
            }
        }
        for member in object.members where !Self.known.contains(member.name) && !Self.harmless.contains(member.name) {
            if !Self.isNothing(member.value) { faults.append(FieldError(member.name, "is not supported here")) }
        }
        guard faults.isEmpty else { throw InputErrors(fields: faults) }
    }

    private static func isNothing(_ value: JSON) -> Bool {
        switch value {
        case .null, .bool(false), .int(0), .string(""), .string("0"): true
        case .array(let values): values.isEmpty
        default: false
        }
    }

    /// The limits of a key with those of the body in place of its own.
    func limits(over old: APIKeyLimits) -> APIKeyLimits {
        APIKeyLimits(
            requestsPerMinute: given.contains("requestsPerMinute") ? limits.requestsPerMinute : old.requestsPerMinute,
            tokensPerDay: given.contains("tokensPerDay") ? limits.tokensPerDay : old.tokensPerDay,
            concurrency: given.contains("concurrencyLimit") ? limits.concurrency : old.concurrency,
            costPerDayMicroUSD: given.contains("dailyCostLimit") ? limits.costPerDayMicroUSD : old.costPerDayMicroUSD)
    }

    static func json(_ key: APIKey, _ note: APIKeyNote, usage: JSON) -> JSONObject {
        let models = key.allowedModels.flatMap { try? JSON(parsing: Array($0.utf8)) } ?? .null
        return [
            "id": .string(key.id.text), "name": .string(key.name), "description": .string(note.description),
            "tags": .array(note.tags.map { .string($0) }), "apiKey": .string("\(key.shownPrefix)…\(key.shownSuffix)"),
            "isActive": .bool(key.status == .active), "isDeleted": .bool(key.deletedAt != nil),
            "tokenLimit": .int(0), "tokensPerDay": .int(key.limits.tokensPerDay ?? 0),
            "requestsPerMinute": .int(key.limits.requestsPerMinute ?? 0), "concurrencyLimit": .int(key.limits.concurrency ?? 0),
            "dailyCostLimit": .number(Dollars.text(key.limits.costPerDayMicroUSD ?? 0)), "allowedModels": models,
            "claudeAccountId": key.accountBinding.map(JSON.string) ?? "", "customerId": key.ownerID.map { .string($0.text) } ?? .null,
            "expirationMode": "fixed", "expiresAt": key.expiresAt.map { .string($0.text) } ?? .null,
            "createdAt": .string(key.createdAt.text), "lastUsedAt": key.lastUsedAt.map { .string($0.text) } ?? .null,
            "deletedAt": key.deletedAt.map { .string($0.text) } ?? .null, "usage": usage,
        ]
    }
}
