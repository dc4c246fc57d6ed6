internal import CEpoll
internal import Dispatch
internal import Glibc
internal import Synchronization

/// The body of an upstream request, which has to stay until no other account may have to be tried.
public enum UpstreamBody: Sendable {
    case bytes([UInt8])
    /// A large one, whose memory the kernel can take back while an upstream thinks about it.
    case unlinked(UnlinkedBytes)

    public var count: Int {
        switch self {
        case .bytes(let bytes): bytes.count
        case .unlinked(let file): file.count
        }
    }
    public var isEmpty: Bool { count == 0 }

    public func withSpan<Result>(_ read: (Span<UInt8>) -> Result) -> Result {
        switch self {
        case .bytes(let bytes): read(bytes.span)
        case .unlinked(let file): file.withSpan(read)
        }
    }

    /// It has been sent, and may have to be sent again.
    public func rest() { if case .unlinked(let file) = self { file.rest() } }
}

/// Bytes in a file without a name, mapped into memory. The kernel writes them out when memory is short, and they are gone with the last
/// reference, also when the process is killed.
@safe public final class UnlinkedBytes: @unchecked Sendable {
    // Written once before anybody else has the reference, and never again.
    private let base: UnsafeMutableRawPointer
    public let count: Int

    /// Copies `bytes` on a thread of its own, because the file system may make it wait. Nil when the disk does not take them.
    /// - Parameter folder: must exist; its file system must know files without a name (ext4, xfs, btrfs, tmpfs and overlayfs do).
    public static func copy(_ bytes: [UInt8], in folder: String) async -> UnlinkedBytes? {
        // Handed over under a lock, because ThreadSanitizer does not see what a continuation orders.
        let place = Place()
        await withCheckedContinuation { continuation in
            queue.async {
                place.made.withLock { $0 = UnlinkedBytes(bytes, folder) }
                continuation.resume()
            }
        }
        return place.made.withLock { $0 }
    }
    private final class Place: Sendable { let made = Mutex<UnlinkedBytes?>(nil) }
    private static let queue = DispatchQueue(label: "unlinked bytes")

    private init?(_ bytes: [UInt8], _ folder: String) {
        guard !bytes.isEmpty else { return nil }
        let descriptor = unsafe gh_open_unlinked(folder)
        guard descriptor >= 0 else { return nil }
        // The mapping alone keeps the file.
        defer { close(descriptor) }
        // All blocks now: a store into a mapping that the disk has no room for would end the process.
        guard posix_fallocate(descriptor, 0, bytes.count) == 0 else { return nil }
        guard let memory = unsafe mmap(nil, bytes.count, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0),
            unsafe memory != MAP_FAILED
        else { return nil }
        unsafe bytes.withUnsafeBytes { source in
            if let start = source.baseAddress { unsafe memory.copyMemory(from: start, byteCount: source.count) }
        }
        unsafe base = memory
        count = bytes.count
    }

    deinit { unsafe munmap(base, count) }

    public func withSpan<Result>(_ read: (Span<UInt8>) -> Result) -> Result {
        let bytes = unsafe UnsafeRawBufferPointer(start: base, count: count)
        return read(unsafe Span(_unsafeBytes: bytes))
    }

    /// Gives the memory back to the kernel, which has the bytes in its own; the next look brings them again.
    func rest() { unsafe madvise(base, count, MADV_DONTNEED) }
}
