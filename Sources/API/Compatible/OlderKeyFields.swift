internal import Domain
internal import Store

/// A key in the words of the older relay: what its dashboards read, and what they send (relay contract, section 11). A limit of 0 or ""
/// is none, as they send it.
struct OlderKeyFields: Sendable {
    private struct Limit: Sendable {
        let name: String
        let member: APIKeyLimits.Member
        let isMoney: Bool
    }
    private static let limits: [Limit] = [
        Limit(name: "tokenLimit", member: \.tokensTotal, isMoney: false),
        Limit(name: "concurrencyLimit", member: \.concurrency, isMoney: false),
        Limit(name: "rateLimitWindow", member: \.windowMinutes, isMoney: false),
        Limit(name: "rateLimitRequests", member: \.windowRequests, isMoney: false),
        Limit(name: "rateLimitCost", member: \.windowCostMicroUSD, isMoney: true),
        Limit(name: "dailyCostLimit", member: \.costPerDayMicroUSD, isMoney: true),
        Limit(name: "totalCostLimit", member: \.costTotalMicroUSD, isMoney: true),
        Limit(name: "weeklyOpusCostLimit", member: \.opusCostPerWeekMicroUSD, isMoney: true),
        Limit(name: "weeklyCostLimit", member: \.costPerWeekMicroUSD, isMoney: true),
        Limit(name: "monthlyCostLimit", member: \.costPerMonthMicroUSD, isMoney: true),
        Limit(name: "weeklyResetDay", member: \.weekResetDay, isMoney: false),
        Limit(name: "weeklyResetHour", member: \.weekResetHour, isMoney: false),
        Limit(name: "requestsPerMinute", member: \.requestsPerMinute, isMoney: false),
        Limit(name: "tokensPerMinute", member: \.tokensPerMinute, isMoney: false),
        Limit(name: "inputTokensPerMinute", member: \.inputTokensPerMinute, isMoney: false),
        Limit(name: "outputTokensPerMinute", member: \.outputTokensPerMinute, isMoney: false),
        Limit(name: "tokensPerDay", member: \.tokensPerDay, isMoney: false),
    ]
    private static let others: Set<String> = [
        "name", "description", "tags", "isActive", "allowedModels", "expiresAt", "expirationMode", "activationDays", "activationUnit",
        "customerId", "teamId", "claudeAccountId", "claudeConsoleAccountId", "enableModelRestriction", "restrictedModels",
        "enableClientRestriction", "allowedClients", "permissions", "ipAllowlist", "hardStop", "count", "icon", "baseName", "createType",
        "tagOperation",
    ]

    private let json: JSON
    let owner: UserID?

    /// - Throws: `InputErrors` naming every bad field; a limit that this server does not know is refused rather than dropped.
    init(_ json: JSON, nameRequired: Bool) throws {
        guard let object = json.object else { throw InputErrors(fields: [FieldError("", "must be an object")]) }
        var faults: [FieldError] = []
        let names = Set(Self.limits.map(\.name)).union(Self.others)
        for member in object.members where !names.contains(member.name) && !Self.isNothing(member.value) {
            faults.append(FieldError(String(member.name.prefix(64)), "is not supported here"))
        }
        if nameRequired, json["name"].string == nil { faults.append(FieldError("name", "is required")) }
        var owner: UserID?
        if let text = json["customerId"].string, !text.isEmpty {
            do throws(ParseError) { owner = try UserID(parsing: text) } catch { faults.append(FieldError("customerId", error.message)) }
        }
        guard faults.isEmpty else { throw InputErrors(fields: faults) }
        (self.json, self.owner) = (json, owner)
    }

    private static func isNothing(_ value: JSON) -> Bool {
        switch value {
        case .null, .bool(false), .int(0), .string(""), .string("0"): true
        case .array(let values): values.isEmpty
        case .object(let object): object.members.isEmpty
        case .bool, .int, .string, .number: false
        }
    }

    var name: String { json["name"].string ?? "" }
    var isActive: Bool? { json["isActive"].bool }

    /// Whom a key is bound to. Ours has one binding; older dashboards have a field for console keys and one for all else, and send both of
    /// them, one empty.
    struct Binding: Sendable, Equatable {
        var account = ""
        var console = ""
    }
    var namesBinding: Bool { json.object?["claudeAccountId"] != nil || json.object?["claudeConsoleAccountId"] != nil }

    /// "<account id>" or "group:<id>" as it is after these fields; nil: the whole pool. Of two that are named the changed one counts.
    func binding(after old: Binding) -> String? {
        func told(_ name: String, _ old: String) -> (now: String, isChanged: Bool) {
            let now = json.object?[name].map { $0.string ?? "" } ?? old
            return (now, now != old)
        }
        let all = [told("claudeAccountId", old.account), told("claudeConsoleAccountId", old.console)].filter { !$0.now.isEmpty }
        return (all.first { $0.isChanged } ?? all.first)?.now
    }

    /// Takes over what the body names; the rest stays as it is.
    /// - Throws: `InputErrors` naming every bad field.
    func apply(to change: inout APIKeyChange) throws(InputErrors) {
        var faults: [FieldError] = []
        func text(_ name: String, _ length: ClosedRange<Int>) -> String? {
            guard let text = json[name].string else {
                if json[name] != .null { faults.append(FieldError(name, "must be text")) }
                return nil
            }
            if !length.contains(text.count) {
                faults.append(FieldError(name, "must be \(length.lowerBound) to \(length.upperBound) characters"))
            }
            return text
        }
        func texts(_ name: String) -> [String]? {
            guard let list = json[name].array else {
                if json[name] != .null { faults.append(FieldError(name, "must be a list of texts")) }
                return nil
            }
            let texts = list.compactMap(\.string)
            if texts.count != list.count || texts.count > 64 || texts.contains(where: { !(1...200).contains($0.count) }) {
                faults.append(FieldError(name, "must be at most 64 texts of 1 to 200 characters"))
            }
            return texts
        }
        if let name = text("name", 1...100) { change.name = name }
        if let description = text("description", 0...1000) { change.description = description }
        if let tags = texts("tags") {
            var after = Set(change.tags)
            switch json["tagOperation"] {
            case .null, .string(""), .string("replace"): after = Set(tags)
            case .string("add"): after.formUnion(tags)
            case .string("remove"): after.subtract(tags)
            case .string("none"): break
            default: faults.append(FieldError("tagOperation", "must be replace, add, remove or none"))
            }
            if after.count > 64 { faults.append(FieldError("tags", "would be more than 64")) }
            change.tags = after.sorted()
        }
        if let isActive { change.status = isActive ? .active : .disabled }
        for limit in Self.limits where json[limit.name] != .null {
            do throws(ParseError) { change.limits[keyPath: limit.member] = try Self.value(json[limit.name], limit) } catch {
                faults.append(FieldError(limit.name, error.message))
            }
        }
        if let isHard = json["hardStop"].bool { change.limits.hardStop = isHard ? 1 : nil }
        if let models = texts("allowedModels") {
            change.allowedModels = models.isEmpty ? nil : JSON.array(models.map { .string($0) }).text
        }
        var access = JSONObject()
        // A restriction that is switched off leaves its list without effect.
        if json["enableModelRestriction"] == false {
            access["denied_models"] = []
        } else if let denied = texts("restrictedModels") {
            access["denied_models"] = .array(denied.map { .string($0) })
        }
        if json["enableClientRestriction"] == false {
            access["allowed_clients"] = []
        } else if let clients = texts("allowedClients") {
            access["allowed_clients"] = .array(clients.map { .string($0) })
        }
        if let addresses = texts("ipAllowlist") { access["ip_allowlist"] = .array(addresses.map { .string($0) }) }
        faults += AddressRules.faults(in: access).map { FieldError("ipAllowlist", $0.message) }
        switch json["permissions"] {
        case .null: break
        case .string(let word): access["permissions"] = Self.permissions(word.isEmpty ? [] : [.string(word)])
        case .array(let list): access["permissions"] = Self.permissions(list)
        default: faults.append(FieldError("permissions", "must be all, or a list out of \(APIKeyAccess.services)"))
        }
        switch json["expirationMode"].string {
        case "activation":
            let unit: Int64 = json["activationUnit"].string == "hours" ? 3600 : 86_400
            if let count = json["activationDays"].int, (1...3650).contains(count) {
                access["activation_seconds"] = .int(count * unit)
            } else {
                faults.append(FieldError("activationDays", "must be a whole number from 1 to 3650"))
            }
        case "fixed": access["activation_seconds"] = .null
        case nil: break
        default: faults.append(FieldError("expirationMode", "must be fixed or activation"))
        }
        do throws(InputErrors) { try change.access.apply(access) } catch { faults += error.fields }
        if json.object?["expiresAt"] != nil {
            change.expiresAt = nil
            if let text = json["expiresAt"].string, !text.isEmpty {
                do throws(ParseError) { change.expiresAt = try Timestamp(parsing: text) } catch {
                    faults.append(FieldError("expiresAt", error.message))
                }
            }
        }
        if let team = text("teamId", 0...64) {
            do throws(ParseError) { change.teamID = team.isEmpty ? nil : try TeamID(parsing: team) } catch {
                faults.append(FieldError("teamId", error.message))
            }
        }
        guard faults.isEmpty else { throw InputErrors(fields: faults) }
    }

    /// In our words; empty: all. The older relay's `claude` is every way of asking here that is not `openai`; what neither knows stays, to
    /// be refused.
    private static func permissions(_ list: [JSON]) -> JSON {
        if list == ["all"] || list == ["claude"] { return [] }
        guard list.contains("claude") else { return .array(list) }
        let own = APIKeyAccess.services.filter { $0 != "openai" }.map(JSON.string)
        let all = own + list.filter { $0 != "claude" && !own.contains($0) }
        return all == own + ["openai"] ? [] : .array(all)
    }

    private static func value(_ value: JSON, _ limit: Limit) throws(ParseError) -> Int64? {
        if value.object == nil, isNothing(value), limit.name != "weeklyResetHour" { return nil }
        if limit.isMoney {
            switch value {
            case .int(let number): return try Dollars.parse(String(number))
            case .number(let text), .string(let text): return text.allSatisfy { $0 == "0" || $0 == "." } ? nil : try Dollars.parse(text)
            default: throw ParseError("US dollars")
            }
        }
        let range = APIKeyLimits.members.first { $0.path == limit.member }?.range ?? 0...APIKeyLimits.largest
        guard let number = value.int ?? value.string.flatMap({ Int64($0) }), range.contains(number) else {
            throw ParseError("a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    static func json(_ key: APIKey, usage: JSON, bound: Binding = Binding()) -> JSONObject {
        let access = key.access
        func list(_ values: [String]) -> JSON { .array(values.map { .string($0) }) }
        var shown: JSONObject = [
            "id": .string(key.id.text), "name": .string(key.name), "description": .string(key.description), "tags": list(key.tags),
            "apiKey": .string("\(key.shownPrefix)…\(key.shownSuffix)"), "isActive": .bool(key.status == .active),
            "isDeleted": .bool(key.deletedAt != nil),
            "allowedModels": key.allowedModels.flatMap { try? JSON(parsing: Array($0.utf8)) } ?? .null,
            "enableModelRestriction": .bool(!access.deniedModels.isEmpty), "restrictedModels": list(access.deniedModels),
            "enableClientRestriction": .bool(!access.allowedClients.isEmpty), "allowedClients": list(access.allowedClients),
            "ipAllowlist": list(access.ipAllowlist), "permissions": access.permissions.isEmpty ? "all" : list(access.permissions),
            "claudeAccountId": .string(bound.account), "claudeConsoleAccountId": .string(bound.console),
            "customerId": key.ownerID.map { .string($0.text) } ?? .null,
            "teamId": key.ownTeamID.map { .string($0.text) } ?? .null, "hardStop": .bool(key.limits.hardStop == 1),
            "expirationMode": .string(access.activationSeconds == nil ? "fixed" : "activation"),
            "isActivated": .bool(key.activatedAt != nil), "expiresAt": key.ends.map { .string($0.text) } ?? .null,
            "createdAt": .string(key.createdAt.text), "lastUsedAt": key.lastUsedAt.map { .string($0.text) } ?? .null,
            "deletedAt": key.deletedAt.map { .string($0.text) } ?? .null, "usage": usage,
        ]
        if let seconds = access.activationSeconds {
            let isHours = seconds % 86_400 != 0
            shown["activationDays"] = .int(seconds / (isHours ? 3600 : 86_400))
            shown["activationUnit"] = .string(isHours ? "hours" : "days")
        }
        for (name, value) in Self.limits(of: key).members { shown[name] = value }
        return shown
    }

    /// Every limit; 0 is none.
    static func limits(of key: APIKey) -> JSONObject {
        JSONObject(
            limits.map { limit in
                let value = key.limits[keyPath: limit.member] ?? 0
                return (limit.name, limit.isMoney ? .number(Dollars.text(value)) : .int(value))
            })
    }
}
