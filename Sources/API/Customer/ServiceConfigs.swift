internal import Billing
internal import Domain
public import HTTP
internal import Provisioning
internal import Secrets
internal import Store

/// A service's config for its owner, and links that hand it over once.
public struct ServiceConfigs: Sendable {
    private let front: Storefront
    private let handover: Handover
    private let limiter: AttemptLimiter

    /// Configs one person may fetch in a quarter of an hour: each look at a page takes two.
    private static let downloads = 60

    public init(_ front: Storefront) {
        self.front = front
        handover = Handover(store: front.store, orders: front.sales.orders)
        limiter = AttemptLimiter(front.store, most: Self.downloads)
    }

    public var endpoints: [MountedEndpoint] {
        let door = front.door
        return [config, makeLink, links, revokeLink].mounted { try await door.customer($0) } + [linkPage.mounted, openLink.mounted]
    }

    private static let id = Shape(Field<String>.text("id", "The service's.", length: 1...64), make: { $0 })
    private static let reading = ProblemKind.ofSignIn + ProblemKind.ofStore + [.tooManyAttempts]
    private struct Place: Sendable { let service: String, link: String }
    private static let place = Shape(
        Field<String>.text("id", "The service's.", length: 1...64), Field<String>.text("link", "The link's.", length: 1...64),
        make: Place.init)

    private func own(_ text: String, _ context: CustomerContext) async throws -> Service {
        guard let id = try? ServiceID(parsing: text),
            let service = try await front.store.read({ reader throws(StoreError) in try reader.service(id) }),
            service.ownerID == context.user.id
        else { throw Problem(.notFound) }
        return service
    }

    /// For every surface that hands configs over. Wants a fresh proof of who has a second factor, and counts against the person.
    func deliver(_ service: Service, to context: CustomerContext, _ request: RequestID?) async throws -> ServiceConfig {
        let person = context.user.id
        try await front.door.checkFactor(of: context)
        if let seconds = try await limiter.begin(AttemptName.config(of: person)) {
            throw Problem(.tooManyAttempts, retryAfterSeconds: seconds)
        }
        do { return try await handover.config(of: service, actor: person.text, request: request) } catch let refusal as Handover.Refusal {
            throw ConfigAnswer.problem(refusal)
        }
    }

    private var config: Endpoint<CustomerContext> {
        Endpoint(
            .get, "/api/portal/services/{id}/config", "A service's config", tag: "Portal", audience: .customer,
            takes: .path(Self.id, query: ConfigAnswer.format), replies: ConfigAnswer.replies,
            problems: Self.reading + ConfigAnswer.problems + [.proofRequired]
        ) { input, context in
            let service = try await own(input.path, context)
            let config = try await deliver(service, to: context, input.request.id)
            return try ConfigAnswer.answer(config, format: input.query, accept: input.request.headers["accept"])
        }
    }

    // MARK: Links

    private static let longestMinutes: Int64 = 15
    private static let secretBytes = 32
    private static let openLinks = 5
    private static let linkView = View(
        "ConfigLink",
        [
            .always("id", "To revoke it.", .text), .always("expires_at", "When it is over.", .time),
            .maybe("path", "Below this server's address; shown once.", .text),
        ],
        example: ["id": "lnk_5f0c2b1e", "expires_at": "2026-11-21T00:15:00.000Z", "path": "/share/config/5f0c…"])

    private var makeLink: Endpoint<CustomerContext> {
        Endpoint(
            .post, "/api/portal/services/{id}/config-links", "Make a link that hands the config over once", tag: "Portal",
            audience: .customer,
            takes: .path(
                Self.id,
                body: Shape(
                    Field<Int64>.integer("minutes", "How long it opens.", 1...Self.longestMinutes).or(Self.longestMinutes), make: { $0 })),
            replies: .created(Self.linkView), problems: Self.reading + [.csrf, .notFound, .conflict, .proofRequired], idempotent: false
        ) { input, context in
            let service = try await own(input.path, context)
            try await front.door.checkFactor(of: context)
            let ambient = front.store.ambient
            let secret = ambient.randomBytes(Self.secretBytes)
            let id = "lnk_" + Hex.text(ambient.randomBytes(12))
            let end = ambient.now().adding(seconds: input.body * 60)
            let (actor, request) = (context.user.id.text, input.request.id)
            guard front.sales.orders.drivers[service.kind] is any ConfigDelivery, service.desired != .terminated else {
                throw Problem(.conflict, "There is no config to hand over.")
            }
            let isMade = try await front.store.transaction { transaction throws(StoreError) -> Bool in
                guard try transaction.openConfigLinks(of: service.id).count < Self.openLinks else { return false }
                try transaction.createConfigLink(id, of: service.id, secretHash: Hashing.sha256(secret), expiresAt: end)
                try transaction.audit(
                    actor: actor, action: "service.config_link", subject: service.id.text, after: JSON.object(["link": .string(id)]).text,
                    requestID: request)
                return true
            }
            guard isMade else { throw Problem(.conflict, "There are \(Self.openLinks) open links already.") }
            return .json(
                ["id": .string(id), "expires_at": .string(end.text), "path": .string("/share/config/\(Hex.text(secret))")], status: 201)
        }
    }
    private var links: Endpoint<CustomerContext> {
        Endpoint(
            .get, "/api/portal/services/{id}/config-links", "Links that still open", tag: "Portal", audience: .customer,
            takes: .path(Self.id), replies: .ok(Storefront.list(Self.linkView)), problems: Self.reading + [.notFound]
        ) { input, context in
            let service = try await own(input.path, context)
            let open = try await front.store.read { reader throws(StoreError) in try reader.openConfigLinks(of: service.id) }
            return .json(.array(open.map { ["id": .string($0.id), "expires_at": .string($0.expiresAt.text)] }))
        }
    }
    private var revokeLink: Endpoint<CustomerContext> {
        Endpoint(
            .delete, "/api/portal/services/{id}/config-links/{link}", "Revoke a link", tag: "Portal", audience: .customer,
            takes: .path(Self.place), replies: .noContent, problems: Self.reading + [.csrf, .notFound]
        ) { input, context in
            let service = try await own(input.path.service, context)
            let (link, actor, request) = (input.path.link, context.user.id.text, input.request.id)
            let isGone = try await front.store.transaction { transaction throws(StoreError) -> Bool in
                guard try transaction.revokeConfigLink(link, of: service.id) else { return false }
                try transaction.audit(
                    actor: actor, action: "service.config_link_revoke", subject: service.id.text,
                    after: JSON.object(["link": .string(link)]).text, requestID: request)
                return true
            }
            guard isGone else { throw Problem(.notFound) }
            return .empty()
        }
    }

    private static let secret = Shape(
        Field<String>.text("secret", "From the link.", length: 2 * secretBytes...2 * secretBytes), make: { $0 })

    /// What the link is for, while it opens. Counts against the address, unless it opens.
    private func linked(_ text: String, from remote: String) async throws -> (service: Service, hash: [UInt8]) {
        let address = AttemptName.configLink(from: remote)
        if let seconds = try await limiter.begin(address) { throw Problem(.tooManyAttempts, retryAfterSeconds: seconds) }
        guard let secret = Hex.bytes(text) else { throw Problem(.notFound) }
        let hash = Hashing.sha256(secret)
        let found = try await front.store.read { reader throws(StoreError) -> Service? in
            guard let link = try reader.openConfigLink(secretHash: hash) else { return nil }
            return try reader.service(link.serviceID)
        }
        guard let found else { throw Problem(.notFound) }
        try await limiter.takeBack(address)
        return (found, hash)
    }

    /// A link that is over is told in words to who opens it in a browser.
    private func toldToPeople(_ request: Request, _ open: () async throws -> Answer) async throws -> Answer {
        do { return try await open() } catch let problem as Problem where problem.kind == .notFound || problem.kind == .configGone {
            guard let page = ConfigLinkPage.over(request) else { throw problem }
            return page
        }
    }

    private var linkPage: Endpoint<PublicContext> {
        Endpoint(
            .get, "/share/config/{secret}", "The page of a config's link", tag: "Portal", audience: .anyone,
            takes: .path(Self.secret, query: Shape<Nothing>.nothing.ignoringUnknownFields),
            replies: .text("text/html; charset=utf-8", "A button that takes it.", example: "<!doctype html>"),
            problems: ProblemKind.ofStore + [.notFound, .tooManyAttempts],
            about: "Uses nothing up: what shows previews of links only gets this."
        ) { input, _ in
            try await toldToPeople(input.request) {
                _ = try await linked(input.path, from: input.request.remoteAddress)
                return ConfigLinkPage.answer(input.request)
            }
        }
    }

    private var openLink: Endpoint<PublicContext> {
        Endpoint(
            .post, "/share/config/{secret}", "Take a config by its link", tag: "Portal", audience: .anyone,
            takes: .path(Self.secret, query: ConfigAnswer.format),
            replies: ConfigAnswer.replies, problems: ProblemKind.ofStore + ConfigAnswer.problems + [.tooManyAttempts],
            about: "Once. Without `format` a browser gets the file.", idempotent: false
        ) { input, _ in
            try await toldToPeople(input.request) {
                let (service, hash) = try await linked(input.path, from: input.request.remoteAddress)
                do {
                    let config = try await handover.config(of: service, actor: "link", request: input.request.id, link: hash)
                    return try ConfigAnswer.answer(config, format: input.query ?? "conf", accept: nil)
                } catch let refusal as Handover.Refusal { throw ConfigAnswer.problem(refusal) }
            }
        }
    }
}
