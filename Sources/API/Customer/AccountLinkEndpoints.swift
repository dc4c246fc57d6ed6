internal import Domain
public import HTTP
internal import Mail
internal import Store

/// `/api/auth/email`, `/api/auth/password/…`: what a person does with links from mails, and the language of those mails.
public struct AccountLinkEndpoints: Sendable {
    private let links: AccountLinks
    private let people: People
    private let door: SessionDoor

    public init(_ links: AccountLinks, _ people: People, _ door: SessionDoor) {
        (self.links, self.people, self.door) = (links, people, door)
    }

    public var endpoints: [MountedEndpoint] {
        [
            ask("/api/auth/password/forgot", "Ask for a new password", .resetPassword),
            ask("/api/auth/email/resend", "Ask for the confirmation mail again", .verifyAddress), verify, reset,
        ].map(\.mounted) + [language.mounted { try await door.customer($0) }, change.mounted { try await door.proven($0) }]
    }

    private static let secret = Field<String>.text("token", "What stands behind `#` in the link.", length: 1...200)
    private static let problems = ProblemKind.ofStore + [.tooManyAttempts]

    private func ask(_ template: String, _ summary: String, _ purpose: MailLink.Purpose) -> Endpoint<PublicContext> {
        Endpoint(
            .post, template, summary, tag: "People", audience: .anyone,
            takes: .body(Shape(.email("email", "Where the mail goes, if somebody has that address."), make: { $0 })),
            replies: Success(
                202, "Taken; whether anybody has that address is not told.",
                View("LinkAsked", [.always("message", "For people.", .text)], example: ["message": .string(Self.asked)])),
            problems: Self.problems + [.mailOff],
            about: "Always the same answer. At most five mails in fifteen minutes go to one address."
        ) { input, _ in
            try await refusing { try await links.ask(for: purpose, input.body, from: input.request.remoteAddress) }
            return .json(["message": .string(Self.asked)], status: 202)
        }
    }
    private static let asked = "If that address is known, a mail is on its way."

    private var verify: Endpoint<PublicContext> {
        Endpoint(
            .post, "/api/auth/email/verify", "Confirm an address", tag: "People", audience: .anyone,
            takes: .body(Shape(Self.secret, make: { $0 })),
            replies: .ok(
                View(
                    "EmailVerified", [.always("email", "The confirmed address.", .text)], example: ["email": "ada@example.com"])),
            problems: Self.problems + [.linkInvalid],
            about: "With the secret of the link that was mailed; it works once. One that went to a new address changes to it."
        ) { input, _ in
            let user = try await refusing {
                try await links.verify(input.body, from: input.request.remoteAddress, input.request.id)
            }
            return ["email": .string(user.email)]
        }
    }

    private var change: Endpoint<CustomerContext> {
        Endpoint(
            .post, "/api/auth/email", "Change my address", tag: "People", audience: .customer,
            takes: .body(Shape(.email("email", "The next one."), make: { $0 })),
            replies: Success(
                202, "A mail is on its way there; the present address stays until its link is opened.",
                View("ChangeAsked", [.always("message", "For people.", .text)], example: ["message": .string(Self.changeAsked)])),
            problems: ProblemKind.ofSignIn + Self.problems + [.csrf, .proofRequired, .mailOff, .emailTaken],
            about:
                "Within fifteen minutes of a login or of `/api/auth/proof`, which ask for a code where a second factor is on. The link is opened at `/api/auth/email/verify`; the old address is told.",
            idempotent: false
        ) { input, context in
            try await refusing {
                try await links.askChange(to: input.body, of: context.user, from: input.request.remoteAddress, input.request.id)
            }
            return .json(["message": .string(Self.changeAsked)], status: 202)
        }
    }
    private static let changeAsked = "A mail is on its way to the new address. Open its link to change to it."

    private struct NewPassword: Sendable { let secret: String, password: String }
    private var reset: Endpoint<PublicContext> {
        Endpoint(
            .post, "/api/auth/password/reset", "Set a new password", tag: "People", audience: .anyone,
            takes: .body(
                Shape(
                    Self.secret,
                    .text("new_password", "At least 8 characters, none of the common ones.", length: 1...1024, format: "password"),
                    make: NewPassword.init)), replies: .noContent, problems: Self.problems + [.linkInvalid],
            about: "With the secret of the link that was mailed; it works once. Ends every session and every token."
        ) { input, _ in
            try await refusing {
                try await links.reset(input.body.secret, to: input.body.password, from: input.request.remoteAddress, input.request.id)
            }
            return .empty()
        }
    }

    private var language: Endpoint<CustomerContext> {
        let word = Field<String>.choice("language", "Of mails to this person.", Language.allCases.map(\.rawValue)).map {
            text throws(ParseError) in
            guard let language = Language(rawValue: text) else { throw ParseError("a language that we have") }
            return language
        }
        return Endpoint(
            .put, "/api/auth/language", "Choose the language of mails", tag: "People", audience: .customer,
            takes: .body(Shape(word, make: { $0 })), replies: .noContent, problems: ProblemKind.ofSignIn + ProblemKind.ofStore + [.csrf]
        ) { input, context in
            try await people.setLanguage(input.body, of: context.user.id, actor: context.user.id.text, request: input.request.id)
            return .empty()
        }
    }

    private func refusing<Value>(_ work: () async throws -> Value) async throws -> Value {
        do { return try await work() } catch let refusal as AccountLinks.Refusal {
            switch refusal {
            case .mailIsOff: throw Problem(.mailOff)
            case .invalidLink: throw Problem(.linkInvalid)
            case .addressTaken: throw Problem(.emailTaken)
            case .tooManyAttempts(let seconds): throw Problem(.tooManyAttempts, retryAfterSeconds: seconds)
            }
        }
    }
}
