import Domain
import Store
import Synchronization
import Telemetry
import TestKit
import Testing

@testable import Provisioning

struct LastingFailureTests {
    private final class Lines: LogOutput {
        let written = Mutex<[String]>([])
        func write(_ line: [UInt8], to channel: LogChannel) { written.withLock { $0.append(String(decoding: line, as: UTF8.self)) } }
    }

    @Test func `a failure is said when it begins, once a minute while it lasts, and when it has ended`() {
        let (lines, failure) = (Lines(), LastingFailure())
        let start = Timestamp(milliseconds: 1_790_000_000_000)
        let log = Log(level: .debug, output: lines, now: { start })
        func events(_ name: String) -> Int { lines.written.withLock { $0.count { $0.contains("\"\(name)\"") } } }
        failure.worked("thing.recovered", log)
        #expect(events("thing.recovered") == 0, "nothing had failed")
        for second in 0..<120 { failure.failed(.busy, "thing.failed", log, start.adding(seconds: Int64(second))) }
        #expect(events("thing.failed") == 2)
        failure.worked("thing.recovered", log)
        failure.worked("thing.recovered", log)
        #expect(events("thing.recovered") == 1)
        failure.failed(.busy, "thing.failed", log, start.adding(seconds: 121))
        #expect(events("thing.failed") == 3, "another one")
    }
}
