import Domain
import HTTP
import Testing
import Web

struct AccountPageTests {
    private func respond(_ path: String) async -> Response {
        let router = Router(AccountPages().endpoints, options: RouterOptions { _, _ in Problem(.internalError) })
        return await router.respond(to: Request(id: RequestID(high: 1, low: 2), method: .get, path: path, headers: [:]))
    }

    @Test(arguments: ["verify", "reset"]) func `a page runs only its own script and tells nobody where it came from`(name: String)
        async throws
    {
        let page = await respond("/account/\(name)")
        let html = String(decoding: page.body, as: UTF8.self)
        #expect(page.status == 200 && page.headers["cache-control"] == "no-store" && page.headers["referrer-policy"] == "no-referrer")
        let policy = page.headers["content-security-policy"] ?? ""
        #expect(policy.contains("script-src 'self'") && policy.contains("form-action 'none'") && !policy.contains("unsafe"))
        #expect(
            !html.contains("http://") && !html.contains("https://") && !html.contains("style=") && html.contains("data-page=\"\(name)\""))
        let links = html.matches(of: /(?:src|href)="(assets\/[^"]+)"/).map { String($0.1) }
        #expect(links.count == 2)
        for link in links {
            let file = await respond("/account/" + link)
            #expect(file.status == 200 && file.headers["cache-control"] == "public, max-age=31536000, immutable" && !file.body.isEmpty)
        }
        #expect(await respond("/account/assets/other.js").status == 404)
    }
}
