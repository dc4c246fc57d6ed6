// The file calls that the store needs beyond what its databases do themselves.
private import Glibc

enum Files {
    /// Makes the file and the folders above it when they are missing, readable by this user alone: a database holds hashes and e-mails.
    static func makePrivateFile(_ path: String) throws(StoreError) {
        var folder = path.hasPrefix("/") ? "/" : ""
        for part in path.split(separator: "/").dropLast() {
            folder += (folder.isEmpty || folder.hasSuffix("/") ? "" : "/") + part
            if unsafe mkdir(folder, 0o700) != 0, errno != EEXIST, errno != EROFS, errno != EACCES { throw failure("make folder", folder) }
        }
        let file = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        if file < 0 {
            if errno == EROFS || errno == EACCES { throw .readOnly("cannot open \(path) for writing: \(reason())") }
            throw failure("open", path)
        }
        Glibc.close(file)
    }

    static func failure(_ what: String, _ path: String) -> StoreError {
        errno == ENOSPC || errno == EDQUOT ? .full : .unavailable("cannot \(what) \(path): \(reason())")
    }

    private static func reason() -> String { unsafe String(cString: strerror(errno)) }
}
