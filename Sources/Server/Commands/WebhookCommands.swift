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
}
