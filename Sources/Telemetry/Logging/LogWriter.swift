internal import Domain
private import Dispatch
private import Synchronization

/// Collects lines and writes them on a queue of its own: one `write` for all that came since the last.
///
/// At most `maximumPendingBytes` wait; what comes on top is dropped and counted, because a full disk or a stuck terminal must not
/// stop requests.
public final class LogWriter: LogOutput {
    public static let maximumPendingBytes = 8 << 20
    /// How long a line waits for others to be written with.
    private static let gathering = DispatchTimeInterval.milliseconds(20)
    private static let reservedBytes = 128 << 10

    private struct Pending {
        /// By the channel's place in `LogChannel.allCases`.
        var lines = [[UInt8]](repeating: [], count: LogChannel.allCases.count)
        var bytes = 0
        var isScheduled = false
        var dropped: UInt64 = 0
    }
    private let pending = Mutex(Pending())
    private let queue = DispatchQueue(label: "log writer")
    private let destination: any LogDestination

    public init(to destination: any LogDestination) { self.destination = destination }

    public func write(_ line: [UInt8], to channel: LogChannel) { write(line.span, to: channel) }

    public func write(_ line: Span<UInt8>, to channel: LogChannel) {
        let mustSchedule = pending.withLock { pending in
            guard pending.bytes + line.count <= Self.maximumPendingBytes else {
                pending.dropped += 1
                return false
            }
            pending.lines[channel.place].append(bytes: line)
            pending.bytes += line.count
            defer { pending.isScheduled = true }
            return !pending.isScheduled
        }
        // Soon rather than now: waking a thread for every line costs more than the line.
        if mustSchedule { queue.asyncAfter(deadline: .now() + Self.gathering) { self.drain() } }
    }

    /// Lines lost since the start because the writer could not keep up or the disk refused them.
    public var droppedLines: UInt64 { pending.withLock(\.dropped) }

    /// Waits until everything logged before has been written. For the end of the process, never on a reactor.
    public func flush() { queue.sync { self.drain() } }

    /// Opens the files again, after something else has moved them away (SIGHUP).
    public func reopen() { queue.async { self.destination.reopen() } }

    private func drain() {
        let lines = pending.withLock { pending in
            var lines = [[UInt8]](repeating: [], count: LogChannel.allCases.count)
            for place in lines.indices where !pending.lines[place].isEmpty {
                swap(&lines[place], &pending.lines[place])
                // About as much again will come; growing there in steps would be done by whoever logs.
                pending.lines[place].reserveCapacity(min(lines[place].count, Self.reservedBytes))
            }
            pending.bytes = 0
            pending.isScheduled = false
            return lines
        }
        for (channel, bytes) in zip(LogChannel.allCases, lines) where !bytes.isEmpty {
            if destination.write(bytes, to: channel) { continue }
            pending.withLock { $0.dropped += UInt64(bytes.count { $0 == 0x0a }) }
        }
    }
}

/// The blocking end of the log. Called on one queue only.
public protocol LogDestination: Sendable {
    /// False when the bytes could not be written.
    func write(_ bytes: [UInt8], to channel: LogChannel) -> Bool
    func reopen()
}
