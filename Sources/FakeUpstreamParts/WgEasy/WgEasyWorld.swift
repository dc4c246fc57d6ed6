internal import Foundation
internal import Synchronization

func base64(_ bytes: [UInt8]) -> String { Data(bytes).base64EncodedString() }

/// What a controller holds in memory.
final class WgEasyWorld: Sendable {
    struct Client: Sendable {
        let id: String
        var name: String
        var isEnabled = true
        var host: Int
        let privateKey: [UInt8]
        let publicKey: [UInt8]
        let presharedKey: [UInt8]
        var received = 0
        var sent = 0
        var expiresAt: String?
        /// Its end has passed by this controller's clock.
        var isOver = false
        /// Imported without its private key.
        var isImported = false
    }
    struct Rule: Sendable {
        let method: String
        let ending: String
        let fault: WgEasyFault
        var times: Int
    }
    private struct Held {
        var clients: [Client] = []
        var next = 1
        var sessions: Set<String> = []
        var rules: [Rule] = []
        var seen: [String] = []
        var isSetUp = true
        var poolHosts = 253
    }
    private let held = Mutex(Held())
    let serverKey: [UInt8] = x25519KeyPair().publicKey

    var clients: [Client] { held.withLock { $0.clients } }
    /// "GET /api/session raw", in order: the last word is how it came in, never what it carried.
    var seen: [String] { held.withLock { $0.seen } }
    func note(_ text: String) { held.withLock { $0.seen.append(text) } }

    func befall(_ rule: Rule) { held.withLock { $0.rules.append(rule) } }
    func fault(_ method: String, _ path: String) -> WgEasyFault? {
        held.withLock { held in
            guard let at = held.rules.firstIndex(where: { $0.method == method && path.hasSuffix($0.ending) }) else { return nil }
            held.rules[at].times -= 1
            let fault = held.rules[at].fault
            if held.rules[at].times <= 0 { held.rules.remove(at: at) }
            return fault
        }
    }

    /// nil when the pool is full.
    func create(_ name: String, isNumbered: Bool) -> Client? {
        let keys = x25519KeyPair()
        return held.withLock { held in
            let taken = Set(held.clients.map(\.host))
            guard let host = (2...held.poolHosts + 1).first(where: { !taken.contains($0) }) else { return nil }
            let digits = String(100_000_000_000 + held.next)
            let id = isNumbered ? String(held.next) : "2b1c0e0e-8f53-4a7e-9c55-\(digits)"
            held.next += 1
            let client = Client(
                id: id, name: name, host: host, privateKey: keys.privateKey, publicKey: keys.publicKey, presharedKey: sha256(keys.publicKey)
            )
            held.clients.append(client)
            return client
        }
    }
    /// So many more, quickly; names are "other-1" and so on.
    func fill(_ count: Int, isNumbered: Bool) {
        for number in 0..<count {
            let keys = x25519KeyPair()
            held.withLock { held in
                let id = isNumbered ? String(held.next) : "2b1c0e0e-8f53-4a7e-9c55-\(100_000_000_000 + held.next)"
                held.next += 1
                held.clients.append(
                    Client(
                        id: id, name: "other-\(number)", host: 1000 + number, privateKey: keys.privateKey, publicKey: keys.publicKey,
                        presharedKey: keys.publicKey))
            }
        }
    }
    func client(_ id: String) -> Client? { clients.first { $0.id == id } }
    func delete(_ id: String) { held.withLock { $0.clients.removeAll { $0.id == id } } }
    /// false when there is none.
    func change(_ id: String, _ body: (inout Client) -> Void) -> Bool {
        held.withLock { held in
            guard let at = held.clients.firstIndex(where: { $0.id == id }) else { return false }
            body(&held.clients[at])
            return true
        }
    }
    func count(_ name: String, received: Int, sent: Int) {
        held.withLock { held in
            for at in held.clients.indices where held.clients[at].name == name {
                (held.clients[at].received, held.clients[at].sent) = (received, sent)
            }
        }
    }

    func openSession() -> String {
        held.withLock { held in
            held.next += 1
            let session = sha256Hex(Array("session \(held.next)".utf8))
            held.sessions.insert(session)
            return session
        }
    }
    func hasSession(_ cookie: String) -> Bool {
        held.withLock { held in held.sessions.contains { cookie.contains("connect.sid=\($0)") } }
    }
    var isSetUp: Bool { held.withLock { $0.isSetUp } }
    func setUp(_ isDone: Bool) { held.withLock { $0.isSetUp = isDone } }
    /// Hosts of the pool, from 2 on; more than 253 is more than the real one of older generations has.
    func enlargePool(to hosts: Int) { held.withLock { $0.poolHosts = hosts } }
    /// What the job of the newest generation does each minute: closes those past their end.
    func closeExpired(at now: String) {
        held.withLock { held in
            for at in held.clients.indices {
                guard let end = held.clients[at].expiresAt, end < now else { continue }
                (held.clients[at].isEnabled, held.clients[at].isOver) = (false, true)
            }
        }
    }
    func noFault() { held.withLock { $0.rules = [] } }
    func loseSessions() { held.withLock { $0.sessions = [] } }
}
