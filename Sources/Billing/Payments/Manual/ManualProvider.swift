internal import Domain
internal import HTTP
internal import Store

/// Money that an operator sees on an account or in a drawer, and confirms by hand. No message comes in.
struct ManualProvider: PaymentProvider {
    let name = "manual"
    init(_ settings: ProviderSettings) {}

    func claims(_ headers: Headers) -> Bool { false }
    func opens(_ provider: String) -> Bool { false }
    func event(headers: Headers, body: [UInt8], now: Timestamp) throws(PaymentRefusal) -> PaymentEvent { throw .closed }
    func instructions(for payment: Payment) -> JSON {
        ["type": "manual", "text": .string("Pay \(payment.amount) and name payment \(payment.number); an operator confirms it.")]
    }
}
