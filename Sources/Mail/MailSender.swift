internal import Domain
public import HTTP
public import Secrets
public import Store
public import Telemetry

/// How and as whom mails are sent.
public struct MailOptions: Sendable {
    public enum Delivery: Sendable {
        case server(any MailClient, MailServer)
        /// A dry run: keeps the whole mail under that name instead. False when that did not work.
        case kept(@Sendable (String, [UInt8]) -> Bool)
    }
    public var delivery: Delivery
    public var sender: MailSenderName
    /// What mails call this server.
    public var site: String
    /// Public base URL without a slash at its end.
    public var baseURL: String

    public init(delivery: Delivery, sender: MailSenderName, site: String, baseURL: String) {
        (self.delivery, self.sender, self.site, self.baseURL) = (delivery, sender, site, baseURL)
    }
}

/// Sends what was promised in `mails`: at least once, later again when the server is not there or says "not now", never again when it
/// says "no".
public struct MailSender: Sendable {
    private let store: Store
    private let options: MailOptions
    private let secrets: LinkSecrets
    private let log: Log
    private let sent: Counter
    private let deferred: Counter
    private let refused: Counter

    public init(store: Store, options: MailOptions, key: SecretBytes, log: Log, metrics: Metrics) {
        (self.store, self.options, self.log) = (store, options, log)
        secrets = LinkSecrets(key: key)
        (sent, deferred) = (metrics.counter(.mails, "sent"), metrics.counter(.mails, "deferred"))
        refused = metrics.counter(.mails, "refused")
    }

    /// Greylisting asks for minutes, a broken server for hours; together some two days.
    private static let schedule = RetrySchedule([60, 300, 900, 1800, 3600, 7200, 14_400, 28_800, 43_200, 86_400])
    /// Longer than a mail may take, so that nobody else sends it meanwhile.
    private static let leaseMilliseconds: Int64 = 120_000
    /// Mails at once.
    private static let batch = 8
    private static let pauseMilliseconds = 1000

    /// Until the task is cancelled.
    public func run() async {
        while !Task.isCancelled {
            do throws(StoreError) {
                if try await pass() == Self.batch { continue }
            } catch { log.warning("mail.failed", ["error": LogValue("\(error)")]) }
            do { try await store.ambient.sleep(.milliseconds(Self.pauseMilliseconds)) } catch { return }
        }
    }

    /// Sends what is due, at most a handful. How many were tried.
    public func pass() async throws(StoreError) -> Int {
        let due = try await store.transaction { transaction throws(StoreError) in
            try transaction.leaseMails(leaseMilliseconds: Self.leaseMilliseconds, limit: Self.batch)
        }
        await withDiscardingTaskGroup { group in for mail in due { group.addTask { await deliver(mail) } } }
        return due.count
    }

    /// A mail that can be written.
    private struct Ready: Sendable {
        let user: User
        let link: MailLinkID?
    }

    private func deliver(_ mail: Mail) async {
        do throws(StoreError) {
            guard let ready = try await prepare(mail) else { return }
            let recipient: EmailAddress
            do throws(ParseError) {
                recipient = try EmailAddress(parsing: mail.kind.isOfItsAddress ? mail.email : ready.user.email)
            } catch {
                return try await give(up: mail, "no mail address")
            }
            let link = ready.link.map { options.baseURL + mail.kind.page + "#" + secrets.text($0) }
            let text = MailText(
                mail.kind, mail.language ?? ready.user.language, facts: mail.facts, name: ready.user.name, site: options.site, link: link)
            let message = MailMessage(text, from: options.sender, to: recipient, id: mail.id.text, at: store.ambient.now())
            try await settle(mail, try await hand(message, to: recipient, mail))
        } catch { log.warning("mail.not_kept", ["mail": LogValue(mail.id.text), "error": LogValue("\(error)")]) }
    }

    /// nil, and the mail is settled, when it is too late for it or nobody is to get it.
    private func prepare(_ mail: Mail) async throws(StoreError) -> Ready? {
        let now = store.ambient.now()
        guard mail.expiresAt > now else {
            try await give(up: mail, "too late")
            return nil
        }
        let secrets = secrets
        let ready = try await store.transaction { transaction throws(StoreError) -> Ready? in
            guard let purpose = mail.kind.purpose else {
                guard let id = mail.userID, let user = try transaction.user(id) else { return nil }
                return Ready(user: user, link: nil)
            }
            if let id = mail.linkID {
                guard let open = try transaction.openMailLink(LinkSecrets.hash(secrets.text(id)), purpose) else { return nil }
                return Ready(user: open.user, link: id)
            }
            guard let user = try Self.reader(of: mail, purpose, transaction), user.status == .active else { return nil }
            let id = MailLinkID(transaction.ambient)
            try transaction.createMailLink(
                id, purpose, of: user.id, at: mail.email, hash: LinkSecrets.hash(secrets.text(id)), for: mail.id, expiresAt: mail.expiresAt)
            try transaction.audit(
                actor: "system", action: "user.link_made", subject: user.id.text,
                after: JSON.object(["purpose": .string(purpose.rawValue)]).text)
            return Ready(user: user, link: id)
        }
        if ready == nil { try await give(up: mail, "for nobody") }
        return ready
    }

    /// Who is to open a link that is yet to be made; nil where it would open nothing.
    private static func reader(of mail: Mail, _ purpose: MailLink.Purpose, _ transaction: Transaction) throws(StoreError) -> User? {
        let holder = try transaction.user(email: mail.email)
        switch purpose {
        case .verifyAddress: return holder?.emailVerifiedAt == nil ? holder : nil
        case .resetPassword: return holder
        case .changeAddress:
            guard holder == nil, let id = mail.userID else { return nil }
            return try transaction.user(id)
        }
    }

    private enum Outcome: Sendable {
        case sent
        case refused(String)
        case deferred(String)
        /// We are being stopped.
        case cancelled
    }

    private func hand(_ message: MailMessage, to recipient: EmailAddress, _ mail: Mail) async throws(StoreError) -> Outcome {
        switch options.delivery {
        case .kept(let keep): return keep(mail.id.text, message.bytes) ? .sent : .deferred("the folder for mails cannot be written")
        case .server(let client, let server):
            let outgoing = OutgoingMail(sender: options.sender.email.text, recipient: recipient.text, message: message.bytes)
            do throws(MailError) {
                try await client.send(outgoing, by: server)
                return .sent
            } catch {
                switch error {
                case .refused(let code):
                    let isPlain = recipient.text.utf8.allSatisfy { $0 < 0x80 }
                    return .refused(
                        "refused with \(code)" + (isPlain ? "" : "; without SMTPUTF8 a server takes no addresses outside ASCII"))
                case .deferred(let code): return .deferred("deferred with \(code)")
                case .loginDenied: return .deferred("the mail server does not take SMTP_USER and SMTP_PASSWORD")
                case .failed(.cancelled): return .cancelled
                case .failed(let failure): return .deferred("\(failure)")
                }
            }
        }
    }

    private func settle(_ mail: Mail, _ outcome: Outcome) async throws(StoreError) {
        let now = store.ambient.now()
        switch outcome {
        case .sent:
            sent.add()
            log.info("mail.sent", ["mail": LogValue(mail.id.text), "kind": LogValue(mail.kind.rawValue)])
            try await store.transaction { transaction throws(StoreError) in try transaction.mailSent(mail.id) }
        case .refused(let why):
            refused.add()
            try await give(up: mail, why)
        case .deferred(let why):
            deferred.add()
            let next = Self.schedule.next(after: mail.attempts, at: now, store.ambient)
            guard let next, next < mail.expiresAt else { return try await give(up: mail, why) }
            log.warning("mail.deferred", ["mail": LogValue(mail.id.text), "why": LogValue(why), "next": LogValue(next.text)])
            try await store.transaction { transaction throws(StoreError) in try transaction.mailFailed(mail.id, why, next: next) }
        case .cancelled:
            try await store.transaction { transaction throws(StoreError) in try transaction.mailFailed(mail.id, "stopped", next: now) }
        }
    }

    private func give(up mail: Mail, _ why: String) async throws(StoreError) {
        log.notice("mail.given_up", ["mail": LogValue(mail.id.text), "kind": LogValue(mail.kind.rawValue), "why": LogValue(why)])
        try await store.transaction { transaction throws(StoreError) in try transaction.mailFailed(mail.id, why, next: nil) }
    }
}
