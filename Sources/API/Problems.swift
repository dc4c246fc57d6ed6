internal import Billing
public import Domain
public import HTTP
internal import Secrets
internal import Provisioning
internal import Store
public import Telemetry

/// The one map from what modules throw to what outsiders see: a status, a stable code, a sentence. Private detail goes to the log under
/// the same request id. No switch has a default, so a new error does not compile until someone decides here.
public struct Problems: Sendable {
    private let log: Log
    public init(log: Log) { self.log = log }

    /// For `RouterOptions.describe`.
    public func describe(_ error: any Error, _ id: RequestID) -> Problem {
        switch error {
        case let problem as Problem: return problem
        case let error as InputErrors: return Self.of(error.fields)
        case let error as FieldError: return Self.of([error])
        case let error as ParseError: return Problem(.invalidInput, "The input \(error.message).")
        case let error as StoreError: return of(error, id)
        case let error as SecretsError: return of(error, id)
        case let error as TokenError: return of(error)
        case let error as People.Refusal: return of(error)
        case let error as ClientError: return of(error, id)
        case is CancellationError: return Problem(.overloaded, retryAfterSeconds: 2)
        default:
            // The type alone: a description may hold what a caller sent.
            log.error("api.unexpected_error", ["type": LogValue(String(describing: type(of: error)))], request: id)
            return Problem(.internalError)
        }
    }

    /// Every problem that the control surface can answer, by status and code.
    public static var all: [ProblemKind] {
        Set(ProblemKind.ofRouter + ProblemKind.ofAPI).sorted { ($0.status, $0.code) < ($1.status, $1.code) }
    }

    private static func of(_ fields: [FieldError]) -> Problem {
        var problem = Problem(.invalidInput)
        problem.faults = fields.map { InputFault(.body, $0.field, $0.message) }
        return problem
    }

    private func of(_ error: StoreError, _ id: RequestID) -> Problem {
        switch error {
        case .busy: return Problem(.storeBusy, retryAfterSeconds: 1)
        case .unavailable(let detail):
            log.error("store.unavailable", ["detail": LogValue(detail)], request: id)
            return Problem(.storeUnavailable, retryAfterSeconds: 5)
        case .outcomeUnknown(let detail):
            log.error("store.outcome_unknown", ["detail": LogValue(detail)], request: id)
            var problem = Problem(.outcomeUnknown)
            problem.outcomeIsUnknown = true
            return problem
        case .full:
            log.error("store.full", request: id)
            return Problem(.storeFull, retryAfterSeconds: 30)
        case .readOnly(let detail):
            log.error("store.read_only", ["detail": LogValue(detail)], request: id)
            return Problem(.storeUnavailable, retryAfterSeconds: 30)
        case .conflict(let constraint):
            log.info("store.conflict", ["constraint": LogValue(constraint)], request: id)
            return Problem(constraint == .userEmail ? .emailTaken : .conflict)
        case .refused(let code):
            log.info("store.refused", ["code": LogValue(code)], request: id)
            return Self.ofRefusal(code)
        case .corrupt(let detail), .programming(let detail), .backup(let detail):
            log.error("store.failed", ["detail": LogValue(detail)], request: id)
            return Problem(.internalError)
        case .newerSchema(let found, let known):
            log.error("store.newer_schema", ["found": LogValue(found), "known": LogValue(known)], request: id)
            return Problem(.internalError)
        case .changedMigration(let version):
            log.error("store.changed_migration", ["version": LogValue(version)], request: id)
            return Problem(.internalError)
        }
    }

    /// What a closure's own refusal means outside.
    private static func ofRefusal(_ code: String) -> Problem {
        if let refusal = Orders.Refusal(rawValue: code) {
            switch refusal {
            case .unknownService: return Problem(.notFound)
            case .taken: return Problem(.conflict, "Another service has this key, address or name.")
            case .terminated: return Problem(.conflict, "The service has ended for good.")
            case .unknownKind: return Problem(.conflict, "This server has no driver for services of that kind.")
            case .noCapacity: return Problem(.conflict, "There is no room now; nothing was ordered.")
            case .badOptions: return Problem(.invalidInput, "The options do not fit this kind of service.")
            case .tooMany: return Problem(.conflict, "The plan or the limit of the account allows no more services.")
            }
        }
        guard let refusal = Sales.Refusal(rawValue: code) else { return Problem(.conflict) }
        switch refusal {
        case .unknownUser, .unknownPlan, .unknownPayment, .unknownSubscription: return Problem(.notFound)
        case .retiredPlan: return Problem(.conflict, "The plan is not sold any more.")
        case .wrongCurrency: return Problem(.invalidInput, "The amount must be in the plan's currency.")
        case .alreadyActive, .alreadyAssigned: return Problem(.conflict, "There is an active subscription already.")
        case .tooLittle: return Problem(.conflict, "The balance is too low.")
        case .wrongStatus: return Problem(.conflict, "The payment's status does not allow that.")
        case .wrongKind: return Problem(.conflict, "The plans are of different kinds.")
        case .noSubscription: return Problem(.conflict, "There is no active subscription.")
        case .tooMuch: return Problem(.invalidInput, "More cannot be refunded than was paid.")
        case .isFree: return Problem(.conflict, "The plan costs nothing; it is taken without a payment.")
        case .samePlan: return Problem(.conflict, "The subscription has this plan already.")
        case .differentEnd:
            return Problem(.conflict, "One of the plans ends and the other does not; buy the new one as a subscription of its own.")
        case .closed: return Problem(.forbidden, "It is closed for its traffic, or by an operator, and cannot be given up meanwhile.")
        }
    }

    private func of(_ error: SecretsError, _ id: RequestID) -> Problem {
        switch error {
        case .busy: return Problem(.overloaded, retryAfterSeconds: 1)
        case .noMemory:
            log.error("secrets.no_memory", request: id)
            return Problem(.overloaded, retryAfterSeconds: 5)
        case .unknownKey(let key):
            log.error("secrets.unknown_key", ["key": LogValue(key)], request: id)
            return Problem(.internalError)
        case .damaged:
            log.error("secrets.damaged", request: id)
            return Problem(.internalError)
        case .wrongEncryptionKey:
            log.error("secrets.wrong_encryption_key", request: id)
            return Problem(.internalError)
        }
    }

    private func of(_ error: TokenError) -> Problem {
        switch error {
        case .expired: Problem(.tokenExpired)
        case .malformed, .wrongAlgorithm, .badSignature, .notYetValid, .missingClaims: Problem(.unauthorized)
        }
    }

    private func of(_ error: People.Refusal) -> Problem {
        switch error {
        case .unknownUser: Problem(.notFound)
        case .lastAdmin: Problem(.lastAdmin)
        }
    }

    /// A call of ours to another machine failed; which and how goes to the log only.
    private func of(_ error: ClientError, _ id: RequestID) -> Problem {
        func failed(_ what: String, _ detail: String = "") -> Problem {
            log.warning("client.failed", ["what": LogValue(what), "detail": LogValue(detail)], request: id)
            return Problem(.badGateway)
        }
        switch error {
        case .badURL(let detail): return failed("bad_url", detail)
        case .badHeader(let detail): return failed("bad_header", detail)
        case .resolve(let detail): return failed("resolve", detail)
        case .connect(let detail): return failed("connect", detail)
        case .tls(let detail): return failed("tls", detail)
        case .proxy(let detail): return failed("proxy", detail)
        case .refusedAddress(let detail): return failed("refused_address", detail)
        case .timeout: return failed("timeout")
        case .interrupted(let detail): return failed("interrupted", detail)
        case .tooLarge(let limit): return failed("too_large", "\(limit) bytes")
        case .busy, .cancelled: return Problem(.overloaded, retryAfterSeconds: 2)
        }
    }
}

/// What the control surface answers besides what the router can.
extension ProblemKind {
    public static let unauthorized = ProblemKind(
        401, "unauthorized", "Sign in first; the credential is missing or not valid.", mayRepeat: false)
    public static let tokenExpired = ProblemKind(401, "token_expired", "The token has expired; sign in again.", mayRepeat: false)
    public static let wrongCredentials = ProblemKind(401, "wrong_credentials", "The account or the password is wrong.", mayRepeat: false)
    public static let forbidden = ProblemKind(403, "forbidden", "This account may not do that.", mayRepeat: false)
    public static let secondFactorRequired = ProblemKind(
        401, "second_factor_required", "The password is right; send the code of the second factor with it.", mayRepeat: false)
    public static let wrongCode = ProblemKind(403, "wrong_code", "The code is wrong, has ended or was used.", mayRepeat: false)
    public static let proofRequired = ProblemKind(
        403, "proof_required", "Show again who you are, at /api/auth/proof, and repeat this.", mayRepeat: false)
    public static let secondFactorOn = ProblemKind(409, "second_factor_on", "There is a second factor already.", mayRepeat: false)
    public static let secondFactorOff = ProblemKind(409, "second_factor_off", "There is no second factor.", mayRepeat: false)
    public static let emailUnverified = ProblemKind(
        403, "email_unverified", "The mail address has to be confirmed first: open the link that was mailed.", mayRepeat: false)
    public static let linkInvalid = ProblemKind(
        410, "link_invalid", "The link has been used, has ended or was never given; ask for a new one.", mayRepeat: false)
    public static let mailOff = ProblemKind(409, "mail_off", "This server sends no mail; ask its operator.", mayRepeat: false)
    public static let csrf = ProblemKind(403, "csrf_failed", "The CSRF header is missing or wrong.", mayRepeat: false)
    public static let conflict = ProblemKind(
        409, "conflict", "It collides with something that exists, or that still refers to it.", mayRepeat: false)
    public static let emailTaken = ProblemKind(409, "email_taken", "That address is registered already.", mayRepeat: false)
    public static let lastAdmin = ProblemKind(
        409, "last_admin", "Nobody else could administer the server; make another admin first.", mayRepeat: false)
    public static let tooManyAttempts = ProblemKind(429, "too_many_attempts", "Too many attempts; wait before the next one.")
    public static let badGateway = ProblemKind(502, "bad_gateway", "A system behind this one did not answer as it should.")
    public static let storeBusy = ProblemKind(503, "store_busy", "The storage is busy; nothing was done, try again.")
    public static let storeUnavailable = ProblemKind(
        503, "store_unavailable", "The storage cannot be used now; nothing was done, try again.")
    public static let storeFull = ProblemKind(503, "store_full", "The storage is full; nothing was done.")
    public static let outcomeUnknown = ProblemKind(
        503, "outcome_unknown", "The storage broke off; look whether it was done before you repeat it.", mayRepeat: false)

    static let ofAPI: [ProblemKind] =
        [
            .unauthorized, .tokenExpired, .wrongCredentials, .forbidden, .csrf, .conflict, .emailTaken, .lastAdmin, .tooManyAttempts,
            .badGateway, .emailUnverified, .linkInvalid, .mailOff, .secondFactorRequired, .wrongCode,
            .proofRequired, .secondFactorOn, .secondFactorOff,
            .storeBusy, .storeUnavailable, .storeFull, .outcomeUnknown, .doorClosed, .configGone, .configTooLong,
            .configUnreadable,
        ] + ofKey
    /// What any endpoint that uses the store can answer.
    public static let ofStore: [ProblemKind] = [.storeBusy, .storeUnavailable, .storeFull]
    /// What every way to log in can answer.
    static let ofLogin: [ProblemKind] = [.wrongCredentials, .secondFactorRequired, .wrongCode, .emailUnverified, .tooManyAttempts]
    /// What any endpoint with a signed-in caller can answer.
    public static let ofSignIn: [ProblemKind] = [.unauthorized, .tokenExpired, .forbidden]
}
