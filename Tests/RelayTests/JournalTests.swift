import Domain
import Foundation
import Store
import Telemetry
import TestKit
import Testing

@testable import Relay

extension Admission {
    static func example(_ ambient: Ambient, key: APIKeyID, slot: UInt32 = Admission.noSlot) -> Admission {
        Admission(
            requestID: RequestID(ambient), attempt: 1, slot: slot, apiKeyID: key, keyName: "a key 钥匙", userID: nil, accountID: nil,
            model: "claude-sonnet-5-5", path: "/v1/messages", stream: true, startedAt: ambient.now(), inputEstimate: 1000)
    }
    func settled(output: Int64 = 20) -> SettledRequest {
        var settlement = Settlement(status: .success, httpStatus: 200, attempts: 1)
        settlement.usage = .init(
            tokens: TokenCounts(input: 10, output: output), metered: MeteredUsage(), model: model, source: .final)
        return settlement.settled(self, prices: .starting, at: startedAt)
    }
    var bytes: [UInt8] { JournalCoder.encode(self) }
}

extension SettledRequest {
    var bytes: [UInt8] { JournalCoder.encode(self) }
}

/// The journal's files: what was written can be read, and what cannot be read hides nothing else.
struct JournalTests {
    private let ambient = TestClock().ambient

    private func records(_ count: Int) -> [JournalRecord] {
        let key = APIKeyID(ambient)
        return (0..<count).flatMap { index in
            let admission = Admission.example(ambient, key: key, slot: UInt32(index))
            return [JournalRecord.admitted(admission), .settled(admission.settled(output: Int64(index)))]
        }
    }
    private func bytes(_ record: JournalRecord) -> [UInt8] {
        switch record {
        case .admitted(let admission): admission.bytes
        case .settled(let settled): settled.bytes
        }
    }
    private func write(_ records: [JournalRecord], to path: String) throws -> [Int] {
        let segment = try JournalSegment(creating: path, size: 8192)
        var ends = [JournalSegment.headerBytes]
        for record in records {
            let payload = bytes(record)
            let at = ends[ends.count - 1]
            segment.append(payload.span, at: at)
            ends.append(at + JournalSegment.space(for: payload.span))
        }
        return ends
    }
    private func read(_ path: String) throws -> (records: [JournalRecord], isWhole: Bool) {
        guard let segment = try JournalSegment(existing: path) else { return ([], false) }
        var found: [JournalRecord] = []
        let isWhole = JournalRecovery.read(segment) { found.append($0) }
        return (found, isWhole)
    }

    @Test func `every record reads as it was written`() {
        for record in records(3) {
            let whole = bytes(record)
            #expect(JournalCoder.decode(whole) == record)
            for length in 0..<whole.count { #expect(JournalCoder.decode(Array(whole[..<length])) == nil, "\(length) bytes") }
            #expect(JournalCoder.decode(whole + [0]) == nil)
        }
    }

    @Test func `a file whose writing stopped at any byte gives the records before it, and says when one is torn`() async throws {
        try await withTemporaryFolder { folder in
            let path = folder.appending(path: "whole").path
            let all = records(2)
            let ends = try write(all, to: path)
            let content = try Data(contentsOf: URL(filePath: path))
            let last = ends[ends.count - 1]
            for cut in 8...last {
                // What the disk did not get reads as zeros.
                let copy = folder.appending(path: "cut")
                try (content.prefix(cut) + Data(count: content.count - cut)).write(to: copy)
                let (found, isWhole) = try read(copy.path)
                // Zeros at a record's end may be missing and yet be there.
                let complete = all.indices.filter { content[cut..<max(cut, ends[$0 + 1])].allSatisfy { $0 == 0 } }
                #expect(found == complete.map { all[$0] }, "cut at \(cut)")
                #expect(isWhole == content[(ends[complete.count])..<max(cut, ends[complete.count])].allSatisfy { $0 == 0 }, "cut at \(cut)")
            }
        }
    }

    @Test func `a process killed while it stored a record leaves a whole file`() async throws {
        try await withTemporaryFolder { folder in
            let path = folder.appending(path: "whole").path
            let all = records(2)
            let ends = try write(all, to: path)
            let content = try Data(contentsOf: URL(filePath: path))
            // The first word with the checksum is stored last: without it a record was never said. With others behind it, it was.
            for index in all.indices {
                var copy = content
                copy[ends[index] + 3] |= 0x80
                copy.replaceSubrange(ends[index] + 4..<ends[index] + 8, with: Data(count: 4))
                copy.replaceSubrange(ends[index] + 40..<ends[index + 1], with: Data(count: ends[index + 1] - ends[index] - 40))
                let file = folder.appending(path: "killed")
                try copy.write(to: file)
                let (found, isWhole) = try read(file.path)
                var expected = all
                expected.remove(at: index)
                #expect(found == expected && isWhole == (index == all.count - 1), "record \(index)")
            }
        }
    }

    @Test func `a damaged place hides no record behind it`() async throws {
        try await withTemporaryFolder { folder in
            let path = folder.appending(path: "whole").path
            let all = records(3)
            let ends = try write(all, to: path)
            let content = try Data(contentsOf: URL(filePath: path))
            for (index, start) in ends.dropLast().enumerated() {
                for damage in ["flipped", "missing"] {
                    var copy = content
                    if damage == "flipped" {
                        copy[start + 12] ^= 0x40
                    } else {
                        copy.replaceSubrange(start..<ends[index + 1], with: Data(count: ends[index + 1] - start))
                    }
                    let file = folder.appending(path: "damaged")
                    try copy.write(to: file)
                    let (found, isWhole) = try read(file.path)
                    var expected = all
                    expected.remove(at: index)
                    #expect(found == expected, "record \(index) \(damage)")
                    // Zeros after the last record are what the end of a file looks like.
                    #expect(isWhole == (damage == "missing" && index == all.count - 1), "record \(index) \(damage)")
                }
            }
        }
    }

    @Test func `settlements of admitted requests fit when the journal is full`() async throws {
        try await withTemporaryFolder { folder in
            let journal = try Journal(
                in: folder.path, name: "full", segmentBytes: JournalSegment.headerBytes + 16_384, slotCount: 4, onAppend: {})
            var open: [Admission] = []
            var refusal: JournalError?
            while refusal == nil, open.count < 10_000 {
                let admission = Admission.example(ambient, key: APIKeyID(ambient))
                do throws(JournalError) {
                    try journal.admit(admission)
                    open.append(admission)
                } catch { refusal = error }
            }
            #expect(refusal == .full && !open.isEmpty)
            for admission in open { try journal.settle(admission.settled().bytes.span) }
            #expect(journal.pendingRecords == 2 * open.count)
            journal.removeFiles()
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
        }
    }

    @Test func `many requests may be under way at once, and each finds room for its settlement`() async throws {
        try await withTemporaryFolder { folder in
            let count = 9000
            let journal = try Journal(in: folder.path, name: "many", slotCount: 4, onAppend: {})
            var open: [Admission] = []
            for _ in 0..<count {
                let admission = Admission.example(ambient, key: APIKeyID(ambient))
                try journal.admit(admission)
                open.append(admission)
            }
            for admission in open { try journal.settle(admission.settled().bytes.span) }
            #expect(journal.pendingRecords == 2 * count)
            journal.removeFiles()
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
        }
    }

    @Test func `no room on the disk refuses the request and writes nothing`() async throws {
        try await withTemporaryFolder { folder in
            let prefix = folder.appending(path: "gone").path
            let journal = try Journal(in: folder.path, name: "gone", segmentBytes: 4096, slotCount: 4, onAppend: {})
            try journal.admit(Admission.example(ambient, key: APIKeyID(ambient)))
            // The next file's name is taken, so it cannot be made; any reason of the system's counts the same.
            try Data([1]).write(to: URL(filePath: prefix + "-0000000001.journal"))
            #expect(throws: JournalError.file(errno: EEXIST)) {
                for _ in 1...10 { try journal.admit(Admission.example(ambient, key: APIKeyID(ambient))) }
            }
            #expect(journal.pendingRecords == 1)
        }
    }

    @Test func `a journal that cannot be made leaves nothing behind`() async throws {
        try await withTemporaryFolder { folder in
            let taken = "none-0000000000.journal"
            try Data([1]).write(to: folder.appending(path: taken))
            #expect(throws: JournalError.file(errno: EEXIST)) {
                _ = try Journal(in: folder.path, name: "none", segmentBytes: 4096, slotCount: 4, onAppend: {})
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == [taken])
        }
    }

    @Test func `slots survive the process and are told apart by their request`() async throws {
        try await withTemporaryFolder { folder in
            let path = folder.appending(path: "a.slots").path
            var slots: InFlightSlots? = try InFlightSlots(creating: path, count: 2)
            let slot = try #require(slots?.take((1, 2)))
            slots?.setModel(slot, "claude-opus-5-5")
            slots?.update(
                slot, TokenCounts(input: 5, output: 6, cacheRead: 7), webSearches: 1, deltaBytes: 80, blocks: 2, flags: [.sent, .known])
            // More passes than there are places: each to its model's, else to the last.
            let tokens = TokenCounts(input: 1, output: 2)
            slots?.setPasses(slot, ["a", "b", nil, "c", "d", "e", "a", "f"].map { .init(model: $0, tokens: tokens) })
            #expect(slots?.take((3, 4)) != nil && slots?.take((5, 6)) == nil && slots?.takenCount == 2)
            slots = nil
            let file = try MappedFile.open(existing: path, largest: InFlightSlots.fileBytes)
            let reading = InFlightSlots.read(file, slot, id: (1, 2))
            #expect(
                reading
                    == .init(
                        tokens: TokenCounts(input: 5, output: 6, cacheRead: 7), webSearches: 1, deltaBytes: 80, blocks: 2,
                        flags: [.sent, .known], model: "claude-opus-5-5",
                        passes: zip(["a", "b", nil, "c", "d", "e"], [2, 1, 1, 1, 1, 2]).map {
                            .init(model: $0, tokens: TokenCounts(input: $1, output: 2 * $1))
                        }))
            #expect(InFlightSlots.read(file, slot, id: (1, 3)) == nil)
            #expect(InFlightSlots.read(file, 999, id: (1, 2)) == nil)
        }
    }
}
