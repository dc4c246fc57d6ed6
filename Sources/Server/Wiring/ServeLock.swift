internal import Glibc
internal import Store

/// Keeps a second server off an SQLite database. Two would each count limits, places and logins by themselves, and neither would hear of
/// what the other has changed; several servers need PostgreSQL (docs/operations.md). The kernel holds it for as long as the process lives,
/// so whatever is killed leaves nothing behind. Other commands do not ask for it.
struct ServeLock: ~Copyable {
    private let descriptor: Int32

    /// - Parameter advice: what to do about the other one.
    /// - Returns: nil where several servers may work on one database, and where its folder is not there.
    /// - Throws: `Failure` while another server runs on it, and when the lock's file cannot be opened.
    init?(
        _ location: DatabaseLocation,
        advice: String = "stop that one, or give this one a DATA_DIR of its own. Several servers on one database need PostgreSQL"
    ) throws(Failure) {
        guard case .sqliteFile(let database) = location else { return nil }
        let path = Self.resolved(database) + ".lock"
        let descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        if descriptor < 0, errno == ENOENT { return nil }
        guard descriptor >= 0 else {
            throw Failure(
                "\(path) cannot be opened: \(unsafe String(cString: strerror(errno))); give it, and the folder it is in, to the user that runs gatehouse"
            )
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK else {
            close(descriptor)
            throw Failure("another gatehouse serve runs on \(location) and holds \(path); \(advice)")
        }
        self.descriptor = descriptor
    }

    /// The file itself, whatever links lead to it, so that one database has one lock; the path as it is while there is no such file.
    private static func resolved(_ path: String) -> String {
        guard let real = unsafe realpath(path, nil) else { return path }
        defer { unsafe free(real) }
        return unsafe String(cString: real)
    }

    deinit { close(descriptor) }
}
