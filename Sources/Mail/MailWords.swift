internal import Domain
internal import Store

/// The text of one kind of mail. Words in braces are filled in: `{name}`, `{site}`, `{plan}`, `{end}`, `{amount}`, `{number}`.
struct Letter: Sendable {
    let subject: String
    let paragraphs: [String]
    /// On the button, when the mail has a link.
    var action: String?
    /// Below everything else.
    var note: String?
}

/// Everything that mails say in one language.
struct MailWords: Sendable {
    let greeting: String
    /// Where somebody has no name.
    let greetingWithoutName: String
    let linkHint: String
    let footer: String
    let verify: Letter
    let reset: Letter
    let change: Letter
    let changed: Letter
    let endsInThreeDays: Letter
    let endsInOneDay: Letter
    let payment: Letter
    /// What a payment without a plan is for.
    let credit: String

    static func of(_ language: Language) -> MailWords {
        switch language {
        case .english: english
        case .simplifiedChinese: simplifiedChinese
        case .traditionalChinese: traditionalChinese
        case .russian: russian
        }
    }

    func letter(_ kind: MailKind, _ facts: JSON) -> Letter {
        switch kind {
        case .verifyAddress: verify
        case .resetPassword: reset
        case .changeAddress: change
        case .addressChanged: changed
        case .endsSoon: facts["days"].int == 1 ? endsInOneDay : endsInThreeDays
        case .paymentReceived: payment
        }
    }
}
