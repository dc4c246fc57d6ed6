public import Domain
public import HTTP
public import Store

/// What a page or a command says of a model; nil stays, 0 and an empty text go back to what the model's name tells.
public struct ModelChange: Sendable {
    public var displayName: String?
    public var maxInputTokens: Int64?
    public var maxOutputTokens: Int64?
    public var lifecycle: ModelLifecycle?
    public var deprecatedAt: String?
    public var retiresAt: String?
    public init() {}

    static let tokens: ClosedRange<Int64> = 0...100_000_000

    func applied(to known: ModelEntry) throws(InputErrors) -> ModelEntry {
        var (entry, faults) = (known, [FieldError]())
        func moment(_ text: String?, _ name: String, _ now: Timestamp?) -> Timestamp? {
            guard let text else { return now }
            guard !text.isEmpty else { return nil }
            do throws(ParseError) { return try Timestamp(parsing: text) } catch {
                faults.append(FieldError(name, error.message))
                return nil
            }
        }
        if let displayName { entry.displayName = displayName.isEmpty ? nil : displayName }
        if let maxInputTokens { entry.maxInputTokens = maxInputTokens == 0 ? nil : maxInputTokens }
        if let maxOutputTokens { entry.maxOutputTokens = maxOutputTokens == 0 ? nil : maxOutputTokens }
        entry.lifecycle = lifecycle ?? entry.lifecycle
        entry.deprecatedAt = moment(deprecatedAt, "deprecated_at", entry.deprecatedAt)
        entry.retiresAt = moment(retiresAt, "retires_at", entry.retiresAt)
        guard faults.isEmpty else { throw InputErrors(fields: faults) }
        return entry
    }
}

/// The model table: the use case behind `/api/admin/models` and `gatehouse model`.
public struct RelayModels: Sendable {
    private let store: Store
    /// The whole table, as the data path makes it.
    let list: @Sendable () async throws -> [JSON]
    private let changed: @Sendable () async -> Void

    public init(
        store: Store, list: @escaping @Sendable () async throws -> [JSON], changed: @escaping @Sendable () async -> Void = {}
    ) { (self.store, self.list, self.changed) = (store, list, changed) }

    /// A name that may stand in a request.
    static func isName(_ text: String) -> Bool {
        (1...128).contains(text.utf8.count)
            && text.utf8.allSatisfy {
                (0x30...0x39).contains($0) || (0x61...0x7a).contains($0) || (0x41...0x5a).contains($0)
                    || [0x2d, 0x2e, 0x5f, 0x3a].contains($0)
            }
    }

    /// - Throws: `InputErrors`, `StoreError.refused("too_many_models")`.
    public func set(_ id: String, _ change: ModelChange, actor: String, request: RequestID? = nil) async throws -> JSON {
        guard Self.isName(id) else { throw InputErrors(fields: [FieldError("id", "must be the name of a model")]) }
        let known = try await store.read { reader throws(StoreError) in try reader.model(id) } ?? ModelEntry(id: id)
        let entry = try change.applied(to: known)
        try await store.transaction { transaction throws(StoreError) in
            try transaction.setModel(entry)
            try transaction.record(
                actor: actor, "model.set", subject: id, before: Self.words(known), after: Self.words(entry), request)
        }
        await changed()
        return try await list().first { $0["id"].string == id } ?? .null
    }

    private static func words(_ entry: ModelEntry) -> JSON {
        [
            "display_name": entry.displayName.map(JSON.string) ?? .null, "max_input_tokens": entry.maxInputTokens.map(JSON.int) ?? .null,
            "max_output_tokens": entry.maxOutputTokens.map(JSON.int) ?? .null, "lifecycle": .string(entry.lifecycle.rawValue),
            "deprecated_at": entry.deprecatedAt.map { .string($0.text) } ?? .null,
            "retires_at": entry.retiresAt.map { .string($0.text) } ?? .null,
        ]
    }
}

/// `/api/admin/models`.
public struct ModelAdministration: Sendable {
    private let models: RelayModels
    private let door: SessionDoor

    public init(_ models: RelayModels, _ door: SessionDoor) { (self.models, self.door) = (models, door) }

    public var endpoints: [MountedEndpoint] { [list, set].mounted { try await door.person($0, roles: [.admin]) } }

    private static let admins = Audience.operators(roles: [UserRole.admin.rawValue])
    private static let problems = ProblemKind.ofSignIn + ProblemKind.ofStore
    private static let example: JSON = [
        "id": "claude-sonnet-5-5", "display_name": "Claude Sonnet 5.5", "max_input_tokens": 200_000, "max_tokens": 64_000,
        "lifecycle": "active", "deprecated_at": nil, "retires_at": nil,
    ]
    private static let view = View(
        "ModelEntry",
        [
            .always("id", "As requests name it.", .text), .always("display_name", "For people.", .text),
            .always("max_input_tokens", "What it reads at most.", .count), .always("max_tokens", "What it writes at most.", .count),
            .always("lifecycle", "As clients are told.", .choice(ModelLifecycle.allCases.map(\.rawValue))),
            .always("deprecated_at", "null: not.", .nullable(.time)), .always("retires_at", "null: not known.", .nullable(.time)),
        ], example: example)

    private static func shown(_ model: JSON) -> JSON {
        .object(JSONObject(view.example.object?.members.map { ($0.name, model[$0.name]) } ?? []))
    }

    private var list: Endpoint<CustomerContext> {
        Endpoint(
            .get, "/api/admin/models", "The model table", tag: "Models", audience: Self.admins, takes: .nothing,
            replies: .ok(
                View(
                    "ModelTable", [.always("models", "By name.", .list(of: Self.view.schema, count: 0...10_000))],
                    example: ["models": [Self.example]])),
            problems: Self.problems, about: "What `/v1/models` says of models; keys see those that they may use."
        ) { _, _ in ["models": .array(try await models.list().map(Self.shown))] }
    }

    private static let shape = Shape(
        Field<String>.text("display_name", "Empty: from its name.", length: 0...100).optional,
        Field<Int64>.integer("max_input_tokens", "What it reads at most; 0: as its name tells.", ModelChange.tokens).optional,
        Field<Int64>.integer("max_output_tokens", "What it writes at most; 0: as its name tells.", ModelChange.tokens).optional,
        Field<String>.choice("lifecycle", "What clients are told.", ModelLifecycle.allCases.map(\.rawValue)).optional,
        Field<String>.text("deprecated_at", "RFC 3339; empty: not.", length: 0...40).optional,
        Field<String>.text("retires_at", "RFC 3339; empty: not known.", length: 0...40).optional
    ) { name, input, output, lifecycle, deprecated, retires in
        var change = ModelChange()
        (change.displayName, change.maxInputTokens, change.maxOutputTokens) = (name, input, output)
        change.lifecycle = lifecycle.flatMap(ModelLifecycle.init)
        (change.deprecatedAt, change.retiresAt) = (deprecated, retires)
        return change
    }

    private var set: Endpoint<CustomerContext> {
        Endpoint(
            .put, "/api/admin/models/{id}", "Say what a model can do", tag: "Models", audience: Self.admins,
            takes: .path(Shape(Field<String>.text("id", "As requests name it.", length: 1...128), make: { $0 }), body: Self.shape),
            replies: .ok(Self.view), problems: Self.problems + [.csrf, .conflict],
            about:
                "What is left out stays. The context of conversations and the standard `max_tokens` of OpenAI requests go by it; prices are rows of their own."
        ) { input, context in
            do {
                return .json(
                    Self.shown(try await models.set(input.path, input.body, actor: context.user.id.text, request: input.request.id)))
            } catch StoreError.refused("too_many_models") { throw Problem(.conflict, "There are \(ModelEntry.maximum) entries already.") }
        }
    }
}
