public import Domain
public import HTTP
internal import Store

/// `/apiStats`: statistics of one key for whoever holds it, or a share token for it. An id alone opens nothing.
public struct OlderStats: Sendable {
    private let keys: RelayKeys
    private let shares: ShareTokens
    private let explanation: @Sendable (APIKeyID, KeyQuestion) -> JSON?
    private var store: Store { keys.store }

    /// - Parameter explanation: the limits of a key as the data path knows them.
    public init(
        _ keys: RelayKeys, _ shares: ShareTokens, explanation: @escaping @Sendable (_ key: APIKeyID, _ question: KeyQuestion) -> JSON?
    ) { (self.keys, self.shares, self.explanation) = (keys, shares, explanation) }

    public var endpoints: [MountedEndpoint] { [keyID, userStats, modelStats, batchStats].map(\.mounted) }

    private static let body = Shape<JSON>.anyObject
    /// Keys in one call.
    private static let largestBatch = 100

    private func endpoint(
        _ name: String, _ summary: String, about: String? = nil, _ work: @escaping @Sendable (JSON, String) async throws -> JSON
    ) -> Endpoint<PublicContext> {
        Endpoint(
            .post, "/apiStats/api/" + name, summary, tag: Older.tag, audience: .anyone, takes: .body(Self.body), replies: .ok(Older.view),
            problems: ProblemKind.ofStore + ProblemKind.ofKey + [.unauthorized], dialect: .olderRelay,
            about: about ?? "With `apiKey`, or with `apiId` and the share `token` of it."
        ) { input, _ in ["success": true, "data": try await work(input.body, input.request.remoteAddress)] }
    }

    /// - Parameter address: the caller's. A share token opens from everywhere, its key only from where it may be used.
    /// - Throws: 401, the same for an unknown key and an id without its token; 403 for a key that may not be used.
    private func key(_ body: JSON, from address: String) async throws -> APIKey {
        if let secret = body["apiKey"].string { return try await keys.held(secret: secret, from: address) }
        guard let text = body["apiId"].string, let id = try? APIKeyID(parsing: text), let token = body["token"].string,
            shares.accepts(token, for: id, now: store.ambient.now()),
            let key = try await store.read({ reader throws(StoreError) in try reader.apiKey(id) }), key.deletedAt == nil
        else { throw Problem(.unauthorized) }
        return key
    }

    private var keyID: Endpoint<PublicContext> {
        endpoint("get-key-id", "The id of a key", about: "With `apiKey`.") { body, address in
            guard body["apiKey"].string != nil else { throw Problem(.unauthorized) }
            return ["id": .string(try await key(body, from: address).id.text)]
        }
    }

    private var userStats: Endpoint<PublicContext> {
        endpoint("user-stats", "What a key has used") { body, address in
            try await stats(try await key(body, from: address))
        }
    }

    private func stats(_ key: APIKey) async throws -> JSON {
        let ambient = store.ambient
        let (total, month, today) = try await store.read { reader throws(StoreError) in
            (
                try reader.usage(UsageFilter(apiKeyID: key.id)),
                try reader.usage(UsageFilter(apiKeyID: key.id, fromDay: Older.firstDay("monthly", ambient))),
                try reader.usage(UsageFilter(apiKeyID: key.id, fromDay: ambient.today))
            )
        }
        let shown = OlderKeyFields.json(key, usage: .null)
        var limits = OlderKeyFields.limits(of: key)
        limits["currentDailyCost"] = .number(Dollars.text(today.priceMicroUSD))
        limits["currentDailyTokens"] = .int(today.tokens.limited)
        limits["currentTotalCost"] = .number(Dollars.text(total.priceMicroUSD))
        for (name, value) in window(of: key).members { limits[name] = value }
        var restrictions = JSONObject()
        for name in [
            "enableModelRestriction", "restrictedModels", "allowedModels", "enableClientRestriction", "allowedClients", "permissions",
        ] { restrictions[name] = shown[name] }
        return [
            "id": .string(key.id.text), "name": .string(key.name), "description": .string(key.description),
            "isActive": .bool(key.works(at: ambient.now())), "createdAt": .string(key.createdAt.text),
            "expiresAt": key.ends.map { .string($0.text) } ?? .null,
            "usage": [
                "total": .object(Older.usage(total)), "monthly": .object(Older.usage(month)), "daily": .object(Older.usage(today)),
            ], "limits": .object(limits), "restrictions": .object(restrictions),
        ]
    }

    /// Of the window that is open now; nothing counted and null times when none is.
    private func window(of key: APIKey) -> JSONObject {
        let found = explanation(key.id, KeyQuestion()) ?? .null
        let open = found["window"]
        let opus = found["limits"].array?.first { $0["scope"] == "key" && $0["code"] == "weekly_opus_cost_limit_exceeded" }
        func time(_ name: String) -> Timestamp? { open[name].string.flatMap { try? Timestamp(parsing: $0) } }
        let end = time("ends_at")
        return [
            "currentWindowRequests": .int(open["requests"].int ?? 0), "currentWindowTokens": .int(open["tokens"].int ?? 0),
            "currentWindowCost": .number(Dollars.text(open["cost_micro_usd"].int ?? 0)),
            "currentWeeklyOpusCost": .number(Dollars.text(opus?["used"].int ?? 0)),
            // Milliseconds since 1970, as the older relay's pages count down to them.
            "windowStartTime": time("opened_at").map { .int($0.milliseconds) } ?? .null,
            "windowEndTime": end.map { .int($0.milliseconds) } ?? .null,
            "windowRemainingSeconds": end.map { .int(max(0, ($0.milliseconds - store.ambient.now().milliseconds) / 1000)) } ?? .null,
        ]
    }

    private var modelStats: Endpoint<PublicContext> {
        endpoint("user-model-stats", "What a key has used, by model", about: "`period` is daily, monthly or all.") { body, address in
            let key = try await key(body, from: address)
            let first = Older.firstDay(body["period"].string ?? "monthly", store.ambient)
            let series = try await store.read { reader throws(StoreError) in
                try reader.usageSeries(UsageFilter(apiKeyID: key.id, fromDay: first), by: .model)
            }
            return .array(
                series.map { bucket in
                    var members = Older.usage(bucket.usage)
                    members["model"] = .string(bucket.bucket)
                    return .object(members)
                })
        }
    }

    private var batchStats: Endpoint<PublicContext> {
        endpoint(
            "batch-stats", "What several keys have used",
            about: "`apiKeys`, or `items` of `{apiId, token}`; those that open nothing are left out of `individual`."
        ) { body, address in
            let items = (body["apiKeys"].array ?? []).map { JSON.object(["apiKey": $0]) } + (body["items"].array ?? [])
            guard (1...Self.largestBatch).contains(items.count) else {
                throw InputErrors(fields: [FieldError("apiKeys", "must be 1 to \(Self.largestBatch) keys")])
            }
            var individual: [JSON] = []
            for item in items {
                do { individual.append(try await stats(try await key(item, from: address))) } catch let problem as Problem {
                    guard problem.kind == .unauthorized || problem.kind.status == 403 else { throw problem }
                }
            }
            func sum(_ name: String) -> Int64 { individual.reduce(0) { $0 &+ ($1["usage"]["total"][name].int ?? 0) } }
            return [
                "individual": .array(individual),
                "aggregated": [
                    "totalKeys": .int(Int64(items.count)), "validKeys": .int(Int64(individual.count)),
                    "usage": [
                        "tokens": .int(sum("tokens")), "requests": .int(sum("requests")), "costMicroUsd": .int(sum("costMicroUsd")),
                        "cost": .number(Dollars.text(sum("costMicroUsd"))),
                    ],
                ],
            ]
        }
    }
}
