internal import API

/// Every setting of this version. The parser, `gatehouse check` and docs/settings.md read this list and nothing else.
enum SettingList {
    static let entries: [SettingEntry] = [
        // Listening
        .init(name: "HOST", kind: .text, standard: "127.0.0.1", about: "Address to listen on; 0.0.0.0 or :: for all."),
        .init(name: "PORT", kind: .integer(0...65_535), standard: "8000", about: "Port to listen on; 0 takes a free one and prints it."),
        .init(name: "API_URL", kind: .url, standardText: "from HOST and PORT", about: "Public base URL, for links and cookies."),
        .init(
            name: "APP_VERSION", kind: .text, standardText: "the program's own",
            about: "The version that `/`, `/health` and the API's document name."),
        .init(
            name: "ENVIRONMENT", kind: .choice(["development", "production"]), standard: "development",
            about:
                "`production` demands explicit secrets and refuses demo mode and default passwords. In `development` any plan can be taken without a payment, at the older interface's `/auth/subscribe`."
        ),
        .init(name: "DATA_DIR", kind: .path, standard: "./data", about: "Holds the database, the journal and generated secrets."),
        .init(
            name: "SHARE_DIR", kind: .path, standardText: "share/gatehouse beside the program, else build/share",
            about: "Files of the docs page."),
        .init(name: "TLS_CERT_FILE", kind: .path, about: "PEM certificate chain; empty serves plain HTTP. Read again on SIGHUP."),
        .init(name: "TLS_KEY_FILE", kind: .path, about: "PEM private key that belongs to it."),
        .init(name: "ALLOWED_HOSTS", kind: .list, standard: "*", about: "Host names answered for; `*.example.com` for all below one."),
        .init(name: "CORS_ORIGINS", kind: .list, about: "Browser origins that may call the API; empty is none."),
        .init(
            name: "TRUSTED_PROXIES", kind: .list, standard: "127.0.0.0/8,::1/128",
            about: "Networks whose `X-Forwarded-For` and `X-Forwarded-Proto` count."),
        // Size
        .init(name: "WORKERS_PER_CORE", kind: .integer(1...8), standard: "1", about: "Reactors for each core."),
        .init(name: "MAX_WORKERS", kind: .integer(1...256), standardText: "the number of cores", about: "Most reactors."),
        .init(name: "BACKLOG_SIZE", kind: .integer(1...65_535), standard: "4096", about: "Connections waiting to be accepted."),
        .init(
            name: "MAX_CONNECTIONS_PER_ADDRESS", kind: .integer(0...1_000_000), standard: "1024",
            about:
                "Open connections from one IPv4 address or IPv6 /64, at most half of all; 0 is no limit. Trusted proxies are exempt."),
        .init(
            name: "MAX_CONCURRENT", kind: .integer(0...1_000_000), standard: "0",
            about: "Relayed requests under way over all keys; 0 is no limit."),
        .init(
            name: "TIME_ZONE", kind: .text, standard: "UTC",
            about: "Zone in which days, weeks and months of limits begin, as `Europe/Berlin`; from the system's time zone files."),
        .init(
            name: "OPENAI_QUOTA_AS_429", kind: .boolean, standard: "false",
            about: "Used-up budgets are answered 429 instead of 402 on the OpenAI paths, for clients that know no 402."),
        .init(
            name: "OPENAI_CACHE_MARK_BYTES", kind: .integer(0...33_554_432), standard: "16384",
            about:
                "Requests of more bytes on the OpenAI paths get cache marks on their last tool and their system prompt; 0 marks none."),
        .init(name: "DRAIN_TIMEOUT", kind: .integer(0...86_400), standard: "30", about: "Seconds that running requests get at SIGTERM."),
        // Storage
        .init(
            name: "DATABASE_URL", kind: .secret, standardText: "sqlite file in DATA_DIR",
            about: "`sqlite:///./data/gatehouse.db` or `postgresql://user:password@host/database`."),
        .init(name: "DB_POOL_SIZE", kind: .integer(1...1000), standard: "5", about: "PostgreSQL connections kept open."),
        .init(name: "DB_MAX_OVERFLOW", kind: .integer(0...1000), standard: "10", about: "More of them under load."),
        .init(
            name: "REDIS_URL", kind: .secret,
            about: "Not used by this version, which keeps limits in its own memory; setting it stops the start."),
        .init(
            name: "JOURNAL_FSYNC", kind: .choice(["interval", "always"]), standard: "interval",
            about: "`interval` loses at most one second of usage at a power cut, `always` nothing; killing the process never loses any."),
        .init(
            name: "HISTORY_RETENTION_DAYS", kind: .integer(0...36_500), standard: "30",
            about: "Days that request history is kept; 0 keeps it. The ledger always stays."),
        .init(
            name: "TOKEN_USAGE_RETENTION", kind: .integer(0...Int64.max), standard: "0",
            about: "The same in milliseconds, as older deployments set it; 0 leaves it to HISTORY_RETENTION_DAYS."),
        .init(name: "CLEANUP_INTERVAL", kind: .integer(60_000...86_400_000), standard: "1800000", about: "Milliseconds between clean-ups."),
        // Secrets
        .init(
            name: "SECRET_KEY", aliases: ["JWT_SECRET"], kind: .secret,
            standardText: "made and kept in DATA_DIR; must be set in production",
            about: "Signs login tokens. At least 16 characters in production."),
        .init(
            name: "ENCRYPTION_KEY", kind: .secret, standardText: "made and kept in DATA_DIR; must be set in production",
            about: "Protects secrets in the database. Keep a copy: without it they cannot be read."),
        .init(
            name: "CONFIG_ENCRYPTION_KEY", kind: .secret,
            about: "As ENCRYPTION_KEY when that is unset; otherwise an older deployment's Fernet key, used to read only."),
        .init(name: "ALGORITHM", kind: .choice(["HS256", "HS384", "HS512"]), standard: "HS256", about: "Signature of login tokens."),
        .init(name: "ACCESS_TOKEN_EXPIRE_MINUTES", kind: .integer(1...525_600), standard: "60", about: "How long a login lasts."),
        .init(name: "METRICS_TOKEN", kind: .secret, about: "Bearer token for /metrics; in production nobody gets in without it."),
        // People
        .init(
            name: "ADMIN_EMAIL", aliases: ["ADMIN_USERNAME"], kind: .text, standard: "admin@example.com",
            about: "The first admin's address; a bare name, as `admin`, is `admin@example.com`."),
        .init(
            name: "ADMIN_PASSWORD", kind: .secret, standardText: "random, printed once",
            about: "The first admin's password, at least PASSWORD_MIN_LENGTH long; used only while there is no admin."),
        .init(
            name: "PROMOTE_SECRET", kind: .secret,
            about:
                "Lets a registered user become the first admin; dead as soon as there is one. With it and without ADMIN_PASSWORD none is made."
        ),
        .init(
            name: "REGISTRATION", kind: .choice(["off", "invite", "open"]), standard: "off",
            about:
                "Who may register by themselves, and make relay keys then. With `off` the older interface's `/auth/register` is open all the same while VPN plans are sold; whoever comes that way has no relay keys until `gatehouse user limits --keys` allows some."
        ),
        .init(name: "PASSWORD_MIN_LENGTH", kind: .integer(8...128), standard: "8", about: "Shortest password."),
        .init(
            name: "EMAIL_VERIFICATION", kind: .choice(EmailVerification.allCases.map(\.rawValue)), standard: "off",
            about:
                "When customers have to have opened the link that is mailed to them: `purchase` before they buy, `login` before they first sign in. Needs mail."
        ),
        // Mail
        .init(name: "SMTP_HOST", kind: .text, about: "The mail server, by name or address; empty sends no mail."),
        .init(
            name: "SMTP_PORT", kind: .integer(1...65_535), standardText: "25; with SMTP_USE_SSL 465",
            about: "Its port; 587 is usual with a login."),
        .init(name: "SMTP_USER", kind: .text, about: "Login name; empty logs in nowhere."),
        .init(name: "SMTP_PASSWORD", kind: .secret, about: "Its password."),
        .init(
            name: "SMTP_FROM", kind: .text, standard: "no-reply@example.com",
            about: "Whom mails are from: an address, or `Example Shop <no-reply@example.com>`."),
        .init(name: "SMTP_USE_SSL", kind: .boolean, standard: "false", about: "TLS from the first byte, as on port 465."),
        .init(
            name: "SMTP_STARTTLS", kind: .choice(["auto", "required", "off"]), standard: "auto",
            about:
                "`required` sends nothing before the connection has changed to TLS; `auto` is that for every server that is not this machine."
        ),
        .init(name: "SMTP_CA_FILE", kind: .path, about: "PEM certificates that the mail server's is checked with; empty: the system's."),
        .init(
            name: "SMTP_DRY_RUN", kind: .boolean, standard: "false",
            about: "Writes mails into DATA_DIR/mail instead of sending them. They hold working links; not in production."),
        // Sales
        .init(
            name: "CURRENCY", kind: .text, standard: "USD", about: "Of prices that come without one: three letters of ISO 4217."),
        .init(
            name: "PAYMENT_WEBHOOK_SECRET", kind: .secret,
            about: "Signs payment webhooks (`X-Webhook-Signature`); a comma list during rotation. Empty: that way in answers 503."),
        .init(
            name: "TELEGRAM_WEBHOOK_SECRET_TOKEN", kind: .secret,
            about: "The bot's secret token; a comma list during rotation. Empty: that way in answers 503."),
        .init(
            name: "STRIPE_WEBHOOK_SECRET", kind: .secret,
            about: "Stripe's `whsec_…`; a comma list during rotation. Empty: /hooks/payments/stripe answers 503."),
        .init(name: "TELEGRAM_BOT_NAME", kind: .text, about: "Without @, for the link that payers get."),
        .init(
            name: "EVENT_WEBHOOK_URL", kind: .url,
            about: "Where payments, suspensions and ends are told, signed as Standard Webhooks; empty tells nobody."),
        .init(
            name: "EVENT_WEBHOOK_SECRET", kind: .secret,
            about: "Signs what goes to EVENT_WEBHOOK_URL: `whsec_…` or any text; required with it."),
        .init(
            name: "EVENT_WEBHOOK_EVENTS", kind: .list, standard: "*",
            about: "Kinds of events that go to EVENT_WEBHOOK_URL, as `payment.*,relay.account.blocked`."),
        .init(
            name: "EVENT_WEBHOOKS", kind: .secret,
            about: #"More places to tell, as `[{"name":"ops","url":"https://…","secret":"whsec_…","events":["relay.*"]}]`."#),
        .init(
            name: "ALERT_POOL_MINIMUM", kind: .integer(1...10_000), standard: "1",
            about: "With fewer usable accounts than this, `relay.pool.low` is told; `relay.pool.empty` when there is none."),
        .init(
            name: "ACCOUNT_PROBE_MINUTES", kind: .integer(0...10_080), standard: "0",
            about:
                "Accounts that were idle for so many minutes are asked for one token of the cheapest model they serve, to know whether they still work; it costs that token. 0: never; less than 10 counts as 10."
        ),
        .init(
            name: "SUBSCRIPTION_RETENTION_DAYS", kind: .integer(1...3650), standard: "30",
            about: "Days after its end in which a renewal brings the same key, address and port back."),
        .init(name: "INVOICE_ISSUER", kind: .text, standard: "Gatehouse", about: "Who invoices are from; one line."),
        // Relay
        .init(
            name: "CLAUDE_API_KEY", kind: .secret,
            about: "One upstream account, made at start; one that is there gets the key and keeps what was edited."),
        .init(
            name: "CLAUDE_ACCOUNTS", kind: .secret,
            about:
                #"Several, as `[{"email","apiKey","baseUrl"?,"name"?,"priority"?,"maxConcurrency"?}]`; made at start; one that is there is updated in what its entry names."#
        ),
        .init(
            name: "CLAUDE_BASE_URL", kind: .url, standard: "https://api.anthropic.com",
            about: "Where CLAUDE_API_KEY is used; not set, an account that is there keeps its own."),
        .init(
            name: "ALLOW_LOOPBACK_UPSTREAM", kind: .boolean, standard: "false",
            about:
                "Lets accounts point at this machine, also by plain http, for another relay or a test upstream; and webhooks that pages have added at this machine and at private networks."
        ),
        .init(
            name: "ACCOUNT_STRATEGY", kind: .choice(["headroom", "least_inflight", "weighted", "round_robin", "oldest_used"]),
            standard: "headroom", about: "How one of several accounts of equal priority is chosen; a group may have its own."),
        .init(
            name: "CLAUDE_CLI", kind: .path,
            about: "Your own Claude command line program, as an absolute path, for accounts of the kind `cli`; empty: they rest."),
        .init(
            name: "CLAUDE_CLI_CONCURRENCY", kind: .integer(1...32), standard: "2", about: "Processes of that program at once."),
        .init(
            name: "CLAUDE_CLI_TIMEOUT", kind: .integer(1...3600), standard: "300",
            about: "Seconds after which such a process is ended, with its process group."),
        .init(
            name: "UPSTREAM_CONNECT_TIMEOUT", kind: .integer(1...300), standard: "10",
            about: "Seconds until an upstream is connected; then the next account is tried."),
        .init(
            name: "UPSTREAM_FIRST_BYTE_TIMEOUT", kind: .integer(1...3600), standard: "120",
            about: "Seconds from the whole request to the first byte of its answer; then the next account is tried."),
        .init(
            name: "UPSTREAM_IDLE_TIMEOUT", kind: .integer(1...3600), standard: "300",
            about: "Seconds of silence inside an answer after which it is given up."),
        .init(
            name: "UPSTREAM_API_VERSION", kind: .text, standard: "2023-06-01",
            about:
                "The `anthropic-version` of requests that are built here, for `/v1/chat/completions` and `/api/chat`. Other clients' own passes as it came. With `2026-10-21` upstreams refuse `temperature`, `top_p` and `top_k`."
        ),
        .init(
            name: "UPSTREAM_ERROR_HIDES", kind: .list,
            about:
                "Words, as the name of your organisation: an upstream's error that holds one of them, or its account's mail address, reaches customers with a neutral sentence instead. Empty: errors pass as they came."
        ),
        .init(
            name: "BILL_ESTIMATES", kind: .boolean, standard: "true",
            about:
                "Whoever leaves before the upstream has answered pays for the input that it had accepted, as an estimate, also when the server was killed meanwhile. false: nothing is booked then."
        ),
        .init(
            name: "DEMO", kind: .boolean, standardText: "true outside production",
            about: "Answers from a built-in demo while there is no account."),
        // VPN
        .init(
            name: "WG_KEY_POLICY", kind: .choice(["db", "wg-easy", "host", "client"]), standardText: "wg-easy with WG_EASY_URL, else db",
            about: "Who makes private keys: this server, the controller, or the customer's device."),
        .init(name: "WG_EASY_URL", kind: .url, about: "A wg-easy controller, version 12 to 15; becomes the node `default`."),
        .init(name: "WG_EASY_USERNAME", kind: .text, standard: "admin", about: "User of a controller of version 15."),
        .init(name: "WG_EASY_PASSWORD", kind: .secret, about: "Password of the controller."),
        .init(name: "WG_API_KEY", kind: .secret, about: "Sent to the controller instead of the password."),
        .init(
            name: "WG_EASY_INSECURE", kind: .boolean, standard: "false",
            about: "Lets the controller be called by plain http on another machine."),
        .init(name: "WG_INTERFACE", kind: .text, standard: "wg0", about: "Interface of that node."),
        .init(
            name: "WG_SERVER_PUBLIC_KEY", kind: .text, about: "The server's key, in configs that we build; with WG_ENDPOINT makes a node."),
        .init(name: "WG_ENDPOINT", kind: .text, about: "Where devices find the server, as `vpn.example.com:51820`."),
        .init(name: "WG_DNS", kind: .list, standard: "1.1.1.1", about: "What devices ask for names."),
        .init(name: "WG_MTU", kind: .integer(1024...9000), standard: "1420", about: "Bytes of a packet inside the tunnel."),
        .init(name: "WG_POOL_V4", kind: .text, standard: "10.8.0.0/24", about: "Tunnel addresses that we hand out; /16 to /30."),
        .init(name: "WG_POOL_V6", kind: .text, about: "The same in IPv6, within fd00::/8; empty is none."),
        .init(name: "WG_POOL_EXCLUDE", kind: .list, about: "Addresses and networks of the pool that nobody gets."),
        .init(
            name: "WG_ADDRESS_REST", kind: .integer(0...31_536_000), standard: "600",
            about: "Seconds for which a freed address is nobody's."),
        .init(
            name: "WG_APPLY_ENABLED", kind: .boolean, standard: "false",
            about: "Whether the host is written to; until then peers are written down and applied later."),
        .init(name: "WG_HOST_SSH", kind: .text, about: "The host as `user@host`; unset with WG_APPLY_ENABLED: this machine."),
        .init(name: "WG_SSH_PORT", kind: .integer(1...65535), standard: "22", about: "Of WG_HOST_SSH."),
        .init(name: "WG_SSH_KEY", kind: .text, about: "File with the private key for WG_HOST_SSH."),
        .init(name: "WG_SSH_KNOWN_HOSTS", kind: .text, about: "File with the pinned keys of WG_HOST_SSH."),
        .init(
            name: "WG_APPLY_SCRIPT", kind: .text, standard: "/srv/vpn-api/scripts/wg_apply.sh",
            about: "On the host; these scripts are in `share/wireguard`."),
        .init(name: "WG_REMOVE_SCRIPT", kind: .text, standard: "/srv/vpn-api/scripts/wg_remove.sh", about: "On the host."),
        .init(
            name: "WG_GEN_SCRIPT", kind: .text, standard: "/srv/vpn-api/scripts/wg_gen_key.sh", about: "On the host, for key policy host."),
        .init(name: "WG_SHOW_SCRIPT", kind: .text, standard: "/srv/vpn-api/scripts/wg_show.sh", about: "On the host."),
        .init(
            name: "WG_KEY_FOLDER", kind: .text, standard: "/etc/wireguard/keys",
            about: "Folder on the host for the keys of key policy host."),
        .init(name: "WG_CAPACITY", kind: .integer(0...65_000), standard: "250", about: "Peers that the node takes."),
        // Logs
        .init(
            name: "LOG_LEVEL", kind: .choice(["debug", "info", "notice", "warning", "error"]),
            olderWords: [
                "warn": "warning", "http": "debug", "verbose": "debug", "silly": "debug", "trace": "debug", "critical": "error",
                "fatal": "error",
            ], standard: "info",
            about: "Least serious event written. What older deployments write, as `warn` or `INFO`, works too."),
        .init(
            name: "LOG_DIR", kind: .path,
            about: "Folder for log files, made when it is not there; empty writes to standard output. Opened again on SIGHUP."),
        .init(
            name: "LOG_MAX_SIZE", kind: .size, standard: "10m",
            about: "A log file is rotated before it grows past this; at least 4096 bytes."),
        .init(name: "LOG_MAX_FILES", kind: .integer(1...1000), standard: "5", about: "Files kept of each log."),
    ]

    /// Settings of deployments that this version replaces in part: known, and not used yet.
    static let planned = [
        "SMTP_", "WG_", "WHMCS_", "FRP_", "SENTRY_DSN", "CACHE_TTL", "DEBUG",
    ]

    static func entry(_ name: String) -> SettingEntry? { entries.first { $0.names.contains(name) } }
}
