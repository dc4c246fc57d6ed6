private import Glibc
private import Synchronization

/// Every channel on one descriptor, usually standard output.
public struct DescriptorDestination: LogDestination {
    let descriptor: Int32
    public init(descriptor: Int32) { self.descriptor = descriptor }
    public static let standardOutput = DescriptorDestination(descriptor: 1)
    public static let standardError = DescriptorDestination(descriptor: 2)

    public func write(_ bytes: [UInt8], to channel: LogChannel) -> Bool { Descriptor.writeAll(descriptor, bytes) == bytes.count }
    public func reopen() {}
}

/// One file a channel in a folder (`access.log`, `error.log`, …), rotated by size: `access.log.1` is the newest old one.
public final class FolderDestination: LogDestination {
    public static let minimumBytes = 4096

    private let folder: String
    private let maximumBytes: Int
    private let maximumFiles: Int
    private struct Open {
        var descriptor: Int32
        var size: Int
    }
    private let open = Mutex<[LogChannel: Open]>([:])
    /// Channels whose file cannot be opened, which was said.
    private let refused = Mutex<Set<LogChannel>>([])
    /// Says what the log itself cannot.
    private let complain: @Sendable (String) -> Void
    /// Writes to a descriptor and says how many bytes it took.
    private let writeAll: @Sendable (Int32, [UInt8]) -> Int

    /// - Parameters:
    ///   - maximumBytes: a file is rotated before it would grow past this; at least `minimumBytes`.
    ///   - maximumFiles: how many files of a channel are kept, the current one included; at least 1.
    public convenience init(folder: String, maximumBytes: Int, maximumFiles: Int) {
        self.init(
            folder: folder, maximumBytes: maximumBytes, maximumFiles: maximumFiles,
            complain: { _ = Descriptor.writeAll(2, Array("gatehouse: \($0)\n".utf8)) }, writeAll: { Descriptor.writeAll($0, $1) })
    }

    init(
        folder: String, maximumBytes: Int, maximumFiles: Int, complain: @escaping @Sendable (String) -> Void,
        writeAll: @escaping @Sendable (Int32, [UInt8]) -> Int
    ) {
        self.folder = folder
        self.complain = complain
        self.writeAll = writeAll
        self.maximumBytes = max(Self.minimumBytes, maximumBytes)
        self.maximumFiles = max(1, maximumFiles)
    }

    deinit { reopen() }

    public func write(_ bytes: [UInt8], to channel: LogChannel) -> Bool {
        open.withLock { open in
            if let file = open[channel], file.size > 0, file.size + bytes.count > maximumBytes {
                close(file.descriptor)
                open[channel] = nil
                rotate(channel)
            }
            guard let file = open[channel] ?? openFile(channel) else { return false }
            let written = writeAll(file.descriptor, bytes)
            let isWhole = written == bytes.count
            if !isWhole, written > 0 { takeBack(written, from: file.descriptor) }
            open[channel] = Open(descriptor: file.descriptor, size: file.size + (isWhole ? written : 0))
            return isWhole
        }
    }

    public func reopen() {
        open.withLock { open in
            for file in open.values { close(file.descriptor) }
            open = [:]
        }
    }

    private func path(_ channel: LogChannel, _ generation: Int) -> String {
        "\(folder)/\(channel.rawValue).log" + (generation == 0 ? "" : ".\(generation)")
    }

    /// Makes the folder again when it was moved away.
    private func openFile(_ channel: LogChannel) -> Open? {
        let path = path(channel, 0)
        unsafe mkdir(folder, 0o700)
        let descriptor = unsafe Glibc.open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else {
            let why = unsafe String(cString: strerror(errno))
            if refused.withLock({ $0.insert(channel).inserted }) { complain("\(path) cannot be opened, its log lines are lost: \(why)") }
            return nil
        }
        _ = refused.withLock { $0.remove(channel) }
        let size = lseek(descriptor, 0, SEEK_END)
        return Open(descriptor: descriptor, size: max(0, Int(size)))
    }

    /// Half a line would be glued to the next one. Counted from the file's end, because others may have emptied it meanwhile.
    private func takeBack(_ bytes: Int, from descriptor: Int32) {
        let end = lseek(descriptor, 0, SEEK_END)
        if end >= bytes { ftruncate(descriptor, end - bytes) }
    }

    private func rotate(_ channel: LogChannel) {
        // Failures leave a longer file behind, which the next write reports or mends.
        unsafe unlink(path(channel, maximumFiles - 1))
        for generation in stride(from: maximumFiles - 2, through: 0, by: -1) {
            unsafe rename(path(channel, generation), path(channel, generation + 1))
        }
    }
}

/// Writes to descriptors.
private enum Descriptor {
    /// How many bytes the descriptor took; fewer than all when it refused one (disk full, closed pipe).
    static func writeAll(_ descriptor: Int32, _ bytes: [UInt8]) -> Int {
        var from = 0
        while from < bytes.count {
            let sent = unsafe bytes.withUnsafeBytes {
                unsafe Glibc.write(descriptor, $0.baseAddress?.advanced(by: from), bytes.count - from)
            }
            if sent > 0 {
                from += sent
            } else if sent < 0, errno == EINTR {
                continue
            } else {
                return from
            }
        }
        return from
    }
}
