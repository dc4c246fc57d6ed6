internal import Domain
public import Store

/// What an operator wants an upstream account to be; what is nil stays, or has its usual value in a new one. Empty texts, empty lists and
/// caps of 0 take a thing away.
public struct AccountChange: Sendable {
    public var name: String?
    public var email: String?
    public var kind: CredentialKind?
    public var baseURL: String?
    public var header: CredentialHeader?
    public var secret: String?
    public var priority: Int64?
    public var weight: Int64?
    public var maxConcurrency: Int64?
    public var requestsPerMinute: Int64?
    public var tokensPerMinute: Int64?
    public var costPerDayMicroUSD: Int64?
    public var modelMap: [String: String]?
    public var modelAllow: [String]?
    public var modelDeny: [String]?
    public var isSchedulable: Bool?
    public var notes: String?
    public var expiresAt: String?
    public var abortPolicy: AbortPolicy?
    public var withholdsClientFields: Bool?
    public var billsTopLevel: Bool?
    public var proxy: String?
    public var tokenURL: String?
    public var clientID: String?
    public var clientSecret: String?
    public var refreshToken: String?
    public var scopes: String?
    public var tokenStyle: TokenRequestStyle?

    public init() {}

    private init(_ what: What, _ caps: Caps, _ token: Token) {
        (name, email, kind, baseURL, header, secret) = (what.name, what.email, what.kind, what.baseURL, what.header, what.secret)
        (priority, weight, notes, expiresAt, isSchedulable) = (what.priority, what.weight, what.notes, what.expiresAt, what.isSchedulable)
        (maxConcurrency, requestsPerMinute) = (caps.concurrency, caps.requests)
        (tokensPerMinute, costPerDayMicroUSD) = (caps.tokens, caps.cost)
        (modelMap, modelAllow, modelDeny, proxy) = (caps.map, caps.allow, caps.deny, caps.proxy)
        (abortPolicy, withholdsClientFields, billsTopLevel) = (what.abortPolicy, what.withholds, what.billsTopLevel)
        (tokenURL, clientID, clientSecret) = (token.url, token.client, token.secret)
        (refreshToken, scopes, tokenStyle) = (token.refresh, token.scopes, token.style)
    }

    // MARK: As a body

    private struct What: Sendable {
        let name: String?, email: String?, kind: CredentialKind?, baseURL: String?, header: CredentialHeader?, secret: String?
        let priority: Int64?, weight: Int64?, notes: String?, expiresAt: String?, isSchedulable: Bool?
        let abortPolicy: AbortPolicy?, withholds: Bool?, billsTopLevel: Bool?
    }
    private struct Caps: Sendable {
        let concurrency: Int64?, requests: Int64?, tokens: Int64?, cost: Int64?
        let map: [String: String]?, allow: [String]?, deny: [String]?, proxy: String?
    }
    private struct Token: Sendable {
        let url: String?, client: String?, secret: String?, refresh: String?, scopes: String?, style: TokenRequestStyle?
    }

    private static let largest: Int64 = 1_000_000_000
    private static func text(_ name: String, _ about: String, _ length: ClosedRange<Int>) -> Field<String?> {
        Field<String>.text(name, about, length: length).optional
    }
    private static func number(_ name: String, _ about: String, _ range: ClosedRange<Int64>) -> Field<Int64?> {
        Field<Int64>.integer(name, about, range).optional
    }
    private static func word<Word: RawRepresentable<String> & CaseIterable & Sendable>(
        _ name: String, _ about: String, _ type: Word.Type
    ) -> Field<Word?> {
        Field<String>.choice(name, about, type.allCases.map(\.rawValue)).map { text throws(ParseError) in
            guard let word = type.init(rawValue: text) else { throw ParseError("one of the known words") }
            return word
        }.optional
    }
    private static let map: Field<[String: String]?> = Field<[String: String]>(
        "model_map", "Names that customers use, each with the name the upstream knows.",
        .map(of: .text(length: 1...200, pattern: nil, format: nil))
    ) { json throws(ParseError) in
        guard let members = json.object?.members, members.count <= 200 else { throw ParseError("an object of at most 200 names") }
        var map: [String: String] = [:]
        for member in members {
            guard let text = member.value.string, (1...200).contains(text.utf8.count), (1...200).contains(member.name.utf8.count) else {
                throw ParseError("names of 1 to 200 bytes")
            }
            map[member.name] = text
        }
        return map
    }.optional

    static let shape = Shape(
        text("name", "For people.", 1...100), text("email", "Of its owner; empty for none.", 0...254),
        word("kind", "How its credential works.", CredentialKind.self), text("base_url", "Where its API is.", 8...2048),
        word("header", "The header an api_key goes in.", CredentialHeader.self),
        text("secret", "The credential; never shown again.", 1...8192), number("priority", "Lower is used first.", 1...100),
        number("weight", "Its share under the strategy `weighted`.", 1...10_000), text("notes", "For operators.", 0...2000),
        text("expires_at", "RFC 3339; serves nothing from then on. Empty: never.", 0...40),
        Field<Bool>.boolean("schedulable", "False: it serves nothing new.").optional,
        word("abort_policy", "When a customer leaves a stream.", AbortPolicy.self),
        Field<Bool>.boolean("withhold_client_fields", "Keeps x-claude-code-* and x-stainless-* back.").optional,
        Field<Bool>.boolean("bill_top_level", "Bills the top level of usage instead of its iterations.").optional,
        number("max_concurrency", "Requests under way at once; 0: no cap.", 0...largest),
        number("requests_per_minute", "0: no cap.", 0...largest),
        number("tokens_per_minute", "Input, output and cache writes; 0: no cap.", 0...largest),
        Field<Int64>.integer("cost_per_day_micro_usd", "In a UTC day, in micro-dollars; 0: no cap.", 0...1_000_000_000_000).optional, map,
        Field<[String]>.texts("model_allow", "Names or globs it serves; empty: all.", count: 0...200).optional,
        Field<[String]>.texts("model_deny", "Names or globs it does not serve.", count: 0...200).optional,
        text("proxy", "http://, socks5:// or socks5h://, with a password if need be; empty: none.", 0...2048),
        text("token_url", "Of an oauth account: where tokens are renewed.", 8...2048), text("client_id", "Of an oauth account.", 1...500),
        text("client_secret", "Of an oauth account; empty: none.", 0...2000),
        text("refresh_token", "Of an oauth account; never shown again.", 1...8192),
        text("scopes", "Separated by spaces; empty: none.", 0...2000),
        word("token_style", "How the token endpoint is asked.", TokenRequestStyle.self),
        make: {
            AccountChange(
                What(
                    name: $0, email: $1, kind: $2, baseURL: $3, header: $4, secret: $5, priority: $6, weight: $7, notes: $8, expiresAt: $9,
                    isSchedulable: $10, abortPolicy: $11, withholds: $12, billsTopLevel: $13),
                Caps(concurrency: $14, requests: $15, tokens: $16, cost: $17, map: $18, allow: $19, deny: $20, proxy: $21),
                Token(url: $22, client: $23, secret: $24, refresh: $25, scopes: $26, style: $27))
        })

    // MARK: Over what is there

    /// - Throws: `InputErrors` naming what cannot be.
    func applied(to known: AccountDetails) throws(InputErrors) -> AccountDetails {
        var details = known
        var faults: [FieldError] = []
        if let name { details.name = name }
        if let email { details.email = email }
        if let kind {
            details.kind = kind
            switch kind {
            case .apiKey: break
            case .bearer, .oauth: details.header = .authorizationBearer
            // A console key, unless its operator says otherwise.
            case .cli: if known.kind != .cli { details.header = .xAPIKey }
            }
        }
        if let baseURL { details.baseURL = baseURL }
        if let header { details.header = header }
        if let priority { details.priority = priority }
        if let weight { details.weight = weight }
        func cap(_ value: Int64?, _ known: Int64?) -> Int64? { value.map { $0 == 0 ? nil : $0 } ?? known }
        details.caps = AccountCaps(
            concurrency: cap(maxConcurrency, known.caps.concurrency),
            requestsPerMinute: cap(requestsPerMinute, known.caps.requestsPerMinute),
            tokensPerMinute: cap(tokensPerMinute, known.caps.tokensPerMinute),
            costPerDayMicroUSD: cap(costPerDayMicroUSD, known.caps.costPerDayMicroUSD))
        if let modelMap {
            details.modelMap = JSON.object(JSONObject(modelMap.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) })).text
        }
        func list(_ names: [String]) -> String? { names.isEmpty ? nil : JSON.array(names.map { .string($0) }).text }
        if let modelAllow { details.modelAllow = list(modelAllow) }
        if let modelDeny { details.modelDeny = list(modelDeny) }
        if let isSchedulable { details.isSchedulable = isSchedulable }
        if let notes { details.notes = notes }
        if let expiresAt {
            do throws(ParseError) { details.expiresAt = expiresAt.isEmpty ? nil : try Timestamp(parsing: expiresAt) } catch {
                faults.append(FieldError("expires_at", "must be a time as 2026-12-31T00:00:00Z"))
            }
        }
        if let abortPolicy { details.abortPolicy = abortPolicy }
        if let withholdsClientFields { details.withholdsClientFields = withholdsClientFields }
        if let billsTopLevel { details.billsTopLevel = billsTopLevel }
        guard faults.isEmpty else { throw InputErrors(fields: faults) }
        return details
    }
}
