internal import CEpoll
internal import Glibc
internal import Synchronization

/// A listening socket on a free loopback port whose connections are spoken byte by byte, as no HTTP library would.
public final class RawListener: Sendable {
    public let port: UInt16
    private let descriptor: Int32
    private let isClosed = Mutex(false)

    /// - Parameters:
    ///   - lastOctet: 1 listens on 127.0.0.1, 2 on 127.0.0.2; every such address is this machine.
    ///   - port: 0 asks the system for one.
    ///   - backlog: connections that the system accepts by itself; one more than that, and the next get no answer at all.
    public init(lastOctet: UInt8 = 1, port: UInt16 = 0, backlog: Int32 = 64) throws {
        let address: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, lastOctet]
        descriptor = unsafe address.withUnsafeBufferPointer { unsafe gh_listen($0.baseAddress, 0, port, backlog, 0) }
        guard descriptor >= 0 else { throw RawClientError(description: "listen: errno \(-descriptor)") }
        self.port = UInt16(clamping: gh_local_port(descriptor))
    }
    deinit { close() }

    /// The next connection.
    public func accept() async throws -> RawClient {
        guard await SocketWaiter.shared.wait(descriptor, POLLIN, milliseconds: RawClient.patienceMilliseconds) else {
            throw RawClientError(description: "nobody connected")
        }
        var from = [UInt8](repeating: 0, count: 16)
        var port: UInt16 = 0
        let accepted = unsafe from.withUnsafeMutableBufferPointer { unsafe gh_accept(descriptor, $0.baseAddress, &port) }
        guard accepted >= 0 else { throw RawClientError(description: "accept: errno \(-accepted)") }
        return RawClient(accepted: accepted)
    }

    /// Whether a connection waits to be accepted.
    public var hasWaiting: Bool {
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return unsafe poll(&entry, 1, 0) > 0
    }

    public func close() {
        let closes = isClosed.withLock { closed in
            defer { closed = true }
            return !closed
        }
        if closes { gh_close(descriptor) }
    }
}
