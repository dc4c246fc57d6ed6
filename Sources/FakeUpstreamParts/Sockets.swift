internal import Glibc

struct SocketFailure: Error, CustomStringConvertible { let description: String }

/// A listening TCP socket on 127.0.0.1.
struct Listener: Sendable {
    /// Connections the system keeps until they are accepted.
    static let backlog: Int32 = 4096
    let descriptor: Int32
    let port: UInt16

    /// - Parameter port: 0 takes a free one.
    init(port: UInt16) throws(SocketFailure) {
        let fd = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | 0o2000000, 0)
        guard fd >= 0 else { throw SocketFailure(description: "socket: errno \(errno)") }
        var on: Int32 = 1
        _ = unsafe setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { rebound in
                unsafe bind(fd, rebound, length) == 0 && listen(fd, Self.backlog) == 0 && getsockname(fd, rebound, &length) == 0
            }
        }
        guard bound else {
            let code = errno
            _ = Glibc.close(fd)
            throw SocketFailure(description: "listen on 127.0.0.1:\(port): errno \(code)")
        }
        descriptor = fd
        self.port = UInt16(bigEndian: address.sin_port)
    }

    /// The next connection; nil when the listener was closed.
    func accept() -> Int32? {
        while true {
            let fd = Glibc.accept(descriptor, nil, nil)
            if fd >= 0 {
                var on: Int32 = 1
                _ = unsafe setsockopt(fd, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
                return fd
            }
            switch errno {
            case EINTR, ECONNABORTED: continue
            case EMFILE, ENFILE: pause(milliseconds: 10)
            default: return nil
            }
        }
    }

    /// New connections are refused from now on, and a waiting `accept` answers nil; whoever accepts then calls `release`. The number of the
    /// descriptor must not be given to another socket while somebody may still accept on it.
    func close() { _ = shutdown(descriptor, Int32(SHUT_RDWR)) }
    func release() { _ = Glibc.close(descriptor) }
}

/// One accepted connection, blocking, used by one thread.
final class Wire {
    /// A peer that neither sends nor takes anything for this long is dropped.
    static let patienceMilliseconds: Int32 = 300_000
    let descriptor: Int32
    private let tls: TLSConnection?
    var scheme: String { tls == nil ? "http" : "https" }
    private var isOpen = true

    init(descriptor: Int32, tls: TLSConnection? = nil) {
        self.descriptor = descriptor
        self.tls = tls
    }
    deinit { close() }

    /// The next bytes; empty at the end of the stream and after a failure.
    func read() -> [UInt8] {
        guard isOpen else { return [] }
        var buffer = [UInt8](repeating: 0, count: 65_536)
        if let tls { return tls.read(&buffer) }
        guard Self.wait(descriptor, Int16(POLLIN), Self.patienceMilliseconds) else { return [] }
        let count = unsafe buffer.withUnsafeMutableBytes { unsafe recv(descriptor, $0.baseAddress, $0.count, 0) }
        return count > 0 ? Array(buffer[..<count]) : []
    }

    /// false when the peer is gone.
    func write(_ bytes: ArraySlice<UInt8>) -> Bool {
        guard isOpen else { return false }
        if let tls { return tls.write(Array(bytes)) }
        var rest = bytes
        while !rest.isEmpty {
            guard Self.wait(descriptor, Int16(POLLOUT), Self.patienceMilliseconds) else { return false }
            let count = unsafe rest.withUnsafeBytes {
                unsafe send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
            }
            if count < 0 {
                if errno == EAGAIN || errno == EINTR { continue }
                return false
            }
            rest = rest.dropFirst(count)
        }
        return true
    }

    /// Waits that long, less when the peer closes its side; true when it has.
    func waitForLeaving(milliseconds: Int) -> Bool {
        let readHangup: Int16 = 0x2000
        return Self.wait(descriptor, readHangup, Int32(clamping: milliseconds))
    }

    /// Ends the stream properly.
    func close() {
        guard isOpen else { return }
        isOpen = false
        tls?.end()
        _ = Glibc.close(descriptor)
    }
    /// Ends it with the TCP end of stream, but without TLS' own.
    func cut() {
        guard isOpen else { return }
        isOpen = false
        _ = Glibc.close(descriptor)
    }
    /// Ends it with RST.
    func reset() {
        guard isOpen else { return }
        isOpen = false
        Self.reset(descriptor)
    }

    static func reset(_ descriptor: Int32) {
        var none = linger(l_onoff: 1, l_linger: 0)
        _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &none, socklen_t(MemoryLayout<linger>.size))
        _ = Glibc.close(descriptor)
    }

    /// Bytes that are no TLS, then the end.
    static func sendGarbage(_ descriptor: Int32) {
        let garbage = Array("this is no TLS\r\n".utf8)
        _ = unsafe garbage.withUnsafeBytes { unsafe send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        _ = Glibc.close(descriptor)
    }

    private static func wait(_ descriptor: Int32, _ events: Int16, _ milliseconds: Int32) -> Bool {
        var entry = pollfd(fd: descriptor, events: events, revents: 0)
        while true {
            let count = unsafe poll(&entry, 1, milliseconds)
            if count >= 0 || errno != EINTR { return count > 0 }
        }
    }
}

/// Nanoseconds of the system's monotonic clock, the same in every process of the machine.
func monotonicNanoseconds() -> Int {
    var now = timespec()
    _ = unsafe clock_gettime(CLOCK_MONOTONIC, &now)
    return now.tv_sec * 1_000_000_000 + now.tv_nsec
}

/// Seconds since 1970.
func unixSeconds() -> Int {
    var now = timespec()
    _ = unsafe clock_gettime(CLOCK_REALTIME, &now)
    return now.tv_sec
}

func pause(milliseconds: Int) {
    var none = pollfd(fd: -1, events: 0, revents: 0)
    _ = unsafe poll(&none, 1, Int32(clamping: milliseconds))
}

func ignoreBrokenPipes() { _ = signal(SIGPIPE, SIG_IGN) }
