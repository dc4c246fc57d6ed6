/// What a PostgreSQL statement met, with what the pool needs to know besides.
struct PostgresError: Error {
    let error: StoreError
    /// The connection must not be used again.
    let isConnectionLost: Bool
    /// Another transaction was in the way: the whole transaction may be run again.
    let isSerializationFailure: Bool

    init(_ error: StoreError, isConnectionLost: Bool = false) {
        self.error = error
        self.isConnectionLost = isConnectionLost
        isSerializationFailure = false
    }

    /// From a SQLSTATE (PostgreSQL manual, appendix A). The message is kept only where it cannot quote a value.
    init(state: String, message: String, constraint: String, isConnectionLost: Bool) {
        isSerializationFailure = state == "40001" || state == "40P01"
        self.isConnectionLost = isConnectionLost || state.hasPrefix("08") || ["57P01", "57P02", "57P03"].contains(state)
        error =
            switch state {
            case "23505", "23514", "23P01": .conflict(Constraint(constraint))
            case "23503": .conflict(.foreignKey)
            case "40001", "40P01", "55P03": .busy
            case "53100": .full
            // 0A000: a standby that can be read has no serializable transactions; nothing else we ask for is unsupported.
            case "25006", "0A000": .readOnly("postgresql \(state): \(message)")
            case "57014": .unavailable("postgresql: the statement ran past its deadline")
            case "XX001", "XX002": .corrupt("postgresql \(state): \(message)")
            case "22021", "22P05": .refused("text_encoding")
            case "54000", "22001": .refused("too_big")
            case _ where state.hasPrefix("22"): .programming("postgresql \(state)")
            case _ where state.isEmpty || ["08", "53", "57", "58", "28"].contains(state.prefix(2)):
                .unavailable("postgresql \(state): \(message)")
            default: .programming("postgresql \(state): \(message)")
            }
    }
}
