internal import Dispatch
public import Foundation
internal import Glibc

/// A program that a test starts. It gets an open standard input, which closes when this process ends, however it ends.
public final class ChildProcess {
    public struct Failure: Error, CustomStringConvertible { public let description: String }
    private let process = Process()
    private let input = Pipe()
    private let output = Pipe()
    private var pending = Data()
    private let ended = DispatchSemaphore(value: 0)
    private var exitCode: Int32?

    /// - Parameter environment: replaces the whole environment when given.
    public init(_ program: URL, _ arguments: [String], environment: [String: String]? = nil) throws {
        process.executableURL = program
        process.arguments = arguments
        if let environment { process.environment = environment }
        process.standardInput = input
        process.standardOutput = output
        let ended = ended
        process.terminationHandler = { _ in ended.signal() }
        try process.run()
    }

    public var identifier: Int32 { process.processIdentifier }

    /// The next line of standard output; nil at its end.
    public func line() -> String? {
        while true {
            if let end = pending.firstIndex(of: 10) {
                let line = String(decoding: pending[..<end], as: UTF8.self)
                pending = Data(pending[pending.index(after: end)...])
                return line
            }
            let more = output.fileHandleForReading.availableData
            if more.isEmpty { return nil }
            pending += more
        }
    }

    /// Closes its standard input, sends SIGTERM, after five seconds SIGKILL, and waits for the end; answers the exit code.
    @discardableResult public func terminate() -> Int32 {
        if let exitCode { return exitCode }
        do { try input.fileHandleForWriting.close() } catch {
            FileHandle.standardError.write(Data("closing a child's input: \(error)\n".utf8))
        }
        if process.isRunning { process.terminate() }
        // A child started from a dispatch thread inherits a mask that blocks SIGTERM; SIGKILL cannot be blocked.
        if ended.wait(timeout: .now() + 5) == .timedOut {
            kill(process.processIdentifier, SIGKILL)
            ended.wait()
        }
        exitCode = process.terminationStatus
        return process.terminationStatus
    }

    /// A program that this package builds, found beside the running tests.
    public static func builtProgram(_ name: String) throws -> URL {
        let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let candidates = [own] + CommandLine.arguments
        for path in candidates {
            var folder = URL(filePath: path).deletingLastPathComponent()
            for _ in 0..<5 {
                let program = folder.appending(path: name)
                if FileManager.default.isExecutableFile(atPath: program.path) { return program }
                folder.deleteLastPathComponent()
            }
        }
        throw Failure(description: "the program \(name) is not built beside \(candidates.first ?? "the tests")")
    }
}
