/// Every way in which money comes, one line each.
public enum PaymentRegistry {
    public static func providers(_ settings: ProviderSettings) -> [any PaymentProvider] {
        [
            ManualProvider(settings),
            WebhookProvider(settings),
            TelegramProvider(settings),
            StripeProvider(settings),
        ]
    }
}
