/// "/api/keys/{id}", taken apart. Mistakes in templates stop the start and are named.
struct PathTemplate: Sendable {
    enum Part: Sendable, Equatable {
        case literal([UInt8])
        case parameter(String)
        /// Everything that follows, slashes included; last part only.
        case tail(String)
    }
    let text: String
    let parts: [Part]

    init(_ text: String) {
        precondition(text.hasPrefix("/"), "the route \(text) must begin with a slash")
        self.text = text
        let segments = text == "/" ? [] : text.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
        parts = segments.map { segment in
            precondition(!segment.isEmpty, "the route \(text) has an empty part")
            if segment.hasPrefix("{"), segment.hasSuffix("...}") { return .tail(String(segment.dropFirst().dropLast(4))) }
            if segment.hasPrefix("{"), segment.hasSuffix("}") { return .parameter(String(segment.dropFirst().dropLast())) }
            precondition(
                segment.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && ![0x25, 0x7b, 0x7d, 0x5c].contains($0) },
                "the route \(text) must be plain ASCII, without escapes")
            return .literal(Array(segment.utf8))
        }
        for (index, part) in parts.enumerated() {
            if case .tail = part { precondition(index == parts.count - 1, "the tail of \(text) must be its last part") }
        }
        precondition(Set(names).count == names.count, "the route \(text) names a parameter twice")
    }

    var names: [String] {
        parts.compactMap { part in
            switch part {
            case .literal: nil
            case .parameter(let name), .tail(let name): name
            }
        }
    }
    /// As OpenAPI writes it.
    var openAPIText: String { text.replacing("...}", with: "}") }
}
