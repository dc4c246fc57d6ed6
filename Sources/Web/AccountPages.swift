internal import Domain
public import HTTP

/// `/account/verify` and `/account/reset`: where links of mails lead. The secret stands behind "#" in the address, which browsers keep to
/// themselves; the page sends it on only when its person presses the button, so that nothing that merely looks at links uses them up.
public struct AccountPages: Sendable {
    private let assets: AssetFolder
    private static let script = "account.js"
    private static let style = "account.css"

    public init() {
        assets = AssetFolder([(Self.script, Array(AccountPageText.script.utf8)), (Self.style, Array(AccountPageText.style.utf8))])
    }

    public var endpoints: [MountedEndpoint] {
        [
            shell("verify", "The page that confirms an address"), shell("reset", "The page for a new password"),
            assets.endpoint("/account/assets/{file}", "A file of the account pages"),
        ].map(\.mounted)
    }

    private func shell(_ name: String, _ summary: String) -> Endpoint<PublicContext> {
        let html = html(name)
        return Endpoint(
            .get, "/account/\(name)", summary, tag: "People", audience: .anyone,
            takes: .query(Shape<Nothing>.nothing.ignoringUnknownFields),
            replies: .text("text/html; charset=utf-8", "The page.", example: "<!doctype html>")
        ) { _, _ in .bytes(html, type: "text/html; charset=utf-8", headers: BrowserHeaders.page(caching: "no-store")) }
    }

    private func html(_ name: String) -> [UInt8] {
        let (script, style) = (assets[Self.script]?.servedName ?? "", assets[Self.style]?.servedName ?? "")
        return Array(
            """
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="robots" content="noindex">
            <title>Gatehouse</title>
            <link rel="stylesheet" href="assets/\(style)">
            </head>
            <body data-page="\(name)">
            <main><h1 id="title"></h1><p id="text" role="status" aria-live="polite"></p>
            <form id="form" hidden>
            <p id="field" hidden><label for="password" id="label"></label>
            <input id="password" type="password" autocomplete="new-password" minlength="8" maxlength="256"></p>
            <button id="button" type="submit"></button>
            </form></main>
            <noscript><p>This page needs JavaScript.</p></noscript>
            <script src="assets/\(script)" defer></script>
            </body>
            </html>

            """.utf8)
    }
}
