internal import Domain
public import HTTP

/// `/api/docs`: swagger-ui on `/openapi.json`, without a byte from elsewhere. Addresses are relative, so that a proxy may put the
/// whole server below a path.
public struct DocsPage: Sendable {
    private let assets: AssetFolder
    private static let script = "docs.js"
    private static let page = "docs.css"
    private static let needed = ["swagger-ui-bundle.js", "swagger-ui.css"]

    /// - Parameter folder: with swagger-ui's `swagger-ui-bundle.js` and `swagger-ui.css`, as `scripts/setup` puts them. When they are
    ///   missing the page answers 503 and says so.
    public init(folder: String) { self.init(AssetFolder(path: folder, names: Self.needed + ["favicon-32x32.png"])) }

    init(_ folder: AssetFolder) {
        let own = [(Self.script, Array(Self.scriptText.utf8)), (Self.page, Array(Self.styleText.utf8))]
        assets = AssetFolder(folder.served.values.map { ($0.name, $0.bytes) } + own.map { (name: $0.0, bytes: $0.1) })
    }

    /// Whether everything is there; for the start's log.
    public var isComplete: Bool { Self.needed.allSatisfy { assets[$0] != nil } }
    public var endpoints: [MountedEndpoint] {
        [shell, assets.endpoint("/api/docs/assets/{file}", "A file of the docs page")].map(\.mounted)
    }

    private var shell: Endpoint<PublicContext> {
        let html = html
        return Endpoint(
            .get, "/api/docs", "The docs page", tag: "Service", audience: .anyone,
            takes: .query(Shape<Nothing>.nothing.ignoringUnknownFields),
            replies: .text("text/html; charset=utf-8", "The page.", example: "<!doctype html>"),
            also: [
                Success(
                    503, "The page's files are not installed.", View(nil, .text, example: .string(Self.missing)), mediaTypes: ["text/plain"]
                )
            ]
        ) { _, _ in
            guard let html else {
                return .bytes(Array(Self.missing.utf8), type: "text/plain; charset=utf-8", status: 503, headers: BrowserHeaders.page())
            }
            return .bytes(html, type: "text/html; charset=utf-8", headers: BrowserHeaders.page())
        }
    }

    /// nil when a needed file is missing.
    private var html: [UInt8]? {
        guard let bundle = assets["swagger-ui-bundle.js"], let style = assets["swagger-ui.css"], let script = assets[Self.script],
            let page = assets[Self.page]
        else { return nil }
        let icon =
            assets["favicon-32x32.png"].map { "<link rel=\"icon\" type=\"image/png\" href=\"docs/assets/\($0.servedName)\">\n" } ?? ""
        let text = """
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>Gatehouse API</title>
            \(icon)<link rel="stylesheet" href="docs/assets/\(style.servedName)">
            <link rel="stylesheet" href="docs/assets/\(page.servedName)">
            </head>
            <body>
            <div id="docs"><p class="waiting">Loading the interface description.</p></div>
            <noscript><p class="waiting">This page needs JavaScript. The description itself is at <a href="../openapi.json">openapi.json</a>.</p></noscript>
            <script src="docs/assets/\(bundle.servedName)" defer></script>
            <script src="docs/assets/\(script.servedName)" defer></script>
            </body>
            </html>

            """
        return Array(text.utf8)
    }

    private static let missing = """
        The files of the docs page are not installed. Run scripts/setup, or set the folder that holds swagger-ui.
        The interface description itself is at /openapi.json.

        """
    /// No validator: it would send the document to a server elsewhere. Syntax colours off: they need inline styles.
    private static let scriptText = """
        "use strict";
        window.addEventListener("DOMContentLoaded", function () {
          SwaggerUIBundle({
            url: "../openapi.json",
            dom_id: "#docs",
            deepLinking: true,
            displayRequestDuration: true,
            defaultModelsExpandDepth: 0,
            docExpansion: "list",
            filter: true,
            validatorUrl: null,
            persistAuthorization: false,
            syntaxHighlight: false
          });
        });

        """
    private static let styleText = """
        html { box-sizing: border-box; }
        *, *::before, *::after { box-sizing: inherit; }
        body { margin: 0; background: #fafafa; overflow-wrap: break-word; }
        .waiting { font: 16px/1.5 system-ui, sans-serif; margin: 2rem; color: #3b4151; }
        @media (max-width: 600px) {
          .swagger-ui .wrapper { padding: 0 8px; }
          .swagger-ui .info { margin: 16px 0; }
          .swagger-ui .opblock .opblock-summary { flex-wrap: wrap; }
          .swagger-ui .response-col_links { display: none; }
          .swagger-ui .opblock .opblock-summary-path { max-width: 100%; }
        }

        """
}
