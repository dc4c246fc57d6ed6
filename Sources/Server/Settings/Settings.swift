internal import API
internal import Billing
internal import Domain
internal import Glibc
internal import HTTP
internal import Mail
internal import Relay
internal import Secrets
internal import Store
internal import Telemetry

/// Everything that is wrong with the settings, at once.
struct SettingsErrors: Error, Sendable {
    let problems: [String]
}

/// The settings of this process, read once and checked whole.
struct Settings: Sendable {
    /// Where a value came from, for `gatehouse check`.
    enum Source: String, Sendable { case environment, file = "gatehouse.env", secretFile = "file", standard = "default" }
    struct Value: Sendable {
        let text: String
        let source: Source
    }
    private let values: [String: Value]
    /// Names that look like ours and are not, and what they may mean.
    private(set) var warnings: [String]

    /// - Parameters:
    ///   - environment: of the process.
    ///   - file: text of `gatehouse.env`, nil when there is none.
    ///   - readFile: reads what `<NAME>_FILE` names; nil when it cannot be read.
    init(environment: [String: String], file: String?, readFile: (String) -> String?) throws(SettingsErrors) {
        var problems: [String] = []
        var warnings: [String] = []
        var fromFile: [String: String] = [:]
        if let file {
            do throws(ParseError) {
                for line in try SettingsFile.parse(file) { fromFile[line.name] = line.value }
            } catch { problems.append("gatehouse.env \(error.message)") }
        }
        var values: [String: Value] = [:]
        for entry in SettingList.entries {
            var found: Value?
            for (place, source) in [(environment, Source.environment), (fromFile, .file)] where found == nil {
                for name in entry.names where found == nil {
                    let (direct, path) = (place[name].flatMap { $0.isEmpty ? nil : $0 }, place[name + "_FILE"])
                    if direct != nil, path != nil, entry.isSecret { problems.append("\(name) and \(name)_FILE are both set; keep one") }
                    if let direct {
                        found = Value(text: direct, source: source)
                    } else if let path, entry.isSecret {
                        if let text = readFile(path) {
                            found = Value(text: SettingText.trimmed(text), source: .secretFile)
                        } else {
                            problems.append("\(name)_FILE names a file that cannot be read: \(path)")
                        }
                    }
                }
            }
            let value =
                found.map { Value(text: entry.translated($0.text), source: $0.source) } ?? Value(text: entry.standard, source: .standard)
            if !value.text.isEmpty, let problem = entry.problem(value.text) { problems.append("\(entry.name) \(problem)") }
            values[entry.name] = value
        }
        for name in fromFile.keys.sorted() where !Self.isKnown(name) { warnings.append(Self.warning(name)) }
        for name in environment.keys.sorted() where !Self.isKnown(name) && Self.looksLikeOurs(name) { warnings.append(Self.warning(name)) }
        self.values = values
        self.warnings = warnings
        problems += contradictions()
        guard problems.isEmpty else { throw SettingsErrors(problems: problems) }
        self.warnings += doubts()
    }

    /// The settings of the running process.
    static func load() throws(SettingsErrors) -> Settings {
        let file = TextFile.read("gatehouse.env")
        if file == nil, TextFile.exists("gatehouse.env") {
            throw SettingsErrors(problems: [
                "gatehouse.env is there and cannot be read: give it to the user that runs gatehouse, as UTF-8 of at most 1 MiB"
            ])
        }
        return try Settings(environment: ProcessEnvironment.all, file: file, readFile: TextFile.read)
    }

    func value(_ name: String) -> Value { values[name] ?? Value(text: "", source: .standard) }
    private func text(_ name: String) -> String { value(name).text }
    private func optional(_ name: String) -> String? { text(name).isEmpty ? nil : text(name) }
    private func number(_ name: String) -> Int { Int(text(name)) ?? 0 }
    private func list(_ name: String) -> [String] { SettingText.list(text(name)) ?? [] }
    private func secret(_ name: String) -> SecretBytes? { optional(name).map { SecretBytes(Array($0.utf8)) } }

    // MARK: Typed

    var host: String { text("HOST") }
    var port: UInt16 { UInt16(text("PORT")) ?? 8000 }
    var apiURL: String? { optional("API_URL") }
    var shownVersion: String { optional("APP_VERSION") ?? gatehouseVersion }
    var isProduction: Bool { text("ENVIRONMENT") == "production" }
    var dataDirectory: String { text("DATA_DIR") }
    var shareDirectory: String? { optional("SHARE_DIR") }
    var tls: TLSFiles? {
        guard let certificate = optional("TLS_CERT_FILE"), let key = optional("TLS_KEY_FILE") else { return nil }
        return TLSFiles(certificateFile: certificate, keyFile: key)
    }
    var allowedHosts: [String] { list("ALLOWED_HOSTS") }
    var crossOrigins: [String] { list("CORS_ORIGINS") }
    var trustedProxies: [IPNetwork] { list("TRUSTED_PROXIES").compactMap { IPNetwork($0) } }
    var workers: Int {
        let cores = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        return min(cores * number("WORKERS_PER_CORE"), optional("MAX_WORKERS").flatMap { Int($0) } ?? cores)
    }
    var backlog: Int32 { Int32(text("BACKLOG_SIZE")) ?? 4096 }
    var connectionsPerAddress: Int { number("MAX_CONNECTIONS_PER_ADDRESS") }
    var timeZone: String { text("TIME_ZONE") }
    var maxConcurrent: Int? { number("MAX_CONCURRENT") == 0 ? nil : number("MAX_CONCURRENT") }
    var upstreamDeadlines: UpstreamDeadlines {
        var deadlines = UpstreamDeadlines()
        deadlines.connectMilliseconds = number("UPSTREAM_CONNECT_TIMEOUT") * 1000
        deadlines.firstByteMilliseconds = number("UPSTREAM_FIRST_BYTE_TIMEOUT") * 1000
        deadlines.idleMilliseconds = number("UPSTREAM_IDLE_TIMEOUT") * 1000
        return deadlines
    }
    var drainSeconds: Int { number("DRAIN_TIMEOUT") }
    var databaseURL: String { optional("DATABASE_URL") ?? "sqlite:///" + dataDirectory + "/gatehouse.db" }
    /// Checked at the start; `contradictions` has refused everything that does not parse.
    func databaseLocation() throws(ParseError) -> DatabaseLocation { try DatabaseLocation(parsing: databaseURL) }
    var storeOptions: StoreOptions {
        var options = StoreOptions()
        options.poolSize = number("DB_POOL_SIZE")
        options.maxOverflow = number("DB_MAX_OVERFLOW")
        return options
    }
    var syncsAlways: Bool { text("JOURNAL_FSYNC") == "always" }
    /// Nil keeps history for ever.
    var historyMilliseconds: Int64? {
        if let milliseconds = Int64(text("TOKEN_USAGE_RETENTION")), milliseconds > 0 { return milliseconds }
        let days = Int64(number("HISTORY_RETENTION_DAYS"))
        return days == 0 ? nil : days * 86_400_000
    }
    var cleanupMilliseconds: Int { number("CLEANUP_INTERVAL") }
    var secretKey: SecretBytes? { secret("SECRET_KEY") }
    var encryptionKey: SecretBytes? { secret("ENCRYPTION_KEY") ?? secret("CONFIG_ENCRYPTION_KEY") }
    var legacyEncryptionKey: SecretBytes? {
        optional("ENCRYPTION_KEY") == nil || text("CONFIG_ENCRYPTION_KEY") == text("ENCRYPTION_KEY") ? nil : secret("CONFIG_ENCRYPTION_KEY")
    }
    var tokenAlgorithm: TokenSigner.Algorithm { TokenSigner.Algorithm(rawValue: text("ALGORITHM")) ?? .hs256 }
    var tokenMinutes: Int64 { Int64(number("ACCESS_TOKEN_EXPIRE_MINUTES")) }
    var metricsToken: SecretBytes? { secret("METRICS_TOKEN") }
    /// A bare name, as older deployments have one, is one of the standard address's domain.
    var adminEmail: String { text("ADMIN_EMAIL").contains("@") ? text("ADMIN_EMAIL") : text("ADMIN_EMAIL") + "@example.com" }
    var adminPassword: String? { optional("ADMIN_PASSWORD") }
    var promoteSecret: SecretBytes? { secret("PROMOTE_SECRET") }
    var registration: String { text("REGISTRATION") }
    var passwordMinimumLength: Int { number("PASSWORD_MIN_LENGTH") }
    var claudeAPIKey: String? { optional("CLAUDE_API_KEY") }
    /// Nil when nobody has set it.
    var claudeBaseURL: String? { value("CLAUDE_BASE_URL").source == .standard ? nil : optional("CLAUDE_BASE_URL") }
    var claudeAccounts: String? { optional("CLAUDE_ACCOUNTS") }
    /// What CLAUDE_API_KEY describes, if anything.
    func standardAccounts() -> [ImportedAccount] { claudeAPIKey.map { [ImportedAccount(apiKey: $0, baseURL: claudeBaseURL)] } ?? [] }
    /// - Throws: `ParseError` for what CLAUDE_ACCOUNTS cannot mean.
    func listedAccounts() throws(ParseError) -> [ImportedAccount] {
        guard let text = claudeAccounts else { return [] }
        return try ImportedAccount.list(parsing: text)
    }
    var accountStrategy: SchedulingStrategy { SchedulingStrategy(rawValue: text("ACCOUNT_STRATEGY")) ?? .headroom }
    var claudeCLI: (program: String?, concurrency: Int, seconds: Int64) {
        (optional("CLAUDE_CLI"), number("CLAUDE_CLI_CONCURRENCY"), Int64(number("CLAUDE_CLI_TIMEOUT")))
    }
    var allowsLoopbackUpstream: Bool { SettingText.boolean(text("ALLOW_LOOPBACK_UPSTREAM")) ?? false }
    var hiddenErrorWords: [String] { list("UPSTREAM_ERROR_HIDES").map { $0.lowercased() } }
    var upstreamAPIVersion: String { text("UPSTREAM_API_VERSION") }
    var billsEstimates: Bool { SettingText.boolean(text("BILL_ESTIMATES")) ?? true }
    var openAIQuotaAs429: Bool { SettingText.boolean(text("OPENAI_QUOTA_AS_429")) ?? false }
    /// Nil: none are set.
    var openAICacheMarkBytes: Int? { number("OPENAI_CACHE_MARK_BYTES") > 0 ? number("OPENAI_CACHE_MARK_BYTES") : nil }
    var isDemo: Bool { optional("DEMO").flatMap(SettingText.boolean) ?? !isProduction }
    var currency: Currency { (try? Currency(parsing: text("CURRENCY"))) ?? .usd }
    /// Of a provider's way in; several during a rotation.
    private func secrets(_ name: String) -> [SecretBytes] { list(name).map { SecretBytes(Array($0.utf8)) } }
    func providerSettings(baseURL: String) -> ProviderSettings {
        ProviderSettings(
            secrets: [
                "webhook": secrets("PAYMENT_WEBHOOK_SECRET"), "telegram": secrets("TELEGRAM_WEBHOOK_SECRET_TOKEN"),
                "stripe": secrets("STRIPE_WEBHOOK_SECRET"),
            ], baseURL: baseURL, telegramBot: optional("TELEGRAM_BOT_NAME"))
    }
    /// Who is told of events.
    /// - Throws: `ParseError` for what EVENT_WEBHOOKS cannot mean.
    func webhookTargets() throws(ParseError) -> [WebhookTarget] {
        var targets: [WebhookTarget] = []
        if let text = optional("EVENT_WEBHOOKS") { targets = try WebhookTarget.list(parsing: text) }
        guard let url = optional("EVENT_WEBHOOK_URL"), let secret = secret("EVENT_WEBHOOK_SECRET") else { return targets }
        guard !targets.contains(where: { $0.name == "main" }) else {
            throw ParseError("of targets with other names than main, which is EVENT_WEBHOOK_URL")
        }
        return [WebhookTarget(name: "main", address: url, secret: secret, events: list("EVENT_WEBHOOK_EVENTS"))] + targets
    }
    var emailVerification: EmailVerification { EmailVerification(rawValue: text("EMAIL_VERIFICATION")) ?? .off }
    /// Whether somebody takes the mails that are promised.
    var sendsMail: Bool { mailIsDry || optional("SMTP_HOST") != nil }
    var mailIsDry: Bool { SettingText.boolean(text("SMTP_DRY_RUN")) ?? false }
    var mailSender: String { text("SMTP_FROM") }
    var mailAuthorityFile: String? { optional("SMTP_CA_FILE") }
    var mailServerIsHere: Bool {
        let host = text("SMTP_HOST")
        return host == "localhost" || (IPAddress(host)?.isLoopback ?? false)
    }
    /// nil when no mail is sent.
    var mailServer: MailServer? {
        guard let host = optional("SMTP_HOST") else { return nil }
        let isTLS = SettingText.boolean(text("SMTP_USE_SSL")) ?? false
        let starts = text("SMTP_STARTTLS") == "required" || text("SMTP_STARTTLS") == "auto" && !mailServerIsHere
        var server = MailServer(
            host: host, port: UInt16(text("SMTP_PORT")) ?? (isTLS ? 465 : 25), security: isTLS ? .tls : starts ? .startTLS : .plain)
        (server.user, server.password) = (Array(text("SMTP_USER").utf8), Array(text("SMTP_PASSWORD").utf8))
        if let domain = try? MailSenderName(parsing: mailSender).domain { server.ownName = domain }
        return server
    }
    /// Never more often than every ten minutes (relay contract, section 14).
    var probeSeconds: Int64? {
        let minutes = number("ACCOUNT_PROBE_MINUTES")
        return minutes == 0 ? nil : Int64(max(10, minutes)) * 60
    }
    var alertPoolMinimum: Int { number("ALERT_POOL_MINIMUM") }
    var retentionSeconds: Int64 { Int64(number("SUBSCRIPTION_RETENTION_DAYS")) * 86_400 }
    var invoiceIssuer: String { text("INVOICE_ISSUER") }
    var logLevel: LogLevel { LogLevel(rawValue: text("LOG_LEVEL")) ?? .info }
    var logDirectory: String? { optional("LOG_DIR") }
    var logMaximumBytes: Int { SettingText.size(text("LOG_MAX_SIZE")) ?? 10 << 20 }
    var logMaximumFiles: Int { number("LOG_MAX_FILES") }

    // MARK: Names

    private static func isKnown(_ name: String) -> Bool {
        SettingList.entry(name) != nil || name.hasSuffix("_FILE") && SettingList.entry(String(name.dropLast(5)))?.isSecret == true
    }

    /// Close to one of ours, or of a family this product will know.
    private static func looksLikeOurs(_ name: String) -> Bool {
        SettingList.planned.contains { name.hasPrefix($0) } || nearest(name).map { $0.distance <= 2 && name.count > 5 } ?? false
    }

    private static func nearest(_ name: String) -> (name: String, distance: Int)? {
        SettingList.entries.flatMap(\.names).map { ($0, editDistance($0, name)) }.min { $0.1 < $1.1 }
    }

    private static func warning(_ name: String) -> String {
        let near = nearest(name)
        if let near, near.distance <= 1 { return "\(name) is not known; did you mean \(near.name)?" }
        if SettingList.planned.contains(where: { name.hasPrefix($0) }) { return "\(name) is not used by this version" }
        if let near, near.distance <= 3 { return "\(name) is not known; did you mean \(near.name)?" }
        return "\(name) is not known"
    }

    /// Levenshtein's distance.
    static func editDistance(_ a: String, _ b: String) -> Int {
        let (a, b) = (Array(a.utf8), Array(b.utf8))
        var row = Array(0...b.count)
        for (i, x) in a.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, y) in b.enumerated() {
                let above = row[j + 1]
                row[j + 1] = min(above + 1, row[j] + 1, diagonal + (x == y ? 0 : 1))
                diagonal = above
            }
        }
        return row[b.count]
    }
}
