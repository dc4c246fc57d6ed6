import Domain
import Store
import TestKit
import Testing

@Suite struct MailContract {
    private static func states(_ store: Store) async throws -> [PromiseState] {
        try await store.read { reader throws(StoreError) in try reader.mails(limit: 10).items.map(\.state) }
    }
    private static func lease(_ store: Store) async throws -> [Mail] {
        try await store.transaction { transaction throws(StoreError) in try transaction.leaseMails(leaseMilliseconds: 60_000, limit: 8) }
    }

    @Test(arguments: TestDatabase.allCases)
    func `a mail is leased by one, comes back when its holder is gone, and ends once`(database: TestDatabase) async throws {
        let clock = TestClock()
        try await withStore(database, clock: clock) { store in
            let end = clock.ambient.now().adding(seconds: 3600)
            try await store.transaction { transaction throws(StoreError) in
                try transaction.promiseMail(.paymentReceived, to: "Ada@Example.com", facts: ["number": "7"], until: end)
            }
            let first = try await Self.lease(store)
            #expect(first.map(\.email) == ["ada@example.com"] && first.map(\.attempts) == [1] && first[0].facts["number"].string == "7")
            #expect(try await Self.lease(store).isEmpty, "somebody is at it")
            clock.advance(milliseconds: 60_001)
            let again = try await Self.lease(store)
            #expect(again.map(\.id) == first.map(\.id) && again.map(\.attempts) == [2])
            let (id, next) = (again[0].id, clock.ambient.now().adding(seconds: 300))
            try await store.transaction { transaction throws(StoreError) in try transaction.mailFailed(id, "deferred with 451", next: next)
            }
            #expect(try await Self.lease(store).isEmpty)
            clock.advance(milliseconds: 300_000)
            #expect(try await Self.lease(store).map(\.failure) == ["deferred with 451"])
            try await store.transaction { transaction throws(StoreError) in
                try transaction.mailSent(id)
                try transaction.mailFailed(id, "late word", next: nil)
            }
            #expect(try await Self.states(store) == [.sent], "what is sent stays sent")
            #expect(try await !store.transaction { transaction throws(StoreError) in try transaction.mailRetry(id) })
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `a given-up mail may be sent again until its time is over, and old ones are deleted`(database: TestDatabase) async throws {
        let clock = TestClock()
        try await withStore(database, clock: clock) { store in
            let end = clock.ambient.now().adding(seconds: 3600)
            try await store.transaction { transaction throws(StoreError) in
                try transaction.promiseMail(.endsSoon, to: "ada@example.com", until: end)
            }
            let id = try #require(try await Self.lease(store).first?.id)
            func retry() async throws -> Bool {
                try await store.transaction { transaction throws(StoreError) in
                    try transaction.mailFailed(id, "refused with 550", next: nil)
                    return try transaction.mailRetry(id)
                }
            }
            #expect(try await retry())
            #expect(try await Self.lease(store).map(\.attempts) == [1])
            clock.advance(milliseconds: 3_600_001)
            #expect(try await !retry())
            let gone = try await store.transaction { transaction throws(StoreError) in
                [try transaction.deleteMails(expiredBefore: end), try transaction.deleteMails(expiredBefore: end.adding(seconds: 1))]
            }
            #expect(gone == [0, 1])
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `a link opens one thing, once, for its person, at its address, in its time`(database: TestDatabase) async throws {
        let clock = TestClock()
        try await withStore(database, clock: clock) { store in
            let end = clock.ambient.now().adding(seconds: 1800)
            func made(_ byte: UInt8, _ user: User) async throws {
                try await store.transaction { transaction throws(StoreError) in
                    try transaction.createMailLink(
                        MailLinkID(transaction.ambient), .resetPassword, of: user.id, at: user.email,
                        hash: [UInt8](repeating: byte, count: 32),
                        for: MailID(high: 1, low: 1), expiresAt: end)
                }
            }
            func open(_ byte: UInt8, _ purpose: MailLink.Purpose = .resetPassword) async throws -> UserID? {
                try await store.read { reader throws(StoreError) in
                    try reader.openMailLink([UInt8](repeating: byte, count: 32), purpose)?.user.id
                }
            }
            func use(_ byte: UInt8) async throws -> Bool {
                try await store.transaction { transaction throws(StoreError) in
                    guard let open = try transaction.openMailLink([UInt8](repeating: byte, count: 32), .resetPassword) else { return false }
                    return try transaction.useMailLink(open.link)
                }
            }
            let (ada, bob) = try await store.transaction { transaction throws(StoreError) in
                (try transaction.createUser(.example("ada@x.example")), try transaction.createUser(.example("bob@x.example")))
            }
            for (byte, user) in [(UInt8(1), ada), (2, ada), (3, bob)] { try await made(byte, user) }
            let opened = [try await open(1), try await open(3), try await open(4), try await open(1, .verifyAddress)]
            #expect(opened == [ada.id, bob.id, nil, nil])
            let used = [try await use(1), try await use(1)]
            #expect(used == [true, false])
            #expect(try await open(2) == nil, "one that was used ends the others of the same person")
            #expect(try await open(3) == bob.id)
            try await store.transaction { transaction throws(StoreError) in
                guard try transaction.updateUser(bob.id, email: "robert@x.example") else { throw .refused("gone") }
            }
            #expect(try await open(3) == nil, "another address")
            try await made(5, ada)
            clock.advance(milliseconds: 1_800_000)
            #expect(try await open(5) == nil, "too late")
            try await store.transaction { transaction throws(StoreError) in
                let gone = try transaction.deleteMailLinks(expiredBefore: end.adding(milliseconds: 1))
                guard gone == 4 else { throw .refused("\(gone) links went") }
            }
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `an address is shown once, and a new one is yet to be`(database: TestDatabase) async throws {
        try await withStore(database) { store in
            let shown = try await store.transaction { transaction throws(StoreError) -> [Bool] in
                let user = try transaction.createUser(
                    NewUser(email: "a@x.example", name: "A", role: .customer, passwordHash: "h", language: .russian, isVerified: false))
                var shown = [user.emailVerifiedAt != nil, user.language == .russian]
                shown += [try transaction.setEmailVerified(user.id), try transaction.setEmailVerified(user.id)]
                for email in ["A@x.example", "b@x.example"] {
                    _ = try transaction.updateUser(user.id, email: email)
                    shown.append(try transaction.user(user.id)?.emailVerifiedAt != nil)
                }
                return shown
            }
            #expect(shown == [false, true, true, false, true, false])
        }
    }

    @Test(arguments: [
        (nil, Language.english), ("", .english), ("de,en;q=0.5", .english), ("ru", .russian), ("ru-RU,ru;q=0.9,en;q=0.8", .russian),
        ("zh", .simplifiedChinese), ("zh-CN", .simplifiedChinese), ("zh-TW", .traditionalChinese), ("zh-Hant-HK", .traditionalChinese),
        ("en-GB,ru", .english), ("de , zh-HK;q=0.1", .traditionalChinese), (",,;", .english),
    ])
    func `the language is the first that the reader accepts and we have`(header: String?, language: Language) {
        #expect(Language(accepting: header) == language)
    }
}
