private import Glibc
internal import Processes
internal import Synchronization

/// A program in a process group of its own, with one pipe out of it and nothing inherited: no environment, no descriptor, no controlling
/// input. Ended as a whole, children of its own included, save those that made a group or a session of their own.
final class ChildGroup: Sendable {
    /// What a look at its output found.
    enum Output: Equatable {
        case bytes([UInt8])
        case ended
        case deadline
    }

    let processID: Int32
    private let output: Int32
    private struct Life: Sendable {
        var isKilled = false
        var isReaped = false
    }
    private let life = Mutex(Life())
    private static let chunkBytes = 65_536

    /// - Parameters:
    ///   - input: a readable descriptor that becomes its standard input; the caller closes it.
    ///   - folder: its working folder.
    init(
        _ program: String, _ arguments: [String], environment: [String: String], folder: String, input: Int32
    ) throws(CannotStart) {
        var ends: [Int32] = [0, 0]
        guard unsafe access(program, X_OK) == 0, unsafe pipe(&ends) == 0 else { throw CannotStart(code: errno) }
        let (reading, writing) = (ends[0], ends[1])
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        // The C library's own way to change the folder is not imported; `env` does it. `setpriv` sees to it that the program gains no
        // rights and ends with the thread that waits for it, a killed server's included. Each becomes the next, under the same number.
        let starter = "/usr/bin/env"
        let confinement = ["/usr/bin/setpriv", "--no-new-privs", "--pdeathsig", "KILL", "--"]
        defer { close(writing) }
        do throws(CannotStart) {
            processID = try Spawning.start(
                starter, ["--chdir=" + folder] + confinement + [program] + arguments, environment: environment, input: input,
                output: writing, errors: nil)
        } catch {
            close(reading)
            throw error
        }
        output = reading
    }

    deinit {
        end()
        close(output)
    }

    /// Waits for output; blocks its thread, at most so long.
    func read(withinMilliseconds milliseconds: Int64) -> Output {
        var waiting = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
        while true {
            let ready = unsafe poll(&waiting, 1, Int32(clamping: max(0, milliseconds)))
            if ready < 0, errno == EINTR { continue }
            guard ready > 0 else { return .deadline }
            var buffer = [UInt8](repeating: 0, count: Self.chunkBytes)
            let count = unsafe Glibc.read(output, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            return count > 0 ? .bytes(Array(buffer.prefix(count))) : .ended
        }
    }

    /// Ends it and everything in its group, at once. Harmless when it is over.
    func kill() {
        life.withLock { life in
            // A number that was reaped may be somebody else's by now.
            guard !life.isReaped, !life.isKilled else { return }
            life.isKilled = true
            _ = Glibc.kill(-processID, SIGKILL)
        }
    }

    /// Ends it and waits until it is gone, as is what it left running in its group.
    func end() {
        life.withLock { life in
            guard !life.isReaped else { return }
            _ = Glibc.kill(-processID, SIGKILL)
            var status: Int32 = 0
            while unsafe waitpid(processID, &status, 0) < 0, errno == EINTR {}
            life.isReaped = true
        }
    }
}

/// A private folder that is there for one run, and gone with everything in it afterwards.
struct RunFolder: ~Copyable {
    let path: String

    /// Nil when it cannot be made.
    init?(in parent: String) {
        _ = unsafe mkdir(parent, 0o700)
        var template = Array((parent + "/run.\(getpid())." + String(repeating: "X", count: 6)).utf8CString)
        guard
            unsafe template.withUnsafeMutableBufferPointer({ buffer in
                guard let base = buffer.baseAddress else { return false }
                return unsafe mkdtemp(base) != nil
            })
        else { return nil }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
    deinit { Self.remove(path) }

    /// Removes what killed processes have left.
    static func removeLeft(in parent: String) {
        guard let folder = unsafe opendir(parent) else { return }
        defer { unsafe closedir(folder) }
        while let entry = unsafe readdir(folder) {
            let parts = unsafe name(entry).split(separator: ".")
            guard parts.count == 3, parts[0] == "run", let pid = Int32(parts[1]), Glibc.kill(pid, 0) != 0, errno == ESRCH else { continue }
            remove(parent + "/" + parts.joined(separator: "."))
        }
    }

    /// False without room.
    func write(_ bytes: [UInt8], as name: String) -> Bool {
        let descriptor = unsafe open(path + "/" + name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return Self.fill(descriptor, bytes)
    }

    /// A descriptor that reads these bytes, of a file without a name; nil without room.
    func unnamedFile(_ bytes: [UInt8]) -> Int32? {
        let name = path + "/input"
        let descriptor = unsafe open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return nil }
        unsafe unlink(name)
        guard Self.fill(descriptor, bytes) else {
            close(descriptor)
            return nil
        }
        return descriptor
    }

    private static func fill(_ descriptor: Int32, _ bytes: [UInt8]) -> Bool {
        var written = 0
        while written < bytes.count {
            let count = unsafe bytes.withUnsafeBytes {
                unsafe pwrite(descriptor, $0.baseAddress.map { unsafe $0 + written }, bytes.count - written, off_t(written))
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            written += count
        }
        return true
    }

    static func closeFile(_ descriptor: Int32) { close(descriptor) }

    @unsafe fileprivate static func name(_ entry: UnsafeMutablePointer<dirent>) -> String {
        var name = unsafe entry.pointee.d_name
        return unsafe withUnsafeBytes(of: &name) { bytes in unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self) }
    }

    /// Follows no link out of the folder.
    private static func remove(_ path: String) {
        if let folder = unsafe opendir(path) {
            while let entry = unsafe readdir(folder) {
                let text = unsafe Self.name(entry)
                guard text != ".", text != ".." else { continue }
                var about = stat()
                let inner = path + "/" + text
                guard unsafe lstat(inner, &about) == 0 else { continue }
                if about.st_mode & S_IFMT == S_IFDIR { remove(inner) } else { unsafe unlink(inner) }
            }
            unsafe closedir(folder)
        }
        unsafe rmdir(path)
    }
}
