internal import Domain

/// What AmneziaWG adds to WireGuard's wire format: fields of the node, passed through into the configs that we build. With any of them the
/// link is none that a plain client can use.
public struct AmneziaParameters: Sendable, Equatable {
    /// As "Jc = 4", in the order that its programs write.
    public let lines: [String]

    private static func number(_ name: String, _ range: ClosedRange<Int64>) -> Field<Int64?> {
        Field<Int64>.integer(name, "Of AmneziaWG.", range).optional
    }
    /// A message type, or a range of them as later versions take.
    private static func header(_ name: String) -> Field<ClosedRange<Int64>?> {
        Field<String>.text(name, "Of AmneziaWG: a number, or two with a hyphen.", length: 1...21).map { text throws(ParseError) in
            let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { Int64($0) }
            guard ends.count <= 2, let first = ends.first ?? nil, let last = ends.last ?? nil, first >= 5, last <= 2_147_483_647,
                first <= last
            else { throw ParseError("a number of 5 to 2147483647, or two with a hyphen between", got: text) }
            return first...last
        }.optional
    }
    /// As "<b 0x0123>": what goes into a config is checked sign by sign.
    private static func packet(_ name: String) -> Field<String?> {
        Field<String>.text(name, "Of AmneziaWG: a signature packet.", length: 1...1024).map { text throws(ParseError) in
            guard
                text.utf8.allSatisfy({
                    (0x30...0x39).contains($0) || (0x61...0x7a).contains($0 | 0x20) || $0 == 0x3c || $0 == 0x3e || $0 == 0x20
                })
            else { throw ParseError("a packet as <b 0x0123>", got: text) }
            return text
        }.optional
    }
    private struct Given: Sendable {
        let jc: Int64?, jmin: Int64?, jmax: Int64?, s1: Int64?, s2: Int64?, s3: Int64?, s4: Int64?
        let h1: ClosedRange<Int64>?, h2: ClosedRange<Int64>?, h3: ClosedRange<Int64>?, h4: ClosedRange<Int64>?
        let i1: String?, i2: String?, i3: String?, i4: String?, i5: String?
    }
    private static let shape = Shape(
        number("jc", 1...128), number("jmin", 0...1279), number("jmax", 1...1280), number("s1", 0...1132), number("s2", 0...1132),
        number("s3", 0...1132), number("s4", 0...1132), header("h1"), header("h2"), header("h3"), header("h4"), packet("i1"), packet("i2"),
        packet("i3"), packet("i4"), packet("i5"), make: Given.init)

    /// Of the node's `server`.
    static let field = Field<AmneziaParameters?>(
        "amnezia", "Of AmneziaWG: jc, jmin, jmax, s1 to s4, h1 to h4, i1 to i5. Plain clients cannot use such a node.", .object(shape.docs),
        required: false
    ) { json throws(ParseError) in
        guard json != .null else { return nil }
        do throws(InputErrors) { return try parse(json) } catch {
            throw ParseError(error.fields.map { "\($0.field) \($0.message)" }.joined(separator: "; "))
        }
    }

    /// nil for an object without any of them.
    /// - Throws: every bad field.
    static func parse(_ json: JSON) throws(InputErrors) -> AmneziaParameters? {
        let given = try shape.parse(json)
        if let least = given.jmin, let most = given.jmax, least >= most {
            throw InputErrors(fields: [FieldError("jmin", "must be below jmax")])
        }
        if let first = given.s1, let second = given.s2, first + 56 == second {
            throw InputErrors(fields: [FieldError("s2", "must not be s1 + 56")])
        }
        let headers = [given.h1, given.h2, given.h3, given.h4]
        let types = headers.compactMap { $0 }
        for (index, one) in types.enumerated() where types.dropFirst(index + 1).contains(where: { $0.overlaps(one) }) {
            throw InputErrors(fields: [FieldError("h1", "must differ from h2, h3 and h4, and they from each other")])
        }
        var lines: [String] = []
        func add(_ name: String, _ value: String?) { if let value { lines.append("\(name) = \(value)") } }
        for (name, value) in zip(["Jc", "Jmin", "Jmax"], [given.jc, given.jmin, given.jmax]) { add(name, value.map { String($0) }) }
        for (index, value) in [given.s1, given.s2, given.s3, given.s4].enumerated() { add("S\(index + 1)", value.map { String($0) }) }
        for (index, value) in headers.enumerated() {
            add("H\(index + 1)", value.map { $0.count == 1 ? String($0.lowerBound) : "\($0.lowerBound)-\($0.upperBound)" })
        }
        for (index, value) in [given.i1, given.i2, given.i3, given.i4, given.i5].enumerated() { add("I\(index + 1)", value) }
        return lines.isEmpty ? nil : AmneziaParameters(lines: lines)
    }
    private init(lines: [String]) { self.lines = lines }
}
