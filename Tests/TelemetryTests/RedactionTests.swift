import Domain
import Synchronization
import Telemetry
import Testing

private final class Lines: LogOutput {
    let text = Mutex<[(LogChannel, String)]>([])
    func write(_ line: [UInt8], to channel: LogChannel) { text.withLock { $0.append((channel, String(decoding: line, as: UTF8.self))) } }
    var last: String { text.withLock { $0.last?.1 ?? "" } }
}

struct RedactionTests {
    static let key = "cr_" + String(repeating: "0a1b2c3d", count: 8)
    static let secrets = [
        key, "sk-ant-api03-" + String(repeating: "Zz9_", count: 12), "pat_0123456789abcdef", "whm_0123456789abcdef",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    ]
    static let places = ["%", "a % b", "key=%", "\"%\"", "(%)", "x:%", "/v1/%/y", "%,%", "\n%", "é%é"]

    @Test(arguments: secrets, places) func `a secret is hidden wherever it stands`(secret: String, place: String) {
        let text = place.split(separator: "%", omittingEmptySubsequences: false).joined(separator: secret)
        let clean = Redaction.redacted(text)
        #expect(!clean.contains(secret) && clean.contains("«secret»"))
        #expect(!clean.contains(secret.suffix(12)))
    }

    @Test(arguments: [
        ("Authorization: Bearer abc123def", "abc123def"), ("authorization: bEARER abc123def", "abc123def"),
        ("Basic dXNlcjpwYXNzd29yZA==", "dXNlcjpwYXNzd29yZA"), ("postgresql://gate:hunter2@db.example.com/x", "hunter2"),
        ("socks5://u:p@ss@192.0.2.1:1080", "p@ss"), ("-----BEGIN RSA PRIVATE KEY-----\\nMIIEow\\n-----END RSA PRIVATE KEY-----", "MIIEow"),
        ("-----BEGIN PRIVATE KEY-----\\nMIIEow", "MIIEow"),
    ])
    func `a secret is hidden by what stands before it`(text: String, secret: String) {
        #expect(!Redaction.redacted(text).contains(secret))
    }

    @Test(arguments: [
        "key_0193c0de8a7b7f3e9d2c4b5a69788796", "req_0193c0de8a7b7f3e9d2c4b5a69788796", "cr_ab12…f9e0",
        "https://api.example.com/v1/messages?beta",
        "micr_0123456789abcdef0123", "a basic idea", "12:30:00", "claude-sonnet-5-5", "2026-11-21T04:45:23.017Z", "host:8000", "robotics",
    ])
    func `what is no secret stays readable`(text: String) {
        #expect(Redaction.redacted(text) == text)
    }

    @Test(arguments: [
        "password", "new_password", "clientSecret", "access_token", "Authorization", "set-cookie", "x-api-key", "apiKey", "PRIVATE_KEY",
    ])
    func `a field with a telling name never shows its text`(field: String) {
        #expect(Redaction.hides(field: field))
    }

    @Test(arguments: ["input_tokens", "tokens", "key", "route", "status", "account", "tokens_per_day"]) func `other fields show theirs`(
        field: String
    ) {
        #expect(!Redaction.hides(field: field))
    }

    @Test func `every line passes redaction, fields and access line alike`() throws {
        let lines = Lines()
        let log = Log(level: .debug, output: lines, now: { Timestamp(milliseconds: 0) })
        log.info("upstream.refused", ["message": .text("said \(Self.key)"), "password": "hunter2"])
        #expect(!lines.last.contains(Self.key) && !lines.last.contains("hunter2"))
        log.access(
            AccessLine(
                time: Timestamp(milliseconds: 0), request: RequestID(high: 1, low: 2),
                kind: AccessKind(method: "GET", route: "/x/\(Self.key)", status: 200), bytesReceived: 1, bytesSent: 2,
                durationMicroseconds: 3, remoteAddress: "192.0.2.1", clientGone: false))
        #expect(!lines.last.contains(Self.key))
        let json = try JSON(parsing: lines.last)
        #expect(json["status"] == 200 && json["remote"] == "192.0.2.1" && json["request"] == .string(RequestID(high: 1, low: 2).text))
    }

    @Test func `a line is one JSON object with time, level, event and fields`() throws {
        let lines = Lines()
        let log = Log(level: .info, output: lines, now: { Timestamp(milliseconds: 1_795_236_323_017) })
        log.debug("not.written")
        #expect(lines.last.isEmpty)
        log.warning(
            "disk.low", ["free_bytes": 12, "path": "a\"b\n", "ok": false, "why": LogValue(nil as String?)],
            request: RequestID(high: 1, low: 2))
        let json = try JSON(parsing: lines.last)
        #expect(
            json == [
                "time": "2026-11-21T04:45:23.017Z", "level": "warning", "event": "disk.low",
                "request": "req_00000000000000010000000000000002",
                "free_bytes": 12, "path": "a\"b\n", "ok": false, "why": nil,
            ])
        #expect(lines.last.hasSuffix("}\n") && lines.last.count { $0 == "\n" } == 1)
    }

    @Test func `lines go to the channel of their kind`() {
        let lines = Lines()
        let log = Log(level: .info, output: lines, now: { Timestamp(milliseconds: 0) })
        log.info("server.started")
        log.error("store.lost")
        log.info("service.suspended")
        log.info("whmcs.synced")
        #expect(lines.text.withLock { $0.map(\.0) } == [.main, .error, .provision, .sync])
    }
}
