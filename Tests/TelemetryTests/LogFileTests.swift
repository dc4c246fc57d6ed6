import Foundation
import Synchronization
@testable import Telemetry
import Testing

/// A folder of its own that is gone afterwards.
private func withFolder<R>(_ body: (String) throws -> R) throws -> R {
    let folder = FileManager.default.temporaryDirectory.appending(path: "gatehouse-log-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    return try body(folder)
}

struct LogFileTests {
    @Test func `files rotate by size and the oldest goes`() throws {
        try withFolder { folder in
            let files = FolderDestination(folder: folder, maximumBytes: 4096, maximumFiles: 3)
            for number in 0..<10 {
                let line = Array("\(number) ".utf8) + Array(repeating: 0x78, count: 2000) + [0x0a]
                #expect(files.write(line, to: .access))
            }
            let names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
            #expect(names == ["access.log", "access.log.1", "access.log.2"])
            for name in names {
                let size = try #require(try FileManager.default.attributesOfItem(atPath: "\(folder)/\(name)")[.size] as? Int)
                #expect(size <= 4096)
            }
            let newest = try String(contentsOfFile: "\(folder)/access.log", encoding: .utf8)
            #expect(newest.hasPrefix("8 "))
        }
    }

    @Test func `after reopen lines go to a new file of the same name`() throws {
        try withFolder { folder in
            let writer = LogWriter(to: FolderDestination(folder: folder, maximumBytes: 1 << 20, maximumFiles: 2))
            writer.write(Array("one\n".utf8), to: .main)
            writer.flush()
            try FileManager.default.moveItem(atPath: "\(folder)/gatehouse.log", toPath: "\(folder)/moved")
            writer.reopen()
            writer.write(Array("two\n".utf8), to: .main)
            writer.flush()
            #expect(try String(contentsOfFile: "\(folder)/gatehouse.log", encoding: .utf8) == "two\n")
            #expect(try String(contentsOfFile: "\(folder)/moved", encoding: .utf8) == "one\n")
        }
    }

    @Test func `a destination that refuses costs lines, which are counted, and nothing else`() {
        let writer = LogWriter(to: FolderDestination(folder: "/nonexistent/folder", maximumBytes: 1 << 20, maximumFiles: 2))
        writer.write(Array("one\n".utf8), to: .main)
        writer.write(Array("two\n".utf8), to: .error)
        writer.flush()
        #expect(writer.droppedLines == 2)
    }

    @Test func `a folder that was moved away is made again`() throws {
        try withFolder { folder in
            let logs = "\(folder)/logs"
            try FileManager.default.createDirectory(atPath: logs, withIntermediateDirectories: false)
            let files = FolderDestination(folder: logs, maximumBytes: 1 << 20, maximumFiles: 2)
            #expect(files.write(Array("one\n".utf8), to: .main))
            try FileManager.default.moveItem(atPath: logs, toPath: "\(folder)/logs.old")
            files.reopen()
            #expect(files.write(Array("two\n".utf8), to: .main))
            #expect(try String(contentsOfFile: "\(logs)/gatehouse.log", encoding: .utf8) == "two\n")
        }
    }

    private final class Complaints: Sendable {
        let said = Mutex<[String]>([])
    }

    @Test func `a file that cannot be opened is named once, and again after it could be`() throws {
        try withFolder { folder in
            let complaints = Complaints()
            let logs = "\(folder)/logs"
            // A file where the folder should be.
            #expect(FileManager.default.createFile(atPath: logs, contents: nil))
            let files = FolderDestination(
                folder: logs, maximumBytes: 1 << 20, maximumFiles: 2, complain: { text in complaints.said.withLock { $0.append(text) } },
                writeAll: { descriptor, bytes in
                    FileHandle(fileDescriptor: descriptor, closeOnDealloc: false).write(Data(bytes))
                    return bytes.count
                })
            for _ in 0..<3 { #expect(!files.write(Array("lost\n".utf8), to: .main)) }
            #expect(complaints.said.withLock(\.count) == 1)
            #expect(complaints.said.withLock { $0.first?.contains("\(logs)/gatehouse.log") } == true)
            try FileManager.default.removeItem(atPath: logs)
            #expect(files.write(Array("kept\n".utf8), to: .main))
            files.reopen()
            try FileManager.default.removeItem(atPath: logs)
            #expect(FileManager.default.createFile(atPath: logs, contents: nil))
            #expect(!files.write(Array("lost\n".utf8), to: .main))
            #expect(complaints.said.withLock(\.count) == 2)
        }
    }

    private final class Disk: Sendable {
        let room = Mutex(6)
    }

    @Test func `a line that the disk took half of is taken back`() throws {
        try withFolder { folder in
            let disk = Disk()
            let files = FolderDestination(folder: folder, maximumBytes: 1 << 20, maximumFiles: 2, complain: { _ in }) { descriptor, bytes in
                let taken = disk.room.withLock { room in
                    let taken = min(room, bytes.count)
                    room -= taken
                    return taken
                }
                FileHandle(fileDescriptor: descriptor, closeOnDealloc: false).write(Data(bytes.prefix(taken)))
                return taken
            }
            #expect(files.write(Array("one\n".utf8), to: .main))
            #expect(!files.write(Array("torn\n".utf8), to: .main))
            let kept = try String(contentsOfFile: "\(folder)/gatehouse.log", encoding: .utf8)
            #expect(kept == "one\n")
            disk.room.withLock { $0 = 100 }
            #expect(files.write(Array("two\n".utf8), to: .main))
            #expect(try String(contentsOfFile: "\(folder)/gatehouse.log", encoding: .utf8) == "one\ntwo\n")
        }
    }

    private final class Stuck: LogDestination {
        let written = Mutex(0)
        func write(_ bytes: [UInt8], to channel: LogChannel) -> Bool {
            written.withLock { $0 += bytes.count }
            return true
        }
        func reopen() {}
    }

    @Test func `the queue is bounded and what does not fit is counted`() {
        let destination = Stuck()
        let writer = LogWriter(to: destination)
        let huge = [UInt8](repeating: 0x78, count: LogWriter.maximumPendingBytes + 1)
        writer.write(huge, to: .main)
        writer.write(Array("fits\n".utf8), to: .main)
        writer.flush()
        #expect(writer.droppedLines == 1)
        #expect(destination.written.withLock { $0 } == 5)
    }
}
