import Domain
import HTTP
import Secrets
import Store
import Synchronization
import Telemetry
import TestKit
import Testing

@testable import Mail

/// When mails are tried again and when not. What a real server says is tested in Tests/EndToEnd/test_mail.py.
struct SenderTests {
    /// A mail server that answers as told, then takes everything.
    final class Postman: MailClient {
        private let state: Mutex<(errors: [MailError], got: [OutgoingMail])>
        init(_ errors: [MailError] = []) { state = Mutex((errors, [])) }
        var got: [OutgoingMail] { state.withLock(\.got) }
        func send(_ mail: OutgoingMail, by server: MailServer) async throws(MailError) {
            let error = state.withLock { state in
                state.got.append(mail)
                return state.errors.isEmpty ? nil : state.errors.removeFirst()
            }
            if let error { throw error }
        }
        func probe(_ server: MailServer) async throws(MailError) {}
    }
    struct World {
        let store: Store
        let clock: TestClock
        let postman: Postman
        let sender: MailSender
        func mails() async throws -> [Mail] { try await store.read { reader throws(StoreError) in try reader.mails(limit: 100).items } }
        func promise(_ kind: MailKind, to email: String, user: UserID? = nil, seconds: Int64 = 86_400 * 30) async throws {
            try await store.transaction { transaction throws(StoreError) in
                try transaction.promiseMail(kind, to: email, user: user, until: transaction.ambient.now().adding(seconds: seconds))
            }
        }
        func person(_ name: String, isVerified: Bool = false) async throws -> User {
            try await store.transaction { transaction throws(StoreError) in
                try transaction.createUser(
                    NewUser(email: "\(name)@x.example", name: name, role: .customer, passwordHash: "h", isVerified: isVerified))
            }
        }
        func secret(_ index: Int) -> String {
            let lines = String(decoding: postman.got[index].message, as: UTF8.self).split(separator: "\r\n")
            let text = lines.compactMap { Base64.bytes($0.utf8) }.flatMap(\.self)
            let behind = String(decoding: text, as: UTF8.self).split(separator: "#", maxSplits: 1).last ?? ""
            return String(behind.prefix { $0.isLetter || $0.isNumber || $0 == "-" || $0 == "_" })
        }
    }
    static func withWorld(_ errors: [MailError] = [], _ test: (World) async throws -> Void) async throws {
        let clock = TestClock()
        try await withStore(.sqliteInMemory, clock: clock) { store in
            let postman = Postman(errors)
            let options = MailOptions(
                delivery: .server(postman, MailServer(host: "localhost", port: 25, security: .plain)),
                sender: try MailSenderName(parsing: "no-reply@example.com"), site: "Shop", baseURL: "https://shop.example.com")
            let sender = MailSender(
                store: store, options: options, key: SecretBytes([UInt8](repeating: 3, count: 32)), log: .silent, metrics: Metrics())
            try await test(World(store: store, clock: clock, postman: postman, sender: sender))
        }
    }

    @Test func `what is deferred is tried again with the same link, what is refused is not`() async throws {
        try await Self.withWorld([.deferred(code: 451), .failed(.timeout), .loginDenied]) { world in
            let user = try await world.person("ada")
            try await world.promise(.verifyAddress, to: "ada@x.example")
            for _ in 0..<6 {
                _ = try await world.sender.pass()
                world.clock.advance(milliseconds: 1_200_000)
            }
            #expect(world.postman.got.count == 4 && Set((0..<4).map(world.secret)).count == 1)
            #expect(try await world.mails().map(\.state) == [.sent])
            let hash = LinkSecrets.hash(world.secret(0))
            let open = try await world.store.read { reader throws(StoreError) in try reader.openMailLink(hash, .verifyAddress) }
            #expect(open?.user.id == user.id)
        }
        try await Self.withWorld([.refused(code: 550)]) { world in
            let user = try await world.person("ada")
            try await world.promise(.endsSoon, to: "ada@x.example", user: user.id)
            for _ in 0..<3 {
                _ = try await world.sender.pass()
                world.clock.advance(milliseconds: 100_000_000)
            }
            #expect(try await world.mails().map(\.failure) == ["refused with 550"] && world.postman.got.count == 1)
        }
    }

    @Test func `after ten waits it is given up, and no try comes after its end`() async throws {
        for (seconds, tries) in [(86_400 * 30, 11), (3000, 4)] as [(Int64, Int)] {
            try await Self.withWorld([MailError](repeating: .deferred(code: 421), count: 50)) { world in
                let user = try await world.person("ada")
                try await world.promise(.endsSoon, to: "ada@x.example", user: user.id, seconds: seconds)
                // Each step is a little longer than the longest wait that may come next.
                for wait in [0, 60, 300, 900, 1800, 3600, 7200, 14_400, 28_800, 43_200, 86_400, 86_400, 86_400] as [Int64] {
                    world.clock.advance(milliseconds: wait * 1200 + 1)
                    _ = try await world.sender.pass()
                }
                #expect(world.postman.got.count == tries)
                #expect(try await world.mails().map(\.state) == [.dead])
            }
        }
    }

    @Test func `a link goes to active people with that address only`() async throws {
        try await Self.withWorld { world in
            _ = try await world.person("shown", isVerified: true)
            let blocked = try await world.person("blocked")
            try await world.store.transaction { transaction throws(StoreError) in
                guard try transaction.setStatus(.blocked, of: blocked.id) else { throw .refused("gone") }
            }
            for email in ["nobody@x.example", "blocked@x.example"] {
                for kind in [MailKind.verifyAddress, .resetPassword] { try await world.promise(kind, to: email) }
            }
            try await world.promise(.verifyAddress, to: "shown@x.example")
            try await world.promise(.resetPassword, to: "shown@x.example")
            while try await world.sender.pass() > 0 {}
            #expect(world.postman.got.map(\.recipient) == ["shown@x.example"])
            #expect(try await world.mails().filter { $0.failure == "for nobody" }.count == 5)
        }
    }

    @Test func `a used link is not mailed once more, and what is over is not mailed at all`() async throws {
        try await Self.withWorld([.failed(.interrupted("broken off"))]) { world in
            _ = try await world.person("ada")
            try await world.promise(.resetPassword, to: "ada@x.example", seconds: 1800)
            _ = try await world.sender.pass()
            let hash = LinkSecrets.hash(world.secret(0))
            try await world.store.transaction { transaction throws(StoreError) in
                guard let open = try transaction.openMailLink(hash, .resetPassword), try transaction.useMailLink(open.link) else {
                    throw .refused("the link of a mail whose fate is unknown works")
                }
            }
            world.clock.advance(milliseconds: 100_000)
            try await world.promise(.resetPassword, to: "ada@x.example", seconds: -1)
            _ = try await world.sender.pass()
            #expect(world.postman.got.count == 1)
            #expect(Set(try await world.mails().compactMap(\.failure)) == ["for nobody", "too late"])
        }
    }

    @Test func `the link for a new address goes there, while nobody has it, and the old one is told`() async throws {
        try await Self.withWorld { world in
            let user = try await world.person("ada")
            _ = try await world.person("bob")
            try await world.promise(.changeAddress, to: "new@x.example", user: user.id)
            try await world.promise(.changeAddress, to: "bob@x.example", user: user.id)
            _ = try await world.sender.pass()
            #expect(world.postman.got.map(\.recipient) == ["new@x.example"])
            let hash = LinkSecrets.hash(world.secret(0))
            for purpose in [MailLink.Purpose.verifyAddress, .resetPassword, .changeAddress] {
                let open = try await world.store.read { reader throws(StoreError) in try reader.openMailLink(hash, purpose) }
                #expect(open?.user.id == (purpose == .changeAddress ? user.id : nil), "a link opens one thing")
            }
            try await world.store.transaction { transaction throws(StoreError) in
                guard try transaction.updateUser(user.id, email: "new@x.example") else { throw .refused("gone") }
            }
            try await world.promise(.addressChanged, to: "ada@x.example", user: user.id)
            _ = try await world.sender.pass()
            #expect(world.postman.got.map(\.recipient) == ["new@x.example", "ada@x.example"])
        }
    }

    @Test func `a mail goes to the address that the person has now`() async throws {
        try await Self.withWorld { world in
            let user = try await world.person("ada")
            try await world.promise(.endsSoon, to: "ada@x.example", user: user.id)
            try await world.store.transaction { transaction throws(StoreError) in
                guard try transaction.updateUser(user.id, email: "new@x.example") else { throw .refused("gone") }
            }
            _ = try await world.sender.pass()
            #expect(world.postman.got.map(\.recipient) == ["new@x.example"])
        }
    }
}
