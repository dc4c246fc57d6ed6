internal import Domain
internal import API
internal import Billing
internal import HTTP
internal import Mail
internal import Relay
internal import Store
internal import Telemetry

extension Settings {
    /// Passwords and secrets that stand in examples all over the world.
    private static let examples: Set<String> = [
        "admin123456", "admin123", "admin", "password", "changeme", "change-me", "secret", "your-secret-key", "your-secret-key-here",
        "your-super-secret-key-change-this", "your-secure-password", "your-webhook-secret", "your-api-secret", "12345678", "123456789",
    ]
    /// What stands in such secrets whatever is around it.
    private static let examplePhrases = [
        "change-me", "change_me", "changeme", "change-this", "change_this", "changethis", "your-secret", "your_secret", "yoursecret",
        "your-encryption", "your_encryption", "your-super-secret", "secret-key-here", "secret_key_here", "default-secret", "default_secret",
        "example", "placeholder", "replace-me", "replace_me", "replaceme",
    ]
    private static let productionSecretCharacters = 16
    /// A text of fewer different characters is typed, not drawn.
    private static let productionDifferentCharacters = 5

    private static func isExample(_ secret: String) -> Bool {
        let text = secret.lowercased()
        return examples.contains(text) || examplePhrases.contains { text.contains($0) } || Set(text).count < productionDifferentCharacters
    }

    /// What single values cannot show: pairs that belong together, and what production demands.
    func contradictions() -> [String] {
        var problems: [String] = []
        func text(_ name: String) -> String { value(name).text }
        if text("TLS_CERT_FILE").isEmpty != text("TLS_KEY_FILE").isEmpty {
            problems.append("TLS_CERT_FILE and TLS_KEY_FILE belong together; set both or none")
        } else {
            for name in ["TLS_CERT_FILE", "TLS_KEY_FILE"] where !text(name).isEmpty && !TextFile.isReadable(text(name)) {
                problems.append("\(name) names a file that cannot be read: \(text(name))")
            }
        }
        do { _ = try TimeZoneFile.zone(timeZone) } catch { problems.append("\(error)") }
        if IPAddress(host) == nil { problems.append("HOST must be an address as 127.0.0.1 or ::, not a name") }
        for network in SettingText.list(text("TRUSTED_PROXIES")) ?? [] where IPNetwork(network) == nil {
            problems.append("TRUSTED_PROXIES must be networks as 10.0.0.0/8; \(network.debugDescription) is none")
        }
        do throws(ParseError) { _ = try databaseLocation() } catch { problems.append("DATABASE_URL \(error.message)") }
        if text("REDIS_URL").hasPrefix("rediss://") {
            problems.append("REDIS_URL: rediss:// is not supported; use redis:// on a private network or a local TLS tunnel")
        } else if !text("REDIS_URL").isEmpty {
            problems.append("REDIS_URL is not used by this version; remove it: limits are kept in this process, which must be the only one")
        }
        problems += accountProblems()
        if let password = adminPassword, Self.examples.contains(password.lowercased()) {
            problems.append("ADMIN_PASSWORD is one that everybody knows; choose another or leave it empty for a random one")
        }
        do throws(ParseError) { _ = try Currency(parsing: text("CURRENCY")) } catch { problems.append("CURRENCY \(error.message)") }
        do throws(ParseError) { _ = try webhookTargets() } catch { problems.append("EVENT_WEBHOOKS \(error.message)") }
        problems += eventProblems()
        if let program = claudeCLI.program, !program.hasPrefix("/") {
            problems.append("CLAUDE_CLI must be an absolute path, as /usr/local/bin/claude")
        }
        if logMaximumBytes < FolderDestination.minimumBytes {
            problems.append("LOG_MAX_SIZE must be at least \(FolderDestination.minimumBytes) bytes, as 10m")
        }
        if text("EVENT_WEBHOOK_URL").isEmpty != text("EVENT_WEBHOOK_SECRET").isEmpty {
            problems.append("EVENT_WEBHOOK_URL and EVENT_WEBHOOK_SECRET belong together; set both or none")
        }
        // What is no URL at all was said of the value itself.
        let address = text("EVENT_WEBHOOK_URL")
        let isURL = SettingList.entry("EVENT_WEBHOOK_URL")?.problem(address) == nil
        if !address.isEmpty, isURL, let fault = WebhookTarget.fault(ofAddress: address) { problems.append("EVENT_WEBHOOK_URL \(fault)") }
        if !text("EVENT_WEBHOOK_SECRET").isEmpty, let fault = WebhookTarget.fault(ofSecret: text("EVENT_WEBHOOK_SECRET")) {
            problems.append("EVENT_WEBHOOK_SECRET \(fault)")
        }
        do throws(WrongNode) { _ = try node() } catch { problems.append(error.sentence) }
        problems += mailProblems(text)
        if isProduction { problems += productionProblems(text) }
        return problems
    }

    /// What may be right in another place or a moment later: a command need not run where the program is.
    func doubts() -> [String] {
        guard let program = claudeCLI.program, program.hasPrefix("/"), !TextFile.isExecutable(program) else { return [] }
        return ["CLAUDE_CLI names no program that can be run here: \(program); until it is there, accounts of the kind cli answer nothing"]
    }

    private func accountProblems() -> [String] {
        var problems: [String] = []
        if let key = claudeAPIKey, !SettingText.trimmed(key).utf8.allSatisfy({ (0x21...0x7e).contains($0) }) {
            problems.append("CLAUDE_API_KEY must be a key as sk-ant-…, without spaces")
        }
        for (name, accounts) in [("CLAUDE_BASE_URL", standardAccounts), ("CLAUDE_ACCOUNTS", listedAccounts)] {
            do throws(ParseError) {
                for account in try accounts() {
                    do throws(ParseError) {
                        try checkAccountBaseURL(account.details.baseURL, allowsLoopback: allowsLoopbackUpstream)
                    } catch {
                        let whose = name == "CLAUDE_ACCOUNTS" ? "\(name): baseUrl of \(account.details.name)" : name
                        problems.append(
                            "\(whose) \(error.message); for an upstream on this machine set ALLOW_LOOPBACK_UPSTREAM=true")
                    }
                }
            } catch { problems.append("\(name) \(error.message)") }
        }
        return problems
    }

    private func eventProblems() -> [String] {
        let named = (SettingText.list(value("EVENT_WEBHOOK_EVENTS").text) ?? []).map { ("EVENT_WEBHOOK_EVENTS", $0) }
        let listed = ((try? webhookTargets()) ?? []).filter { $0.name != "main" }.flatMap(\.events).map { ("EVENT_WEBHOOKS", $0) }
        return (named + listed).filter { !WebhookTarget.mayHappen($0.1) }.map { name, kind in
            "\(name): no event is called \(kind.debugDescription); write kinds as payment.completed, payment.* or *"
        }
    }

    /// What is wrong with the first administrator; nil also when PROMOTE_SECRET is to make one. Counts only while there is none.
    func firstAdminProblem() -> String? {
        if adminPassword == nil, promoteSecret != nil { return nil }
        let address: EmailAddress
        do throws(ParseError) { address = try EmailAddress(parsing: adminEmail) } catch { return "ADMIN_EMAIL \(error.message)" }
        guard let adminPassword else { return nil }
        do throws(ParseError) {
            try PasswordRule(minimumLength: passwordMinimumLength).check(adminPassword, email: address.text)
            return nil
        } catch { return "ADMIN_PASSWORD \(error.message)" }
    }

    private func mailProblems(_ text: (String) -> String) -> [String] {
        var problems: [String] = []
        do throws(ParseError) { _ = try MailSenderName(parsing: mailSender) } catch { problems.append("SMTP_FROM \(error.message)") }
        if emailVerification != .off, !sendsMail {
            problems.append("EMAIL_VERIFICATION needs a mail server; set SMTP_HOST")
        }
        if !text("SMTP_HOST").utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f && $0 != 0x2f && $0 != 0x40 }) {
            problems.append("SMTP_HOST must be a host name or an address, without a port")
        }
        if text("SMTP_USER").isEmpty != text("SMTP_PASSWORD").isEmpty {
            problems.append("SMTP_USER and SMTP_PASSWORD belong together; set both or none")
        }
        if SettingText.boolean(text("SMTP_USE_SSL")) == true, text("SMTP_STARTTLS") == "required" {
            problems.append("SMTP_USE_SSL and SMTP_STARTTLS=required exclude each other; 465 wants the first, 587 the second")
        }
        if mailServer?.security == .plain, !text("SMTP_USER").isEmpty, !mailServerIsHere {
            problems.append("SMTP_STARTTLS=off would send SMTP_PASSWORD readable over the network; use STARTTLS or SMTP_USE_SSL")
        }
        if isProduction, mailIsDry { problems.append("SMTP_DRY_RUN cannot be true with ENVIRONMENT=production") }
        if isProduction, mailServer != nil, text("SMTP_FROM").contains("@example.com") {
            problems.append("SMTP_FROM must be an address of yours")
        }
        return problems
    }

    private func productionProblems(_ text: (String) -> String) -> [String] {
        var problems: [String] = []
        for name in ["SECRET_KEY", "ENCRYPTION_KEY"] {
            let value = name == "ENCRYPTION_KEY" && text(name).isEmpty ? text("CONFIG_ENCRYPTION_KEY") : text(name)
            if value.isEmpty {
                problems.append("\(name) must be set in environment variables; make one with: openssl rand -hex 32")
            } else if value.count < Self.productionSecretCharacters || Self.isExample(value) {
                problems.append(
                    "\(name) must be a random text of at least \(Self.productionSecretCharacters) characters; make one with: openssl rand -hex 32"
                )
            }
        }
        if let location = try? databaseLocation(), location == .sqliteMemory {
            problems.append("DATABASE_URL cannot be a database in memory with ENVIRONMENT=production: it is gone when the server stops")
        }
        if SettingText.boolean(text("DEMO")) == true { problems.append("DEMO cannot be true with ENVIRONMENT=production") }
        return problems
    }
}
