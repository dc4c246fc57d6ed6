public import HTTP

/// Headers of everything that a browser shows. Nothing inline runs, nothing comes from elsewhere, nobody frames us.
public enum BrowserHeaders {
    /// - Parameter caching: value of `cache-control`.
    public static func page(caching: String = "no-cache") -> Headers {
        [
            "content-security-policy": policy, "referrer-policy": "no-referrer", "x-frame-options": "DENY",
            "cross-origin-opener-policy": "same-origin", "cross-origin-resource-policy": "same-origin",
            "permissions-policy": "camera=(), geolocation=(), microphone=()", "cache-control": caching,
        ]
    }
    /// For files whose name changes with their bytes.
    public static var immutable: Headers { page(caching: "public, max-age=31536000, immutable") }

    /// `data:` images are the icons inside the style sheet of the docs page.
    static let policy = [
        "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:", "font-src 'self'", "connect-src 'self'",
        "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
    ].joined(separator: "; ")
}
