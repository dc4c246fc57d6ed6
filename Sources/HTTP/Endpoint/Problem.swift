public import Domain

/// One way a call can fail, as outsiders know it. The code is stable, a metric label, and never carries a value.
public struct ProblemKind: Hashable, Sendable {
    /// 400...599.
    public let status: Int
    /// Lowercase words with underscores.
    public let code: String
    /// One sentence that is safe to show to anybody.
    public let sentence: String
    /// False when repeating the same call cannot help; sent as `x-should-retry` to clients that read it.
    public let mayRepeat: Bool

    public init(_ status: Int, _ code: String, _ sentence: String, mayRepeat: Bool = true) {
        precondition((400...599).contains(status), "\(code) is no error status")
        self.status = status
        self.code = code
        self.sentence = sentence
        self.mayRepeat = mayRepeat
    }
}

/// One failed call. Handlers may throw it; every other error becomes one by the router's `describe`.
public struct Problem: Error, Sendable {
    public let kind: ProblemKind
    /// Instead of the kind's sentence; safe to show.
    public var message: String?
    /// Every bad field of the input.
    public var faults: [InputFault] = []
    /// At most 60 towards clients that would wait for it without a limit; see `ErrorDialect`.
    public var retryAfterSeconds: Int?
    public var headers = Headers()
    /// The call may have taken effect although it failed: an idempotency key stays taken.
    public var outcomeIsUnknown = false

    public init(_ kind: ProblemKind, _ message: String? = nil, retryAfterSeconds: Int? = nil) {
        self.kind = kind
        self.message = message
        self.retryAfterSeconds = retryAfterSeconds
    }
    public var sentence: String { message ?? kind.sentence }
}

/// One bad field and where it stood.
public struct InputFault: Equatable, Sendable {
    public let place: FieldDoc.Place
    /// Empty for the input as a whole.
    public let field: String
    public let message: String
    public init(_ place: FieldDoc.Place, _ field: String, _ message: String) {
        self.place = place
        self.field = field
        self.message = message
    }
}

/// What the router itself can answer.
extension ProblemKind {
    public static let badPath = ProblemKind(400, "bad_path", "The path is malformed.", mayRepeat: false)
    public static let badRequest = ProblemKind(400, "bad_request", "The request is malformed.", mayRepeat: false)
    public static let badJSON = ProblemKind(400, "bad_json", "The body is not valid JSON.", mayRepeat: false)
    public static let badIdempotencyKey = ProblemKind(
        400, "bad_idempotency_key", "Idempotency-Key must be 1 to 255 visible ASCII characters, given once.", mayRepeat: false)
    public static let notFound = ProblemKind(404, "not_found", "There is nothing at this address.", mayRepeat: false)
    public static let methodNotAllowed = ProblemKind(
        405, "method_not_allowed", "This address does not take that method; see the Allow header.", mayRepeat: false)
    public static let notAcceptable = ProblemKind(
        406, "not_acceptable", "No answer of the types named in Accept exists here.", mayRepeat: false)
    public static let slowBody = ProblemKind(408, "request_timeout", "The body came too slowly.")
    public static let idempotencyUnderWay = ProblemKind(
        409, "idempotency_in_progress", "A call with this Idempotency-Key is still under way.")
    public static let idempotencyInterrupted = ProblemKind(
        409, "idempotency_interrupted", "The first call with this Idempotency-Key was cut off after it had changed something.",
        mayRepeat: false)
    public static let bodyTooLarge = ProblemKind(413, "body_too_large", "The body is larger than this address takes.", mayRepeat: false)
    public static let unsupportedMediaType = ProblemKind(
        415, "unsupported_media_type", "The body must be sent as application/json, without a content coding.", mayRepeat: false)
    public static let wrongHost = ProblemKind(421, "host_not_allowed", "This server does not answer for that host name.", mayRepeat: false)
    public static let invalidInput = ProblemKind(422, "invalid_input", "Some fields are wrong; see the list.", mayRepeat: false)
    public static let idempotencyMismatch = ProblemKind(
        422, "idempotency_mismatch", "This Idempotency-Key was used before with another request.", mayRepeat: false)
    public static let internalError = ProblemKind(500, "internal_error", "Something went wrong here; the request id names the log entry.")
    public static let overloaded = ProblemKind(503, "overloaded", "The server is too busy; try again shortly.")

    /// All that the router itself can answer.
    public static let ofRouter: [ProblemKind] = [
        .badPath, .badRequest, .badJSON, .badIdempotencyKey, .notFound, .methodNotAllowed, .notAcceptable, .slowBody, .idempotencyUnderWay,
        .idempotencyInterrupted,
        .bodyTooLarge, .unsupportedMediaType, .wrongHost, .invalidInput, .idempotencyMismatch, .internalError, .overloaded,
    ]
}

extension Problem {
    init(_ error: BodyError) {
        switch error {
        case .tooLarge(let limit): self.init(.bodyTooLarge, "The body is larger than the \(limit) bytes that this address takes.")
        case .malformed, .clientGone: self.init(.badRequest, "The body does not follow the protocol.")
        case .tooSlow: self.init(.slowBody)
        case .overloaded: self.init(.overloaded, retryAfterSeconds: 2)
        }
    }

    init(faults: [InputFault]) {
        self.init(.invalidInput)
        self.faults = faults
    }
}
