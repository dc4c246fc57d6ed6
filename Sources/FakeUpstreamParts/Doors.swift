internal import Foundation
internal import Synchronization

/// The listening ports and the threads of their connections.
final class Doors: Sendable {
    /// Bytes of stack a connection's thread gets: nested JSON is read recursively.
    static let stackBytes = 1 << 20
    enum Spoiling { case none, reset, failHandshake }
    private struct Held {
        var main: Listener?
        var resets = 0
        var failedHandshakes = 0
    }
    let port: UInt16
    private let held: Mutex<Held>
    private let serve = Mutex<(@Sendable (Int32) -> Void)?>(nil)

    init(port: UInt16) throws(SocketFailure) {
        let listener = try Listener(port: port)
        self.port = listener.port
        held = Mutex(Held(main: listener))
    }

    /// Starts taking connections; each gets its own thread.
    func open(_ body: @escaping @Sendable (Int32) -> Void) {
        serve.withLock { $0 = body }
        if let listener = held.withLock({ $0.main }) { Self.acceptAll(listener, body) }
    }

    /// Closes the main port, so that connections to it are refused, or opens the same one again.
    func setRefusing(_ refuses: Bool) throws(SocketFailure) {
        if refuses {
            let listener = held.withLock { held in
                defer { held.main = nil }
                return held.main
            }
            listener?.close()
        } else if held.withLock({ $0.main == nil }) {
            let listener = try Listener(port: port)
            held.withLock { $0.main = listener }
            if let body = serve.withLock({ $0 }) { Self.acceptAll(listener, body) }
        }
    }

    func spoil(resets: Int, failedHandshakes: Int) {
        held.withLock { held in
            held.resets += max(0, min(resets, 1_000_000))
            held.failedHandshakes += max(0, min(failedHandshakes, 1_000_000))
        }
    }

    func nextSpoiling() -> Spoiling {
        held.withLock { held in
            if held.resets > 0 {
                held.resets -= 1
                return .reset
            }
            if held.failedHandshakes > 0 {
                held.failedHandshakes -= 1
                return .failHandshake
            }
            return .none
        }
    }

    func reset() {
        held.withLock { held in
            held.resets = 0
            held.failedHandshakes = 0
        }
    }

    static func acceptAll(_ listener: Listener, _ body: @escaping @Sendable (Int32) -> Void) {
        thread {
            while let descriptor = listener.accept() { thread { body(descriptor) } }
            listener.release()
        }
    }

    private static func thread(_ body: @escaping @Sendable () -> Void) {
        let thread = Thread(block: body)
        thread.stackSize = stackBytes
        thread.start()
    }
}
