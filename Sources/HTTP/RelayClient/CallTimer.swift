/// The deadline of a call. A connection has one for all its calls, because most calls end long before: the reactor's timer stays where it
/// is when a deadline moves on, and looks again when it fires.
///
/// Touched only on its reactor. Whoever made it ends it.
final class CallTimer {
    private let reactor: Reactor
    private var call: UpstreamCall?
    private var deadlineNanoseconds = UInt64.max
    private var token: TimerToken?
    private var firesAtNanoseconds = UInt64.max

    init(_ reactor: Reactor) { self.reactor = reactor }

    func arm(_ call: UpstreamCall, _ milliseconds: Int) {
        self.call = call
        deadlineNanoseconds = reactor.nowNanoseconds &+ UInt64(max(0, milliseconds)) &* 1_000_000
        if deadlineNanoseconds < firesAtNanoseconds { schedule() }
    }

    /// No deadline until the next `arm`; nothing when another call has it by now.
    func rest(_ call: UpstreamCall) { if self.call === call { rest() } }
    private func rest() {
        call = nil
        deadlineNanoseconds = .max
    }

    func end() {
        rest()
        if let token { reactor.cancel(token) }
        (token, firesAtNanoseconds) = (nil, .max)
    }

    private func schedule() {
        if let token { reactor.cancel(token) }
        firesAtNanoseconds = deadlineNanoseconds
        let now = reactor.nowNanoseconds
        let delay = deadlineNanoseconds > now ? deadlineNanoseconds - now : 0
        token = reactor.schedule(afterNanoseconds: delay) { [weak self] in self?.fired() }
    }

    private func fired() {
        (token, firesAtNanoseconds) = (nil, .max)
        guard let call, deadlineNanoseconds != .max else { return }
        if reactor.nowNanoseconds < deadlineNanoseconds { return schedule() }
        rest()
        call.deadlinePassed()
    }
}
