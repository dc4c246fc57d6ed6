/// A request that nobody has sent, of which somebody asks whether a relay key would be let in with it. What is nil is not looked at.
public struct KeyQuestion: Sendable, Equatable {
    public var model: String?
    /// As in "192.0.2.7": where it comes from.
    public var address: String?
    /// "messages", "openai", "chat" or "batches".
    public var service: String?
    /// The beginning of a user agent, or "claude-code".
    public var client: String?

    public init(model: String? = nil, address: String? = nil, service: String? = nil, client: String? = nil) {
        (self.model, self.address, self.service, self.client) = (model, address, service, client)
    }
}
