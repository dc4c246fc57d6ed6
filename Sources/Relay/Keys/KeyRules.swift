internal import Domain
internal import HTTP
internal import Store

/// What one of a key, its owner and its team says of who may use the key, from where and for what. All of them have to allow a request.
struct KeyRules: Sendable {
    let scope: LimitScope
    /// Globs; nil is all.
    private let allowedModels: [ModelPattern]?
    private let deniedModels: [ModelPattern]
    /// Nil allows every address.
    private let addresses: IPAllowlist?
    /// Empty allows all services.
    private let services: [String]
    /// "claude-code" or beginnings of user agents; empty allows every client.
    private let clients: [String]

    private init(
        _ scope: LimitScope, allowed: [ModelPattern]?, denied: [String], addresses: [String], services: [String], clients: [String]
    ) {
        self.scope = scope
        allowedModels = allowed
        deniedModels = denied.map(ModelPattern.init)
        self.addresses = IPAllowlist(addresses)
        self.services = services
        self.clients = clients
    }

    /// Those that restrict anything.
    static func all(of key: APIKey) -> [KeyRules] {
        var all = [
            KeyRules(
                .key, allowed: key.allowedModels.map(ModelPattern.list), denied: key.access.deniedModels, addresses: key.access.ipAllowlist,
                services: key.access.permissions, clients: key.access.allowedClients)
        ]
        if let access = key.ownerAccess { all.append(KeyRules(.user, access)) }
        if let access = key.teamAccess { all.append(KeyRules(.team, access)) }
        return all.filter { !$0.allowsEverything }
    }

    private init(_ scope: LimitScope, _ access: SharedAccess) {
        self.init(
            scope, allowed: access.allowedModels?.map(ModelPattern.init), denied: access.deniedModels, addresses: access.ipAllowlist,
            services: access.permissions, clients: access.allowedClients)
    }

    private var allowsEverything: Bool {
        allowedModels == nil && deniedModels.isEmpty && addresses == nil && services.isEmpty && clients.isEmpty
    }

    func allows(model: String) -> Bool {
        (allowedModels?.contains { $0.matches(model) } ?? true) && !deniedModels.contains { $0.matches(model) }
    }
    func allows(_ address: IPAddress) -> Bool { addresses?.allows(address) ?? true }
    func allows(service: String) -> Bool { services.isEmpty || services.contains(service) }

    /// Whether `allows(client:)` has to be asked.
    var restrictsClients: Bool { !clients.isEmpty }
    static let claudeCode = "claude-code"
    /// - Parameters:
    ///   - agent: the user agent, or what begins as one.
    ///   - isClaudeCode: asked only when that client is listed.
    func allows(client agent: String, isClaudeCode: () -> Bool) -> Bool {
        clients.isEmpty || clients.contains { $0 == Self.claudeCode ? isClaudeCode() : agent.hasPrefix($0) }
    }
}
