internal import Domain
internal import HTTP
internal import Secrets
internal import Store

/// An upstream credential as the data path sees it. Immutable; a class because a request hands it around.
final class RelayAccount: Sendable {
    let account: Account
    let target: UpstreamTarget
    /// The header that carries the credential, and its value.
    let credentialName: String
    let credential: SecretBytes
    /// Of an OAuth account: which access token this is. 0 for the other kinds.
    let generation: Int64
    let modelMap: [String: String]
    let allow: [ModelPattern]?
    let deny: [ModelPattern]
    let live: AccountLive
    let route: Route
    let hasCaps: Bool
    /// Of the kind `cli`: the proxy as its operator wrote it, for the program.
    let programProxy: SecretBytes?

    init(
        account: Account, target: UpstreamTarget, credentialName: String, credential: SecretBytes, generation: Int64,
        modelMap: [String: String], live: AccountLive, route: Route, programProxy: SecretBytes? = nil
    ) {
        self.programProxy = programProxy
        (self.account, self.target, self.modelMap, self.live, self.route) = (account, target, modelMap, live, route)
        (self.credentialName, self.credential, self.generation) = (credentialName, credential, generation)
        allow = account.details.modelAllow.map(ModelPattern.list)
        deny = account.details.modelDeny.map(ModelPattern.list) ?? []
        isOAuth = account.details.kind == .oauth
        withholdsClientFields = account.details.withholdsClientFields
        let caps = account.details.caps
        hasCaps = caps.requestsPerMinute != nil || caps.tokensPerMinute != nil || caps.costPerDayMicroUSD != nil
    }

    var id: AccountID { account.id }
    let isOAuth: Bool
    let withholdsClientFields: Bool
    /// An OAuth account has none before its first refresh.
    var hasCredential: Bool { credential.count > 0 }
    /// The upstream refuses the access token of an OAuth account.
    var awaitsToken: Bool { isOAuth && live.isRefused(generation) }

    func serves(_ model: String) -> Bool { (allow?.contains { $0.matches(model) } ?? true) && !deny.contains { $0.matches(model) } }
    /// Its operator named the model, rather than allowing whatever comes.
    func lists(_ model: String) -> Bool { modelMap[model] != nil || allow?.contains { $0.matches(model) } ?? false }

    /// Builds it from its row.
    /// - Parameters:
    ///   - token: of an OAuth account; nil when it has none.
    ///   - route: finds or makes the breaker of a route.
    /// - Throws: `SecretsError` for what does not open, `ParseError` for what cannot be used.
    convenience init(
        _ row: Account, token: AccountToken?, keyring: Keyring, rule: AddressRule, live: AccountLive, route: (RouteName) -> Route
    ) throws {
        let proxyText = try row.proxySealed.map { try keyring.open($0, for: AccountSeal.proxy(row.id)) }
        let proxy = try proxyText.map { try UpstreamProxy(parsing: String(decoding: $0, as: UTF8.self), addressRule: rule) }
        let target = try UpstreamTarget(parsing: row.details.baseURL, proxy: proxy, addressRule: rule)
        let secret: [UInt8]
        if row.details.kind == .oauth {
            secret = try token?.accessSealed.map { try keyring.open($0, for: AccountSeal.access(row.id)) } ?? []
        } else {
            secret = try keyring.open(row.secretSealed, for: AccountSeal.secret(row.id))
            guard !secret.isEmpty else { throw ParseError("a credential of printable ASCII") }
        }
        // A secret with a line break would add a header; such a row is refused like any other bad value.
        guard secret.isPrintableASCII else { throw ParseError("a credential of printable ASCII") }
        let isProgram = row.details.kind == .cli
        let isBare = isProgram || row.details.kind == .apiKey && row.details.header == .xAPIKey
        var map: [String: String] = [:]
        for member in (try JSON(parsing: row.details.modelMap)).object?.members ?? [] { map[member.name] = member.value.string }
        self.init(
            account: row, target: target, credentialName: isBare ? "x-api-key" : "authorization",
            credential: SecretBytes(isBare || secret.isEmpty ? secret : Array("Bearer ".utf8) + secret), generation: token?.generation ?? 0,
            modelMap: map, live: live,
            // A program finds its own way: what stops others there tells nothing of it, and it tells nothing of theirs.
            route: isProgram ? Route() : route(RouteName(target)), programProxy: isProgram ? proxyText.map { SecretBytes($0) } : nil)
    }
}

/// Which accounts may serve a key, parsed once.
enum AccountBinding: Equatable, Sendable {
    case account(AccountID)
    case group(AccountGroupID)
    /// A text that names neither: such a key is served by nobody, rather than by everybody.
    case unknown

    init(_ text: String) {
        let isGroup = text.hasPrefix("group:")
        let id = isGroup ? String(text.dropFirst(6)) : text
        if isGroup, let group = try? AccountGroupID(parsing: id) {
            self = .group(group)
        } else if !isGroup, let account = try? AccountID(parsing: id) {
            self = .account(account)
        } else {
            self = .unknown
        }
    }
}
