internal import Glibc

/// The environment of this process.
enum ProcessEnvironment {
    static var all: [String: String] {
        var found: [String: String] = [:]
        var entry = unsafe environ
        while let text = unsafe entry.pointee {
            let pair = unsafe String(cString: text)
            if let equals = pair.firstIndex(of: "=") { found[String(pair[..<equals])] = String(pair[pair.index(after: equals)...]) }
            unsafe entry += 1
        }
        return found
    }
}

/// Small text files: settings and secrets.
enum TextFile {
    /// A settings or secret file larger than this is not one.
    private static let maximumBytes = 1 << 20

    static func exists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }
    /// Whether it is a file that may be run.
    static func isExecutable(_ path: String) -> Bool {
        var status = stat()
        return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG && access(path, X_OK) == 0
    }
    static func isReadable(_ path: String) -> Bool { unsafe access(path, R_OK) == 0 }

    /// Nil when the file is not there, cannot be read, is too large or no UTF-8.
    static func read(_ path: String) -> String? {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        return String(validating: readAll(descriptor, limit: maximumBytes) ?? [0xff], as: UTF8.self)
    }

    /// Any file's bytes; nil when it cannot be read or is larger than `limit`.
    static func bytes(_ path: String, limit: Int) -> [UInt8]? {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        return readAll(descriptor, limit: limit)
    }

    /// Everything up to the end; nil when that is more than `limit`.
    static func readAll(_ descriptor: Int32, limit: Int) -> [UInt8]? {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = unsafe buffer.withUnsafeMutableBytes { unsafe Glibc.read(descriptor, $0.baseAddress, $0.count) }
            if count == 0 { return bytes }
            if count < 0 {
                guard errno == EINTR else { return nil }
                continue
            }
            guard bytes.count + count <= limit else { return nil }
            bytes += buffer[..<count]
        }
    }

    /// Writes a new file that only its owner can read. False when it exists or cannot be made.
    static func createPrivate(_ path: String, _ text: String) -> Bool {
        let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        let bytes = Array(text.utf8)
        let written = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
        return written == bytes.count && fsync(descriptor) == 0
    }

    /// Whether the folder is there, or could be made with those above it. Nothing stays behind.
    static func couldBeFolder(_ path: String) -> Bool {
        var there = path.hasPrefix("/") ? "/" : "."
        for part in path.split(separator: "/") where part != "." {
            var status = stat()
            let next = there + "/" + part
            guard unsafe stat(next, &status) == 0 else { return errno == ENOENT && takesFolders(there) }
            guard status.st_mode & S_IFMT == S_IFDIR else { return false }
            there = next
        }
        return true
    }

    /// Tried, because some file systems take none whatever their permissions say.
    private static func takesFolders(_ folder: String) -> Bool {
        var name = Array((folder + "/.gatehouse-check-" + String(repeating: "X", count: 6)).utf8CString)
        return unsafe name.withUnsafeMutableBufferPointer {
            guard let text = $0.baseAddress else { return false }
            return unsafe mkdtemp(text) != nil && rmdir(text) == 0
        }
    }

    /// Makes the folder and those above it, readable by the owner only.
    static func createFolder(_ path: String) -> Bool {
        var made = path.hasPrefix("/") ? "" : "."
        for part in path.split(separator: "/") where part != "." {
            made += "/" + part
            if unsafe mkdir(made, 0o700) != 0, errno != EEXIST { return false }
        }
        var status = stat()
        return unsafe stat(made.isEmpty ? "/" : made, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }
}
