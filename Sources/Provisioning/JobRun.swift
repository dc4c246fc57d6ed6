internal import Domain
internal import Secrets
internal import Store

/// One try of one job: asks the table for the next step until there is none, or until something fails.
struct JobRun: Sendable {
    let driver: (any ServiceDriver)?
    let secrets: ServiceSecrets
    let leased: LeasedJob
    let backend: Backend?
    /// Of the subscription, when the driver follows it.
    let endsAt: Timestamp?
    let ambient: Ambient
    let hook: StepHook
    /// Keeps a last reading before the counters go.
    let tail: @Sendable (ServiceID, UsageReading, Timestamp) async -> Void

    /// No position needs more: look, update, resume, and one to spare.
    private static let longestWay = 6

    /// - Throws: `Stopped` when a test's hook says so.
    func outcome() async throws(Stopped) -> JobOutcome {
        let service = leased.service
        var outcome = JobOutcome(
            job: leased.job, actual: service.actual, appliedRevision: service.appliedRevision, choices: nil, details: nil, ending: .done)
        guard let driver else { return ended(outcome, .refused("no driver for services of the kind \(service.kind)")) }
        var order: ServiceOrder
        do throws(SecretsError) { order = try secrets.order(service, backend: backend, endsAt: endsAt) } catch {
            return ended(outcome, .refused("a secret cannot be opened: \(error)"))
        }
        var wasMade = service.madeAt != nil
        for _ in 0..<Self.longestWay {
            let isCurrent = outcome.appliedRevision >= service.wantedRevision
            guard let action = Lifecycle.nextAction(service.desired, outcome.actual, isCurrent: isCurrent) else { return outcome }
            do throws(Cut) {
                if action == .suspend || action == .terminate, outcome.actual == .active { await readTail(driver, order) }
                if action != .look {
                    keep(try await asking { () async throws(DriverError) in try await call(action, driver, order) }, &order, &outcome)
                    try reached(.called)
                }
                let sight = try await asking { () async throws(DriverError) in try await driver.look(order) }
                keep(sight, &order, &outcome)
                try reached(.verified)
                if sight.presence != .absent { wasMade = true }
                outcome.actual = Lifecycle.actual(seen: sight.presence, wasMade: wasMade)
                if action == .create || action == .update { outcome.appliedRevision = service.wantedRevision }
                if sight.presence == .altered {
                    // Behind what is wanted, whatever was applied once: the next step is an update.
                    outcome.appliedRevision = min(outcome.appliedRevision, service.wantedRevision - 1)
                }
                guard Self.holds(action, outcome.actual), sight.presence != .altered || action == .look else {
                    return ended(outcome, .unreachable("after \(action.rawValue) the backend shows it \(sight.presence.rawValue)"))
                }
            } catch {
                guard case .driver(let error) = error else { throw Stopped() }
                if case .outcomeUnknown = error { outcome.actual = .unknown }
                return ended(outcome, error)
            }
        }
        return ended(outcome, .refused("it does not come to rest"))
    }

    /// What was used since the last sample is billed too. A reading that fails is none: the call itself is more urgent.
    private func readTail(_ driver: any ServiceDriver, _ order: ServiceOrder) async {
        guard let driver = driver as? any UsageReporting else { return }
        let at = ambient.now()
        do throws(DriverError) {
            guard let reading = try await driver.usage(of: [order])[order.id] else { return }
            await tail(order.id, reading, at)
        } catch { return }
    }

    /// Why a try ends before its end.
    private enum Cut: Error { case driver(DriverError), stopped }

    private func reached(_ step: ProvisioningStep) throws(Cut) {
        do throws(Stopped) { try hook(step, leased.service.id) } catch { throw .stopped }
    }
    private func asking(_ ask: () async throws(DriverError) -> Sight) async throws(Cut) -> Sight {
        do throws(DriverError) { return try await ask() } catch { throw .driver(error) }
    }

    /// Whether the backend now shows what the action was for.
    private static func holds(_ action: ServiceAction, _ actual: ActualState) -> Bool {
        switch action {
        case .create, .resume: actual == .active
        case .suspend: actual == .suspended
        case .terminate: actual == .gone || actual == .absent
        case .update, .look: true
        }
    }

    private func call(_ action: ServiceAction, _ driver: any ServiceDriver, _ order: ServiceOrder) async throws(DriverError) -> Sight {
        switch action {
        case .create: try await driver.create(order)
        case .update: try await driver.update(order)
        case .suspend: try await driver.suspend(order)
        case .resume: try await driver.resume(order)
        case .terminate: try await driver.terminate(order)
        case .look: try await driver.look(order)
        }
    }

    private func keep(_ sight: Sight, _ order: inout ServiceOrder, _ outcome: inout JobOutcome) {
        if let choices = sight.choices { (order.choices, outcome.choices) = (choices, choices) }
        if let details = sight.details { (order.details, outcome.details) = (details, details) }
    }

    private func ended(_ outcome: JobOutcome, _ error: DriverError) -> JobOutcome {
        var outcome = outcome
        let attempt = leased.job.attempts
        if error.isRetryable, attempt < RetryPolicy.attempts {
            let wait = RetryPolicy.waitMilliseconds(after: attempt, random: ambient.randomBytes(1).first ?? 128)
            outcome.ending = .retry(at: ambient.now().adding(milliseconds: wait), failure: error.description)
        } else {
            outcome.ending = .failed(error.description)
        }
        return outcome
    }
}
