public import Domain
public import Secrets
public import Store

/// The secrets of links in mails. They are made from the link's id when the mail is written, and stand nowhere: the database keeps a hash.
/// A second try of the same mail carries the same link.
public struct LinkSecrets: Sendable {
    private let key: SecretBytes

    /// - Parameter key: SECRET_KEY; what is signed here begins with a word that nothing else begins with.
    public init(key: SecretBytes) { self.key = key }

    /// 43 characters of `A-Za-z0-9_-`.
    public func text(_ id: MailLinkID) -> String { Base64.text(Hashing.hmacSHA256(key: key, Array("mail-link|\(id.text)".utf8)), .url) }

    public static func hash(_ text: String) -> [UInt8] { Hashing.sha256(Array(text.utf8)) }
}

extension MailKind {
    /// What its link opens; nil without one.
    var purpose: MailLink.Purpose? {
        switch self {
        case .verifyAddress: .verifyAddress
        case .resetPassword: .resetPassword
        case .changeAddress: .changeAddress
        case .addressChanged, .endsSoon, .paymentReceived: nil
        }
    }
    /// Whether it goes where it was promised to, not to the address that the person has when it is sent.
    var isOfItsAddress: Bool { self == .changeAddress || self == .addressChanged }
    /// Below the public address; the secret follows behind "#", which browsers send to nobody.
    var page: String { self == .resetPassword ? "/account/reset" : "/account/verify" }
}

extension MailLink.Purpose {
    /// Of a link, from when its mail was asked for.
    public var lifetimeSeconds: Int64 {
        switch self {
        case .verifyAddress: 3 * 86_400
        case .resetPassword: 30 * 60
        case .changeAddress: 86_400
        }
    }
}
