internal import Domain
internal import Store
internal import Synchronization

/// What limits a process keeps, and for whom. One machine keeps them in its memory (`LocalLimits`); several that share limits keep them
/// where all of them reach (design, section 7), behind the same three calls.
protocol LimitKeeping: AnyObject, Sendable {
    /// Checks every limit of every holder and takes all or none.
    func admit(
        _ holders: [LimitCounters.Holder], _ want: LimitCounters.Reservation, invited: LimitCounters?
    ) throws(LimitRefusal) -> LimitCounters.Reservation
    /// Replaces a reservation by what was used.
    func settle(_ holders: [LimitCounters.Holder], _ reservation: LimitCounters.Reservation, used: LimitAmounts)
    /// Gives a reservation back; nothing was used.
    func release(_ holders: [LimitCounters.Holder], _ reservation: LimitCounters.Reservation)
}

/// Limits in this process's memory.
final class LocalLimits: LimitKeeping {
    let zone: CivilZone
    init(zone: CivilZone) { self.zone = zone }

    func admit(
        _ holders: [LimitCounters.Holder], _ want: LimitCounters.Reservation, invited: LimitCounters?
    ) throws(LimitRefusal) -> LimitCounters.Reservation {
        try LimitCounters.admit(holders, want, zone: zone, invited: invited)
    }
    func settle(_ holders: [LimitCounters.Holder], _ reservation: LimitCounters.Reservation, used: LimitAmounts) {
        // The key's own are the first: they know whether its places are still its own.
        var places: Int64?
        for holder in holders { places = holder.counters.settle(reservation, used: used, places: places) }
    }
    func release(_ holders: [LimitCounters.Holder], _ reservation: LimitCounters.Reservation) {
        var places: Int64?
        for holder in holders { places = holder.counters.release(reservation, places: places) }
    }
}

/// One admitted request's hold on its limits. Settled once; a request that never settles gives everything back with its lease.
final class LimitTicket: Sendable {
    private let keeper: any LimitKeeping
    private let holders: [LimitCounters.Holder]
    let reservation: LimitCounters.Reservation
    private let isOver = Atomic<Bool>(false)

    init(_ keeper: any LimitKeeping, _ holders: [LimitCounters.Holder], _ reservation: LimitCounters.Reservation) {
        (self.keeper, self.holders, self.reservation) = (keeper, holders, reservation)
    }

    /// Books the real numbers in the place of the reservation; the second call changes nothing.
    func settle(_ tokens: TokenCounts, costMicroUSD: Int64, model: String) {
        guard !isOver.exchange(true, ordering: .relaxed) else { return }
        keeper.settle(
            holders, reservation,
            used: LimitAmounts(tokens, costMicroUSD: costMicroUSD, model: model, requests: reservation.amounts.period.requests))
    }

    /// An answer that came to its end, where anything was held back for it.
    func noteOutput(_ tokens: Int64, model: String) {
        guard reservation.amounts.output > 0 else { return }
        holders.first?.counters.noteOutput(tokens, model: model)
    }

    fileprivate func release() {
        guard !isOver.exchange(true, ordering: .relaxed) else { return }
        keeper.release(holders, reservation)
    }
}

extension LimitAmounts {
    init(_ tokens: TokenCounts, costMicroUSD: Int64, model: String, requests: Int64) {
        self.init(
            requests: requests, tokens: tokens.limited,
            input: LimitAmounts.sum(tokens.input, LimitAmounts.sum(tokens.cacheWrite5m, tokens.cacheWrite1h)), output: tokens.output,
            costMicroUSD: costMicroUSD, opusCostMicroUSD: PriceTable.isOpus(model) ? costMicroUSD : 0)
    }
}

/// A request's places and reservations under all its limits. Given back when it ends, on every path, because it cannot be copied and
/// its `deinit` does it.
struct KeyLease: ~Copyable {
    let ticket: LimitTicket
    var reservation: LimitCounters.Reservation { ticket.reservation }

    init(
        _ keeper: any LimitKeeping, _ holders: [LimitCounters.Holder], want: LimitCounters.Reservation, invited: LimitCounters? = nil
    ) throws(LimitRefusal) {
        ticket = LimitTicket(keeper, holders, try keeper.admit(holders, want, invited: invited))
    }

    deinit { ticket.release() }
}
