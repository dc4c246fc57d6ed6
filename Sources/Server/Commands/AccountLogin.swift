internal import API
internal import Domain
internal import Relay
internal import Store

extension Command {
    static let accountLogin = Command(
        name: "account login",
        usage:
            "NAME|ID --authorize-url URL --redirect-uri URI [--token-url URL] [--client-id ID] [--scopes TEXT] [--token-style json|form] [--client-secret-file FILE] …",
        about: """
            Gets an oauth account's tokens by a login in a browser, with OAuth 2 and PKCE. Prints the address to open, then reads the
            address that the browser ended at, or the code in it, from standard input. With a NAME it makes a new account and takes
            every option of account add; with the ID of an oauth account it gives that one new tokens. All addresses and the client id
            are yours: nothing is built in, and what an account may be used for is between you and its provider.
            """,
        valued: accountFields.union(["authorize-url", "redirect-uri"]), flags: accountSwitches
    ) { arguments in
        let operand = try arguments.operands("name")[0]
        guard let authorizeURL = arguments["authorize-url"], let redirectURI = arguments["redirect-uri"] else {
            throw Failure("--authorize-url and --redirect-uri are needed", exitCode: 2)
        }
        let wish = try accountChange(arguments)
        let known = try? AccountID(parsing: operand)
        try await withAccounts(schema: .make) { accounts, settings in
            var source: TokenSource?
            if let known { source = try await accounts.tokenSource(of: known) }
            guard let tokenURL = wish.tokenURL ?? source?.tokenURL, let clientID = wish.clientID ?? source?.clientID else {
                throw Failure("--token-url and --client-id are needed", exitCode: 2)
            }
            let server = OAuthLogin.Server(
                authorizeURL: authorizeURL, redirectURI: redirectURI,
                source: TokenSource(
                    tokenURL: tokenURL, clientID: clientID, scopes: wish.scopes ?? source?.scopes ?? "",
                    style: wish.tokenStyle ?? source?.style ?? .json), clientSecret: wish.clientSecret)
            let refreshToken = try await refreshToken(server, accounts.ambient, allowsLoopback: settings.allowsLoopbackUpstream)
            var change = wish
            (change.kind, change.tokenURL, change.clientID, change.refreshToken) = (.oauth, tokenURL, clientID, refreshToken)
            let account: Account
            if let known {
                account = try await accounts.edit(known, change, actor: "command")
            } else {
                change.name = operand
                account = try await accounts.create(change, actor: "command")
            }
            // The first access token shows that the refresh token works, and when it ends.
            let (isRenewed, after, token) = try await accounts.refresh(account.id, actor: "command")
            guard isRenewed else {
                throw Failure("\(account.id.text) is kept, but the token endpoint gave it no access token: \(token.lastError)")
            }
            let ends = token.expiresAt?.text
            Output.show(
                arguments,
                [
                    "id": .string(account.id.text), "name": .string(after.details.name), "status": .string(after.status.rawValue),
                    "expires_at": ends.map { .string($0) } ?? .null,
                ], "\(account.id.text)  \(after.details.name)  has a token" + (ends.map { " until \($0)" } ?? ""))
        }
    }

    private static func refreshToken(_ server: OAuthLogin.Server, _ ambient: Ambient, allowsLoopback: Bool) async throws -> String {
        let login: OAuthLogin
        do throws(ParseError) { login = try OAuthLogin(server, ambient: ambient, allowsLoopback: allowsLoopback) } catch {
            let hint = allowsLoopback ? "" : "; for a server on this machine set ALLOW_LOOPBACK_UPSTREAM=true"
            throw Failure("--authorize-url or --token-url \(error.message)\(hint)", exitCode: 2)
        }
        Console.error("open this address, log in, and bring the address that the browser ends at:\n\(login.address)")
        guard let text = Console.readLine().map({ SettingText.trimmed($0) }), !text.isEmpty else {
            throw Failure("no address and no code came on standard input")
        }
        do throws(OAuthLogin.Refusal) {
            return try await login.refreshToken(for: try login.code(in: text), ambient: ambient, allowsLoopback: allowsLoopback)
        } catch {
            throw Failure(sentence(error))
        }
    }

    private static func sentence(_ refusal: OAuthLogin.Refusal) -> String {
        switch refusal {
        case .noCode(let why): "that is no answer of this login: \(why)"
        case .wrongState: "that is the answer of another login; use the address that was printed just now"
        case .refused(let status, let word): "the token endpoint did not take the code: \(status) \(word)"
        case .unreachable(let why): "the token endpoint cannot be reached: \(why)"
        case .noRefreshToken: "the token endpoint gave no refresh token; it may want another word in --scopes"
        }
    }
}
