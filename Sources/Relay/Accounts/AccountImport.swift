public import Domain
internal import HTTP
public import Secrets
public import Store

/// Accounts that the environment names: `CLAUDE_API_KEY` for one, `CLAUDE_ACCOUNTS` for several.
public struct ImportedAccount: Sendable {
    /// As it is made when it is not there yet.
    public let details: AccountDetails
    /// Which entry of the environment it came from; importing again updates the same row.
    public let sourceKey: String
    private let named: Named
    let secret: SecretBytes

    public static let defaultBaseURL = "https://api.anthropic.com"

    /// `CLAUDE_API_KEY`.
    /// - Parameter baseURL: nil when the settings name none.
    public init(apiKey: String, baseURL: String? = nil) {
        self.init(Named(baseURL: baseURL), sourceKey: "CLAUDE_API_KEY", apiKey: apiKey, name: "CLAUDE_API_KEY")
    }

    private init(_ entry: Entry) {
        let named = Named(
            email: entry.email, baseURL: entry.baseURL, name: entry.name, priority: entry.priority, maxConcurrency: entry.maxConcurrency)
        self.init(named, sourceKey: "CLAUDE_ACCOUNTS:" + entry.email.lowercased(), apiKey: entry.apiKey, name: entry.email)
    }

    private init(_ named: Named, sourceKey: String, apiKey: String, name: String) {
        details = named.over(AccountDetails(name: name, baseURL: Self.defaultBaseURL))
        self.named = named
        self.sourceKey = sourceKey
        secret = SecretBytes(Array(apiKey.utf8))
    }

    /// What the environment says over what is there. What it does not name is the operator's, and so are kind and header.
    func details(over known: AccountDetails?) -> AccountDetails { known.map { named.over($0) } ?? details }

    /// What an entry names; nil: nothing was said of it.
    private struct Named: Sendable {
        var email: String?
        var baseURL: String?
        var name: String?
        var priority: Int64?
        var maxConcurrency: Int64?

        func over(_ known: AccountDetails) -> AccountDetails {
            var merged = known
            if let email { merged.email = email }
            if let baseURL { merged.baseURL = baseURL }
            if let name { merged.name = name }
            if let priority { merged.priority = priority }
            if let maxConcurrency { merged.maxConcurrency = maxConcurrency }
            return merged
        }
    }

    private struct Entry: Sendable {
        let email: String
        let apiKey: String
        let baseURL: String?
        let name: String?
        let priority: Int64?
        let maxConcurrency: Int64?
    }

    private static let entry = Shape(
        .text("email", "Names the account.", length: 1...254), .text("apiKey", "The credential.", length: 8...512),
        Field<String>.text("baseUrl", "Where its API is.", length: 8...2048).optional,
        Field<String>.text("name", "Shown to operators.", length: 1...100).optional,
        Field<Int64>.integer("priority", "Lower is used first.", 1...100).optional,
        Field<Int64>.integer("maxConcurrency", "Requests under way at once.", 1...100_000).optional,
        make: Entry.init(email:apiKey:baseURL:name:priority:maxConcurrency:))

    /// Reads `CLAUDE_ACCOUNTS`: `[{"email","apiKey","baseUrl"?,"name"?,"priority"?,"maxConcurrency"?}]`.
    /// - Throws: `ParseError` naming the entry and every bad field of it; never quotes a key.
    public static func list(parsing text: String) throws(ParseError) -> [ImportedAccount] {
        guard case .array(let values) = try JSON(parsing: text) else { throw ParseError("a JSON list of accounts") }
        var accounts: [ImportedAccount] = []
        for (index, value) in values.enumerated() {
            do throws(InputErrors) {
                accounts.append(ImportedAccount(try entry.ignoringUnknownFields.parse(value)))
            } catch {
                // The messages of this shape quote nothing but numbers.
                let problems = error.fields.map { "\($0.field) \($0.field == "apiKey" ? "must be 8 to 512 characters" : $0.message)" }
                throw ParseError("right in entry \(index + 1): " + problems.joined(separator: "; "))
            }
        }
        guard Set(accounts.map(\.sourceKey)).count == accounts.count else { throw ParseError("a list in which each email stands once") }
        return accounts
    }

    /// Makes or updates the rows, so that starting twice with the same environment changes nothing but the moment.
    public static func importAll(_ accounts: [ImportedAccount], into store: Store, keyring: Keyring) async throws(StoreError) {
        guard !accounts.isEmpty else { return }
        try await store.transaction { transaction throws(StoreError) in
            for account in accounts {
                let there = try transaction.account(sourceKey: account.sourceKey)
                let details = account.details(over: there?.details)
                if let known = there, known.details == details,
                    let opened = try? keyring.open(known.secretSealed, for: AccountSeal.secret(known.id)),
                    account.secret.reveal({ Hashing.equal($0, opened) })
                {
                    continue
                }
                _ = try transaction.importAccount(details, sourceKey: account.sourceKey) { id in
                    account.secret.reveal { keyring.seal($0, for: AccountSeal.secret(id)) }
                }
            }
        }
    }
}

/// Checks an operator's base URL by the same rule that the relay's connections obey.
/// - Throws: `ParseError` saying what is wrong with it.
public func checkAccountBaseURL(_ text: String, allowsLoopback: Bool) throws(ParseError) {
    _ = try UpstreamTarget(parsing: text, addressRule: AddressRule(allowsLoopback: allowsLoopback))
}

/// The place an account's secret is sealed for, for whoever makes or reads account rows.
public func accountSecretPlace(of id: AccountID) -> SealedPlace { AccountSeal.secret(id) }
