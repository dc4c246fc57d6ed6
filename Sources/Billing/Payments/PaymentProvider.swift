public import Domain
public import HTTP
public import Secrets
public import Store

/// What a provider says happened to a payment.
public struct PaymentEvent: Sendable, Equatable {
    public enum Status: String, Sendable { case completed, failed, refunded }
    public var provider: String
    /// The provider's own id.
    public var providerPaymentID: String?
    /// Our public number; when present it decides.
    public var paymentNumber: Int64?
    public var userNumber: Int64?
    public var status: Status
    /// Of the payment; of a refund, what went back with this event, or in all when `refundIsTotal`.
    public var amount: Money
    public var refundIsTotal = false
    /// Unique; without it repeats are told by payment and status.
    public var eventID: String?

    public init(
        provider: String, providerPaymentID: String?, paymentNumber: Int64?, userNumber: Int64? = nil, status: Status, amount: Money,
        refundIsTotal: Bool = false, eventID: String?
    ) {
        (self.provider, self.providerPaymentID, self.paymentNumber) = (provider, providerPaymentID, paymentNumber)
        (self.userNumber, self.status, self.amount, self.refundIsTotal) = (userNumber, status, amount, refundIsTotal)
        self.eventID = eventID
    }
}

/// Why a message was not believed or not understood.
public enum PaymentRefusal: Error, Equatable, Sendable {
    /// No secret is set: the door is closed, not open.
    case closed
    /// No signature, or none that fits.
    case badSignature
    /// Older or newer than five minutes.
    case staleSignature
    case badBody(InputErrors)
    /// Believed, and about nothing that concerns us.
    case notOurs
}

/// What a provider is told when it is made.
public struct ProviderSettings: Sendable {
    /// By provider name; several during a rotation, the first one signs.
    public var secrets: [String: [SecretBytes]]
    /// Public base URL, for instructions.
    public var baseURL: String
    public var telegramBot: String?
    public init(secrets: [String: [SecretBytes]] = [:], baseURL: String = "", telegramBot: String? = nil) {
        (self.secrets, self.baseURL, self.telegramBot) = (secrets, baseURL, telegramBot)
    }
}

/// One way in which money comes.
public protocol PaymentProvider: Sendable {
    var name: String { get }
    /// Whether a message with these headers wants to come in by this door.
    func claims(_ headers: Headers) -> Bool
    /// Whether a believed message may be about payments of that provider.
    func opens(_ provider: String) -> Bool
    /// Verifies the raw bytes, then reads them.
    func event(headers: Headers, body: [UInt8], now: Timestamp) throws(PaymentRefusal) -> PaymentEvent
    /// How the payer pays.
    func instructions(for payment: Payment) -> JSON
}

/// Signatures that several providers share: a time, a point, the body; HMAC-SHA256 in hex.
enum TimedSignature {
    /// How far a message's clock may be from ours.
    static let toleranceSeconds: Int64 = 300
    /// Signatures in one header; more are not read.
    private static let most = 16

    /// `t=<unix>,v1=<hex>[,v1=<hex>…]`, in any order.
    static func check(_ header: String, body: [UInt8], secrets: [SecretBytes], now: Timestamp) throws(PaymentRefusal) {
        var time: Int64?
        var signatures: [[UInt8]] = []
        for part in header.split(separator: ",").prefix(most) {
            let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard pair.count == 2 else { continue }
            switch pair[0].drop(while: { $0 == " " }) {
            case "t": time = pair[1].utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int64(pair[1]) : nil
            case "v1": if let bytes = Hex.bytes(String(pair[1]).lowercased()) { signatures.append(bytes) }
            default: break
            }
        }
        guard let time, !signatures.isEmpty else { throw .badSignature }
        let signed = Array("\(time).".utf8) + body
        var isGood = false
        for secret in secrets {
            let expected = Hashing.hmacSHA256(key: secret, signed)
            for signature in signatures where Hashing.equal(expected, signature) { isGood = true }
        }
        guard isGood else { throw .badSignature }
        let (distance, overflow) = (now.milliseconds / 1000).subtractingReportingOverflow(time)
        guard !overflow, distance.magnitude <= UInt64(toleranceSeconds) else { throw .staleSignature }
    }
}

extension Field where Value == String {
    /// An amount as text or number; read with its currency later.
    public static func amountText(_ name: String, _ about: String) -> Field<String> {
        Field<String>(name, about, .anything) { json throws(ParseError) in
            switch json {
            case .string(let text): return text
            case .int(let value): return String(value)
            case .number(let text): return text
            case .null, .bool, .array, .object: throw ParseError("an amount as \"9.99\", got \(json.kindText)")
            }
        }
    }
}

/// The body that generic webhooks and the Telegram bot send.
enum PlainEvent {
    private struct Parts: Sendable {
        let provider: String, id: String?, status: String, number: JSON, amount: String, currency: String, event: String?, user: Int64?
    }
    private static let shape = Shape(
        Field<String>.text("provider", "Its name.", length: 1...32),
        Field<String>.text("provider_payment_id", "The provider's id.", length: 1...255).optional,
        Field<String>.choice("status", "What happened.", ["completed", "failed", "refunded"]),
        Field<JSON>("payment_id", "Our number.", .anything) { json throws(ParseError) in json }.or(.null),
        Field<String>.amountText("amount", "As \"9.99\"."), Field<String>.text("currency", "As USD.", length: 3...3),
        Field<String>.text("event_id", "Unique.", length: 1...255).optional,
        Field<Int64>.integer("user_id", "The payer's number.", 1...Int64.max).optional,
        make: Parts.init(provider:id:status:number:amount:currency:event:user:)
    ).ignoringUnknownFields
    static var docs: [FieldDoc] { shape.docs }

    static func read(_ body: [UInt8]) throws(PaymentRefusal) -> PaymentEvent {
        let json: JSON
        do throws(ParseError) { json = try JSON(parsing: body) } catch {
            throw .badBody(InputErrors(fields: [FieldError("", "is not valid JSON")]))
        }
        let parts: Parts
        do throws(InputErrors) { parts = try shape.parse(json) } catch { throw .badBody(error) }
        let number: Int64?
        switch parts.number {
        case .null: number = nil
        case .int(let value): number = value
        case .string(let text) where Int64(text) != nil: number = Int64(text)
        default: throw .badBody(InputErrors(fields: [FieldError("payment_id", "must be the payment's number")]))
        }
        guard number != nil || parts.id != nil else {
            throw .badBody(InputErrors(fields: [FieldError("provider_payment_id", "is required without payment_id")]))
        }
        do throws(ParseError) {
            let money = try Money(parsing: parts.amount, try Currency(parsing: parts.currency))
            guard money.minorUnits > 0 else { throw ParseError("more than 0") }
            return PaymentEvent(
                provider: parts.provider, providerPaymentID: parts.id, paymentNumber: number, userNumber: parts.user,
                status: PaymentEvent.Status(rawValue: parts.status) ?? .failed, amount: money, eventID: parts.event)
        } catch { throw .badBody(InputErrors(fields: [FieldError("amount", error.message)])) }
    }
}
