internal import Glibc
internal import HTTP
internal import Store

// What an error means to the operator who reads it, and what to do next.

extension StoreError {
    var sentence: String {
        switch self {
        case .busy: "the database is busy; try again"
        case .unavailable(let detail): "the database cannot be used: \(detail)"
        case .outcomeUnknown(let detail): "the database broke off (\(detail)); look whether it was done before you repeat it"
        case .conflict(let constraint): "it collides with something that exists: \(constraint)"
        case .refused(let code): "refused: \(code)"
        case .full: "the disk or the database is full; make room and try again"
        case .readOnly(let detail): "the database takes no changes: \(detail)"
        case .corrupt(let detail): "the database is damaged: \(detail); restore a backup"
        case .newerSchema(let found, let known):
            "the database has schema \(found), this program knows \(known); use a newer gatehouse or restore an older backup"
        case .changedMigration(let version):
            "migration \(version) is not the one that made this database; use the gatehouse that made it, or restore a backup"
        case .backup(let detail): detail
        case .programming(let detail): "a defect in gatehouse: \(detail)"
        }
    }

    /// Why the database at that place cannot be opened.
    func sentence(opening location: DatabaseLocation) -> String {
        let way =
            if case .postgres = location {
                "check DATABASE_URL, that PostgreSQL runs there, and that it lets this user in"
            } else {
                "check DATA_DIR and DATABASE_URL, and that gatehouse may write in that folder"
            }
        return switch self {
        case .unavailable(let detail): "the database at \(location) cannot be opened: \(detail); \(way)"
        case .readOnly(let detail): "the database at \(location) takes no changes: \(detail); \(way)"
        case .corrupt(let detail):
            "\(location) is no database, or a damaged one: \(detail); check DATABASE_URL, or restore a backup"
        default: "the database at \(location) cannot be opened: \(sentence)"
        }
    }
}

extension ServerError {
    /// - Parameter place: as "127.0.0.1 port 8000".
    func sentence(listening place: String) -> String {
        switch self {
        case .badAddress(let text): "HOST \(text) is no address"
        case .tls(let error): error.sentence
        case .cannotListen(let error) where error.code == EADDRINUSE:
            "cannot listen on \(place): it is in use. Is another server running there? Stop it, or set PORT."
        case .cannotListen(let error) where error.code == EADDRNOTAVAIL:
            "cannot listen on \(place): this machine has no such address. Set HOST to one that it has, or to 0.0.0.0 or :: for all."
        case .cannotListen(let error) where error.code == EACCES:
            "cannot listen on \(place): a port below 1024 needs the right to it. Set PORT, or AmbientCapabilities=CAP_NET_BIND_SERVICE in the systemd unit."
        case .cannotListen(let error): "cannot listen on \(place): \(error). Set HOST or PORT."
        }
    }
}

extension TLSError {
    var sentence: String {
        switch self {
        case .badFile(let detail):
            "\(detail); TLS_CERT_FILE is the certificate with its chain, TLS_KEY_FILE its private key, both PEM and readable for gatehouse"
        case .untrusted(let detail), .handshake(let detail), .failed(let detail): "TLS: \(detail)"
        }
    }
}

extension ClientError {
    var sentence: String {
        switch self {
        case .badURL(let detail), .badHeader(let detail), .resolve(let detail), .connect(let detail), .tls(let detail), .proxy(let detail),
            .interrupted(let detail):
            detail
        case .refusedAddress(let detail): "\(detail) may not be called"
        case .timeout: "no answer in time"
        case .tooLarge(let limit): "an answer of more than \(limit) bytes"
        case .busy: "too many calls are waiting"
        case .cancelled: "it was given up"
        }
    }
}
