public import Domain
internal import Secrets
public import Store

/// Takes over the keys of the older relay as its export has them: what customers hold keeps working. Their secrets are not known there
/// either, only SHA-256 of each with that relay's ENCRYPTION_KEY; the first use puts our own hash in its place.
public struct OlderKeyImport: Sendable {
    public struct Report: Sendable, Equatable {
        public var found = 0
        public var taken = 0
        /// Taken over before, whatever became of them here: a key that was revoked stays revoked.
        public var known = 0
        /// Name and reason of each key that was left out.
        public var leftOut: [String] = []
        /// What a key that was taken does not have here.
        public var notes: [String] = []
    }

    private let store: Store
    /// Keys of one file.
    public static let maximumKeys = 100_000

    public init(_ store: Store) { self.store = store }

    /// - Parameters:
    ///   - document: a list of keys, or one under `apiKeys`, or under `data.apiKeys`; values may all be texts, as that relay keeps them.
    ///   - isRehearsal: checks everything and takes nothing.
    /// - Throws: `InputErrors` for a document without keys, `StoreError`.
    public func run(_ document: JSON, isRehearsal: Bool) async throws -> Report {
        guard let rows = document.array ?? document["apiKeys"].array ?? document["data"]["apiKeys"].array else {
            throw InputErrors(fields: [FieldError("", "must be a list of keys, or have one as apiKeys or data.apiKeys")])
        }
        guard rows.count <= Self.maximumKeys else { throw InputErrors(fields: [FieldError("", "has more than \(Self.maximumKeys) keys")]) }
        var report = Report()
        for row in rows {
            if Self.value(row["isDeleted"]) == true { continue }
            report.found += 1
            let name = String((row["name"].string ?? row["id"].string ?? "without a name").prefix(100))
            do {
                let (made, lacks) = try await take(row, isRehearsal: isRehearsal)
                if made { report.taken += 1 } else { report.known += 1 }
                report.notes += lacks.map { "\(name): \($0)" }
            } catch let errors as InputErrors {
                report.leftOut.append("\(name): " + errors.fields.map { "\($0.field) \($0.message)" }.joined(separator: "; "))
            }
        }
        return report
    }

    /// False when it was taken over before.
    private func take(_ row: JSON, isRehearsal: Bool) async throws -> (Bool, lacks: [String]) {
        guard let hash = (row["apiKey"].string ?? row["hashedKey"].string).flatMap({ Hex.bytes($0) }), hash.count == 32 else {
            throw InputErrors(fields: [FieldError("apiKey", "must be the 64 hex digits under which the older relay keeps the key")])
        }
        var lacks: [String] = []
        let fields = try OlderKeyFields(Self.known(row, &lacks), nameRequired: true)
        let new = NewAPIKey(
            ownerID: nil, name: fields.name, secretHash: hash, hashAlgorithm: RelayKeyHasher.olderAlgorithm,
            shownPrefix: RelayKeySecret.prefix, shownSuffix: "")
        let outcome = try await store.transaction { transaction throws(StoreError) -> Result<Bool, InputErrors> in
            if let known = try transaction.apiKey(secretHash: hash) {
                if !isRehearsal { try transaction.noteOlderKey(hash, as: known.id) }
                return .success(false)
            }
            guard try !transaction.isOlderKeyTaken(hash) else { return .success(false) }
            let made = try transaction.createAPIKey(new)
            var change = APIKeyChange(made)
            let applied: Result<Void, InputErrors> = Result { () throws(InputErrors) in try fields.apply(to: &change) }
            if case .success = applied, !isRehearsal {
                _ = try transaction.changeAPIKey(made.id, to: change)
                try transaction.noteOlderKey(hash, as: made.id)
                try transaction.record(
                    actor: "command", "key.import", subject: made.id.text, before: nil, after: ["name": .string(made.name)], nil)
                return .success(true)
            }
            _ = try transaction.deleteAPIKey(made.id)
            _ = try transaction.purgeAPIKey(made.id)
            return applied.map { true }
        }
        return (try outcome.get(), lacks)
    }

    /// What that relay writes down about a key beside its rules.
    private static let recordOnly: Set<String> = [
        "id", "apiKey", "hashedKey", "createdAt", "updatedAt", "lastUsedAt", "createdBy", "isDeleted", "isActivated", "activatedAt",
        "userId",
        "userUsername", "icon", "usage", "totalCost",
    ]
    /// Ids of that relay's accounts mean nothing here.
    private static let bindings = ["claudeAccountId", "claudeConsoleAccountId"]

    /// The members that carry rules, as `OlderKeyFields` reads them.
    private static func known(_ row: JSON, _ lacks: inout [String]) throws -> JSON {
        guard let members = row.object?.members else { throw InputErrors(fields: [FieldError("", "must be an object")]) }
        var object = JSONObject()
        for member in members where !recordOnly.contains(member.name) {
            let value = value(member.value)
            if bindings.contains(member.name) {
                if value.string?.isEmpty == false {
                    lacks.append("its binding to an account, which has another id here: gatehouse account bind")
                }
                continue
            }
            // A name of digits is a name.
            object[member.name] = ["name", "description"].contains(member.name) ? member.value : value
        }
        // Its lifetime has begun there: the end is a date already.
        if value(row["isActivated"]) == true, object["expirationMode"]?.string == "activation" {
            object["expirationMode"] = "fixed"
            object["activationDays"] = nil
        } else if object["expirationMode"]?.string != "activation" {
            object["activationDays"] = nil
        }
        if object["activationDays"] == nil { object["activationUnit"] = nil }
        return .object(object)
    }

    /// Texts that hold a flag, a list or a whole number as what they hold.
    private static func value(_ value: JSON) -> JSON {
        guard let text = value.string else { return value }
        switch text {
        case "true": return true
        case "false": return false
        case "null", "undefined": return .null
        default:
            if text.hasPrefix("["), let list = try? JSON(parsing: text) { return list }
            return Int64(text).map { .int($0) } ?? value
        }
    }
}
