public import Domain
internal import HTTP
public import Secrets
public import Store

/// Accounts that the environment names: `CLAUDE_API_KEY` for one, `CLAUDE_ACCOUNTS` for several.
public struct ImportedAccount: Sendable {
    public let details: AccountDetails
    /// Which entry of the environment it came from; importing again updates the same row.
    public let sourceKey: String
    let secret: SecretBytes

    public static let defaultBaseURL = "https://api.anthropic.com"

    /// `CLAUDE_API_KEY`.
    public init(apiKey: String, baseURL: String = defaultBaseURL) {
        details = AccountDetails(name: "CLAUDE_API_KEY", baseURL: baseURL)
        sourceKey = "CLAUDE_API_KEY"
        secret = SecretBytes(Array(apiKey.utf8))
    }

    private init(_ entry: Entry) {
        details = AccountDetails(
            name: entry.name ?? entry.email, email: entry.email, baseURL: entry.baseURL, priority: entry.priority,
            maxConcurrency: entry.maxConcurrency)
        sourceKey = "CLAUDE_ACCOUNTS:" + entry.email.lowercased()
        secret = SecretBytes(Array(entry.apiKey.utf8))
    }

    /// What the environment says over what is there: it knows a handful of fields, and the rest is the operator's.
    func details(over known: AccountDetails?) -> AccountDetails {
        guard var merged = known else { return details }
        (merged.name, merged.email, merged.baseURL) = (details.name, details.email, details.baseURL)
        (merged.priority, merged.maxConcurrency) = (details.priority, details.maxConcurrency)
        (merged.kind, merged.header) = (details.kind, details.header)
        return merged
    }

    private struct Entry: Sendable {
        let email: String
        let apiKey: String
        let baseURL: String
        let name: String?
        let priority: Int64
        let maxConcurrency: Int64?
    }

    private static let entry = Shape(
        .text("email", "Names the account.", length: 1...254), .text("apiKey", "The credential.", length: 8...512),
        Field<String>.text("baseUrl", "Where its API is.", length: 8...2048).or(defaultBaseURL),
        Field<String>.text("name", "Shown to operators.", length: 1...100).optional,
        Field<Int64>.integer("priority", "Lower is used first.", 1...100).or(50),
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
