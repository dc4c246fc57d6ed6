internal import Billing
internal import Domain
internal import Store

/// `gatehouse webhook …`: who is told of events, and what was told. A running server knows of a change within seconds.
extension Command {
    static let webhookList = Command(
        name: "webhook list", usage: "",
        about:
            "Lists who is told of events.\nOf places of the settings that have answered 410 only the running server knows: see /admin/webhook/config."
    ) { arguments in
        _ = try arguments.operands()
        try await withSales { _, parts in
            let places =
                parts.webhooks.fixed.map { json("", $0.name, WebhookTarget.host($0.address), $0.events, nil) }
                + (try await parts.webhooks.shown()).map { json($0.row.id.text, $0.row.name, $0.host, $0.row.events, $0.row) }
            Output.show(
                arguments, .array(places),
                Output.table(
                    ["NAME", "URL", "EVENTS", "SOURCE", "TOLD", "WHY NOT", "SINCE"],
                    places.map { place in
                        let events = (place["events"].array ?? []).compactMap(\.string).joined(separator: ",")
                        return [
                            place["name"].string ?? "", place["url"].string ?? "", events, place["source"].string ?? "",
                            place["enabled"].bool == true ? "yes" : "no", place["disabled_reason"].string ?? "-",
                            place["disabled_at"].string ?? "-",
                        ]
                    }))
        }
    }
    /// - Parameter row: nil for a place of the settings.
    private static func json(_ id: String, _ name: String, _ host: String, _ events: [String], _ row: StoredWebhook?) -> JSON {
        [
            "id": .string(id), "name": .string(name), "url": .string(host), "events": .array(events.map(JSON.string)),
            "source": row == nil ? "settings" : "stored", "enabled": .bool(row?.isEnabled ?? true),
            "disabled_at": row?.disabledAt.map { .string($0.text) } ?? .null,
            "disabled_reason": row?.disabledReason.map(JSON.string) ?? .null,
        ]
    }

    static let webhookEnable = Command(
        name: "webhook enable", usage: "NAME", about: "Tells a place that was added with a page again, also one that answered 410."
    ) { arguments in try await switchWebhook(arguments, isEnabled: true) }

    static let webhookDisable = Command(
        name: "webhook disable", usage: "NAME", about: "Tells a place that was added with a page nothing more."
    ) { arguments in try await switchWebhook(arguments, isEnabled: false) }

    private static func switchWebhook(_ arguments: Arguments, isEnabled: Bool) async throws {
        let name = try arguments.operands("name")[0]
        try await withSales { _, parts in
            guard !parts.webhooks.fixed.contains(where: { $0.name == name }) else {
                throw Failure("\(name) is a place of the settings: change EVENT_WEBHOOKS and start the server again")
            }
            guard let place = try await parts.webhooks.shown().first(where: { $0.row.name == name }),
                try await parts.webhooks.change(place.row.id, WebhookChange(isEnabled: isEnabled), actor: "command", request: nil) != nil
            else { throw Failure("there is no place \(name)") }
            Output.show(
                arguments, ["name": .string(name), "enabled": .bool(isEnabled)], "\(name) is \(isEnabled ? "told" : "told nothing more")")
        }
    }

    static let webhookEvents = Command(
        name: "webhook events", usage: "[--state waiting|sent|dead] [--limit N]",
        about: "Lists events that others are told of, newest first: what is waiting, sent, or given up and why.",
        valued: ["state", "limit"]
    ) { arguments in
        _ = try arguments.operands()
        let state = try promiseState(arguments)
        let limit = Int(try arguments.number("limit", 1...1000) ?? 100)
        try await withInstance { instance in
            let events = try await instance.store.read { reader throws(StoreError) in try reader.outbox(state: state, limit: limit).items }
            Output.show(
                arguments, .array(events.map(\.json)),
                Output.table(
                    ["ID", "KIND", "STATE", "TRIES", "TOLD", "WHY"],
                    events.map {
                        [
                            $0.id.text, $0.kind, $0.state.rawValue, String($0.attempts), $0.told.joined(separator: ","),
                            $0.failure ?? "-",
                        ]
                    }))
        }
    }

    static let webhookReplay = Command(
        name: "webhook replay", usage: "ID",
        about:
            "Sends an event again, with the same id. One that was given up goes to those who do not have it,\none that was sent to everybody, and one that waits goes at once."
    ) { arguments in
        let text = try arguments.operands("id")[0]
        guard let id = try? EventID(parsing: text) else { throw Failure("an event's id looks like evt_…", exitCode: 2) }
        try await withInstance { instance in
            guard let event = try await Outgoing.replay(id, instance.store, actor: "command") else {
                throw Failure("there is no event \(text)")
            }
            Output.show(arguments, event.json, "\(text) is waiting")
        }
    }
}
