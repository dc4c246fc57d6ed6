internal import Domain
internal import Glibc
internal import Synchronization

/// What can go wrong with a journal file.
enum JournalError: Error, Equatable, CustomStringConvertible {
    /// No space, no rights, too many files: the system's number.
    case file(errno: Int32)
    /// The records wait for the ledger and have used up the journal's budget.
    case full

    /// What goes away when files do.
    var isWantOfRoom: Bool { self == .file(errno: ENOSPC) || self == .file(errno: EDQUOT) }

    /// For the operator.
    var description: String {
        switch self {
        case .file(let number): "a file of the journal: \(unsafe String(cString: strerror(number)))"
        case .full: "the journal is full: the database does not take what waits in it"
        }
    }
}

/// A file of fixed size in memory. All its blocks are allocated when it is made, so a store into it cannot fail later (a full disk is
/// met here and nowhere else), and what was stored is the kernel's the moment the store is done: killing the process loses nothing.
@safe final class MappedFile: @unchecked Sendable {
    // Bounds are checked at every access; writers of one region are told apart by the callers (one reactor, or a lock).
    private let base: UnsafeMutableRawPointer
    let size: Int
    private let path: Mutex<String>
    private let descriptor: Int32

    /// Makes a new file, zero-filled. The path must not exist.
    static func create(_ path: String, size: Int) throws(JournalError) -> MappedFile {
        let descriptor = unsafe Glibc.open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .file(errno: errno) }
        let failure = posix_fallocate(descriptor, 0, size)
        guard failure == 0 else {
            close(descriptor)
            unsafe unlink(path)
            throw .file(errno: failure)
        }
        return try MappedFile(path, descriptor, size)
    }

    /// Opens what another process left. Never larger than `largest`.
    static func open(existing path: String, largest: Int) throws(JournalError) -> MappedFile {
        let descriptor = unsafe Glibc.open(path, O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { throw .file(errno: errno) }
        let size = Int(lseek(descriptor, 0, SEEK_END))
        guard size > 0, size <= largest else {
            close(descriptor)
            throw .file(errno: EINVAL)
        }
        return try MappedFile(path, descriptor, size)
    }

    private init(_ path: String, _ descriptor: Int32, _ size: Int) throws(JournalError) {
        let memory = unsafe mmap(nil, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0)
        guard let memory = unsafe memory, unsafe memory != MAP_FAILED else {
            let code = errno
            close(descriptor)
            throw .file(errno: code)
        }
        unsafe base = memory
        (self.size, self.descriptor) = (size, descriptor)
        self.path = Mutex(path)
    }

    deinit {
        unsafe munmap(base, size)
        close(descriptor)
    }

    func store(_ bytes: Span<UInt8>, at offset: Int) {
        precondition(offset >= 0 && offset + bytes.count <= size, "a store outside the file")
        unsafe bytes.withUnsafeBufferPointer {
            let start = unsafe $0.baseAddress.map { unsafe UnsafeRawPointer($0) } ?? UnsafeRawPointer(base)
            unsafe base.advanced(by: offset).copyMemory(from: start, byteCount: $0.count)
        }
    }
    /// - Parameter offset: a multiple of 8; such a store is whole or not there.
    func storeWord(_ word: UInt64, at offset: Int) {
        precondition(offset >= 0 && offset + 8 <= size && offset & 7 == 0, "a word store outside the file")
        unsafe base.storeBytes(of: word, toByteOffset: offset, as: UInt64.self)
    }
    func word(at offset: Int) -> UInt64 {
        precondition(offset >= 0 && offset + 8 <= size && offset & 7 == 0, "a word load outside the file")
        return unsafe base.load(fromByteOffset: offset, as: UInt64.self)
    }
    func bytes(_ range: Range<Int>) -> [UInt8] {
        precondition(range.lowerBound >= 0 && range.upperBound <= size, "a load outside the file")
        return unsafe [UInt8](UnsafeRawBufferPointer(start: base.advanced(by: range.lowerBound), count: range.count))
    }

    func append(_ range: Range<Int>, to out: inout [UInt8]) {
        precondition(range.lowerBound >= 0 && range.upperBound <= size, "a load outside the file")
        unsafe out.append(contentsOf: UnsafeRawBufferPointer(start: base.advanced(by: range.lowerBound), count: range.count))
    }

    /// Marks the file as this process's while it is open; false when it is another's.
    func hold() -> Bool { flock(descriptor, LOCK_EX | LOCK_NB) == 0 }

    /// Waits until the disk has everything; for a power cut.
    func sync() throws(JournalError) {
        guard unsafe msync(base, size, MS_SYNC) == 0 else { throw .file(errno: errno) }
    }

    func remove() { path.withLock { _ = unsafe unlink($0) } }

    /// Gives the file another name in its folder; whoever looks at the folder sees one of the two.
    func rename(to new: String) throws(JournalError) {
        let failure: Int32 = path.withLock { path in
            guard unsafe Glibc.rename(path, new) == 0 else { return errno }
            path = new
            return 0
        }
        guard failure == 0 else { throw .file(errno: failure) }
    }

    /// Zeros in place of everything; the pages are in memory and writable then.
    func clear() { unsafe memset(base, 0, size) }

    /// Brings all pages into memory, writable, so that stores need not wait for the kernel. Only speed depends on it.
    func touch() { unsafe madvise(base, size, Self.populateForWriting) }
    /// MADV_POPULATE_WRITE of Linux 5.14, which glibc 2.36 does not name; older kernels refuse it.
    private static let populateForWriting: Int32 = 23
}

/// A lock file held for the life of the process: whose journals are whose.
@safe final class JournalLock: Sendable {
    private let descriptor: Int32
    let path: String

    /// Nil when another process holds it.
    init?(_ path: String) throws(JournalError) {
        let descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .file(errno: errno) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let code = errno
            close(descriptor)
            if code == EWOULDBLOCK { return nil }
            throw .file(errno: code)
        }
        self.descriptor = descriptor
        self.path = path
    }

    deinit { close(descriptor) }

    /// What `mark` has written; empty before.
    var mark: String {
        var bytes = [UInt8](repeating: 0, count: Self.markBytes)
        let count = unsafe bytes.withUnsafeMutableBytes { unsafe pread(descriptor, $0.baseAddress, $0.count, 0) }
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }
    private static let markBytes = 64

    func mark(_ text: String) throws(JournalError) {
        let bytes = Array(text.utf8.prefix(Self.markBytes))
        let count = unsafe bytes.withUnsafeBytes { unsafe pwrite(descriptor, $0.baseAddress, $0.count, 0) }
        guard count == bytes.count else { throw .file(errno: count < 0 ? errno : ENOSPC) }
    }

    func remove() { unsafe unlink(path) }
}

/// The few calls on folders that the journal makes.
enum JournalFolder {
    static func create(_ path: String) throws(JournalError) {
        guard unsafe mkdir(path, 0o700) == 0 || errno == EEXIST else { throw .file(errno: errno) }
    }

    /// Names in the folder, sorted.
    static func names(_ path: String) throws(JournalError) -> [String] {
        guard let folder = unsafe opendir(path) else { throw .file(errno: errno) }
        defer { unsafe closedir(folder) }
        var names: [String] = []
        while let entry = unsafe readdir(folder) {
            let name = unsafe withUnsafeBytes(of: unsafe entry.pointee.d_name) { raw in
                unsafe String(decoding: [UInt8](raw.prefix { $0 != 0 }), as: UTF8.self)
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names.sorted()
    }

    /// Made, and nothing more: a process was killed before it gave the file its size.
    static func isEmptyFile(_ path: String) -> Bool {
        var status = stat()
        return unsafe stat(path, &status) == 0 && status.st_size == 0
    }

    static func remove(_ path: String) { unsafe unlink(path) }

    /// Waits until the disk has the names in the folder.
    static func sync(_ path: String) throws(JournalError) {
        let descriptor = unsafe open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .file(errno: errno) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw .file(errno: errno) }
    }
    /// Keeps a file that cannot be read for a person to look at.
    static func setAside(_ path: String) { unsafe rename(path, path + ".damaged") }
}
