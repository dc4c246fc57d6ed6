internal import Domain
internal import HTTP
internal import Secrets
internal import Store

/// Any shop that signs: `X-Webhook-Signature: t=<unix>,v1=<hex HMAC-SHA256(secret, t + "." + body)>`. Also for providers of other names,
/// whose payments only this signature opens.
struct WebhookProvider: PaymentProvider {
    let name = "webhook"
    private static let header = "x-webhook-signature"
    private let secrets: [SecretBytes]
    private let address: String

    init(_ settings: ProviderSettings) {
        secrets = settings.secrets["webhook"] ?? []
        address = settings.baseURL + "/payments/webhook"
    }

    func claims(_ headers: Headers) -> Bool { headers[Self.header] != nil }
    func opens(_ provider: String) -> Bool { true }
    func event(headers: Headers, body: [UInt8], now: Timestamp) throws(PaymentRefusal) -> PaymentEvent {
        guard !secrets.isEmpty else { throw .closed }
        guard let signature = headers[Self.header] else { throw .badSignature }
        try TimedSignature.check(signature, body: body, secrets: secrets, now: now)
        return try PlainEvent.read(body)
    }
    func instructions(for payment: Payment) -> JSON {
        ["type": "webhook", "webhook_url": .string(address), "payment_id": .int(payment.number), "amount": .string(payment.amount.text)]
    }
}
