/// A mail server that takes our mail, and how to speak to it.
public struct MailServer: Sendable, CustomStringConvertible, CustomReflectable {
    public enum Security: Sendable, Equatable {
        /// TLS from the first byte, mostly on port 465.
        case tls
        /// Begins in plain text and must change to TLS before anything is said; without it nothing is sent.
        case startTLS
        /// In plain text all the way.
        case plain
    }
    public var host: String
    public var port: UInt16
    public var security: Security
    /// Empty: no login.
    public var user: [UInt8] = []
    public var password: [UInt8] = []
    /// What we call ourselves; a domain name.
    public var ownName = "localhost"

    public init(host: String, port: UInt16, security: Security) {
        (self.host, self.port, self.security) = (host, port, security)
    }

    /// Never user and password.
    public var description: String { place }
    public var customMirror: Mirror { Mirror(self, children: [:]) }
    var place: String { (host.contains(":") ? "[\(host)]" : host) + ":\(port)" }
    var url: String { (security == .tls ? "smtps" : "smtp") + "://\(place)/\(ownName)" }
}

/// One mail to one recipient.
public struct OutgoingMail: Sendable {
    /// Addresses of the envelope, without angle brackets.
    public var sender: String
    public var recipient: String
    /// Headers, an empty line and the body (RFC 5322); every line ends in CR LF.
    public var message: [UInt8]
    /// For everything together.
    public var timeoutMilliseconds = 60_000
    public var connectTimeoutMilliseconds = 10_000

    public init(sender: String, recipient: String, message: [UInt8]) {
        (self.sender, self.recipient, self.message) = (sender, recipient, message)
    }
}

/// Why a mail was not taken. Holds no address, no login and nothing that the server wrote.
public enum MailError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The recipient or the message, for good (5xx): the same mail will be refused again.
    case refused(code: Int)
    /// Not now (4xx), or for a reason that the next mail would meet too; another try may pass.
    case deferred(code: Int)
    /// User or password are wrong.
    case loginDenied
    /// No whole conversation; the mail may have been taken.
    case failed(ClientError)

    /// For the operator.
    public var description: String {
        switch self {
        case .refused(let code): "refused for good (\(code))"
        case .deferred(let code): "refused for now (\(code))"
        case .loginDenied: "user or password are wrong"
        case .failed(let error): "\(error)"
        }
    }
}

public protocol MailClient: Sendable {
    func send(_ mail: OutgoingMail, by server: MailServer) async throws(MailError)
    /// Connects, changes to TLS and logs in as a mail would, and sends none.
    func probe(_ server: MailServer) async throws(MailError)
}

/// What a mail server said last, as the transfer saw it.
struct MailAnswer: Sendable {
    enum Step: Sendable { case recipient, message, other }
    /// Of SMTP; 0 when it said nothing.
    let code: Int
    let step: Step
    let isTaken: Bool
    let isLoginDenied: Bool

    func check() throws(MailError) {
        if isTaken { return }
        if isLoginDenied { throw .loginDenied }
        // A sender or a connection that is refused says nothing about this mail: the operator mends it and the mail goes.
        throw code >= 500 && step != .other ? .refused(code: code) : .deferred(code: code)
    }
}

extension CurlClient: MailClient {
    public func send(_ mail: OutgoingMail, by server: MailServer) async throws(MailError) { try await converse(.mail(mail, server)) }

    public func probe(_ server: MailServer) async throws(MailError) { try await converse(.mailProbe(server)) }

    private func converse(_ task: CurlTask) async throws(MailError) {
        let answer: CurlAnswer
        do throws(ClientError) { answer = try await perform(task) } catch { throw .failed(error) }
        guard case .mail(let said) = answer else { throw .failed(.interrupted("an answer of another protocol")) }
        try said.check()
    }
}
