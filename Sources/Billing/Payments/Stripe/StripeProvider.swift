internal import Domain
internal import HTTP
internal import Secrets
internal import Store

/// Stripe's events: `Stripe-Signature: t=…,v1=…`, keyed by the whole `whsec_…` text. Amounts are in minor units already.
struct StripeProvider: PaymentProvider {
    let name = "stripe"
    private static let header = "stripe-signature"
    private let secrets: [SecretBytes]

    init(_ settings: ProviderSettings) { secrets = settings.secrets["stripe"] ?? [] }

    func claims(_ headers: Headers) -> Bool { headers[Self.header] != nil }
    func opens(_ provider: String) -> Bool { provider == name }

    func event(headers: Headers, body: [UInt8], now: Timestamp) throws(PaymentRefusal) -> PaymentEvent {
        guard !secrets.isEmpty else { throw .closed }
        guard let signature = headers[Self.header] else { throw .badSignature }
        try TimedSignature.check(signature, body: body, secrets: secrets, now: now)
        let json: JSON
        do throws(ParseError) { json = try JSON(parsing: body) } catch { throw Self.bad("", "is not valid JSON") }
        let object = json["data"]["object"]
        guard let eventID = json["id"].string, let id = object["id"].string else { throw Self.bad("id", "is required") }
        let status: PaymentEvent.Status
        let intent: String?
        let amount: Int64?
        switch json["type"].string {
        case "payment_intent.succeeded": (status, intent, amount) = (.completed, id, object["amount_received"].int ?? object["amount"].int)
        case "payment_intent.payment_failed": (status, intent, amount) = (.failed, id, object["amount"].int)
        case "charge.refunded": (status, intent, amount) = (.refunded, object["payment_intent"].string, object["amount_refunded"].int)
        default: throw .notOurs
        }
        guard let amount, amount > 0, amount <= Money.largest else { throw Self.bad("amount", "must be minor units") }
        let currency: Currency
        do throws(ParseError) { currency = try Currency(parsing: object["currency"].string ?? "") } catch {
            throw Self.bad("currency", error.message)
        }
        let number = object["metadata"]["payment_id"]
        return PaymentEvent(
            provider: name, providerPaymentID: intent, paymentNumber: number.int ?? number.string.flatMap { Int64($0) }, status: status,
            amount: Money(minorUnits: amount, currency), refundIsTotal: true, eventID: eventID)
    }
    private static func bad(_ field: String, _ message: String) -> PaymentRefusal {
        .badBody(InputErrors(fields: [FieldError(field, message)]))
    }

    func instructions(for payment: Payment) -> JSON {
        [
            "type": "stripe", "amount_minor": .int(payment.amount.minorUnits),
            "currency": .string(payment.amount.currency.code.lowercased()),
            "metadata": ["payment_id": .string(String(payment.number))],
            "text": "Create a PaymentIntent with this amount and metadata; its events settle the payment.",
        ]
    }
}
