internal import Domain
public import HTTP
internal import Store

/// `/admin/api-keys`: keys as dashboards of the older relay list, make, change and delete them (relay contract, section 11).
public struct OlderKeys: Sendable {
    private let keys: RelayKeys
    private let door: SessionDoor
    private let shares: ShareTokens
    private var store: Store { keys.store }

    public init(_ keys: RelayKeys, _ door: SessionDoor, _ shares: ShareTokens) {
        (self.keys, self.door, self.shares) = (keys, door, shares)
    }

    public var endpoints: [MountedEndpoint] {
        [
            list, deleted, tags, create, createBatch, update, updateBatch, delete, deleteBatch, restore, purge, batchStats, share,
        ].mounted { try await door.person($0, roles: [.admin]) }
    }

    // MARK: Lists

    private struct Selection: Sendable {
        let page: Int64, pageSize: Int64, search: String?, sortBy: APIKeySearch.Order, isAscending: Bool, tag: String?, isActive: Bool?
        let range: String
    }
    /// Of one page; dashboards ask for "all" with a large one.
    private static let pageSizes: ClosedRange<Int64> = 1...1000

    /// Dashboards have more words for order and range than there are here; they change what is shown, not what may be done.
    private static func word(_ name: String, _ about: String) -> Field<String> { .text(name, about, length: 0...64) }

    private static let selection = Shape(
        Field<Int64>.integer("page", "From 1.", 1...1_000_000).or(1), Field<Int64>.integer("pageSize", "Keys on a page.", pageSizes).or(20),
        Field<String>.text("search", "A part of the name, or of the shown characters.", length: 0...100).optional,
        word("sortBy", "The order: \(APIKeySearch.Order.allCases.map(\.rawValue).joined(separator: ", ")); any other: createdAt.").map {
            text throws(ParseError) in APIKeySearch.Order(rawValue: text) ?? .createdAt
        }.or(.createdAt),
        word("sortOrder", "Its direction: asc; any other: desc.").map { text throws(ParseError) in text == "asc" }.or(false),
        Field<String>.text("tag", "Only with this tag.", length: 0...64).optional,
        word("isActive", "Only these: true or false; any other: all.").map { text throws(ParseError) -> Bool? in
            ["true": true, "false": false][text]
        }.or(nil),
        word("timeRange", "Whose usage is shown: \(Older.ranges.joined(separator: ", ")); any other: all.").or("today"),
        make: Selection.init
    ).ignoringUnknownFields

    private var list: Endpoint<CustomerContext> {
        Older.endpoint(.get, "/admin/api-keys", "All keys", takes: .query(Self.selection)) { input, _ in
            try await page(input.query, isDeleted: false)
        }
    }
    private var deleted: Endpoint<CustomerContext> {
        Older.endpoint(.get, "/admin/api-keys/deleted", "Deleted keys", takes: .query(Self.selection)) { input, _ in
            try await page(input.query, isDeleted: true)
        }
    }
    private var tags: Endpoint<CustomerContext> {
        Older.endpoint(.get, "/admin/api-keys/tags", "All tags", takes: .nothing) { _, _ in
            .array(try await store.read { reader throws(StoreError) in try reader.apiKeyTags() }.map { .string($0) })
        }
    }

    private func page(_ wanted: Selection, isDeleted: Bool) async throws -> JSON {
        var search = APIKeySearch()
        search.text = wanted.search.flatMap { $0.isEmpty ? nil : $0 }
        search.tag = wanted.tag.flatMap { $0.isEmpty ? nil : $0 }
        (search.isActive, search.isDeleted) = (wanted.isActive, isDeleted)
        (search.order, search.isAscending) = (wanted.sortBy, wanted.isAscending)
        let chosen = search
        let found = try await store.read { reader throws(StoreError) in
            try reader.apiKeys(chosen, offset: Int((wanted.page - 1) * wanted.pageSize), limit: Int(wanted.pageSize))
        }
        let pages = (found.total + wanted.pageSize - 1) / wanted.pageSize
        return [
            "items": .array(try await shown(found.items, range: wanted.range).map { .object($0) }),
            "pagination": [
                "page": .int(wanted.page), "pageSize": .int(wanted.pageSize), "total": .int(found.total), "totalPages": .int(pages),
            ], "availableTags": .array(try await store.read { reader throws(StoreError) in try reader.apiKeyTags() }.map { .string($0) }),
        ]
    }

    /// With notes, and the usage of that time besides today's.
    private func shown(_ items: [APIKey], range: String = "today") async throws -> [JSONObject] {
        let (today, first) = (store.ambient.today, Older.firstDay(range, store.ambient))
        let found = try await store.read { reader throws(StoreError) in
            var usages: [APIKeyID: (usage: JSON, bound: OlderKeyFields.Binding)] = [:]
            for key in items {
                let all = try reader.usage(UsageFilter(apiKeyID: key.id))
                let some = try reader.usage(UsageFilter(apiKeyID: key.id, fromDay: first))
                let today = try reader.usage(UsageFilter(apiKeyID: key.id, fromDay: today))
                let usage: JSON = [
                    "total": .object(Older.usage(all)), "range": .object(Older.usage(some)), "daily": .object(Older.usage(today)),
                ]
                usages[key.id] = (usage, try Self.bound(key.accountBinding, reader))
            }
            return usages
        }
        return items.map { OlderKeyFields.json($0, usage: found[$0.id]?.usage ?? .null, bound: found[$0.id]?.bound ?? .init()) }
    }

    /// In the field of its kind.
    private static func bound(_ binding: String?, _ reader: Reader) throws(StoreError) -> OlderKeyFields.Binding {
        guard let binding else { return OlderKeyFields.Binding() }
        let account = try (try? AccountID(parsing: binding)).flatMap { id throws(StoreError) in try reader.account(id) }
        return account?.details.kind == .apiKey ? .init(console: binding) : .init(account: binding)
    }

    // MARK: Make and change

    /// Bodies are as dashboards send them: one object with many members, most of them empty.
    private static let body = Shape<JSON>.anyObject

    private var create: Endpoint<CustomerContext> {
        Older.endpoint(
            .post, "/admin/api-keys", "Make a key", takes: .body(Self.body), about: "The key itself is shown here once and never again."
        ) { input, context in
            .object(try await make(try OlderKeyFields(input.body, nameRequired: true), context, input.request.id))
        }
    }

    /// Keys made at once.
    private static let largestBatch: Int64 = 500

    private var createBatch: Endpoint<CustomerContext> {
        Older.endpoint(
            .post, "/admin/api-keys/batch", "Make several keys", takes: .body(Self.body),
            about: "`count` keys (at most \(Self.largestBatch)) named after `name`, or `baseName`, with a number."
        ) { input, context in
            var body = input.body.object ?? [:]
            if body["name"] == nil || body["name"] == .null || body["name"] == "" { body["name"] = body["baseName"] }
            let fields = try OlderKeyFields(.object(body), nameRequired: true)
            guard let count = input.body["count"].int, (1...Self.largestBatch).contains(count) else {
                throw InputErrors(fields: [FieldError("count", "must be from 1 to \(Self.largestBatch)")])
            }
            var made: [JSON] = []
            for number in 1...count { made.append(.object(try await make(fields, number: number, context, input.request.id))) }
            return .array(made)
        }
    }

    private func make(
        _ fields: OlderKeyFields, number: Int64? = nil, _ context: CustomerContext, _ request: RequestID
    ) async throws -> JSONObject {
        let name = number.map { String("\(fields.name)_\($0)".suffix(100)) } ?? fields.name
        let binding = fields.binding(after: .init())
        try await store.read { reader throws(StoreError) in try Self.check(binding, reader) }.get()
        // Everything is checked before there is a key, and the key does nothing before it has all its limits.
        let made = try await keys.create(
            RelayKeys.Wish(name: name), owner: fields.owner, actor: context.user.id.text, request: request
        ) { key throws(InputErrors) in
            var change = APIKeyChange(key)
            try fields.apply(to: &change)
            change.name = name
            return change
        }
        if let binding {
            try await store.transaction { transaction throws(StoreError) in
                _ = try transaction.bindAPIKey(made.key.id, to: binding, fallsBack: false)
            }
            await keys.changed()
        }
        var shown = try await one(made.key.id)
        shown["apiKey"] = .string(made.secret.reveal { $0 })
        return shown
    }

    /// A key that is bound to what is not there would be served by nobody.
    private static func check(_ binding: String?, _ reader: Reader) throws(StoreError) -> Result<Void, InputErrors> {
        guard let binding, try !RelayAccounts.names(binding, in: reader) else { return .success(()) }
        return .failure(
            InputErrors(fields: [FieldError("claudeAccountId", "must be the id of an account, or group: and that of a group")]))
    }

    private func one(_ id: APIKeyID) async throws -> JSONObject {
        guard let key = try await store.read({ reader throws(StoreError) in try reader.apiKey(id) }), key.deletedAt == nil,
            let shown = try await shown([key]).first
        else { throw Problem(.notFound) }
        return shown
    }

    private var update: Endpoint<CustomerContext> {
        Older.endpoint(
            .put, "/admin/api-keys/{id}", "Change a key", takes: .path(Older.id, body: Self.body), problems: [.notFound],
            about: "What is left out stays; 0 and \"\" take a limit away."
        ) { input, context in
            let id = try Self.parse(input.path)
            guard try await change(id, try OlderKeyFields(input.body, nameRequired: false), context, input.request.id) else {
                throw Problem(.notFound)
            }
            await keys.changed()
            return .object(try await one(id))
        }
    }

    private var updateBatch: Endpoint<CustomerContext> {
        Older.endpoint(
            .put, "/admin/api-keys/batch", "Change several keys", takes: .body(Self.body),
            about: "`keyIds` and `updates`; its `tagOperation` says what becomes of `tags`: replace, add, remove or none."
        ) { input, context in
            let fields = try OlderKeyFields(input.body["updates"], nameRequired: false)
            return try await each(input.body) { try await change($0, fields, context, input.request.id) }
        }
    }

    /// False when there is no such key.
    private func change(_ id: APIKeyID, _ fields: OlderKeyFields, _ context: CustomerContext, _ request: RequestID) async throws -> Bool {
        let outcome = try await store.transaction { transaction throws(StoreError) -> Result<Bool, InputErrors> in
            guard let old = try transaction.apiKey(id), old.deletedAt == nil else { return .success(false) }
            var change = APIKeyChange(old)
            do throws(InputErrors) { try fields.apply(to: &change) } catch { return .failure(error) }
            if fields.namesBinding {
                let binding = fields.binding(after: try Self.bound(old.accountBinding, transaction))
                if case .failure(let fault) = try Self.check(binding, transaction) { return .failure(fault) }
                _ = try transaction.bindAPIKey(id, to: binding, fallsBack: old.bindingFallsBack)
            }
            _ = try transaction.changeAPIKey(id, to: change)
            try transaction.record(
                actor: context.user.id.text, "key.update", subject: id.text,
                before: ["name": .string(old.name), "limits": old.limits.json, "active": .bool(old.status == .active)],
                after: ["name": .string(change.name), "limits": change.limits.json, "active": .bool(change.status == .active)], request)
            return .success(true)
        }
        return try outcome.get()
    }

    // MARK: Delete and bring back

    private var delete: Endpoint<CustomerContext> {
        Older.endpoint(
            .delete, "/admin/api-keys/{id}", "Delete a key", takes: .path(Older.id), problems: [.notFound],
            about: "It stops working at once and can be brought back."
        ) { input, context in
            let id = try Self.parse(input.path)
            guard try await keys.revoke(id, actor: context.user.id.text, request: input.request.id) else { throw Problem(.notFound) }
            return ["id": .string(id.text)]
        }
    }
    private var deleteBatch: Endpoint<CustomerContext> {
        Older.endpoint(.delete, "/admin/api-keys/batch", "Delete several keys", takes: .body(Self.body), about: "`keyIds`.") {
            input, context in
            try await each(input.body) { try await keys.revoke($0, actor: context.user.id.text, request: input.request.id) }
        }
    }
    private var restore: Endpoint<CustomerContext> {
        Older.endpoint(
            .post, "/admin/api-keys/{id}/restore", "Bring a deleted key back", takes: .path(Older.id), problems: [.notFound]
        ) { input, context in
            let id = try Self.parse(input.path)
            try await changed(id, "key.restore", context, input.request.id) { transaction throws(StoreError) in
                try transaction.restoreAPIKey(id)
            }
            return .object(try await one(id))
        }
    }
    private var purge: Endpoint<CustomerContext> {
        Older.endpoint(
            .delete, "/admin/api-keys/{id}/permanent", "Remove a deleted key for good", takes: .path(Older.id), problems: [.notFound],
            about: "Only of a key that is deleted already. Its history and what it was billed stay."
        ) { input, context in
            let id = try Self.parse(input.path)
            try await changed(id, "key.purge", context, input.request.id) { transaction throws(StoreError) in
                try transaction.purgeAPIKey(id)
            }
            return ["id": .string(id.text)]
        }
    }

    private func changed(
        _ id: APIKeyID, _ action: String, _ context: CustomerContext, _ request: RequestID,
        _ change: @escaping @Sendable (Transaction) throws(StoreError) -> Bool
    ) async throws {
        let isDone = try await store.transaction { transaction throws(StoreError) in
            guard try change(transaction) else { return false }
            try transaction.record(actor: context.user.id.text, action, subject: id.text, before: nil, after: nil, request)
            return true
        }
        guard isDone else { throw Problem(.notFound) }
        await keys.changed()
    }

    // MARK: Several at once

    private var batchStats: Endpoint<CustomerContext> {
        Older.endpoint(
            .post, "/admin/api-keys/batch-stats", "Usage of several keys", takes: .body(Self.body), about: "`keyIds` and `timeRange`."
        ) { input, _ in
            let ids = try Self.ids(input.body)
            let first = Older.firstDay(input.body["timeRange"].string ?? "all", store.ambient)
            let found = try await store.read { reader throws(StoreError) in
                var stats = JSONObject()
                for id in ids { stats[id.text] = .object(Older.usage(try reader.usage(UsageFilter(apiKeyID: id, fromDay: first)))) }
                return stats
            }
            return .object(found)
        }
    }

    private func each(_ body: JSON, _ work: (APIKeyID) async throws -> Bool) async throws -> JSON {
        var (done, failed): (Int64, [JSON]) = (0, [])
        for id in try Self.ids(body) {
            if try await work(id) { done += 1 } else { failed.append(["keyId": .string(id.text), "error": "There is no such key."]) }
        }
        await keys.changed()
        return ["successCount": .int(done), "failedCount": .int(Int64(failed.count)), "errors": .array(failed)]
    }

    private static func ids(_ body: JSON) throws -> [APIKeyID] {
        guard let list = body["keyIds"].array ?? body["ids"].array, (1...Int(largestBatch)).contains(list.count) else {
            throw InputErrors(fields: [FieldError("keyIds", "must be a list of 1 to \(largestBatch) ids")])
        }
        return try list.map { item in
            guard let text = item.string, let id = try? APIKeyID(parsing: text) else {
                throw InputErrors(fields: [FieldError("keyIds", "must hold ids as key_…")])
            }
            return id
        }
    }

    /// A text that cannot be an id is no key's.
    private static func parse(_ text: String) throws -> APIKeyID {
        guard let id = try? APIKeyID(parsing: text) else { throw Problem(.notFound) }
        return id
    }

    // MARK: Sharing

    private var share: Endpoint<CustomerContext> {
        Older.endpoint(
            .post, "/admin/api-keys/{id}/share", "Let somebody read a key's statistics",
            takes: .path(Older.id, body: Shape(Field<Int64>.integer("expiresIn", "Seconds.", 60...31_536_000).or(86_400), make: { $0 })),
            problems: [.notFound], about: "The token goes with `apiId` to /apiStats."
        ) { input, context in
            let id = try Self.parse(input.path)
            let end = store.ambient.now().adding(seconds: input.body)
            _ = try await one(id)
            try await store.transaction { transaction throws(StoreError) in
                try transaction.record(
                    actor: context.user.id.text, "key.share", subject: id.text, before: nil, after: ["until": .string(end.text)],
                    input.request.id)
            }
            return ["apiId": .string(id.text), "token": .string(shares.token(for: id, endsAt: end)), "expiresAt": .string(end.text)]
        }
    }
}
