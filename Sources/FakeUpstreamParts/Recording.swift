internal import Foundation
internal import Synchronization

/// A file that gets one line of JSON for each finished request.
final class Recording: Sendable {
    private let file: Mutex<FileHandle>

    init(_ path: String) throws(SocketFailure) {
        guard FileManager.default.createFile(atPath: path, contents: nil), let handle = FileHandle(forWritingAtPath: path) else {
            throw SocketFailure(description: "cannot write \(path)")
        }
        file = Mutex(handle)
    }

    func append(_ line: JSONText) {
        let bytes = Data(line.bytes + [10])
        file.withLock { file in
            do { try file.write(contentsOf: bytes) } catch { FileHandle.standardError.write(Data("recording failed: \(error)\n".utf8)) }
        }
    }
}
