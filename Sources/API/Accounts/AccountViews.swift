public import Domain
internal import Store

extension RelayAccounts {
    /// Every account with its health, as operators see it. Never a secret: not a credential, not a proxy's password.
    public func list() async throws -> [JSON] {
        let (accounts, health, members, tokens) = try await store.read { reader throws(StoreError) in
            (try reader.accounts(), try reader.accountHealth(), try reader.accountGroupMembers(), try reader.accountTokens())
        }
        let standing = try await ports.standing()
        let token = Dictionary(tokens.map { ($0.accountID, $0) }, uniquingKeysWith: { $1 })
        return accounts.map { account in
            let groups = members.filter { $0.value.contains(account.id) }.map(\.key).sorted()
            return Self.json(account, health[account.id], groups, token[account.id], standing[account.id])
        }
    }

    /// One of `list`.
    public func show(_ id: AccountID) async throws -> JSON {
        guard let found = try await list().first(where: { $0["id"].string == id.text }) else { throw Refusal.unknownAccount }
        return found
    }

    static func json(
        _ account: Account, _ health: AccountHealth?, _ groups: [AccountGroupID], _ token: AccountToken?, _ standing: JSON?
    ) -> JSON {
        var members: JSONObject = [
            "id": .string(account.id.text), "source": .string(account.source.rawValue),
            "created_at": .string(account.createdAt.text), "updated_at": .string(account.updatedAt.text),
        ]
        for member in json(account.details).object?.members ?? [] { members[member.name] = member.value }
        members["has_proxy"] = .bool(account.proxySealed != nil)
        members["group_ids"] = .array(groups.map { .string($0.text) })
        members["status"] = standing?["status"] ?? .string(account.status.rawValue)
        members["status_reason"] = standing?["status_reason"] ?? .string(account.statusReason)
        for name in ["until", "last_used_at"] { members[name] = standing?[name] ?? .null }
        members["in_flight"] = standing?["in_flight"] ?? 0
        members["windows"] = standing?["windows"] ?? [:]
        members["tested_at"] = health?.testedAt.map { .string($0.text) } ?? .null
        members["test_outcome"] = health.map { .string($0.testOutcome) } ?? ""
        members["test_detail"] = health.map { .string($0.testDetail) } ?? ""
        members["token"] = token.map(json) ?? .null
        return .object(members)
    }

    private static func json(_ token: AccountToken) -> JSON {
        [
            "token_url": .string(token.source.tokenURL), "client_id": .string(token.source.clientID),
            "has_client_secret": .bool(token.clientSecretSealed != nil), "scopes": .string(token.source.scopes),
            "style": .string(token.source.style.rawValue), "expires_at": token.expiresAt.map { .string($0.text) } ?? .null,
            "refreshed_at": token.refreshedAt.map { .string($0.text) } ?? .null, "failures": .int(token.failures),
            "last_error": .string(token.lastError),
        ]
    }

    static func json(_ details: AccountDetails) -> JSON {
        func number(_ value: Int64?) -> JSON { value.map(JSON.int) ?? .null }
        func list(_ text: String?) -> JSON { text.flatMap { try? JSON(parsing: $0) } ?? .null }
        return [
            "name": .string(details.name), "email": .string(details.email), "kind": .string(details.kind.rawValue),
            "base_url": .string(details.baseURL), "header": .string(details.header.rawValue), "priority": .int(details.priority),
            "weight": .int(details.weight), "max_concurrency": number(details.caps.concurrency),
            "requests_per_minute": number(details.caps.requestsPerMinute), "tokens_per_minute": number(details.caps.tokensPerMinute),
            "cost_per_day_micro_usd": number(details.caps.costPerDayMicroUSD), "model_map": list(details.modelMap),
            "model_allow": list(details.modelAllow), "model_deny": list(details.modelDeny), "schedulable": .bool(details.isSchedulable),
            "notes": .string(details.notes), "expires_at": details.expiresAt.map { .string($0.text) } ?? .null,
            "abort_policy": .string(details.abortPolicy.rawValue), "withhold_client_fields": .bool(details.withholdsClientFields),
            "bill_top_level": .bool(details.billsTopLevel),
        ]
    }
}
