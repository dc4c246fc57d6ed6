internal import CEpoll
internal import Glibc
internal import Synchronization

/// One thread that waits for all sockets of all tests, so that no test blocks a thread that another needs. It lives as long as the
/// process, like the thread pool that runs the tests.
final class SocketWaiter: Sendable {
    static let shared = SocketWaiter()

    private struct Wait {
        let descriptor: Int32
        let events: Int16
        let until: UInt64
        let continuation: CheckedContinuation<Bool, Never>
    }
    private let wake = gh_eventfd()
    private let arriving = Mutex<[Wait]>([])

    private init() {
        var thread = pthread_t()
        let context = unsafe Unmanaged.passRetained(self)
        let code = unsafe pthread_create(&thread, nil, waitForSockets, context.toOpaque())
        precondition(code == 0 && wake >= 0, "the test process cannot start a thread")
    }

    /// false when nothing happened in that time.
    func wait(_ descriptor: Int32, _ events: Int32, milliseconds: Int) async -> Bool {
        await withCheckedContinuation { continuation in
            let wait = Wait(
                descriptor: descriptor, events: Int16(events), until: Self.now + UInt64(milliseconds), continuation: continuation)
            arriving.withLock { $0.append(wait) }
            gh_eventfd_signal(wake)
        }
    }

    fileprivate func loop() {
        var waits: [Wait] = []
        while true {
            var entries = [pollfd(fd: wake, events: Int16(POLLIN), revents: 0)]
            entries += waits.map { pollfd(fd: $0.descriptor, events: $0.events, revents: 0) }
            _ = unsafe entries.withUnsafeMutableBufferPointer { unsafe poll($0.baseAddress, nfds_t($0.count), 100) }
            if entries[0].revents != 0 { gh_eventfd_clear(wake) }
            let now = Self.now
            var staying: [Wait] = []
            for (wait, entry) in zip(waits, entries.dropFirst()) {
                if entry.revents != 0 {
                    wait.continuation.resume(returning: true)
                } else if now >= wait.until {
                    wait.continuation.resume(returning: false)
                } else {
                    staying.append(wait)
                }
            }
            waits = staying
            waits += arriving.withLock { arriving in
                defer { arriving = [] }
                return arriving
            }
        }
    }

    private static var now: UInt64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1000 + UInt64(time.tv_nsec) / 1_000_000
    }
}

private func waitForSockets(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let context = unsafe context else { return nil }
    unsafe Unmanaged<SocketWaiter>.fromOpaque(context).takeUnretainedValue().loop()
    return nil
}
