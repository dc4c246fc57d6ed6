public import Domain

extension Metrics {
    /// Prometheus text exposition format 0.0.4.
    public func prometheusText() -> String {
        var out = ""
        for family in collected() {
            let definition = family.definition
            let type =
                switch definition.kind {
                case .counter: "counter"
                case .gauge: "gauge"
                case .histogram: "histogram"
                }
            out += "# HELP \(definition.name) \(Self.escapedHelp(definition.help))\n# TYPE \(definition.name) \(type)\n"
            for member in family.members {
                let labels = zip(definition.labels, member.values).map { "\($0)=\"\(Self.escaped($1))\"" }
                switch member.instrument {
                case .counter(let counter):
                    out += Self.line(definition.name, labels, Self.scaled(Double(counter.value), definition.divisor))
                case .gauge(let gauge):
                    out += Self.line(definition.name, labels, Self.scaled(Double(gauge.value), definition.divisor))
                case .histogram(let histogram):
                    guard case .histogram(let bounds) = definition.kind else { continue }
                    let snapshot = histogram.snapshot
                    var running: UInt64 = 0
                    for (index, count) in snapshot.buckets.enumerated() {
                        running += count
                        let bound = index < bounds.count ? Self.number(bounds[index]) : "+Inf"
                        out += Self.line(definition.name + "_bucket", labels + ["le=\"\(bound)\""], String(running))
                    }
                    out += Self.line(definition.name + "_sum", labels, Self.scaled(Double(snapshot.sum), definition.divisor))
                    out += Self.line(definition.name + "_count", labels, String(running))
                }
            }
        }
        return out
    }

    /// The same figures as one object a family: `{"name":{"help","type","values":[{"labels":{},"value":n}]}}`; a histogram's value
    /// is `{"count","sum","buckets":{"bound":n}}`.
    public func json() -> JSON {
        var families = JSONObject()
        for family in collected() {
            let definition = family.definition
            var values: [JSON] = []
            var type = "counter"
            for member in family.members {
                let labels = JSONObject(zip(definition.labels, member.values).map { ($0, .string($1)) })
                let value: JSON
                switch member.instrument {
                case .counter(let counter): value = Self.jsonNumber(Double(counter.value) / definition.divisor)
                case .gauge(let gauge):
                    type = "gauge"
                    value = Self.jsonNumber(Double(gauge.value) / definition.divisor)
                case .histogram(let histogram):
                    type = "histogram"
                    guard case .histogram(let bounds) = definition.kind else { continue }
                    let snapshot = histogram.snapshot
                    var buckets = JSONObject()
                    for (index, count) in snapshot.buckets.enumerated() {
                        buckets[index < bounds.count ? Self.number(bounds[index]) : "+Inf"] = .int(Int64(clamping: count))
                    }
                    value = [
                        "count": .int(Int64(clamping: snapshot.buckets.reduce(0, &+))),
                        "sum": Self.jsonNumber(Double(snapshot.sum) / definition.divisor), "buckets": .object(buckets),
                    ]
                }
                values.append(["labels": .object(labels), "value": value])
            }
            families[definition.name] = ["help": .string(definition.help), "type": .string(type), "values": .array(values)]
        }
        return .object(families)
    }

    private static func line(_ name: String, _ labels: [String], _ value: String) -> String {
        name + (labels.isEmpty ? "" : "{" + labels.joined(separator: ",") + "}") + " " + value + "\n"
    }
    private static func scaled(_ value: Double, _ divisor: Double) -> String { number(value / divisor) }
    private static func number(_ value: Double) -> String {
        // Counters stay exact up to 2^53 and print without an exponent.
        value == value.rounded() && abs(value) < 9e15 ? String(Int64(value)) : String(value)
    }
    private static func jsonNumber(_ value: Double) -> JSON {
        value == value.rounded() && abs(value) < 9e15 ? .int(Int64(value)) : .number(String(value))
    }
    private static func escaped(_ text: String) -> String {
        text.reduce(into: "") { out, character in
            switch character {
            case "\\": out += "\\\\"
            case "\"": out += "\\\""
            case "\n": out += "\\n"
            default: out.append(character)
            }
        }
    }
    private static func escapedHelp(_ text: String) -> String {
        text.reduce(into: "") { $0 += $1 == "\n" ? "\\n" : $1 == "\\" ? "\\\\" : String($1) }
    }
}
