public import Domain

/// What was taken over, or would be.
public struct TakeoverReport: Sendable, Equatable {
    public struct Part: Sendable, Equatable {
        public let name: String
        /// Rows there.
        public var found = 0
        public var taken = 0
        /// Taken in an earlier run, or here already.
        public var known = 0
        public var skipped = 0
    }
    public internal(set) var parts: [Part] = []
    /// What the operator has to know, a sentence each.
    public internal(set) var notes: [String] = []
    /// Sentences that are not among them any more.
    public internal(set) var furtherNotes = 0
    private static let mostNotes = 1000

    mutating func note(_ text: String) {
        if notes.count < Self.mostNotes { notes.append(text) } else { furtherNotes += 1 }
    }

    public var json: JSON {
        [
            "tables": .array(
                parts.map { part in
                    [
                        "name": .string(part.name), "found": .int(Int64(part.found)), "taken": .int(Int64(part.taken)),
                        "known": .int(Int64(part.known)), "skipped": .int(Int64(part.skipped)),
                    ]
                }), "notes": .array(notes.map { .string($0) }), "further_notes": .int(Int64(furtherNotes)),
        ]
    }
}
