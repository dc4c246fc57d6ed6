public import Domain
public import HTTP
public import Store

/// Who may tell us about payments, and of which. The credential fixes the provider: what a Telegram token brings is about Telegram
/// payments only, a generic signature opens any.
public struct PaymentDoors: Sendable {
    private let providers: [any PaymentProvider]

    public init(_ settings: ProviderSettings) { providers = PaymentRegistry.providers(settings) }

    /// By name, then "balance"; other names are generic ones that sign.
    public var names: [String] { providers.map(\.name) }
    public func provider(named name: String) -> (any PaymentProvider)? { providers.first { $0.name == name } }

    /// Whether a payer may name the provider's id. Not for providers that tell it themselves: a customer could claim another's payment.
    public func payerMayNameID(of provider: String) -> Bool { !["stripe", "telegram", "manual", "balance"].contains(provider) }

    /// How the payer pays.
    public func instructions(for payment: Payment) -> JSON {
        let provider = provider(named: payment.provider) ?? provider(named: "webhook")
        return provider?.instructions(for: payment) ?? .null
    }

    /// The message that came to the address of all, or of one provider.
    public func event(at name: String? = nil, headers: Headers, body: [UInt8], now: Timestamp) throws(PaymentRefusal) -> PaymentEvent {
        let knocking = providers.filter { name == nil ? $0.claims(headers) : $0.name == name }
        // At the shared address Stripe's events have no business: they come to their own.
        let candidates = name == nil ? knocking.filter { $0.name != "stripe" } : knocking
        guard !candidates.isEmpty else { throw isAnyOpen(headers, body, now) ? .badSignature : .closed }
        var refusal = PaymentRefusal.badSignature
        for provider in candidates {
            do throws(PaymentRefusal) {
                let event = try provider.event(headers: headers, body: body, now: now)
                guard provider.opens(event.provider) else {
                    refusal = .badSignature
                    continue
                }
                return event
            } catch { refusal = error }
        }
        throw refusal
    }

    /// Whether some door has a secret: a message without credentials is then unauthorized, otherwise nothing is open at all.
    private func isAnyOpen(_ headers: Headers, _ body: [UInt8], _ now: Timestamp) -> Bool {
        providers.contains { provider in
            do throws(PaymentRefusal) {
                _ = try provider.event(headers: [:], body: [], now: now)
                return true
            } catch { return error != .closed }
        }
    }
}
