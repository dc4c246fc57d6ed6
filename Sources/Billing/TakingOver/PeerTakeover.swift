internal import Domain
public import Provisioning
public import Store

/// Makes services of what is on a node already and belongs to none, as of a controller that was run by hand so far.
public struct PeerTakeover: Sendable {
    let store: Store
    let orders: Orders
    public init(store: Store, orders: Orders) { (self.store, self.orders) = (store, orders) }

    /// - Parameters:
    ///   - owner: whose they become; nil: of whoever has the mail address that one is named after, else nobody's, which the operator runs.
    ///   - isRehearsal: everything is done and then undone.
    public func run(_ seen: [Orders.Seen], on backend: Backend, owner: User?, isRehearsal: Bool) async throws(StoreError) -> TakeoverReport
    {
        try await store.takeOver(isRehearsal: isRehearsal) { [orders] transaction throws(StoreError) in
            var report = TakeoverReport()
            var part = TakeoverReport.Part(name: "peers", found: seen.count)
            for one in seen {
                let name = one.foundling.name
                guard !one.isKnown else {
                    part.known += 1
                    continue
                }
                var whose = owner
                if whose == nil, let email = try? EmailAddress(parsing: name) { whose = try transaction.user(email: email.text) }
                let label = String(String.UnicodeScalarView(name.unicodeScalars.filter { $0.value >= 0x20 && $0.value != 0x7f })).prefix(64)
                let wish = Orders.Wish(
                    kind: backend.kind, label: label.isEmpty ? "peer" : String(label), limits: [:], owner: whose?.id)
                switch try orders.adopt(one.foundling, wish, on: backend, actor: "command", in: transaction) {
                case .refused(let reason):
                    part.skipped += 1
                    report.note("\(label) is left out: \(reason)")
                case .kept(let service, let notes):
                    part.taken += 1
                    for note in notes { report.note("\(label): \(note)") }
                    if let end = one.foundling.endsAt { report.note("\(label): the node itself closes it at \(end.text)") }
                    if !one.foundling.isActive {
                        _ = try orders.change(
                            service.id, .suspend(Suspension(.operator, by: .operator)), actor: "command", in: transaction)
                    }
                }
            }
            report.parts = [part]
            return report
        }
    }
}
