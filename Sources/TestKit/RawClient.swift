internal import CEpoll
internal import Glibc
internal import Synchronization

/// A reply as it came over the wire.
public struct RawReply: Sendable, Equatable {
    public let status: Int
    /// The whole head as text, without its last empty line.
    public let head: String
    /// With the chunked coding taken off.
    public let body: [UInt8]
    public var text: String { String(decoding: body, as: UTF8.self) }
    /// The first field of that (lowercase) name.
    public func header(_ name: String) -> String? {
        for line in head.split(separator: "\r\n").dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            if parts.count == 2, parts[0].lowercased() == name { return String(parts[1].drop { $0 == " " }) }
        }
        return nil
    }
}

public struct RawClientError: Error, CustomStringConvertible {
    public let description: String
    public init(description: String) { self.description = description }
}

/// A TCP connection to loopback that sends exactly the bytes it is told and reads what comes, as no HTTP library would.
/// Waits at most `patienceMilliseconds` for each step; no thread of the pool is blocked.
public final class RawClient: Sendable {
    static let patienceMilliseconds = 20_000
    private struct Wire {
        var received: [UInt8] = []
        var hasEnded = false
        var isClosed = false
    }
    public let descriptor: Int32
    private let wire = Mutex(Wire())

    /// - Parameter receiveBytes: the socket's receive buffer, small for a client that reads slowly; 0 leaves it alone.
    /// - Throws: when nobody listens there.
    public init(port: UInt16, receiveBytes: Int32 = 0) throws {
        // Its own descriptors are opened now, not in the middle of a test that counts them.
        _ = SocketWaiter.shared
        let address: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1]
        descriptor = unsafe address.withUnsafeBufferPointer { unsafe gh_connect($0.baseAddress, 0, port) }
        guard descriptor >= 0 else { throw RawClientError(description: "connect: errno \(-descriptor)") }
        if receiveBytes > 0 { gh_set_buffers(descriptor, receiveBytes, 0) }
        // On loopback a connection is made or refused before `connect` returns.
        let code = gh_socket_error(descriptor)
        guard code == 0, gh_peer_is_known(descriptor) == 1 else {
            gh_close(descriptor)
            throw RawClientError(description: "cannot connect to port \(port): errno \(code)")
        }
    }

    /// The server's end of a connection that a `RawListener` has accepted.
    init(accepted descriptor: Int32) { self.descriptor = descriptor }

    deinit { close() }

    // MARK: Sending

    public func send(_ text: String) async throws { try await send(Array(text.utf8)) }

    public func send(_ bytes: [UInt8]) async throws {
        var sent = 0
        while sent < bytes.count {
            let count = unsafe bytes[sent...].withUnsafeBufferPointer { unsafe gh_send(descriptor, $0.baseAddress, UInt64($0.count)) }
            if count == -Int64(EAGAIN) {
                guard await wait(POLLOUT) else { throw RawClientError(description: "the server takes nothing") }
            } else if count < 0 {
                throw RawClientError(description: "send: errno \(-count)")
            } else {
                sent += Int(count)
            }
        }
    }

    /// Sends what the socket takes at once and answers how much that was.
    public func sendWhatFits(_ bytes: [UInt8]) -> Int {
        max(0, Int(unsafe bytes.withUnsafeBufferPointer { unsafe gh_send(descriptor, $0.baseAddress, UInt64($0.count)) }))
    }

    public func finishSending() { gh_shutdown_write(descriptor) }
    public func close() {
        if markClosed() { gh_close(descriptor) }
    }
    /// Closes with RST.
    public func reset() {
        if markClosed() { gh_reset(descriptor) }
    }
    private func markClosed() -> Bool {
        wire.withLock { wire in
            defer { wire.isClosed = true }
            return !wire.isClosed
        }
    }

    // MARK: Reading

    /// The next final or interim reply. `toHead`: it answers HEAD, so no body follows.
    public func reply(toHead: Bool = false) async throws -> RawReply {
        let head = String(decoding: try await readUntil(Array("\r\n\r\n".utf8)).dropLast(4), as: UTF8.self)
        let words = head.split(separator: " ", maxSplits: 2)
        guard words.count >= 2, words[0].hasPrefix("HTTP/1."), let status = Int(words[1].prefix(3)) else {
            throw RawClientError(description: "no status line: \(head.debugDescription)")
        }
        let bare = RawReply(status: status, head: head, body: [])
        if toHead || status < 200 || status == 204 || status == 304 { return bare }
        var body: [UInt8] = []
        if bare.header("transfer-encoding") == "chunked" {
            while true {
                let line = String(decoding: try await readUntil(Array("\r\n".utf8)).dropLast(2), as: UTF8.self)
                guard let size = Int(line, radix: 16) else { throw RawClientError(description: "bad chunk size \(line.debugDescription)") }
                let chunk = try await bytes(size + 2)
                guard chunk.suffix(2) == [13, 10] else { throw RawClientError(description: "a chunk without its end") }
                if size == 0 { break }
                body += chunk.dropLast(2)
            }
        } else if let text = bare.header("content-length") {
            guard let length = Int(text) else { throw RawClientError(description: "bad content-length \(text)") }
            body = try await bytes(length)
        } else {
            body = try await rest()
        }
        return RawReply(status: status, head: head, body: body)
    }

    /// Everything until the server closes; a reset counts as the end.
    public func rest() async throws -> [UInt8] {
        while try await readMore() {}
        return take(wire.withLock { $0.received.count })
    }

    /// At least that many bytes.
    public func bytes(_ count: Int) async throws -> [UInt8] {
        while wire.withLock({ $0.received.count }) < count {
            guard try await readMore() else { throw RawClientError(description: "the server closed too early") }
        }
        return take(count)
    }

    /// Reads until that text has come, and answers everything up to its end.
    public func text(until mark: String) async throws -> String {
        String(decoding: try await readUntil(Array(mark.utf8)), as: UTF8.self)
    }

    private func readUntil(_ mark: [UInt8]) async throws -> [UInt8] {
        while true {
            let end = wire.withLock { Self.end(of: mark, in: $0.received) }
            if let end { return take(end) }
            guard try await readMore() else {
                throw RawClientError(description: "the server closed before \(String(decoding: mark, as: UTF8.self).debugDescription)")
            }
        }
    }

    private func take(_ count: Int) -> [UInt8] {
        wire.withLock { wire in
            let taken = Array(wire.received.prefix(count))
            wire.received.removeFirst(taken.count)
            return taken
        }
    }

    /// Waits for bytes; false at the end of the stream.
    private func readMore() async throws -> Bool {
        if wire.withLock({ $0.hasEnded || $0.isClosed }) { return false }
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = unsafe buffer.withUnsafeMutableBytes { unsafe gh_receive(descriptor, $0.baseAddress, UInt64($0.count)) }
            if count == -Int64(EAGAIN) {
                guard await wait(POLLIN) else { throw RawClientError(description: "nothing came from the server") }
                continue
            }
            return wire.withLock { wire in
                if count > 0 { wire.received += buffer[..<Int(count)] } else { wire.hasEnded = true }
                return count > 0
            }
        }
    }

    /// For a layer above that reads and writes the descriptor itself; false when the patience is over.
    public func waitReadable() async -> Bool { await wait(POLLIN) }
    public func waitWritable() async -> Bool { await wait(POLLOUT) }

    private func wait(_ events: Int32) async -> Bool {
        await SocketWaiter.shared.wait(descriptor, events, milliseconds: Self.patienceMilliseconds)
    }

    private static func end(of mark: [UInt8], in bytes: [UInt8]) -> Int? {
        guard bytes.count >= mark.count else { return nil }
        for start in 0...(bytes.count - mark.count) where bytes[start..<start + mark.count].elementsEqual(mark) {
            return start + mark.count
        }
        return nil
    }
}

extension RawClient {
    /// Lowers the process's soft limit of open descriptors; for tests in a process of their own.
    public static func limitDescriptors(to count: Int) throws {
        let code = gh_set_descriptor_limit(UInt64(count))
        if code < 0 { throw RawClientError(description: "setrlimit: errno \(-code)") }
    }
}
