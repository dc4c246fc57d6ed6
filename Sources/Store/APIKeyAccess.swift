public import Domain

/// Who may use a key, from where, for what and until when, beyond `allowedModels` and `expiresAt`.
public struct APIKeyAccess: Sendable, Equatable {
    /// Models or globs it may not use, whatever else allows them.
    public var deniedModels: [String] = []
    /// "claude-code" or beginnings of user agents; empty allows every client.
    public var allowedClients: [String] = []
    /// Addresses or CIDR ranges; empty allows every address.
    public var ipAllowlist: [String] = []
    /// "messages", "openai", "chat", "batches"; empty allows all services.
    public var permissions: [String] = []
    /// Lifetime from the first billable request; nil: `expiresAt` alone counts.
    public var activationSeconds: Int64?
    /// What the customer pays, in millionths of the cost.
    public var priceMillionths: Int64 = 1_000_000
    /// Answers name the account that gave them.
    public var isDebug = false
    /// Its requests' bodies are kept, sealed, for so many days and up to so many bytes each.
    public var storesBodies = false
    public var bodyDays = standardBodyDays
    public var bodyBytes = standardBodyBytes

    public init() {}

    public static let standardBodyDays: Int64 = 7
    public static let standardBodyBytes: Int64 = 65_536
    public static let services = ["messages", "openai", "chat", "batches"]
    /// Members of each list.
    static let maximumItems = 64

    public var json: JSON {
        var object = JSONObject()
        func list(_ name: String, _ values: [String]) { if !values.isEmpty { object[name] = .array(values.map { .string($0) }) } }
        list("denied_models", deniedModels)
        list("allowed_clients", allowedClients)
        list("ip_allowlist", ipAllowlist)
        list("permissions", permissions)
        if let activationSeconds { object["activation_seconds"] = .int(activationSeconds) }
        if priceMillionths != 1_000_000 { object["price_millionths"] = .int(priceMillionths) }
        if isDebug { object["debug"] = true }
        if storesBodies { object["store_bodies"] = true }
        if bodyDays != Self.standardBodyDays { object["body_retention_days"] = .int(bodyDays) }
        if bodyBytes != Self.standardBodyBytes { object["body_bytes"] = .int(bodyBytes) }
        return .object(object)
    }

    init(document: String) throws(StoreError) {
        let object: JSON
        do throws(ParseError) { object = try JSON(parsing: document) } catch { throw .programming("access that is no JSON") }
        do throws(InputErrors) { try apply(object.object ?? [:]) } catch { throw .programming("access with unknown members") }
    }

    /// Sets what the object names; null sets back to what allows everything.
    /// - Throws: `InputErrors` naming unknown members and values out of range.
    public mutating func apply(_ object: JSONObject) throws(InputErrors) {
        var faults: [FieldError] = []
        func texts(_ name: String, _ value: JSON, _ allowed: [String]? = nil) -> [String] {
            if case .null = value { return [] }
            let list = value.array?.compactMap(\.string)
            guard let list, list.count == value.array?.count, list.count <= Self.maximumItems,
                list.allSatisfy({ (1...200).contains($0.utf8.count) && (allowed?.contains($0) ?? true) })
            else {
                faults.append(
                    FieldError(name, "must be a list of at most \(Self.maximumItems) texts" + (allowed.map { " out of \($0)" } ?? "")))
                return []
            }
            return list
        }
        func number(_ name: String, _ value: JSON, _ range: ClosedRange<Int64>) -> Int64? {
            guard let number = value.int, range.contains(number) else {
                faults.append(FieldError(name, "must be a whole number from \(range.lowerBound) to \(range.upperBound)"))
                return nil
            }
            return number
        }
        for (name, value) in object.members {
            switch (name, value) {
            case ("denied_models", _): deniedModels = texts(name, value)
            case ("allowed_clients", _): allowedClients = texts(name, value)
            case ("ip_allowlist", _): ipAllowlist = texts(name, value)
            case ("permissions", _): permissions = texts(name, value, Self.services)
            case ("activation_seconds", .null): activationSeconds = nil
            case ("activation_seconds", _): activationSeconds = number(name, value, 1...315_360_000)
            case ("price_millionths", .null): priceMillionths = 1_000_000
            case ("price_millionths", _): priceMillionths = number(name, value, 0...1_000_000_000) ?? priceMillionths
            case ("debug", .null): isDebug = false
            case ("debug", .bool(let isOn)): isDebug = isOn
            case ("store_bodies", .null): storesBodies = false
            case ("store_bodies", .bool(let isOn)): storesBodies = isOn
            case ("body_retention_days", .null): bodyDays = Self.standardBodyDays
            case ("body_retention_days", _): bodyDays = number(name, value, 1...365) ?? bodyDays
            case ("body_bytes", .null): bodyBytes = Self.standardBodyBytes
            case ("body_bytes", _): bodyBytes = number(name, value, 1...1_048_576) ?? bodyBytes
            case ("debug", _), ("store_bodies", _): faults.append(FieldError(name, "must be true or false"))
            default: faults.append(FieldError(name, "is no field of a key's access"))
            }
        }
        if !faults.isEmpty { throw InputErrors(fields: faults) }
    }
}
