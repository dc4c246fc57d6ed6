import Billing
import Domain
import HTTP
import Secrets
import TestKit
import Testing

@Suite struct DoorTests {
    private static let now = Timestamp(seconds: 1_700_000_000)
    private static let body = Array(
        #"{"provider":"shop","provider_payment_id":"p-1","status":"completed","amount":"9.99","currency":"USD","event_id":"e"}"#.utf8)
    private static func secret(_ text: String) -> SecretBytes { SecretBytes(Array(text.utf8)) }
    private static let doors = PaymentDoors(
        ProviderSettings(
            secrets: [
                "webhook": [secret("new-secret"), secret("old-secret")], "telegram": [secret("bot_token")],
                "stripe": [secret("whsec_test")],
            ], baseURL: "https://gate.example.com", telegramBot: "example_bot"))

    private static func signature(_ secret: String, _ body: [UInt8], seconds: Int64 = 1_700_000_000) -> String {
        let bytes = Hashing.hmacSHA256(key: Self.secret(secret), Array("\(seconds).".utf8) + body)
        return "t=\(seconds),v1=\(Hex.text(bytes))"
    }
    private static func outcome(
        _ headers: Headers, _ body: [UInt8] = body, at name: String? = nil, through doors: PaymentDoors = doors
    ) -> Result<PaymentEvent, PaymentRefusal> {
        do throws(PaymentRefusal) { return .success(try doors.event(at: name, headers: headers, body: body, now: now)) } catch {
            return .failure(error)
        }
    }

    @Test func `both secrets of a rotation open, others do not`() throws {
        for secret in ["new-secret", "old-secret"] {
            let event = try Self.outcome(["X-Webhook-Signature": Self.signature(secret, Self.body)]).get()
            #expect(event.amount.text == "9.99" && event.providerPaymentID == "p-1" && event.eventID == "e")
        }
        #expect(Self.outcome(["x-webhook-signature": Self.signature("other", Self.body)]) == .failure(.badSignature))
    }

    @Test(arguments: [(-301, false), (-300, true), (300, true), (301, false)])
    func `a signature is good for five minutes either way`(offset: Int64, isGood: Bool) {
        let header = Self.signature("new-secret", Self.body, seconds: 1_700_000_000 + offset)
        let outcome = Self.outcome(["x-webhook-signature": header])
        if isGood { #expect((try? outcome.get()) != nil) } else { #expect(outcome == .failure(.staleSignature)) }
    }

    @Test(arguments: [
        "", "t=1700000000", "v1=00", "t=x,v1=00", "t=1700000000,v1=zz", "t=-1,v1=00", "t=99999999999999999999,v1=00", "=,=,=",
    ])
    func `a malformed signature is refused`(header: String) {
        #expect(Self.outcome(["x-webhook-signature": header]) == .failure(.badSignature))
    }

    @Test func `one changed byte is one too many`() {
        let header = Self.signature("new-secret", Self.body)
        for index in Self.body.indices {
            var changed = Self.body
            changed[index] ^= 1
            #expect(Self.outcome(["x-webhook-signature": header], changed) == .failure(.badSignature))
        }
    }

    @Test func `a Telegram token opens Telegram payments only`() throws {
        let token: Headers = ["X-Telegram-Bot-Api-Secret-Token": "bot_token"]
        #expect(Self.outcome(token) == .failure(.badSignature))
        let own = Array(#"{"provider":"telegram","payment_id":7,"status":"completed","amount":5,"currency":"usd"}"#.utf8)
        #expect(try Self.outcome(token, own).get().paymentNumber == 7)
        #expect(Self.outcome(["x-telegram-bot-api-secret-token": "bot_tokem"], own) == .failure(.badSignature))
    }

    @Test func `an unset secret closes its own door, and without any nothing is open`() {
        let none = PaymentDoors(ProviderSettings())
        let header: Headers = ["x-webhook-signature": Self.signature("", Self.body)]
        #expect(Self.outcome(header, through: none) == .failure(.closed))
        #expect(Self.outcome([:], through: none) == .failure(.closed))
        #expect(Self.outcome(["x-telegram-bot-api-secret-token": ""], through: none) == .failure(.closed))
        #expect(Self.outcome([:]) == .failure(.badSignature), "somebody may come in, but not without a credential")
        #expect(Self.outcome(["stripe-signature": "t=1,v1=00"], at: "stripe", through: none) == .failure(.closed))
    }

    @Test func `Stripe's events are read at their own address only`() throws {
        let body = Array(
            #"{"id":"evt_1","type":"payment_intent.succeeded","data":{"object":{"id":"pi_1","amount":999,"amount_received":999,"currency":"usd","metadata":{"payment_id":"3"}}}}"#
                .utf8)
        let header: Headers = ["Stripe-Signature": Self.signature("whsec_test", body) + ",v1=00"]
        let event = try Self.outcome(header, body, at: "stripe").get()
        #expect(event.paymentNumber == 3 && event.amount.text == "9.99" && event.providerPaymentID == "pi_1" && event.eventID == "evt_1")
        #expect(Self.outcome(header, body) == .failure(.badSignature))
        let other = Array(#"{"id":"evt_2","type":"customer.created","data":{"object":{"id":"cus_1"}}}"#.utf8)
        #expect(Self.outcome(["stripe-signature": Self.signature("whsec_test", other)], other, at: "stripe") == .failure(.notOurs))
    }

    /// The vectors of the contract, made by another implementation.
    @Test(arguments: [
        ("whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3", "v1,skOdKlED6vyc9KLbmydmZDEJjHMq2lLXuFxl1vsNgFE="),
        ("test-webhook-secret", "v1,mMQnN4DEirhwKccrqtHri6tEs9HHD8C44Wo2QKLoMq0="),
    ])
    func `outgoing signatures are those of Standard Webhooks`(secret: String, signature: String) {
        let body = Array(#"{"event":"order_paid"}"#.utf8)
        #expect(WebhookSignature.sign(id: "evt_01HZX", at: Self.now, body: body, secret: Self.secret(secret)) == signature)
    }
}
