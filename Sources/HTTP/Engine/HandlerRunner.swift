/// A task that works on exchanges, one after the other. To make a task for every request, with the memory that the frames of its
/// functions take, costs more than all else that begins a request; so a reactor keeps some that have nothing to do.
///
/// Touched only on its reactor.
@safe final class HandlerRunner: @unchecked Sendable {
    private var next: (exchange: Exchange, work: HandlerWork)?
    /// Resumed once by whoever has taken the runner out of the reactor's list, which it enters just before it waits.
    private var waiting: UnsafeContinuation<Void, Never>?

    /// Gives it work; one that waits begins soon.
    func take(_ exchange: Exchange, _ work: @escaping HandlerWork) {
        next = (exchange, work)
        wake()
    }

    /// Without work it ends.
    func wake() {
        guard let continuation = unsafe waiting else { return }
        unsafe waiting = nil
        unsafe continuation.resume()
    }

    func run(on reactor: Reactor) async {
        while next != nil {
            await work()
            guard reactor.park(self) else { return }
            unsafe await withUnsafeContinuation { unsafe waiting = $0 }
        }
    }

    /// Apart from `run`, which would keep the exchange while it waits for the next.
    private func work() async {
        guard let (exchange, work) = next.take() else { return }
        await work(exchange)
        exchange.handlerReturned()
    }
}
