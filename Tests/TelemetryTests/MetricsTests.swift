import Domain
import Foundation
import Telemetry
import Testing

struct MetricsTests {
    private let requests = MetricDefinition("test_requests_total", "Requests.", .counter, labels: ["route"], maximumLabelSets: 2)
    private let duration = MetricDefinition("test_duration_seconds", "Time.", .histogram([0.1, 1]), divisor: 1e9)

    @Test func `a family keeps a bounded number of label sets and adds the rest together`() {
        let metrics = Metrics()
        for route in ["a", "b", "c", "d", "a"] { metrics.counter(requests, route).add() }
        #expect(metrics.prometheusText().contains("test_requests_total{route=\"a\"} 2\n"))
        #expect(metrics.prometheusText().contains("test_requests_total{route=\"other\"} 2\n"))
        #expect(!metrics.prometheusText().contains("route=\"c\""))
    }

    @Test func `a histogram is cumulative, with sum and count in its unit`() {
        let metrics = Metrics()
        let histogram = metrics.histogram(duration)
        for nanoseconds in [50_000_000, 100_000_000, 500_000_000, 3_000_000_000] as [UInt64] { histogram.observe(nanoseconds) }
        let text = metrics.prometheusText()
        for line in [
            "test_duration_seconds_bucket{le=\"0.1\"} 2", "test_duration_seconds_bucket{le=\"1\"} 3",
            "test_duration_seconds_bucket{le=\"+Inf\"} 4",
            "test_duration_seconds_sum 3.65", "test_duration_seconds_count 4",
        ] { #expect(text.contains(line + "\n"), "\(line) in\n\(text)") }
        #expect(metrics.json()["test_duration_seconds"]["values"].array?.first?["value"]["count"] == 4)
    }

    @Test func `label values are escaped`() {
        let metrics = Metrics()
        metrics.counter(requests, "a\"b\\c\nd").add()
        #expect(metrics.prometheusText().contains(#"route="a\"b\\c\nd""#))
    }

    @Test func `counting from many tasks loses nothing`() async {
        let metrics = Metrics()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 { group.addTask { for _ in 0..<10_000 { metrics.counter(self.requests, "a").add() } } }
        }
        #expect(metrics.counter(requests, "a").value == 80_000)
    }

    /// The judge is Prometheus' own checker.
    @Test func `promtool accepts the exposition of every named metric`() throws {
        let metrics = Metrics()
        ProcessMetrics.register(in: metrics, startedAt: Timestamp(seconds: 1_795_236_323))
        metrics.counter(.httpRequests, "/v1/messages", "POST", "200").add()
        metrics.histogram(.httpDuration, "/v1/messages").observe(1_500_000)
        for counter in [MetricDefinition.httpBytesReceived, .httpBytesSent, .journalDamaged, .ledgerEntries] {
            metrics.counter(counter).add(7)
        }
        for gauge in [MetricDefinition.httpConnections, .relayInFlight, .journalPending, .logDropped] { metrics.gauge(gauge).set(3) }
        for counter in [MetricDefinition.relayRequests, .relayRefusals, .relayUpstreamStatus, .relayTokens] {
            metrics.counter(counter, "x").add()
        }
        for histogram in [MetricDefinition.relayOverhead, .relayTimeToFirstByte] { metrics.histogram(histogram).observe(1000) }
        let text = metrics.prometheusText()
        #expect(text.contains("process_resident_memory_bytes ") && !text.contains("process_resident_memory_bytes 0\n"))

        let promtool = Process()
        promtool.executableURL = URL(filePath: "/usr/bin/promtool")
        promtool.arguments = ["check", "metrics"]
        let input = Pipe()
        let output = Pipe()
        promtool.standardInput = input
        promtool.standardOutput = output
        promtool.standardError = output
        try promtool.run()
        try input.fileHandleForWriting.write(contentsOf: Data(text.utf8))
        try input.fileHandleForWriting.close()
        let said = try output.fileHandleForReading.readToEnd() ?? Data()
        promtool.waitUntilExit()
        #expect(promtool.terminationStatus == 0, "\(String(decoding: said, as: UTF8.self))")
    }
}
