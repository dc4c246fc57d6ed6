internal import Domain
internal import Store

/// Something an operator should hear of, as it goes to the outbox.
struct Alert: Sendable, Equatable {
    let kind: String
    /// The id of what it is about.
    let subject: String
    var body: JSON
    /// What it says of whom, as other servers may say it too; nil: of this process alone.
    var claim: Claim?

    struct Claim: Sendable, Equatable {
        let subject: String
        let word: String
        /// The same word is not told again within it.
        var pauseSeconds = AlertBook.pauseSeconds
    }
}

/// What was told of which subject, so that nothing is told twice and a storm is told once. A value, so that every rule can be tried alone.
///
/// - A word is told when it differs from the last one of its subject, and the same word of a subject not again within `pauseSeconds`:
///   what flaps is heard of once.
/// - All alerts together share a bucket; what finds it empty is told when there is room, if it is still so.
struct AlertBook: Sendable {
    private struct Told: Sendable {
        var word = ""
        /// When each word was told last.
        var at: [String: Timestamp] = [:]
    }
    private var told: [String: Told] = [:]
    private var room: Int64
    private var filledAt: Timestamp?

    static let pauseSeconds: Int64 = 600
    /// Alerts at once, and seconds until there is room for one more.
    static let bucket: Int64 = 30
    static let refillSeconds: Int64 = 20
    /// Subjects that are remembered; beyond them nothing new is told.
    private static let maximumSubjects = 200_000
    /// Words of a subject whose moment is remembered; the oldest goes first.
    private static let maximumWords = 32

    init() { room = Self.bucket }

    /// The word that a subject's receiver knows; empty is none.
    func word(_ subject: String) -> String { told[subject]?.word ?? "" }

    /// A word that need not be told: the subject is quiet, or its last word is from before this process.
    mutating func set(_ subject: String, _ word: String, at: Timestamp? = nil) {
        if word.isEmpty, told[subject] == nil { return }
        told[subject, default: Told()].word = word
        guard let at else { return }
        told[subject]?.at[word] = at
        // Words may name a moment, so that there is always another one.
        if let known = told[subject]?.at, known.count > Self.maximumWords, let oldest = known.min(by: { $0.value < $1.value }) {
            told[subject]?.at[oldest.key] = nil
        }
    }

    /// Whether the word has to be told now; if so it counts as told.
    mutating func tells(_ subject: String, _ word: String, now: Timestamp, pauseSeconds: Int64 = pauseSeconds) -> Bool {
        guard self.word(subject) != word else { return false }
        return tellsAgain(subject, word, now: now, pauseSeconds: pauseSeconds)
    }

    /// The same for what happens rather than lasts: told again after the pause.
    mutating func tellsAgain(_ subject: String, _ word: String, now: Timestamp, pauseSeconds: Int64 = pauseSeconds) -> Bool {
        if let last = told[subject]?.at[word], now < last.adding(seconds: pauseSeconds) { return false }
        guard told.count < Self.maximumSubjects || told[subject] != nil, takesRoom(now) else { return false }
        set(subject, word, at: now)
        return true
    }

    private mutating func takesRoom(_ now: Timestamp) -> Bool {
        let filled = filledAt ?? now
        let more = max(0, now.milliseconds - filled.milliseconds) / (Self.refillSeconds * 1000)
        room = min(Self.bucket, room + more)
        filledAt = room == Self.bucket ? now : filled.adding(seconds: more * Self.refillSeconds)
        guard room > 0 else { return false }
        room -= 1
        return true
    }
}
