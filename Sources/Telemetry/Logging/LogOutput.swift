internal import Domain
/// Which file a line belongs to when `LOG_DIR` is set.
public enum LogChannel: String, Sendable, CaseIterable {
    case main = "gatehouse", access, error, provision, sync

    /// In the order of `allCases`.
    var place: Int {
        switch self {
        case .main: 0
        case .access: 1
        case .error: 2
        case .provision: 3
        case .sync: 4
        }
    }

    init(level: LogLevel, event: String) {
        if level == .error {
            self = .error
        } else if event.hasPrefix("service.") || event.hasPrefix("job.") || event.hasPrefix("provision.") {
            self = .provision
        } else if event.hasPrefix("sync.") || event.hasPrefix("whmcs.") {
            self = .sync
        } else {
            self = .main
        }
    }
}

/// Where finished lines go. Never blocks the caller.
public protocol LogOutput: Sendable {
    /// `line` ends with a line feed.
    func write(_ line: [UInt8], to channel: LogChannel)
    /// The same, for lines that are not made on the heap.
    func write(_ line: Span<UInt8>, to channel: LogChannel)
}

extension LogOutput {
    public func write(_ line: Span<UInt8>, to channel: LogChannel) {
        var bytes: [UInt8] = []
        bytes.append(bytes: line)
        write(bytes, to: channel)
    }
}

struct NoLogOutput: LogOutput {
    func write(_ line: [UInt8], to channel: LogChannel) {}
}
