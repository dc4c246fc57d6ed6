/// Checks of what a relay must never send upstream. Each finding names a rule; none repeats a secret.
enum Inspection {
    static let customerKeyPrefix = "cr_"
    static let hopByHop = [
        "keep-alive", "proxy-connection", "te", "trailer", "upgrade", "expect", "proxy-authorization", "transfer-encoding",
    ]
    static let forwarding = [
        "forwarded", "x-real-ip", "true-client-ip", "cdn-loop", "via", "origin", "referer", "cookie", "api-key", "x-goog-api-key",
    ]
    static let forwardingPrefixes = ["x-forwarded-", "cf-", "sec-", "x-relay-"]

    static func violations(_ request: WireRequest) -> [String] {
        var found = request.faults
        for (name, value) in request.headers {
            let name = name.lowercased()
            if value.contains(customerKeyPrefix) { found.append("customer key in \(name)") }
            if hopByHop.contains(name) { found.append("hop-by-hop header \(name)") }
            if name == "connection", !["keep-alive", "close"].contains(value.lowercased()) {
                found.append("connection names other headers")
            }
            if forwarding.contains(name) || forwardingPrefixes.contains(where: name.hasPrefix) { found.append("forwarded header \(name)") }
            // A token endpoint is asked by another client, which takes its own answers apart.
            if name == "accept-encoding", !request.path.hasSuffix("/oauth/token"), !["identity", "gzip"].contains(value.lowercased()) {
                found.append("the client's accept-encoding")
            }
        }
        if request.query.contains(customerKeyPrefix) || request.path.contains(customerKeyPrefix) { found.append("customer key in the URL") }
        let credentials = request.all("x-api-key").count + request.all("authorization").count
        if credentials > 1 { found.append("two credentials") }
        if request.path.hasPrefix("/v1/messages"), request["anthropic-version"] == nil { found.append("no anthropic-version") }
        return found
    }

    /// The account's credential, without a scheme; empty when there is none.
    static func credential(_ request: WireRequest) -> String {
        if let key = request["x-api-key"], !key.isEmpty { return key }
        let text = request["authorization"] ?? ""
        return text.lowercased().hasPrefix("bearer ") ? String(text.dropFirst(7)) : text
    }
}
