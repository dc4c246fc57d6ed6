internal import HTTP

/// The first attempt of a request that has waited for nothing. Most come whole and are answered whole, and then nothing needs a task, whose
/// switches and frames are six in a hundred of what such a request costs its reactor (docs/benchmarks.md). Whatever comes otherwise goes on
/// in one: streams, refusals, failures, and all attempts that follow. Touched only on the exchange's reactor.
final class FirstAttempt: ResponseWatcher, @unchecked Sendable {
    private let attempts: Attempts
    private let handler: MessagesHandler
    private let plan: Attempts.Plan
    private let account: RelayAccount

    private init(_ attempts: Attempts, _ handler: MessagesHandler, _ plan: consuming Attempts.Plan, _ account: RelayAccount) {
        (self.attempts, self.handler, self.plan, self.account) = (attempts, handler, plan, account)
    }

    /// From here on the passage sees to its end by itself.
    /// - Throws: when no account may be asked.
    static func begin(_ attempts: Attempts, _ handler: MessagesHandler) throws(RelayProblem) {
        var plan = attempts.plan()
        // Nil is an answer that has been given.
        guard let account = try attempts.next(&plan) else { return handler.end(attempts.passage) }
        let first = FirstAttempt(attempts, handler, consume plan, account)
        attempts.pool.send(attempts.call(account), telling: first)
    }

    func answered(_ response: UpstreamResponse) {
        let kind = attempts.kind(response, account)
        if kind == .whole, let outcome = attempts.wholeAtOnce(response) {
            if case .done = outcome { return handler.end(attempts.passage) }
            return goOn { outcome }
        }
        goOn { [attempts, account] in await attempts.outcome(of: response, kind, account, mayRenew: true) }
    }

    func failed(_ error: UpstreamError) {
        goOn { [attempts] in
            attempts.noteWait()
            return attempts.failure(error)
        }
    }

    private func goOn(_ outcome: @escaping @Sendable () async -> Attempts.Outcome) {
        attempts.exchange.inTask { [self] _ in
            do throws(RelayProblem) {
                try await attempts.run(from: await outcome(), of: account, plan)
            } catch {
                handler.fail(attempts.passage, error)
                handler.end(attempts.passage)
                return handler.refuse(attempts.exchange, error)
            }
            if !attempts.passage.goesOn { handler.end(attempts.passage) }
        }
    }
}
