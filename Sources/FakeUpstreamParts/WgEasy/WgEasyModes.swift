/// Which wg-easy is played.
public enum WgEasyMode: String, Sendable, CaseIterable {
    case v12, v13, v14, nightly
    case v15_0 = "v15.0"
    case v15_2 = "v15.2"
    case v15_3 = "v15.3"
    case rawClients = "raw-clients"

    var isNewest: Bool { self == .v15_0 || self == .v15_2 || self == .v15_3 }
    /// Whether the raw `Authorization` header opens.
    var takesRawHeader: Bool { self != .v13 }
}

/// What befalls one call.
public enum WgEasyFault: String, Sendable, CaseIterable {
    case hangBefore = "hang-before"
    case hangAfter = "hang-after"
    /// Done, and told 300 ms later.
    case slow
    case unauthorized = "401"
    case generic500 = "500"
    case badGateway = "502"
    case unavailable = "503"
    /// Done, and then the line breaks.
    case resetAfter = "reset-after"
    /// Makes two of the name.
    case twice
    case truncated, html, empty
    /// Every session is forgotten first, as by a restart.
    case restart
    /// The pool is full.
    case full
    /// The list leaves out the newest client.
    case hideNewest = "hide-newest"
    case wrongType = "wrong-type"
    /// Enabling says that the client expired.
    case expired
    /// The answer is about a client of the name that nobody asked for, as of a controller that lies.
    case lie
}
