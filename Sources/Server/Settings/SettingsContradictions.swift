internal import Domain
internal import HTTP
internal import Relay
internal import Store

extension Settings {
    /// Passwords and secrets that stand in examples all over the world.
    private static let examples: Set<String> = [
        "admin123456", "admin123", "admin", "password", "changeme", "change-me", "secret", "your-secret-key", "your-secret-key-here",
        "your-super-secret-key-change-this", "your-secure-password", "your-webhook-secret", "your-api-secret", "12345678", "123456789",
    ]
    private static let productionSecretCharacters = 16

    /// What single values cannot show: pairs that belong together, and what production demands.
    func contradictions() -> [String] {
        var problems: [String] = []
        func text(_ name: String) -> String { value(name).text }
        if text("TLS_CERT_FILE").isEmpty != text("TLS_KEY_FILE").isEmpty {
            problems.append("TLS_CERT_FILE and TLS_KEY_FILE belong together; set both or none")
        }
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
        if let accounts = claudeAccounts {
            do throws(ParseError) { _ = try ImportedAccount.list(parsing: accounts) } catch {
                problems.append("CLAUDE_ACCOUNTS \(error.message)")
            }
        }
        if let password = adminPassword, Self.examples.contains(password.lowercased()) {
            problems.append("ADMIN_PASSWORD is one that everybody knows; choose another or leave it empty for a random one")
        }
        do throws(ParseError) { _ = try Currency(parsing: text("CURRENCY")) } catch { problems.append("CURRENCY \(error.message)") }
        do throws(ParseError) { _ = try webhookTargets() } catch { problems.append("EVENT_WEBHOOKS \(error.message)") }
        if let program = claudeCLI.program, !program.hasPrefix("/") {
            problems.append("CLAUDE_CLI must be an absolute path, as /usr/local/bin/claude")
        }
        if text("EVENT_WEBHOOK_URL").isEmpty != text("EVENT_WEBHOOK_SECRET").isEmpty {
            problems.append("EVENT_WEBHOOK_URL and EVENT_WEBHOOK_SECRET belong together; set both or none")
        }
        do throws(WrongNode) { _ = try node() } catch { problems.append(error.sentence) }
        if isProduction { problems += productionProblems(text) }
        return problems
    }

    private func productionProblems(_ text: (String) -> String) -> [String] {
        var problems: [String] = []
        for name in ["SECRET_KEY", "ENCRYPTION_KEY"] {
            let value = name == "ENCRYPTION_KEY" && text(name).isEmpty ? text("CONFIG_ENCRYPTION_KEY") : text(name)
            if value.isEmpty {
                problems.append("\(name) must be set in environment variables")
            } else if value.count < Self.productionSecretCharacters || Self.examples.contains(value.lowercased()) {
                problems.append(
                    "\(name) must be a random text of at least \(Self.productionSecretCharacters) characters; make one with: openssl rand -hex 32"
                )
            }
        }
        if SettingText.boolean(text("DEMO")) == true { problems.append("DEMO cannot be true with ENVIRONMENT=production") }
        return problems
    }
}
