/// The header lines of an upstream's answer: those a client is meant to see and those a relay must keep to itself.
enum ReplyHeaders {
    static func base(_ requestIdentifier: String, conduct: Conduct) -> [(String, String)] {
        let now = unixSeconds() + conduct.clockSkewSeconds
        var headers = [
            ("date", Calendar.httpDate(now)), ("request-id", requestIdentifier), ("server", "cloudflare"), ("cf-ray", "8f0000000000-ZRH"),
            ("via", "1.1 google"), ("alt-svc", "h3=\":443\""), ("strict-transport-security", "max-age=31536000"),
            ("set-cookie", "__cf_bm=fake; path=/; HttpOnly"), ("anthropic-organization-id", "00000000-0000-4000-8000-00000000fa4e"),
        ]
        let reset = Calendar.rfc3339(now + 60)
        for (name, limit) in [("requests", 4000), ("tokens", 400_000), ("input-tokens", 320_000), ("output-tokens", 80_000)] {
            headers.append(("anthropic-ratelimit-\(name)-limit", String(limit)))
            headers.append(("anthropic-ratelimit-\(name)-remaining", String(limit - 1)))
            headers.append(("anthropic-ratelimit-\(name)-reset", reset))
        }
        return headers + unified(conduct.unified)
    }

    /// `5h:0.93:epoch,7d:0.2:epoch`; a window used up whole is rejected.
    static func unified(_ windows: String?) -> [(String, String)] {
        guard let windows else { return [] }
        let claims = ["5h": "five_hour", "7d": "seven_day", "7d_opus": "seven_day_opus", "7d_sonnet": "seven_day_sonnet"]
        let prefix = "anthropic-ratelimit-unified-"
        var headers: [(String, String)] = []
        var worst = (status: "allowed", utilization: -1.0, claim: "", reset: "")
        for window in windows.split(separator: ",") {
            let parts = window.split(separator: ":").map { $0.trimmed }
            guard parts.count == 3, let utilization = Double(parts[1]) else { continue }
            let status = utilization >= 1 ? "rejected" : utilization >= 0.9 ? "allowed_warning" : "allowed"
            headers += [
                ("\(prefix)\(parts[0])-status", status), ("\(prefix)\(parts[0])-utilization", parts[1]),
                ("\(prefix)\(parts[0])-reset", parts[2]),
            ]
            if utilization > worst.utilization { worst = (status, utilization, claims[parts[0]] ?? parts[0], parts[2]) }
        }
        return [
            ("\(prefix)status", worst.status), ("\(prefix)reset", worst.reset), ("\(prefix)representative-claim", worst.claim),
            ("\(prefix)fallback", "available"), ("\(prefix)fallback-percentage", "0.5"), ("\(prefix)overage-status", "rejected"),
            ("\(prefix)overage-disabled-reason", "org_level_disabled"),
        ] + headers
    }

    static let errorTypes = [
        400: "invalid_request_error", 401: "authentication_error", 402: "billing_error", 403: "permission_error", 404: "not_found_error",
        409: "conflict_error", 413: "request_too_large", 422: "invalid_request_error", 429: "rate_limit_error", 500: "api_error",
        502: "api_error", 503: "api_error", 504: "timeout_error", 529: "overloaded_error",
    ]

    static func errorBody(status: Int, type: String?, code: String?, message: String?, requestIdentifier: String) -> JSONText {
        let type = type ?? errorTypes[status] ?? "api_error"
        var error: JSONText = ["type": .string(type), "message": .string(message ?? "Scripted \(type): prüfen")]
        if let code { error = error.setting("details", ["error_code": .string(code)]) }
        return ["type": "error", "error": error, "request_id": .string(requestIdentifier)]
    }
}
