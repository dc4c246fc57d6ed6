import Domain
import Testing

struct LifecycleTests {
    /// A backend that does what it is told.
    private static func obey(_ action: ServiceAction, _ actual: ActualState, reality: Presence) -> ActualState {
        switch action {
        case .create, .resume: .active
        case .suspend: .suspended
        case .terminate: .gone
        case .update: actual
        case .look: Lifecycle.actual(seen: reality, wasMade: reality != .absent)
        }
    }

    @Test(arguments: DesiredState.allCases, ActualState.allCases)
    func `every position is settled in a few steps and then rests`(desired: DesiredState, actual: ActualState) {
        for reality in Presence.allCases {
            for isCurrent in [true, false] {
                var (now, current, steps) = (actual, isCurrent, 0)
                while let action = Lifecycle.nextAction(desired, now, isCurrent: current), steps < 5 {
                    now = Self.obey(action, now, reality: reality)
                    if action == .update || action == .create { current = true }
                    steps += 1
                }
                #expect(steps <= 4, "\(desired) \(actual) \(reality)")
                switch desired {
                case .active: #expect(now == .active && current)
                case .suspended: #expect(now != .active && now != .unknown)
                case .terminated: #expect(now == .gone || now == .absent)
                }
            }
        }
    }

    @Test(arguments: ActualState.allCases)
    func `nothing is ever made for a service that may not run`(actual: ActualState) {
        for desired in [DesiredState.suspended, .terminated] {
            for isCurrent in [true, false] {
                let action = Lifecycle.nextAction(desired, actual, isCurrent: isCurrent)
                #expect(action != .create && action != .resume)
            }
        }
    }

    @Test func `what is unknown is looked at before anything is done`() {
        for desired in DesiredState.allCases { #expect(Lifecycle.nextAction(desired, .unknown, isCurrent: false) == .look) }
    }

    @Test func `termination outweighs every suspension`() {
        let position = ServicePosition(isTerminated: true, suspensions: [Suspension(.abuse, by: .operator)], actual: .suspended)
        #expect(position.desired == .terminated && position.nextAction == .terminate)
    }

    private static let everySuspension = Set(
        SuspensionReason.allCases.flatMap { reason in SuspensionAuthority.allCases.map { Suspension(reason, by: $0) } })

    @Test func `a payment lifts what billing said about payment and end, and nothing else`() {
        let lifted = Lifecycle.lifted(Self.everySuspension, by: .payment)
        #expect(lifted == [Suspension(.payment, by: .billing), Suspension(.expired, by: .billing)])
    }
    @Test func `only an operator lifts abuse and an operator's word, WHMCS its own`() {
        #expect(Lifecycle.lifted(Self.everySuspension, by: .owner) == [.ownPause])
        for cause in LiftCause.allCases where cause != .operator && cause != .owner {
            for suspension in Lifecycle.lifted(Self.everySuspension, by: cause) {
                let isWHMCS = cause == .whmcs && suspension.authority == .whmcs
                #expect(isWHMCS || (suspension.reason != .abuse && suspension.reason != .operator), "\(cause) \(suspension)")
            }
        }
        #expect(Lifecycle.lifted(Self.everySuspension, by: .operator, only: [.abuse]).allSatisfy { $0.reason == .abuse })
        #expect(Lifecycle.lifted(Self.everySuspension, by: .operator).count == Self.everySuspension.count)
    }
    @Test func `lifting never adds, and lifting twice is lifting once`() {
        for cause in LiftCause.allCases {
            let rest = Self.everySuspension.subtracting(Lifecycle.lifted(Self.everySuspension, by: cause))
            #expect(rest.isSubset(of: Self.everySuspension))
            #expect(Lifecycle.lifted(rest, by: cause).isEmpty)
        }
    }

    @Test func `waits grow to five minutes and no further, whatever the number`() {
        var last: Int64 = 0
        for attempt: Int64 in 1...12 {
            let wait = RetryPolicy.waitMilliseconds(after: attempt, random: 128)
            #expect(wait >= last)
            last = wait
        }
        for attempt in [0, -5, 1, 600, .max] as [Int64] {
            for random in [UInt8.min, .max] {
                #expect((800...360_000).contains(RetryPolicy.waitMilliseconds(after: attempt, random: random)))
            }
        }
        #expect(RetryPolicy.waitMilliseconds(after: 1, random: 0) == 800)
    }

    @Test(arguments: [(0, 5, true), (0, 6, false), (50, 5, true), (50, 6, false), (100, 10, true), (100, 11, false)])
    func `the brake lets through five or a tenth, whichever is more`(services: Int, changes: Int, passes: Bool) {
        #expect(Brake.allows(changes: changes, of: services) == passes)
    }
}
