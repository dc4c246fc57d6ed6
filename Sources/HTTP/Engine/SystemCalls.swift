// The one file that calls CEpoll: every socket and epoll call of the engine, with spans instead of pointers where that costs
// nothing. Results are counts, or a negated errno.
internal import CEpoll
internal import Glibc

/// What epoll said about a descriptor, or what somebody wants to hear about it. `failed` and `closed` arrive unasked.
public struct Readiness: OptionSet, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }
    public static let readable = Readiness(rawValue: 0x001)
    public static let writable = Readiness(rawValue: 0x004)
    public static let failed = Readiness(rawValue: 0x008)
    /// Both directions are shut.
    public static let closed = Readiness(rawValue: 0x010)
    /// The peer will send nothing more (EPOLLRDHUP).
    public static let peerFinished = Readiness(rawValue: 0x2000)
}

/// A system call that failed, with its errno.
public struct SystemCallError: Error, Equatable, Sendable, CustomStringConvertible {
    public let call: String
    public let code: Int32
    public var description: String { "\(call): \(unsafe String(cString: strerror(code)))" }
}

enum SystemCalls {
    static let wouldBlock = -Int(EAGAIN)
    static let outOfDescriptors: Set<Int32> = [-EMFILE, -ENFILE, -ENOBUFS, -ENOMEM]

    static func checked(_ call: String, _ result: Int32) throws(SystemCallError) -> Int32 {
        if result < 0 { throw SystemCallError(call: call, code: -result) }
        return result
    }

    // MARK: Sockets

    static func listen(_ address: IPAddress, port: UInt16, backlog: Int32, sharesPort: Bool) throws(SystemCallError) -> Int32 {
        unsafe try checked(
            "listen", withBytes(of: address) { unsafe gh_listen($0, address.isIPv4 ? 0 : 1, port, backlog, sharesPort ? 1 : 0) })
    }
    /// The descriptor, or a negated errno.
    static func accept(_ listener: Int32) -> (result: Int32, address: IPAddress, port: UInt16) {
        var bytes = InlineArray<16, UInt8>(repeating: 0)
        var port: UInt16 = 0
        var span = bytes.mutableSpan
        let result = unsafe span.withUnsafeMutableBufferPointer { unsafe gh_accept(listener, $0.baseAddress, &port) }
        return (result, IPAddress(bytes: bytes), port)
    }
    static func connect(_ address: IPAddress, port: UInt16) throws(SystemCallError) -> Int32 {
        unsafe try checked("connect", withBytes(of: address) { unsafe gh_connect($0, address.isIPv4 ? 0 : 1, port) })
    }
    private static func withBytes(of address: IPAddress, _ call: (UnsafePointer<UInt8>?) -> Int32) -> Int32 {
        let bytes = address.bytes
        return unsafe bytes.span.withUnsafeBufferPointer { unsafe call($0.baseAddress) }
    }
    static func socketError(_ fd: Int32) -> Int32 { gh_socket_error(fd) }
    static func localPort(_ fd: Int32) -> UInt16 { UInt16(clamping: gh_local_port(fd)) }

    static func receive(_ fd: Int32, into buffer: UnsafeMutableRawBufferPointer) -> Int {
        unsafe Int(gh_receive(fd, buffer.baseAddress, UInt64(buffer.count)))
    }
    /// 0 when the peer has closed with nothing before it, 1 when bytes wait, else a negated errno.
    static func peek(_ fd: Int32) -> Int { Int(gh_peek(fd)) }

    static func send(_ fd: Int32, _ bytes: Span<UInt8>) -> Int {
        unsafe bytes.withUnsafeBufferPointer { unsafe Int(gh_send(fd, $0.baseAddress, UInt64($0.count))) }
    }
    /// One call for four pieces in order.
    static func send(_ fd: Int32, _ a: Span<UInt8>, _ b: Span<UInt8>, _ c: Span<UInt8>, _ d: Span<UInt8>) -> Int {
        unsafe a.withUnsafeBufferPointer { a in
            unsafe b.withUnsafeBufferPointer { b in
                unsafe c.withUnsafeBufferPointer { c in
                    unsafe d.withUnsafeBufferPointer { d in
                        let pieces: InlineArray<4, gh_piece> = unsafe [
                            gh_piece(bytes: a.baseAddress, count: UInt64(a.count)), gh_piece(bytes: b.baseAddress, count: UInt64(b.count)),
                            gh_piece(bytes: c.baseAddress, count: UInt64(c.count)), gh_piece(bytes: d.baseAddress, count: UInt64(d.count)),
                        ]
                        return unsafe pieces.span.withUnsafeBufferPointer { unsafe Int(gh_send_pieces(fd, $0.baseAddress, 4)) }
                    }
                }
            }
        }
    }
    static func shutdownWrite(_ fd: Int32) { gh_shutdown_write(fd) }
    static func close(_ fd: Int32) { gh_close(fd) }
    /// Close with RST.
    static func reset(_ fd: Int32) { gh_reset(fd) }
    static func setBuffers(_ fd: Int32, receiveBytes: Int32 = 0, sendBytes: Int32 = 0) { gh_set_buffers(fd, receiveBytes, sendBytes) }

    struct ResolveFault: Error { let text: String }
    /// Blocks. In C because Swift finds the socket types in whichever C module it happens to read first.
    static func resolve(_ name: String, limit: Int) -> Result<[IPAddress], ResolveFault> {
        var raw = [UInt8](repeating: 0, count: 16 * limit)
        let count = unsafe raw.withUnsafeMutableBufferPointer { unsafe gh_resolve(name, $0.baseAddress, Int32(limit)) }
        if count < 0 { return .failure(ResolveFault(text: unsafe String(cString: gh_resolve_reason(count)))) }
        return .success((0..<Int(count)).map { place in IPAddress(bytes: InlineArray { raw[place * 16 + $0] }) })
    }

    static var descriptorLimit: Int { Int(clamping: gh_descriptor_limit()) }
    /// Programs that are started inherit the limit, and some close every number below it.
    static let descriptorGoal: UInt = 65_536
    /// Raises the soft limit as far as the hard one and the goal let; one that is higher stays.
    static func raiseDescriptorLimit() {
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        var limit = rlimit()
        guard unsafe getrlimit(resource, &limit) == 0 else { return }
        let wanted = min(limit.rlim_max, Self.descriptorGoal)
        guard limit.rlim_cur < wanted else { return }
        limit.rlim_cur = wanted
        // Refused, it stays as it was: there are fewer connections then.
        _ = unsafe setrlimit(resource, &limit)
    }
    /// Whether something is there that reading might wait for: a FIFO, a device, a directory. What cannot be found is none.
    static func isNoRegularFile(_ path: String) -> Bool {
        var found = stat()
        return unsafe stat(path, &found) == 0 && found.st_mode & S_IFMT != S_IFREG
    }
    static func keepFreedMemory() { gh_keep_freed_memory() }
    /// For `top -H` and profilers; at most 15 bytes.
    static func nameThread(_ name: String) { unsafe gh_name_thread(name) }
    static func ignoreBrokenPipeSignal() { gh_ignore_sigpipe() }

    // MARK: epoll

    static func makePoll() throws(SystemCallError) -> Int32 { try checked("epoll_create1", gh_epoll_create()) }
    static func makeWake() throws(SystemCallError) -> Int32 { try checked("eventfd", gh_eventfd()) }
    static func signal(_ wake: Int32) { gh_eventfd_signal(wake) }
    static func clear(_ wake: Int32) { gh_eventfd_clear(wake) }
    static func add(_ poll: Int32, _ fd: Int32, _ interest: Readiness, _ data: UInt64) -> Int32 {
        gh_epoll_add(poll, fd, interest.rawValue, data)
    }
    static func modify(_ poll: Int32, _ fd: Int32, _ interest: Readiness, _ data: UInt64) -> Int32 {
        gh_epoll_modify(poll, fd, interest.rawValue, data)
    }
    static func remove(_ poll: Int32, _ fd: Int32) { _ = gh_epoll_remove(poll, fd) }
}

/// One batch of epoll events, reused for every wait.
@safe struct EventBatch: ~Copyable {
    static let capacity = 256
    private let events: UnsafeMutablePointer<gh_event>
    init() { unsafe events = .allocate(capacity: Self.capacity) }
    deinit { unsafe events.deallocate() }

    /// Waits at most that long (-1: for ever) and answers how many events came.
    func wait(_ poll: Int32, timeoutMilliseconds: Int32) -> Int {
        max(0, Int(unsafe gh_epoll_wait(poll, events, Int32(Self.capacity), timeoutMilliseconds)))
    }
    subscript(index: Int) -> (data: UInt64, readiness: Readiness) {
        precondition(index >= 0 && index < Self.capacity, "event index out of the batch")
        let event = unsafe events[index]
        return (event.data, Readiness(rawValue: event.events))
    }
}
