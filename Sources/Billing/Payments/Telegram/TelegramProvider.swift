internal import Domain
internal import HTTP
internal import Secrets
internal import Store

/// A Telegram bot, which proves itself by the secret token that it was registered with.
struct TelegramProvider: PaymentProvider {
    let name = "telegram"
    private static let header = "x-telegram-bot-api-secret-token"
    private let secrets: [SecretBytes]
    private let bot: String?

    init(_ settings: ProviderSettings) {
        secrets = settings.secrets["telegram"] ?? []
        bot = settings.telegramBot
    }

    func claims(_ headers: Headers) -> Bool { headers[Self.header] != nil }
    func opens(_ provider: String) -> Bool { provider == name }
    func event(headers: Headers, body: [UInt8], now: Timestamp) throws(PaymentRefusal) -> PaymentEvent {
        guard !secrets.isEmpty else { throw .closed }
        guard let token = headers[Self.header] else { throw .badSignature }
        var isGood = false
        for secret in secrets where secret.reveal({ Hashing.equal($0, Array(token.utf8)) }) { isGood = true }
        guard isGood else { throw .badSignature }
        return try PlainEvent.read(body)
    }
    func instructions(for payment: Payment) -> JSON {
        let payload = "pay_\(payment.number)"
        var instructions: JSONObject = [
            "type": "telegram", "payload": .string(payload),
            "text": .string("Open the bot, press Start and pay \(payment.amount); the bot tells us, nothing else is needed."),
        ]
        if let bot { instructions["url"] = .string("https://t.me/\(bot)?start=\(payload)") }
        return .object(instructions)
    }
}
