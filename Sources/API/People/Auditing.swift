internal import Domain
internal import Store

extension Transaction {
    /// A new user, without mail address or hash.
    func record(actor: String, _ action: String, _ user: User, _ request: RequestID?) throws(StoreError) {
        try record(actor: actor, action, subject: user.id.text, before: nil, after: ["role": .string(user.role.rawValue)], request)
    }

    func record(actor: String, _ action: String, subject: String, before: JSON?, after: JSON?, _ request: RequestID?) throws(StoreError) {
        try audit(actor: actor, action: action, subject: subject, before: before?.text, after: after?.text, requestID: request)
    }
}
