import Domain
import Foundation
import HTTP
import Provisioning
import Secrets
import Telemetry
import Testing

@testable import Server

struct SettingsTests {
    private func settings(_ environment: [String: String] = [:], file: String? = nil, files: [String: String] = [:]) throws -> Settings {
        try Settings(environment: environment, file: file, readFile: { files[$0] })
    }
    private func problems(_ environment: [String: String], file: String? = nil) -> [String] {
        do {
            _ = try settings(environment, file: file)
            return []
        } catch let errors as SettingsErrors { return errors.problems } catch { return ["\(error)"] }
    }

    @Test func `without anything every setting has its default`() throws {
        let settings = try settings()
        #expect(settings.host == "127.0.0.1" && settings.port == 8000 && !settings.isProduction && settings.isDemo)
        #expect(settings.databaseURL == "sqlite:///./data/gatehouse.db" && settings.historyMilliseconds == 30 * 86_400_000)
        #expect(settings.maxConcurrent == nil && settings.drainSeconds == 30 && settings.logMaximumBytes == 10 << 20)
        #expect(settings.trustedProxies.count == 2 && settings.warnings.isEmpty)
    }

    @Test func `the environment wins over the file, and older names keep working`() throws {
        let settings = try settings(
            ["PORT": "81", "ADMIN_USERNAME": "boss@example.com"], file: "PORT=80\nHOST=0.0.0.0 # all\nJWT_SECRET='a b $HOME'\n")
        #expect(settings.port == 81 && settings.host == "0.0.0.0" && settings.adminEmail == "boss@example.com")
        #expect(settings.secretKey?.reveal { String(decoding: $0, as: UTF8.self) } == "a b $HOME", "never expanded")
        #expect(settings.value("PORT").source == .environment && settings.value("HOST").source == .file)
        #expect(settings.shownVersion == gatehouseVersion)
        #expect(try self.settings(["APP_VERSION": "7.2-shop"]).shownVersion == "7.2-shop")
    }

    @Test func `a file from another system has its line ends read as line ends`() throws {
        let settings = try settings([:], file: "PORT=8001\r\n# a comment\r\nHOST=0.0.0.0\r\n")
        #expect(settings.port == 8001 && settings.host == "0.0.0.0")
        #expect(problems([:], file: "PORT=8001\r\n\r\nHOST='x\r\n") == ["gatehouse.env must be a value with matching quotes in line 3"])
    }

    /// As the guides of the services that this one takes over from have it.
    @Test func `a file of an older deployment is taken as it is`() throws {
        let settings = try settings(
            file: """
                # Admin
                JWT_SECRET=0f5b9f0c2d8e4a61b7c3d9e8f0a1b2c30f5b9f0c2d8e4a61b7c3d9e8f0a1b2c3
                ENCRYPTION_KEY=0f5b9f0c2d8e4a61b7c3d9e8f0a1b2c3
                ADMIN_USERNAME=admin
                ADMIN_PASSWORD=Only-For-Tests-8351
                PORT=3000
                LOG_LEVEL=warn
                LOG_MAX_SIZE=5m
                LOG_MAX_FILES=3
                CLEANUP_INTERVAL=1800000  # 30 minutes
                TOKEN_USAGE_RETENTION=604800000  # 7 days
                MAX_CONCURRENT=10  # more at once
                CLAUDE_ACCOUNTS='[{"email":"account1@example.com","apiKey":"sk-example-0001"}]'

                """)
        #expect(settings.logLevel == .warning && settings.port == 3000 && settings.logMaximumFiles == 3)
        #expect(settings.historyMilliseconds == 604_800_000 && settings.maxConcurrent == 10)
        #expect(settings.adminEmail == "admin@example.com", "who logged in as admin still does")
        #expect(settings.warnings.isEmpty)
        #expect(try self.settings(["LOG_LEVEL": "INFO"]).logLevel == .info)
        #expect(problems(["LOG_LEVEL": "loud"]).count == 1)
    }

    @Test func `a secret may stand in a file of its own`() throws {
        let settings = try settings(["SECRET_KEY_FILE": "/run/secret"], files: ["/run/secret": "  text of the file\n"])
        #expect(settings.secretKey?.reveal { String(decoding: $0, as: UTF8.self) } == "text of the file")
        #expect(problems(["SECRET_KEY_FILE": "/run/none"]).count == 1)
        #expect(problems(["SECRET_KEY_FILE": "/run/none", "SECRET_KEY": "x"]).count == 1)
    }

    @Test func `everything that is wrong is said at once`() {
        let found = problems([
            "PORT": "70000", "HOST": "localhost", "ENVIRONMENT": "prod", "TLS_CERT_FILE": "/x", "DATABASE_URL": "mysql://x",
            "LOG_MAX_SIZE": "big",
            "TRUSTED_PROXIES": "10.0.0.0/40", "CLAUDE_ACCOUNTS": "{}", "DB_POOL_SIZE": "0",
            "TIME_ZONE": "Mars/Base", "EVENT_WEBHOOKS": "{}",
        ])
        for name in [
            "PORT", "HOST", "ENVIRONMENT", "TLS_CERT_FILE", "DATABASE_URL", "LOG_MAX_SIZE", "TRUSTED_PROXIES", "CLAUDE_ACCOUNTS",
            "DB_POOL_SIZE", "TIME_ZONE", "EVENT_WEBHOOKS must be a JSON list",
        ] {
            #expect(found.contains { $0.hasPrefix(name) }, "\(name) in \(found)")
        }
        let files = problems(["TLS_CERT_FILE": "/nowhere/cert.pem", "TLS_KEY_FILE": "/nowhere/key.pem"])
        #expect(files.count == 2 && files.allSatisfy { $0.contains("cannot be read: /nowhere/") }, "\(files)")
    }

    @Test func `WG_ settings describe one node, or none`() throws {
        let key = "hHwNLDdSNPNl5mCVUYejc1oPdhPRYJ06ak2MU66qWiI="
        #expect(try settings().node() == nil)
        let controller = try #require(try settings(["WG_EASY_URL": "http://127.0.0.1:51821/", "WG_EASY_PASSWORD": "p$w"]).node())
        #expect(controller.node.settings["driver"] == "wg-easy" && controller.node.address == "http://127.0.0.1:51821/")
        #expect(controller.secret?.reveal { String(decoding: $0, as: UTF8.self) } == "p$w")
        let header = try settings(["WG_EASY_URL": "http://127.0.0.1:1", "WG_EASY_PASSWORD": "p", "WG_API_KEY": "key"]).node()
        #expect(header?.secret?.reveal { String(decoding: $0, as: UTF8.self) } == "key")
        let own = try #require(try settings(["WG_SERVER_PUBLIC_KEY": key, "WG_ENDPOINT": "vpn.example.com:51820"]).node())
        #expect(own.node.settings["driver"] == "none" && own.node.settings["key_policy"] == "db" && own.secret == nil)
        #expect(own.node.settings["pool"]["v4"] == "10.8.0.0/24")
        for (environment, text) in [
            (["WG_KEY_POLICY": "wg-easy"], "WG_EASY_URL or WG_EASY_PASSWORD not set"),
            (["WG_EASY_URL": "http://127.0.0.1:1"], "WG_EASY_URL or WG_EASY_PASSWORD not set"),
            (["WG_ENDPOINT": "vpn.example.com:1"], "belong together"),
            (["WG_ENDPOINT": "vpn.example.com", "WG_SERVER_PUBLIC_KEY": key], "endpoint"),
            (["WG_ENDPOINT": "a.example.com:1", "WG_SERVER_PUBLIC_KEY": key, "WG_POOL_V4": "10.0.0.0/8"], "WG_POOL_V4 must be"),
            (["WG_ENDPOINT": "a.example.com:1", "WG_SERVER_PUBLIC_KEY": key, "WG_POOL_V6": "2001:db8::/64"], "WG_POOL_V6 must be"),
            (["WG_ENDPOINT": "a.example.com:1", "WG_SERVER_PUBLIC_KEY": key, "WG_POOL_EXCLUDE": "x"], "WG_POOL_EXCLUDE must be a list"),
            (["WG_KEY_POLICY": "magic"], "WG_KEY_POLICY"),
        ] {
            #expect(problems(environment).contains { $0.contains(text) }, "\(environment): \(problems(environment))")
        }
    }

    @Test(
        arguments: [
            (["API_URL": "http://"], "API_URL must be a URL"), (["API_URL": "https:///panel"], "API_URL must be a URL"),
            (["API_URL": "http://:8000"], "API_URL must be a URL"),
            (["CLAUDE_CLI": "claude"], "CLAUDE_CLI must be an absolute path"),
            (["EVENT_WEBHOOK_EVENTS": "paymnet.received"], "EVENT_WEBHOOK_EVENTS: no event is called \"paymnet.received\""),
            (
                ["EVENT_WEBHOOKS": #"[{"name":"ops","url":"https://ops.example.com","secret":"s","events":["relai.*"]}]"#],
                "EVENT_WEBHOOKS: no event is called"
            ),
            (["CLAUDE_API_KEY": "x y"], "CLAUDE_API_KEY must be a key"), (["LOG_MAX_SIZE": "0"], "LOG_MAX_SIZE must be at least 4096"),
            (["CLAUDE_API_KEY": "sk-ant-1", "CLAUDE_BASE_URL": "http://gate.example.com"], "CLAUDE_BASE_URL must be an https URL"),
            (
                ["CLAUDE_ACCOUNTS": #"[{"email":"a@example.com","apiKey":"sk-example-0001","baseUrl":"http://gate.example.com"}]"#],
                "CLAUDE_ACCOUNTS: baseUrl of a@example.com must be an https URL"
            ),
        ] as [([String: String], String)])
    func `what can never work is refused by the name of its setting`(environment: [String: String], text: String) {
        let found = problems(environment)
        #expect(found.count == 1 && found.first?.hasPrefix(text) == true, "\(found)")
    }

    @Test(
        arguments: [
            ["API_URL": "http://[::1]:8000/panel"], ["CLAUDE_CLI": "/bin/sh"], ["LOG_MAX_SIZE": "4096"],
            ["EVENT_WEBHOOK_EVENTS": "payment.*,relay.account.blocked,pay*,service.*,*"], ["CLAUDE_API_KEY": "sk-ant-1 "],
            ["CLAUDE_BASE_URL": "http://gate.example.com"],
            ["CLAUDE_API_KEY": "sk-ant-1", "CLAUDE_BASE_URL": "http://127.0.0.1:9", "ALLOW_LOOPBACK_UPSTREAM": "true"],
        ])
    func `what works is taken`(environment: [String: String]) {
        #expect(problems(environment).isEmpty, "\(problems(environment))")
    }

    @Test(arguments: [("/nonexistent/claude", true), ("/etc/passwd", true), ("/bin/sh", false)])
    func `a program that cannot be run here is doubted and not refused`(program: String, isDoubted: Bool) throws {
        let warnings = try settings(["CLAUDE_CLI": program]).warnings
        #expect(warnings.contains { $0.hasPrefix("CLAUDE_CLI names no program") } == isDoubted, "\(warnings)")
    }

    @Test func `what the first administrator cannot have is said by the name of its setting`() throws {
        #expect(try settings().firstAdminProblem() == nil)
        #expect(try settings(["ADMIN_EMAIL": "admin", "ADMIN_PASSWORD": "Only-For-Tests-8351"]).firstAdminProblem() == nil)
        #expect(try settings(["ADMIN_EMAIL": "foo@"]).firstAdminProblem()?.hasPrefix("ADMIN_EMAIL must be a mail address") == true)
        #expect(try settings(["ADMIN_PASSWORD": "short"]).firstAdminProblem() == "ADMIN_PASSWORD must be at least 8 characters long")
        #expect(try settings(["ADMIN_EMAIL": "foo@", "PROMOTE_SECRET": "x"]).firstAdminProblem() == nil, "nobody is made")
    }

    @Test func `check looks at folders as the start does, and makes none`() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "gatehouse-check-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        #expect(TextFile.couldBeFolder(folder) && TextFile.couldBeFolder(folder + "/a/b"))
        #expect(!TextFile.couldBeFolder("/proc/x") && !TextFile.couldBeFolder("/etc/passwd") && !TextFile.couldBeFolder("/etc/passwd/x"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty)
        let check = SystemCheck()
        #expect(check.folders(try settings(["DATA_DIR": "/proc/x"])).map(\.state) == [.failed])
        #expect(check.folders(try settings(["DATA_DIR": folder + "/data"])).map(\.state) == [.warning])
        #expect(check.logFolder(try settings(["LOG_DIR": "/etc/passwd"])).map(\.state) == [.failed])
        #expect(check.logFolder(try settings(["LOG_DIR": folder + "/logs"])).map(\.state) == [.good])
        #expect(check.logFolder(try settings()).isEmpty)
    }

    @Test func `no message quotes a secret`() {
        let found = problems([
            "DATABASE_URL": "oops://user:hunter2@host/db", "CLAUDE_ACCOUNTS": #"[{"email":"a@example.com","apiKey":"sk-hun"}]"#,
            "ADMIN_PASSWORD": "admin123456",
        ])
        #expect(found.count == 3)
        for text in found { #expect(!text.contains("hunter2") && !text.contains("sk-hun") && !text.contains("admin123456"), "\(text)") }
    }

    @Test func `production demands explicit secrets and refuses demo and examples`() throws {
        let bare = problems(["ENVIRONMENT": "production"])
        #expect(bare.contains("SECRET_KEY must be set in environment variables; make one with: openssl rand -hex 32"))
        #expect(bare.contains("ENCRYPTION_KEY must be set in environment variables; make one with: openssl rand -hex 32"))
        let weak = problems(["ENVIRONMENT": "production", "SECRET_KEY": "your-secret-key", "ENCRYPTION_KEY": "short", "DEMO": "true"])
        #expect(weak.count == 3)
        let good = [
            "ENVIRONMENT": "production", "SECRET_KEY": "0f5a1c0e8d7b43a7be6f9d2c4b8a7e61",
            "CONFIG_ENCRYPTION_KEY": "9b1d7c5e3f8a4b2c6d0e7f1a2b3c4d5e",
        ]
        #expect(try !settings(good).isDemo)
        for example in [
            "your-secret-key-here-change-me", "CHANGEMEchangemechangeme", "My_Default_Secret-of-2026", "a-PLACEHOLDER-7f1a2b3c4d5e",
            String(repeating: "a", count: 32), String(repeating: "0123", count: 8),
        ] {
            for name in ["SECRET_KEY", "CONFIG_ENCRYPTION_KEY"] {
                let found = problems(good.merging([name: example]) { $1 })
                #expect(found.count == 1 && found.first?.contains("_KEY must be a random text") == true, "\(example): \(found)")
            }
        }
        for url in ["sqlite:///", "sqlite://:memory:"] {
            let found = problems(good.merging(["DATABASE_URL": url]) { $1 })
            #expect(found.count == 1 && found.first?.hasPrefix("DATABASE_URL") == true, "\(found)")
        }
        #expect(try settings(good).encryptionKey != nil && settings(good).legacyEncryptionKey == nil)
    }

    @Test func `a webhook that cannot be called or signed stops the start, by the name of its setting`() {
        let good = ["EVENT_WEBHOOK_URL": "http://127.0.0.1:9/hook", "EVENT_WEBHOOK_SECRET": "whsec_MDEyMzQ1Njc4OWFiY2RlZg=="]
        #expect(problems(good).isEmpty)
        #expect(problems(good.merging(["EVENT_WEBHOOK_SECRET": "any-other-text"]) { $1 }).isEmpty)
        for (name, value) in [
            ("EVENT_WEBHOOK_URL", "http://169.254.169.254/x"), ("EVENT_WEBHOOK_URL", "https://"), ("EVENT_WEBHOOK_SECRET", "whsec_"),
            ("EVENT_WEBHOOK_SECRET", "whsec_!!!!notbase64!!!"),
        ] {
            let found = problems(good.merging([name: value]) { $1 })
            #expect(found.count == 1 && found.first?.hasPrefix("\(name) must ") == true, "\(value): \(found)")
            #expect(found.first?.contains("notbase64") == false)
        }
    }

    @Test(arguments: ["redis://127.0.0.1", "rediss://127.0.0.1"]) func `a shared limit store that is not there yet stops the start`(
        url: String
    ) {
        #expect(problems(["REDIS_URL": url]).count == 1)
    }

    @Test func `names that look like ours are warned about, others are not our business`() throws {
        let warnings = try settings(
            ["LOG_LEVLE": "debug", "SMTP_PASWORD": "x", "SENTRY_DSN": "x", "PATH": "/bin", "EDITOR": "vi", "TERM": "x"],
            file: "DATABSE_URL=x\n"
        ).warnings
        #expect(
            warnings == [
                "DATABSE_URL is not known; did you mean DATABASE_URL?", "LOG_LEVLE is not known; did you mean LOG_LEVEL?",
                "SENTRY_DSN is not used by this version", "SMTP_PASWORD is not known; did you mean SMTP_PASSWORD?",
            ])
    }

    @Test(
        arguments: [
            ([:], 0), (["SMTP_HOST": "mail.example.com"], 0), (["EMAIL_VERIFICATION": "login"], 1),
            (["EMAIL_VERIFICATION": "login", "SMTP_HOST": "mail.example.com"], 0),
            (["EMAIL_VERIFICATION": "login", "SMTP_DRY_RUN": "true"], 0),
            (["SMTP_HOST": "mail.example.com:25/x"], 1), (["SMTP_HOST": "a@b"], 1), (["SMTP_HOST": "x", "SMTP_FROM": "x\r\nBcc: y"], 1),
            (["SMTP_HOST": "x", "SMTP_USER": "u"], 1), (["SMTP_HOST": "x", "SMTP_USER": "u", "SMTP_PASSWORD": "p"], 0),
            (["SMTP_HOST": "x", "SMTP_USER": "u", "SMTP_PASSWORD": "p", "SMTP_STARTTLS": "off"], 1),
            (["SMTP_HOST": "localhost", "SMTP_USER": "u", "SMTP_PASSWORD": "p", "SMTP_STARTTLS": "off"], 0),
            (["SMTP_HOST": "x", "SMTP_USE_SSL": "true", "SMTP_STARTTLS": "required"], 1), (["SMTP_STARTTLS": "sometimes"], 1),
        ] as [([String: String], Int)])
    func `settings of mail fit together`(environment: [String: String], count: Int) {
        #expect(problems(environment).count == count, "\(problems(environment))")
    }

    @Test(
        arguments: [
            (["SMTP_HOST": "mail.example.com"], 25, MailServer.Security.startTLS), (["SMTP_HOST": "localhost"], 25, .plain),
            (["SMTP_HOST": "127.0.0.1", "SMTP_PORT": "2525"], 2525, .plain),
            (["SMTP_HOST": "::1", "SMTP_STARTTLS": "required"], 25, .startTLS),
            (["SMTP_HOST": "mail.example.com", "SMTP_USE_SSL": "true"], 465, .tls), (["SMTP_HOST": "10.0.0.5"], 25, .startTLS),
            (["SMTP_HOST": "mail.example.com", "SMTP_STARTTLS": "off"], 25, .plain),
        ] as [([String: String], UInt16, MailServer.Security)])
    func `mail leaves this machine encrypted unless it is said otherwise`(
        environment: [String: String], port: UInt16, security: MailServer.Security
    ) throws {
        let server = try #require(try settings(environment).mailServer)
        #expect(server.port == port && server.security == security && server.ownName == "example.com")
        #expect(try settings([:]).mailServer == nil && !settings([:]).sendsMail)
    }

    @Test(arguments: ["PORT", "=x", "A B=c", "A='x", "A=\"x\" y", "A=\"x\\\""]) func `a broken line of the file is named`(line: String) {
        let found = problems([:], file: "# first\n\(line)\n")
        #expect(found.count == 1 && found.first?.contains("line 2") == true, "\(found)")
    }

    @Test func `retention in milliseconds of an older deployment wins over days`() throws {
        #expect(try settings(["TOKEN_USAGE_RETENTION": "5000"]).historyMilliseconds == 5000)
        #expect(try settings(["HISTORY_RETENTION_DAYS": "0"]).historyMilliseconds == nil)
    }

    @Test func `cache marks of the OpenAI dialect begin where they are told to, or never`() throws {
        #expect(try settings().openAICacheMarkBytes == 16_384)
        #expect(try settings(["OPENAI_CACHE_MARK_BYTES": "5000"]).openAICacheMarkBytes == 5000)
        #expect(try settings(["OPENAI_CACHE_MARK_BYTES": "0"]).openAICacheMarkBytes == nil)
    }

    /// `GOLDEN=rewrite swift test --filter SettingsTests` writes it anew.
    @Test func `docs settings is the list of settings`() throws {
        let page = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../docs/settings.md").standardizedFileURL
        if ProcessInfo.processInfo.environment["GOLDEN"] == "rewrite" {
            try SettingsDocument.text.write(to: page, atomically: true, encoding: .utf8)
        }
        #expect(try String(contentsOf: page, encoding: .utf8) == SettingsDocument.text)
    }

    @Test func `every setting is described and its default is good`() {
        for entry in SettingList.entries {
            #expect(entry.about.count > 10, "\(entry.name)")
            if !entry.standard.isEmpty { #expect(entry.problem(entry.standard) == nil, "\(entry.name)") }
        }
        #expect(Set(SettingList.entries.flatMap(\.names)).count == SettingList.entries.flatMap(\.names).count)
    }
}

struct ArgumentsTests {
    @Test func `options come with and without an equals sign, operands in between`() throws {
        let arguments = try Arguments(["one", "--name=a=b", "--count", "3", "two", "--json", "--", "--three"], valued: ["name", "count"])
        #expect(arguments.operands == ["one", "two", "--three"] && arguments["name"] == "a=b" && arguments.wantsJSON)
        #expect(try arguments.number("count", 1...5) == 3)
        #expect(throws: Failure.self) { try arguments.number("count", 4...5) }
    }

    @Test(arguments: [["--nmae", "x"], ["--name"], ["--json=1"], ["-x"]]) func `a mistake is a usage error`(words: [String]) {
        let failure = #expect(throws: Failure.self) { try Arguments(words, valued: ["name"]) }
        #expect(failure?.exitCode == 2)
    }

    @Test func `the longest command name wins`() {
        #expect(
            Command.find(["key", "create", "x"])?.0.name == "key create" && Command.find(["key"]) == nil && Command.find(["serve"])?.1 == []
        )
        #expect(Set(Command.all.map(\.name)).count == Command.all.count)
        for command in Command.all {
            #expect(Command.overview.contains(command.name) && command.help.contains("usage: gatehouse \(command.name)"))
        }
    }

    @Test func `edit distance counts inserted, deleted and changed characters`() {
        #expect(
            Settings.editDistance("", "abc") == 3 && Settings.editDistance("kitten", "sitting") == 3
                && Settings.editDistance("PORT", "PORT") == 0)
    }
}
