private import Glibc
private import Synchronization

/// Every channel on one descriptor, usually standard output.
public struct DescriptorDestination: LogDestination {
    let descriptor: Int32
    public init(descriptor: Int32) { self.descriptor = descriptor }
    public static let standardOutput = DescriptorDestination(descriptor: 1)
    public static let standardError = DescriptorDestination(descriptor: 2)

    public func write(_ bytes: [UInt8], to channel: LogChannel) -> Bool { Descriptor.writeAll(descriptor, bytes) }
    public func reopen() {}
}

/// One file a channel in a folder (`access.log`, `error.log`, …), rotated by size: `access.log.1` is the newest old one.
public final class FolderDestination: LogDestination {
    private let folder: String
    private let maximumBytes: Int
    private let maximumFiles: Int
    private struct Open {
        var descriptor: Int32
        var size: Int
    }
    private let open = Mutex<[LogChannel: Open]>([:])

    /// - Parameters:
    ///   - maximumBytes: a file is rotated before it would grow past this; at least 4096.
    ///   - maximumFiles: how many files of a channel are kept, the current one included; at least 1.
    public init(folder: String, maximumBytes: Int, maximumFiles: Int) {
        self.folder = folder
        self.maximumBytes = max(4096, maximumBytes)
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
            let written = Descriptor.writeAll(file.descriptor, bytes)
            open[channel] = Open(descriptor: file.descriptor, size: file.size + (written ? bytes.count : 0))
            return written
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

    private func openFile(_ channel: LogChannel) -> Open? {
        let descriptor = unsafe Glibc.open(path(channel, 0), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else { return nil }
        let size = lseek(descriptor, 0, SEEK_END)
        return Open(descriptor: descriptor, size: max(0, Int(size)))
    }

    private func rotate(_ channel: LogChannel) {
        // Failures leave a longer file behind, which the next write reports or mends.
        unsafe unlink(path(channel, maximumFiles - 1))
        for generation in stride(from: maximumFiles - 2, through: 0, by: -1) {
            unsafe rename(path(channel, generation), path(channel, generation + 1))
        }
    }
}

private enum Descriptor {
    /// False when the descriptor refused a byte (disk full, closed pipe).
    static func writeAll(_ descriptor: Int32, _ bytes: [UInt8]) -> Bool {
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
                return false
            }
        }
        return true
    }
}
