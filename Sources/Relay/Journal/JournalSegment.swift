/// One journal file: a header word, then records `length (32) | checksum (32) | payload`, each beginning at a multiple of 8.
///
/// A record's first word is stored last; until then the place is marked as unfinished. So a record is either whole or not there when the
/// process is killed. After a power cut pages may be missing; then the checksum tells.
final class JournalSegment: Sendable {
    static let bytes = 4 << 20
    static let headerBytes = 8
    /// "GHJRNL" and the format's version.
    static let magic: UInt64 = 0x4748_4a52_4e4c_0001

    let file: MappedFile

    init(creating path: String, size: Int = bytes) throws(JournalError) {
        file = try MappedFile.create(path, size: size)
        file.storeWord(Self.magic, at: 0)
    }

    /// What a file is called while it is neither the old journal nor the new one; recovery removes such files unread.
    static let blankSuffix = ".blank"

    /// The same file as a new, empty journal. What stands in it is all in the ledger; a new file would cost as many page faults as it has
    /// pages. Blocks.
    /// - Throws: `file` when the folder refuses; the file is as good as gone then, for `remove`.
    func begin(again path: String, in folder: String) throws(JournalError) -> JournalSegment {
        try file.rename(to: path + Self.blankSuffix)
        // Before the first zero is stored: after a power cut half a journal must not stand under a journal's name.
        try JournalFolder.sync(folder)
        file.clear()
        try file.rename(to: path)
        return JournalSegment(blank: file)
    }
    private init(blank file: MappedFile) {
        self.file = file
        file.storeWord(Self.magic, at: 0)
    }

    /// Nil when the file is no journal of this version.
    init?(existing path: String) throws(JournalError) {
        file = try MappedFile.open(existing: path, largest: Self.bytes)
        guard file.size >= Self.headerBytes, file.word(at: 0) == Self.magic || isBlank(from: 0) else { return nil }
    }

    /// Nothing but zeros: a file is like that between being made and its first word.
    func isBlank(from offset: Int) -> Bool {
        for at in stride(from: offset, through: file.size - 8, by: 8) where file.word(at: at) != 0 { return false }
        return true
    }

    /// The first record that can be read at or after `offset`, past what a power cut has left out.
    func resynchronize(from offset: Int) -> Int? {
        for at in stride(from: offset, through: file.size - 8, by: 8) {
            if case .record(let payload, _) = record(at: at), JournalCoder.decode(payload) != nil { return at }
        }
        return nil
    }

    static func space(for payload: Span<UInt8>) -> Int { space(payload.count) }
    private static func space(_ count: Int) -> Int { 8 + (count + 7) & ~7 }

    /// In a first word without checksum: the record is being stored. No length is that large.
    static let unfinished: UInt64 = 1 << 31

    /// Writes a record at `offset`; the caller has checked that it fits.
    func append(_ payload: Span<UInt8>, at offset: Int) {
        let word = UInt64(payload.count) | UInt64(Self.checksum(payload)) << 32
        file.storeWord(UInt64(payload.count) | Self.unfinished, at: offset)
        JournalFence.release()
        file.store(payload, at: offset + 8)
        JournalFence.release()
        file.storeWord(word, at: offset)
    }

    enum Step: Equatable {
        case record([UInt8], next: Int)
        case end
        /// Its writer was killed; nothing of it is at `end` or behind.
        case unfinished(end: Int)
        /// The bytes from this offset on cannot be trusted.
        case damaged
    }

    func record(at offset: Int) -> Step {
        var payload: [UInt8] = []
        return switch read(at: offset, appendingTo: &payload) {
        case .record(_, let next): .record(payload, next: next)
        case .end: .end
        case .unfinished(let end): .unfinished(end: end)
        case .damaged: .damaged
        }
    }

    enum Place: Equatable {
        /// Where the payload now lies in what it was appended to.
        case record(Range<Int>, next: Int)
        case end
        case unfinished(end: Int)
        /// The bytes from this offset on cannot be trusted.
        case damaged
    }

    /// Appends the payload of the record at `offset`; nothing when there is none.
    func read(at offset: Int, appendingTo out: inout [UInt8]) -> Place {
        guard offset + 8 <= file.size else { return .end }
        let word = file.word(at: offset)
        if word == 0 { return .end }
        if word >> 32 == 0, word & Self.unfinished != 0 {
            return .unfinished(end: min(file.size, offset + Self.space(Int(word & ~Self.unfinished))))
        }
        let count = Int(word & 0xffff_ffff)
        guard count > 0, count <= JournalCoder.maximumBytes, offset + 8 + count <= file.size else { return .damaged }
        let start = out.count
        file.append(offset + 8..<offset + 8 + count, to: &out)
        guard Self.checksum(out.span.extracting(start...)) == UInt32(truncatingIfNeeded: word >> 32) else {
            out.removeSubrange(start...)
            return .damaged
        }
        return .record(start..<out.count, next: offset + Self.space(count))
    }

    /// 32 bits of a multiply-and-mix hash, eight bytes a step. It finds torn writes, not malice.
    static func checksum(_ payload: Span<UInt8>) -> UInt32 {
        var hash: UInt64 = 0x9e37_79b9_7f4a_7c15 ^ UInt64(payload.count)
        func mix(_ word: UInt64) {
            hash = (hash ^ word) &* 0xff51_afd7_ed55_8ccd
            hash ^= hash >> 32
        }
        let bytes = unsafe payload.bytes
        var at = 0
        while at + 8 <= payload.count {
            let word = unsafe bytes.unsafeLoadUnaligned(fromByteOffset: at, as: UInt64.self)
            mix(word.littleEndian)
            at += 8
        }
        if at < payload.count {
            var word: UInt64 = 0
            for offset in 0..<payload.count - at { word |= UInt64(payload[at + offset]) << UInt64(offset * 8) }
            mix(word)
        }
        return UInt32(truncatingIfNeeded: hash ^ hash >> 29)
    }
}
