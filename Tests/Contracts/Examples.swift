import Domain
@testable import Store

extension NewUser {
    static func example(_ email: String, name: String = "Somebody", role: UserRole = .customer) -> NewUser {
        NewUser(email: email, name: name, role: role, passwordHash: "not a real hash")
    }
}

extension NewAPIKey {
    static func example(owner: UserID?, hash: [UInt8], name: String = "a key") -> NewAPIKey {
        NewAPIKey(ownerID: owner, name: name, secretHash: hash, shownPrefix: "cr_ab12", shownSuffix: "f9e0")
    }
}

extension AccountDetails {
    static func example(_ name: String = "upstream") -> AccountDetails {
        AccountDetails(name: name, baseURL: "https://upstream.example.com")
    }
}

extension RequestRecord {
    static func example(_ ambient: Ambient, key: APIKeyID, model: String = "claude-sonnet-5-5", status: RequestStatus = .success)
        -> RequestRecord
    {
        RequestRecord(
            id: RequestID(ambient), apiKeyID: key, keyName: "a key", model: model, path: "/v1/messages", stream: true, status: status,
            httpStatus: status == .pending ? nil : 200, startedAt: ambient.now(), durationMilliseconds: status == .pending ? nil : 1200,
            ttftMilliseconds: 300, attempts: 1, tokens: TokenCounts(input: 10, output: 20, cacheWrite5m: 3, cacheWrite1h: 4, cacheRead: 5),
            costMicroUSD: 700, priceMicroUSD: 900, usageSource: .final, upstreamRequestID: "req_011")
    }
}

extension SettledRequest {
    static func example(_ ambient: Ambient, key: APIKeyID, user: UserID? = nil, model: String = "claude-sonnet-5-5") -> SettledRequest {
        var request = RequestRecord.example(ambient, key: key, model: model)
        request.userID = user
        let entry = LedgerEntry(
            requestID: request.id, attempt: 1, apiKeyID: key, userID: user, model: model, tokens: request.tokens, costMicroUSD: 700,
            priceMicroUSD: 900, usageSource: .final, at: request.startedAt)
        return SettledRequest(request: request, entries: [entry])
    }
}

extension Store {
    /// A table of a test's own; `@BYTES@` as in migrations.
    func makeTable(_ text: String) async throws {
        let script = Migration(version: 0, name: "", text: Array(text.utf8)).script(for: dialect)
        try await transaction { transaction throws(StoreError) in try transaction.connection.script(script) }
    }
}
