/// What a metric is called and what it counts. The list of all is `Names.swift`.
public struct MetricDefinition: Sendable {
    public enum Kind: Sendable, Equatable {
        case counter, gauge
        /// Upper bounds in the metric's own unit, ascending; the last bucket (+Inf) is added.
        case histogram([Double])
    }
    /// Ends with the unit, and with `_total` for counters.
    public let name: String
    public let help: String
    public let kind: Kind
    public let labels: [String]
    /// How many label sets are kept apart; the rest share one whose labels all say "other".
    public let maximumLabelSets: Int
    /// Observations are integers; the exposed value is `value / divisor` (nanoseconds to seconds is 1e9).
    public let divisor: Double

    public init(
        _ name: String, _ help: String, _ kind: Kind, labels: [String] = [], maximumLabelSets: Int = 200, divisor: Double = 1
    ) {
        self.name = name
        self.help = help
        self.kind = kind
        self.labels = labels
        self.maximumLabelSets = maximumLabelSets
        self.divisor = divisor
    }
}
