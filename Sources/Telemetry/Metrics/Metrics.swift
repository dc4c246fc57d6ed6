private import Synchronization

/// All instruments of the process. Ask for an instrument once and keep it: looking one up takes a lock, counting does not.
public final class Metrics: Sendable {
    enum Instrument: Sendable {
        case counter(Counter)
        case gauge(Gauge)
        case histogram(Histogram)
    }
    struct Family: Sendable {
        let definition: MetricDefinition
        /// Label values to instrument, in the order they came.
        var members: [(values: [String], instrument: Instrument)] = []
        var index: [[String]: Int] = [:]
    }
    private let families = Mutex<[String: Family]>([:])
    private let collectors = Mutex<[@Sendable () -> Void]>([])

    public init() {}

    /// - Parameter values: one for each label of the definition, in its order.
    public func counter(_ definition: MetricDefinition, _ values: String...) -> Counter {
        if case .counter(let counter) = instrument(definition, values) { return counter }
        preconditionFailure("\(definition.name) is no counter")
    }
    public func gauge(_ definition: MetricDefinition, _ values: String...) -> Gauge {
        if case .gauge(let gauge) = instrument(definition, values) { return gauge }
        preconditionFailure("\(definition.name) is no gauge")
    }
    public func histogram(_ definition: MetricDefinition, _ values: String...) -> Histogram {
        if case .histogram(let histogram) = instrument(definition, values) { return histogram }
        preconditionFailure("\(definition.name) is no histogram")
    }

    /// Runs before each exposition, to set gauges that are read rather than counted.
    public func beforeExposition(_ collect: @escaping @Sendable () -> Void) { collectors.withLock { $0.append(collect) } }

    func collected() -> [Family] {
        for collect in collectors.withLock({ $0 }) { collect() }
        return families.withLock { $0.values.sorted { $0.definition.name < $1.definition.name } }
    }

    private func instrument(_ definition: MetricDefinition, _ values: [String]) -> Instrument {
        precondition(values.count == definition.labels.count, "\(definition.name) has the labels \(definition.labels)")
        return families.withLock { families in
            var family = families[definition.name] ?? Family(definition: definition)
            var key = values
            if family.index[key] == nil, !key.isEmpty, family.members.count >= definition.maximumLabelSets {
                key = definition.labels.map { _ in "other" }
            }
            if let known = family.index[key] { return family.members[known].instrument }
            let made: Instrument =
                switch definition.kind {
                case .counter: .counter(Counter())
                case .gauge: .gauge(Gauge())
                case .histogram(let bounds): .histogram(Histogram(bounds: bounds, divisor: definition.divisor))
                }
            family.index[key] = family.members.count
            family.members.append((key, made))
            families[definition.name] = family
            return made
        }
    }
}
