internal import Glibc
internal import Store

/// Keeps a second server off an SQLite database. Two would each count limits, places and logins by themselves, and neither would hear of
/// what the other has changed; several servers need PostgreSQL (docs/operations.md). The kernel holds it for as long as the process lives,
/// so whatever is killed leaves nothing behind. Other commands do not ask for it.
struct ServeLock: ~Copyable {
    private let descriptor: Int32

    /// - Returns: nil where several servers may work on one database, and where no file can be made: opening the database tells why then.
    /// - Throws: `Failure` while another server runs on it.
    init?(_ location: DatabaseLocation) throws(Failure) {
        guard case .sqliteFile(let database) = location else { return nil }
        let path = database + ".lock"
        let descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return nil }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK else {
            close(descriptor)
            throw Failure(
                "another gatehouse serve runs on \(location) and holds \(path); stop that one, or give this one a DATA_DIR of its own. Several servers on one database need PostgreSQL"
            )
        }
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }
}
