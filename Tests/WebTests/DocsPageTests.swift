import Domain
import Foundation
import HTTP
import TestKit
import Testing
import Web

struct DocsPageTests {
    private func respond(_ page: DocsPage, _ path: String, _ headers: Headers = [:]) async -> Response {
        let router = Router(page.endpoints, options: RouterOptions { _, _ in Problem(.internalError) })
        return await router.respond(to: Request(id: RequestID(high: 1, low: 2), method: .get, path: path, headers: headers))
    }
    private func withPage(_ test: (DocsPage) async throws -> Void) async throws {
        try await withTemporaryFolder { folder in
            try Data("bundle".utf8).write(to: folder.appending(path: "swagger-ui-bundle.js"))
            try Data("style".utf8).write(to: folder.appending(path: "swagger-ui.css"))
            try Data("secret".utf8).write(to: folder.appending(path: "other.txt"))
            try await test(DocsPage(folder: folder.path))
        }
    }

    @Test func `the page loads only from here and runs nothing inline`() async throws {
        try await withPage { page in
            #expect(page.isComplete)
            let response = await respond(page, "/api/docs")
            let html = String(decoding: response.body, as: UTF8.self)
            #expect(response.status == 200 && response.headers["content-type"] == "text/html; charset=utf-8")
            let policy = response.headers["content-security-policy"] ?? ""
            #expect(policy.contains("script-src 'self'") && policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"))
            #expect(response.headers["x-content-type-options"] == "nosniff" && response.headers["referrer-policy"] == "no-referrer")
            #expect(!html.contains("http://") && !html.contains("https://") && !html.contains("onload") && !html.contains("style="))
            #expect(html.matches(of: /<script(?! src=)/).isEmpty)
            let links = html.matches(of: /(?:src|href)="docs\/(assets\/[^"]+)"/).map { String($0.1) }
            #expect(links.count == 4)
            for link in links {
                let file = await respond(page, "/api/docs/" + link)
                #expect(file.status == 200 && file.headers["cache-control"] == "public, max-age=31536000, immutable")
                #expect(await respond(page, "/api/docs/" + link, ["accept": "text/css"]).status == 200)
                let etag = try #require(file.headers["etag"])
                let again = await respond(page, "/api/docs/" + link, ["if-none-match": etag])
                #expect(again.status == 304 && again.body.isEmpty && again.headers["etag"] == etag)
                #expect(await respond(page, "/api/docs/" + link, ["if-none-match": "\"other\""]).status == 200)
            }
        }
    }

    @Test(arguments: ["other.txt", "swagger-ui.css", "x", "..", "%2e%2e", "..%2fother.txt"])
    func `only the page's own files are served`(name: String) async throws {
        try await withPage { page in
            let status = await respond(page, "/api/docs/assets/\(name)").status
            #expect(status == 404 || status == 400)
        }
    }

    @Test func `missing files are told in words`() async {
        let page = DocsPage(folder: "/nonexistent")
        let response = await respond(page, "/api/docs")
        #expect(!page.isComplete && response.status == 503 && response.headers["content-type"] == "text/plain; charset=utf-8")
        #expect(String(decoding: response.body, as: UTF8.self).contains("scripts/setup"))
    }
}
