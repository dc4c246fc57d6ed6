internal import Domain
public import HTTP
internal import Store

/// `/api/auth/second-factor`: a person's own; `/api/auth/proof`: who they are, shown again before something dangerous. An administrator takes
/// it away from somebody who has lost device and paper.
public struct SecondFactorEndpoints: Sendable {
    private let factors: SecondFactors
    private let people: People
    private let door: SessionDoor
    private var signIn: SignIn { door.signIn }

    public init(_ factors: SecondFactors, _ people: People, _ door: SessionDoor) {
        (self.factors, self.people, self.door) = (factors, people, door)
    }

    public var endpoints: [MountedEndpoint] {
        [show, confirm, renew, end, prove].mounted { try await door.signedIn($0) } + [begin].mounted { try await door.proven($0) }
            + [reset].mounted { try await door.proven($0, roles: [.admin]) }
    }

    private static let reading = ProblemKind.ofSignIn + ProblemKind.ofStore
    private static let writing = reading + [.csrf, .wrongCode, .secondFactorOff, .tooManyAttempts]
    private static let code = Field<String>.text("code", "Six digits of the app, or a recovery code.", length: 6...40)
    private static let codesView = View(
        "RecoveryCodes",
        [.always("recovery_codes", "Each works once, in place of a code. Shown once.", .list(of: .text, count: 10...10))],
        example: ["recovery_codes": .array([JSON](repeating: "abcd-efgh-ijkl-mnop", count: SecondFactors.recoveryCodes))])
    private static func codes(_ codes: [String]) -> Answer { ["recovery_codes": .array(codes.map(JSON.string))] }

    private var show: Endpoint<CustomerContext> {
        Endpoint(
            .get, "/api/auth/second-factor", "My second factor", tag: "People", audience: .customer, takes: .nothing,
            replies: .ok(
                View(
                    "SecondFactor",
                    [
                        .always("on", "Whether logins ask for a code.", .boolean),
                        .always("recovery_codes_left", "Those not used yet.", .count),
                    ], example: ["on": true, "recovery_codes_left": 10])), problems: Self.reading
        ) { _, context in
            let standing = try await factors.standing(context.user.id)
            return ["on": .bool(standing.isOn), "recovery_codes_left": .int(standing.codes)]
        }
    }

    private var begin: Endpoint<CustomerContext> {
        Endpoint(
            .post, "/api/auth/second-factor", "Begin a second factor", tag: "People", audience: .customer, takes: .nothing,
            replies: .created(
                View(
                    "SecondFactorBegun",
                    [
                        .always("secret", "To type into an authenticator app.", .text),
                        .always("address", "The same for a QR code.", .text),
                    ],
                    example: ["secret": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", "address": "otpauth://totp/…"])),
            problems: Self.reading + [.csrf, .proofRequired, .secondFactorOn],
            about: "Nothing is asked for before a first code confirms it.",
            idempotent: false
        ) { input, context in
            let begun = try await Self.refusing {
                try await factors.begin(context.user, actor: context.user.id.text, request: input.request.id)
            }
            return .json(["secret": .string(begun.secret), "address": .string(begun.address)], status: 201)
        }
    }

    private var confirm: Endpoint<CustomerContext> {
        Endpoint(
            .post, "/api/auth/second-factor/confirm", "Turn the second factor on", tag: "People", audience: .customer,
            takes: .body(Shape(Self.code, make: { $0 })), replies: .ok(Self.codesView), problems: Self.writing + [.secondFactorOn],
            about: "With a first code. Every other session ends.", idempotent: false
        ) { input, context in
            let codes = try await guarded(context) {
                try await factors.confirm(context.user, code: input.body, keeping: context.login, request: input.request.id)
            }
            return Self.codes(codes)
        }
    }

    private var renew: Endpoint<CustomerContext> {
        Endpoint(
            .post, "/api/auth/second-factor/recovery-codes", "New recovery codes", tag: "People", audience: .customer,
            takes: .body(Shape(Self.code, make: { $0 })), replies: .ok(Self.codesView), problems: Self.writing,
            about: "The old ones end.", idempotent: false
        ) { input, context in
            try await spend(input.body, context, input.request.id)
            return Self.codes(
                try await Self.refusing { try await factors.renewRecoveryCodes(of: context.user.id, request: input.request.id) })
        }
    }

    private var end: Endpoint<CustomerContext> {
        Endpoint(
            .post, "/api/auth/second-factor/end", "Turn the second factor off", tag: "People", audience: .customer,
            takes: .body(Shape(Self.code, make: { $0 })), replies: .noContent, problems: Self.writing, idempotent: false
        ) { input, context in
            try await spend(input.body, context, input.request.id)
            guard try await factors.end(of: context.user.id, actor: context.user.id.text, request: input.request.id) else {
                throw Problem(.secondFactorOff)
            }
            return .empty()
        }
    }

    private struct Proof: Sendable { let password: String, code: String? }
    private var prove: Endpoint<CustomerContext> {
        Endpoint(
            .post, "/api/auth/proof", "Show again who you are", tag: "People", audience: .customer,
            takes: .body(
                Shape(
                    .text("password", "The present one.", length: 1...1024, format: "password"), Self.code.optional, make: Proof.init)),
            replies: .noContent,
            problems: Self.reading + [.csrf, .wrongCredentials, .secondFactorRequired, .wrongCode, .tooManyAttempts],
            about: "Answers `proof_required`: dangerous things are done within fifteen minutes of a login or of this.", idempotent: false
        ) { input, context in
            do {
                try await signIn.prove(
                    context.user, in: context.session, input.body.password, code: input.body.code, from: input.request.remoteAddress,
                    input.request.id)
            } catch let refusal as SignIn.Refusal { throw Authentication.problem(refusal) }
            return .empty()
        }
    }

    private var reset: Endpoint<CustomerContext> {
        Endpoint(
            .delete, "/api/admin/users/{id}/second-factor", "Take a user's second factor away", tag: "Users",
            audience: .operators(roles: [UserRole.admin.rawValue]),
            takes: .path(Shape(Field<String>.text("id", "As usr_….", length: 1...64), make: { $0 })), replies: .noContent,
            problems: Self.reading + [.csrf, .proofRequired, .notFound, .secondFactorOff], about: "For who has lost device and paper."
        ) { input, context in
            guard let id = try? UserID(parsing: input.path), try await people.find(id) != nil else { throw Problem(.notFound) }
            guard try await factors.end(of: id, actor: context.user.id.text, request: input.request.id) else {
                throw Problem(.secondFactorOff)
            }
            return .empty()
        }
    }

    /// Uses up a code of a person who has a second factor.
    private func spend(_ code: String, _ context: CustomerContext, _ request: RequestID) async throws {
        guard try await factors.isOn(context.user.id) else { throw Problem(.secondFactorOff) }
        try await guarded(context) {
            guard try await factors.accepts(code, of: context.user.id, request) else { throw SecondFactors.Refusal.wrongCode }
        }
    }

    /// Counts wrong codes, whatever they are tried for.
    private func guarded<Value>(_ context: CustomerContext, _ work: () async throws -> Value) async throws -> Value {
        let name = AttemptName.code(of: context.user.id)
        if let seconds = try await signIn.limiter.begin(name) { throw Problem(.tooManyAttempts, retryAfterSeconds: seconds) }
        let value = try await Self.refusing(work)
        try await signIn.limiter.clear(name)
        return value
    }

    private static func refusing<Value>(_ work: () async throws -> Value) async throws -> Value {
        do { return try await work() } catch let refusal as SecondFactors.Refusal {
            switch refusal {
            case .alreadyOn: throw Problem(.secondFactorOn)
            case .off: throw Problem(.secondFactorOff)
            case .wrongCode: throw Problem(.wrongCode)
            }
        }
    }
}
