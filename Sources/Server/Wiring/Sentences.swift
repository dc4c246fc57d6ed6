internal import Glibc
internal import HTTP
internal import Store

// What an error means to the operator who reads it, and what to do next.

extension StoreError {
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
            "\(location) is no database, or a damaged one: \(detail); check DATABASE_URL, or restore a backup (gatehouse restore --from FILE --replace)"
        default: "the database at \(location) cannot be opened: \(self)"
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
