import Domain
@testable import Store
import Testing

@Suite struct DatabaseLocationTests {
    @Test(arguments: [
        ("sqlite:///./data/gatehouse.db", DatabaseLocation.sqliteFile(path: "./data/gatehouse.db")),
        ("sqlite:///gatehouse.db", .sqliteFile(path: "gatehouse.db")), ("sqlite:////var/lib/x.db", .sqliteFile(path: "/var/lib/x.db")),
        ("sqlite:///a%20b.db", .sqliteFile(path: "a b.db")), ("sqlite+aiosqlite:///./x.db", .sqliteFile(path: "./x.db")),
        ("sqlite:///x.db?check_same_thread=false", .sqliteFile(path: "x.db")), ("sqlite://:memory:", .sqliteMemory),
        ("sqlite:///:memory:", .sqliteMemory), ("sqlite://", .sqliteMemory), ("SQLITE:///X.db", .sqliteFile(path: "X.db")),
    ])
    func `SQLite addresses are read`(text: String, wanted: DatabaseLocation) throws {
        #expect(try DatabaseLocation(parsing: text) == wanted)
    }

    @Test(arguments: [
        ("postgresql://u:p@db.example.com:5433/gate", ["user": "u", "host": "db.example.com", "port": "5433", "dbname": "gate"], "p"),
        ("postgres://db.example.com/gate", ["host": "db.example.com", "dbname": "gate"], nil),
        ("postgresql+psycopg2://u:p@h/d", ["user": "u", "host": "h", "dbname": "d"], "p"),
        ("postgresql+asyncpg://u@h/d", ["user": "u", "host": "h", "dbname": "d"], nil),
        ("postgresql://u:p%40ss%2Fw%3Ard@h/d", ["user": "u", "host": "h", "dbname": "d"], "p@ss/w:rd"),
        ("postgresql://u:a@b@h/d", ["user": "u", "host": "h", "dbname": "d"], "a@b"),
        ("postgresql://u:p@[2001:db8::1]:6000/d", ["user": "u", "host": "2001:db8::1", "port": "6000", "dbname": "d"], "p"),
        (
            "postgresql:///d?host=/run/postgresql&sslmode=verify-full",
            ["host": "/run/postgresql", "dbname": "d", "sslmode": "verify-full"], nil
        ),
        ("postgresql://u@h/d?password=p", ["user": "u", "host": "h", "dbname": "d"], "p"),
    ])
    func `PostgreSQL addresses are read, and their description has no password`(
        text: String, parameters: [String: String], password: String?
    ) throws {
        let location = try DatabaseLocation(parsing: text)
        guard case .postgres(let address) = location else {
            Issue.record("\(location)")
            return
        }
        #expect(address.parameters == parameters)
        #expect(address.revealPassword { $0 } == password)
        let secret = "hunter2hunter2"
        let hidden = try DatabaseLocation(parsing: "postgresql://u:\(secret)@h/d")
        var dumped = "\(hidden) \(String(reflecting: hidden))"
        dump(hidden, to: &dumped)
        #expect(!dumped.contains(secret))
    }

    @Test(arguments: [
        "", "sqlite", "sqlite:", "sqlite:/x.db", "sqlite://x.db", "mysql://u:hunter2@h/d", "postgresql://u:hunter2@h",
        "postgresql://u:hunter2@h/",
        "postgresql://u:hunter2@h:0/d", "postgresql://u:hunter2@h:65536/d", "postgresql://u:hunter2@h:x/d", "postgresql://u:hunter2@[::1/d",
        "postgresql://u:hunter2%zz@h/d", "postgresql://u:hunter2@h/d?passfile=/etc/passwd", "postgresql://u:hunter2@h/d?sslmode",
        "postgresql://u:hunter2%00@h/d", "postgresql:hunter2",
    ])
    func `anything else is refused without quoting the password`(text: String) {
        do throws(ParseError) {
            let read = try DatabaseLocation(parsing: text)
            Issue.record("\(text) was read as \(read)")
        } catch {
            #expect(!error.message.contains("hunter2"))
        }
    }

    @Test func `a history cursor reads back, and nothing else does`() throws {
        let cursor = try HistoryCursor(parsing: "1795219200000.req_0193c0de8a7b7f3e9d2c4b5a69788796")
        #expect(try HistoryCursor(parsing: cursor.text) == cursor && cursor.from == nil)
        let bounded = try HistoryCursor(parsing: cursor.text + ".1795132800000")
        #expect(try HistoryCursor(parsing: bounded.text) == bounded && bounded.from == Timestamp(milliseconds: 1_795_132_800_000))
        for text in [
            "", ".", "1", "1.", ".req_0193c0de8a7b7f3e9d2c4b5a69788796", "x.req_0193c0de8a7b7f3e9d2c4b5a69788796", "1.key_1", "1.2.3",
            cursor.text + ".", cursor.text + ".x", cursor.text + ".1.2",
        ] {
            #expect(throws: ParseError.self) { try HistoryCursor(parsing: text) }
        }
    }
}
