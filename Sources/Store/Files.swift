// The file calls that the store needs beyond what its databases do themselves.
private import Glibc

/// An open file; closes itself.
struct OpenFile: ~Copyable {
    private let descriptor: Int32
    private let path: String

    enum Purpose { case read, create }

    /// `create` makes a new file for this user alone and fails when there is one.
    init(_ path: String, _ purpose: Purpose) throws(StoreError) {
        let flags = purpose == .read ? O_RDONLY | O_CLOEXEC : O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC
        descriptor = unsafe open(path, flags, 0o600)
        self.path = path
        if descriptor < 0 { throw Files.failure(purpose == .read ? "open" : "make", path) }
    }
    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Up to `count` bytes from `offset`; fewer only at the end of the file.
    func read(_ count: Int, at offset: Int64) throws(StoreError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count), filled = 0
        while filled < count {
            let got = unsafe bytes.withUnsafeMutableBytes { buffer in
                unsafe pread(descriptor, buffer.baseAddress.map { unsafe $0 + filled }, count - filled, off_t(offset) + off_t(filled))
            }
            if got < 0, errno == EINTR { continue }
            guard got >= 0 else { throw Files.failure("read", path) }
            if got == 0 { break }
            filled += got
        }
        return Array(bytes.prefix(filled))
    }

    func write(_ bytes: [UInt8], at offset: Int64) throws(StoreError) {
        var done = 0
        while done < bytes.count {
            let put = unsafe bytes.withUnsafeBytes { buffer in
                unsafe pwrite(descriptor, buffer.baseAddress.map { unsafe $0 + done }, bytes.count - done, off_t(offset) + off_t(done))
            }
            if put < 0, errno == EINTR { continue }
            guard put > 0 else { throw Files.failure("write", path) }
            done += put
        }
    }

    /// Until it is on the disk.
    func synchronize() throws(StoreError) { if fsync(descriptor) != 0 { throw Files.failure("flush", path) } }
}

enum Files {
    /// Makes the file and the folders above it when they are missing, readable by this user alone: a database holds hashes and e-mails.
    static func makePrivateFile(_ path: String) throws(StoreError) {
        var folder = path.hasPrefix("/") ? "/" : ""
        for part in path.split(separator: "/").dropLast() {
            folder += (folder.isEmpty || folder.hasSuffix("/") ? "" : "/") + part
            if unsafe mkdir(folder, 0o700) != 0, ![EEXIST, EROFS, EACCES].contains(errno) { throw failure("make folder", folder) }
        }
        let file = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        if file < 0 {
            if errno == EROFS || errno == EACCES { throw .readOnly("cannot open \(path) for writing: \(reason())") }
            throw failure("open", path)
        }
        close(file)
    }

    static func exists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }
    static func isExecutable(_ path: String) -> Bool { unsafe access(path, X_OK) == 0 }

    /// Gives a finished file its name; fails when the name is taken.
    static func publish(_ path: String, as name: String) throws(StoreError) {
        guard unsafe link(path, name) == 0 else {
            if errno == EEXIST { throw .backup("\(name) exists already") }
            throw failure("make", name)
        }
        unlink(path)
        try synchronizeFolder(of: name)
    }

    static func move(_ path: String, to name: String) throws(StoreError) {
        guard unsafe rename(path, name) == 0 else { throw failure("rename", path) }
        try synchronizeFolder(of: name)
    }

    /// Removes a file that may not be there; a file that stays behind is no reason to fail what went well.
    static func remove(_ path: String) { unlink(path) }

    static func failure(_ what: String, _ path: String) -> StoreError {
        errno == ENOSPC || errno == EDQUOT ? .full : .unavailable("cannot \(what) \(path): \(reason())")
    }

    private static func unlink(_ path: String) { _ = unsafe Glibc.unlink(path) }

    private static func synchronizeFolder(of path: String) throws(StoreError) {
        let folder = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        let descriptor = unsafe open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("open", folder) }
        defer { close(descriptor) }
        if fsync(descriptor) != 0 { throw failure("flush", folder) }
    }

    private static func reason() -> String { unsafe String(cString: strerror(errno)) }
}
