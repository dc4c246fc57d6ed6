internal import Domain
internal import Provisioning
internal import Secrets
internal import Store

// What becomes of peers: services that are what is on the node already.
extension TakeoverRun {
    mutating func peer(_ row: ForeignRow) throws(StoreError) -> End {
        guard let node else { return .skipped("no node was named") }
        guard let owner = row.number("user_id"), let user = users[owner] else { return .skipped("its owner was not taken") }
        guard let key = row.text("wg_public_key") else { return .skipped("it has no public key") }
        var foundling = foundling(row, key)
        if let there = seen[key] {
            if there.isKnown { return .skipped("a service stands for it already") }
            foundling.name = there.foundling.name
            (foundling.endsAt, foundling.usage) = (there.foundling.endsAt, there.foundling.usage)
            if foundling.facts["addresses"].array?.isEmpty != false { foundling.facts = there.foundling.facts }
        } else if !node.seen.isEmpty || node.backend.settings["driver"].string == "wg-easy" {
            report.note("vpn_peers \(row.id) of \(user.email) is not on the node: it is made there, by a controller with another key")
        }
        let subscription = subscriptions[owner]?.first
        let name = row.line("device_name", "name", most: 64)
        let wish = Orders.Wish(
            kind: .vpn, label: name.isEmpty ? "vpn" : name,
            limits: try subscription.flatMap { one throws(StoreError) in try transaction.plan(one.planID)?.terms.limits } ?? [:],
            owner: user.id, subscription: subscription)
        switch try orders.adopt(foundling, wish, on: node.backend, actor: "command", in: transaction) {
        case .refused(let reason): return .skipped(reason)
        case .kept(let service, let notes):
            for note in notes { report.note("vpn_peers \(row.id) of \(user.email): \(note)") }
            try suspend(service, row, user, subscription)
            return .taken(service.id.text)
        }
    }

    private mutating func suspend(_ service: Service, _ row: ForeignRow, _ user: User, _ subscription: Subscription?) throws(StoreError) {
        var reason: Suspension?
        switch subscription?.status {
        case .expired, .ended: reason = Suspension(.expired, by: .billing)
        case .active: if row.flag("active") == false { reason = .ownPause }
        case nil:
            report.note("vpn_peers \(row.id) of \(user.email) belongs to no tariff: it runs until somebody ends it")
            if row.flag("active") == false { reason = .ownPause }
        }
        if let reason { _ = try orders.change(service.id, .suspend(reason), actor: "command", in: transaction) }
    }

    private func foundling(_ row: ForeignRow, _ key: String) -> Foundling {
        let address = row.text("wg_ip") ?? ""
        let addresses = address.split(separator: ",").map { JSON.string(String($0.filter { $0 != " " })) }
        var facts: JSONObject = ["public_key": .string(key), "addresses": .array(addresses)]
        var secret: JSONObject = [:]
        if let stored = row.text("wg_private_key") {
            if stored.hasPrefix("host:") {
                facts["host_path"] = .string(String(stored.dropFirst(5)))
            } else {
                secret["private_key"] = .string(opened(stored) ?? stored)
            }
        }
        if let stored = row.text("wg_config_encrypted", "wg_config", "config") { secret["config"] = .string(opened(stored) ?? stored) }
        return Foundling(
            name: row.line("device_name", "name", most: 64), isActive: row.flag("active") ?? true, facts: .object(facts),
            secret: secret.isEmpty ? nil : Array(JSON.object(secret).text.utf8))
    }

    /// What was sealed there with the key that is our `CONFIG_ENCRYPTION_KEY` now.
    private func opened(_ token: String) -> String? {
        let place = SealedPlace(table: "vpn_peers", row: "", column: "wg_private_key")
        guard token.hasPrefix("gAAAA"), let bytes = try? takeover.keyring.open(Array(token.utf8), for: place) else { return nil }
        return String(validating: bytes, as: UTF8.self)
    }
}
