internal import Domain
internal import HTTP
internal import Store

/// What the account forms of the older relay send besides name and credential (relay contract, section 11). What would change which
/// traffic an account takes, or where it goes, is kept or refused, never dropped.
struct OlderAccountFields: Sendable {
    struct Models: Sendable, Equatable {
        /// Names that are served; empty: all.
        var allowed: [String] = []
        /// Of those the ones that the upstream knows by another name.
        var renamed: [String: String] = [:]
    }
    struct Place: Sendable { let type: String?, groups: [String] }

    let url: String?, notes: String?, priority: Int64?, most: Int64?, isSchedulable: Bool?, isActive: Bool?
    let proxy: String?, models: Models?, quota: Int64?, expiresAt: String?, place: Place

    // MARK: Fields

    static let url = Field<String>.text("apiUrl", "Where its API is; left out: the maker's own, or as it was.", length: 0...2048).optional
    static let notes = Field<String>.text("description", "Notes.", length: 0...1000).optional
    static let priority = Field<Int64>.integer("priority", "Lower goes first.", 1...100).optional
    static let most = Field<Int64>.integer("maxConcurrentTasks", "Requests under way at once; 0: no cap.", 0...1_000_000).optional
    static let isSchedulable = Field<Bool>.boolean("schedulable", "Whether it is chosen.").optional
    static let isActive = Field<Bool>.boolean("isActive", "Whether it works at all.").optional

    static let proxy = Field<String>(
        "proxy",
        "Its way out: a URL, or an object of `type` (http, socks5 or socks5h), `host`, `port`, `username` and `password`. Left out or null: none, or as it was.",
        .anything
    ) { json throws(ParseError) in try proxyURL(json) }.optional

    static let models = Field<Models>(
        "supportedModels", "Names it serves: a list, or an object of names with those the upstream knows. Empty: all.", .anything
    ) { json throws(ParseError) in
        let failure = ParseError("a list of at most 200 names, or an object of names, each of 1 to 200 bytes")
        var models = Models()
        switch json {
        case .array(let names):
            for name in names {
                guard let name = name.string else { throw failure }
                models.allowed.append(name)
            }
        case .object(let names):
            for member in names.members {
                guard let known = member.value.string, (1...200).contains(known.utf8.count) else { throw failure }
                models.allowed.append(member.name)
                if known != member.name { models.renamed[member.name] = known }
            }
        case .null, .bool, .int, .number, .string: throw failure
        }
        guard models.allowed.count <= 200, models.allowed.allSatisfy({ (1...200).contains($0.utf8.count) }) else { throw failure }
        return models
    }.optional

    static let quota = Field<Int64>("dailyQuota", "Dollars in a UTC day; 0: no cap.", .number) { json throws(ParseError) in
        switch json {
        case .int(0), .string(""): return 0
        case .int(let number): return try Dollars.parse(String(number))
        case .number(let text), .string(let text): return text.allSatisfy { $0 == "0" || $0 == "." } ? 0 : try Dollars.parse(text)
        case .null, .bool, .array, .object: throw ParseError("US dollars, got \(json.kindText)")
        }
    }.optional

    static let expiresAt = Field<String>.text(
        "expiresAt", "RFC 3339; serves nothing from then on. Empty: never. Left out or null: never, or as it was.", length: 0...40
    ).optional

    static let type = Field<String>.choice(
        "accountType", "Groups are changed at /admin/account-groups: here it is shared, or as it was.", ["shared", "group", "dedicated"]
    ).optional
    static let groups = Field<[String]>("groupIds", "As they were.", .anything) { json throws(ParseError) in
        json.array?.compactMap(\.string) ?? []
    }.or([])

    // MARK: In our words

    /// "socks5://user:pass%20word@host:1080".
    private static func proxyURL(_ json: JSON) throws(ParseError) -> String {
        if let text = json.string, !text.isEmpty { return text }
        guard let object = json.object else { throw ParseError("an object of type, host and port, or a URL") }
        if object.members.isEmpty { return "" }
        guard let type = object["type"]?.string, ["http", "socks5", "socks5h"].contains(type) else {
            throw ParseError("of the type http, socks5 or socks5h")
        }
        guard let host = object["host"]?.string, !host.isEmpty,
            let port = object["port"]?.int ?? object["port"]?.string.flatMap({ Int64($0) }), (1...65_535).contains(port)
        else { throw ParseError("complete: with host and port") }
        let (user, password) = (object["username"]?.string ?? "", object["password"]?.string ?? "")
        let login = user.isEmpty && password.isEmpty ? "" : "\(PercentText.encoded(user)):\(PercentText.encoded(password))@"
        return "\(type)://\(login)\(host.contains(":") && !host.hasPrefix("[") ? "[\(host)]" : host):\(port)"
    }

    /// - Parameters:
    ///   - old: the account as it is; what a form shows and sends back unchanged stays. Nil for a new one.
    ///   - groups: those it is in.
    /// - Throws: `InputErrors` for a place among groups that it has not.
    func change(from old: AccountDetails?, groups: Set<String> = []) throws(InputErrors) -> AccountChange {
        let shown = groups.isEmpty ? "shared" : "group"
        if let type = place.type, type != shown || !(place.groups.isEmpty || type == "shared" || Set(place.groups) == groups) {
            throw InputErrors(fields: [
                FieldError("accountType", "must be \(shown) here; groups get their members at /admin/account-groups")
            ])
        }
        var change = AccountChange()
        change.baseURL = url.flatMap { $0.isEmpty ? nil : $0 }
        (change.notes, change.priority, change.maxConcurrency, change.costPerDayMicroUSD) = (notes, priority, most, quota)
        (change.isSchedulable, change.expiresAt) = (isSchedulable, expiresAt)
        change.proxy = proxy.flatMap { $0.isEmpty ? nil : $0 }
        if let models, old.map({ Self.shown($0) != models }) ?? true {
            (change.modelAllow, change.modelMap) = (models.allowed, models.renamed)
        }
        return change
    }

    /// The models of an account as a form shows them.
    static func shown(_ details: AccountDetails) -> Models {
        func json(_ text: String?) -> JSON? { text.flatMap { try? JSON(parsing: Array($0.utf8)) } }
        var models = Models(allowed: json(details.modelAllow)?.array?.compactMap(\.string) ?? [])
        for member in json(details.modelMap)?.object?.members ?? [] {
            models.renamed[member.name] = member.value.string
            if !models.allowed.contains(member.name) { models.allowed.append(member.name) }
        }
        return models
    }
    static func json(_ models: Models) -> JSON {
        .object(JSONObject(models.allowed.map { ($0, .string(models.renamed[$0] ?? $0)) }))
    }

    /// The same refusals under the names of the form.
    static func renamed(_ errors: InputErrors, secret: String) -> InputErrors {
        let names = ["base_url": "apiUrl", "expires_at": "expiresAt", "secret": secret]
        return InputErrors(fields: errors.fields.map { FieldError(names[$0.field] ?? $0.field, $0.message) })
    }
}
