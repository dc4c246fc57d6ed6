internal import HTTP

/// The page behind a config's link: two buttons, each of which uses the link up. It needs no script, and its address stays with it.
enum ConfigLinkPage {
    private struct Words {
        let language: String, title: String, text: String, file: String, picture: String
        /// When the link does not open.
        let over: String
    }
    private static let english = Words(
        language: "en", title: "Your VPN config", text: "This link works once. Take the file, or show the code to your phone's camera.",
        file: "Download the file", picture: "Show the QR code",
        over: "This link has been used or has ended. Ask for a new one where you got it.")
    private static let words = [
        english,
        Words(
            language: "ru", title: "Настройки VPN", text: "Ссылка действует один раз. Скачайте файл или покажите код камере телефона.",
            file: "Скачать файл", picture: "Показать QR-код",
            over: "Ссылка уже использована или её срок истёк. Запросите новую там, где получили эту."),
        Words(
            language: "zh-Hans", title: "您的 VPN 配置", text: "此链接只能使用一次。请下载文件，或用手机扫描二维码。", file: "下载文件", picture: "显示二维码",
            over: "此链接已被使用或已过期。请向提供者索取新的链接。"),
        Words(
            language: "zh-Hant", title: "您的 VPN 設定", text: "此連結只能使用一次。請下載檔案，或用手機掃描 QR 碼。", file: "下載檔案", picture: "顯示 QR 碼",
            over: "此連結已被使用或已過期。請向提供者索取新的連結。"),
    ]
    /// Languages of one Accept-Language header that are looked at, as the browser orders them.
    private static let mostTags = 16

    private static func chosen(_ header: String?) -> Words {
        for part in (header ?? "").lowercased().split(separator: ",").prefix(mostTags) {
            let tag = part.prefix { $0 != ";" }.filter { $0 != " " }
            if tag.hasPrefix("zh") {
                let isTraditional = ["hant", "tw", "hk", "mo"].contains { tag.contains($0) }
                return words.first { $0.language == (isTraditional ? "zh-Hant" : "zh-Hans") } ?? english
            }
            if let known = words.first(where: { tag.hasPrefix($0.language) }) { return known }
        }
        return english
    }

    private static let headers: Headers = [
        "content-security-policy":
            "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        "referrer-policy": "no-referrer", "x-frame-options": "DENY", "cross-origin-opener-policy": "same-origin",
        "x-robots-tag": "noindex", "cache-control": "no-store", "vary": "accept-language",
    ]

    static func answer(_ request: Request) -> Answer {
        let say = chosen(request.headers["accept-language"])
        return page(
            say,
            """
            <p>\(say.text)</p>
            <form method="post" action="?format=conf"><button>\(say.file)</button></form>
            <form method="post" action="?format=qr.svg"><button>\(say.picture)</button></form>
            """)
    }

    /// For a person whose link does not open; nil for programs, which get the problem as JSON.
    static func over(_ request: Request) -> Answer? {
        guard request.headers["accept"]?.contains("text/html") == true else { return nil }
        let say = chosen(request.headers["accept-language"])
        return page(say, "<p>\(say.over)</p>", status: 404)
    }

    private static func page(_ say: Words, _ content: String, status: Int? = nil) -> Answer {
        let html = """
            <!doctype html>
            <html lang="\(say.language)">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>\(say.title)</title>
            <style>
            body { margin: 0; background: #f4f5f7; color: #1b1b1b; font: 16px/1.5 system-ui, sans-serif; }
            main { max-width: 26rem; margin: 12vh auto 0; padding: 2rem; background: #ffffff; border-radius: 10px; }
            h1 { font-size: 1.4rem; margin: 0 0 0.5rem; }
            form { margin-top: 0.75rem; }
            button { padding: 0.6rem 1.2rem; font: inherit; color: #ffffff; background: #1f5fbf; border: 0; border-radius: 6px; cursor: pointer; }
            :focus-visible { outline: 3px solid #7fb0ff; outline-offset: 2px; }
            @media (prefers-color-scheme: dark) { body { background: #16181c; color: #e8e8e8; } main { background: #22252b; } }
            </style>
            </head>
            <body>
            <main>
            <h1>\(say.title)</h1>
            \(content)
            </main>
            </body>
            </html>

            """
        return .bytes(Array(html.utf8), type: "text/html; charset=utf-8", status: status, headers: headers)
    }
}
