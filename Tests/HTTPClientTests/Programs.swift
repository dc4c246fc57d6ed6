import Foundation

/// Programs of the system that tests need, and a folder for their files.
final class Programs {
    let folder: URL
    private var running: [Process] = []

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "gatehouse-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }
    /// Ends what still runs and removes the folder.
    func end() {
        for process in running {
            // Children inherit blocked signals from the thread that starts them; this one cannot be blocked.
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
        }
        running = []
        try? FileManager.default.removeItem(at: folder)
    }
    func path(_ name: String) -> String { folder.appending(path: name).path }

    struct Failed: Error, CustomStringConvertible { let description: String }

    /// Runs to its end.
    func run(_ program: String, _ arguments: [String]) throws {
        let process = make(program, arguments)
        let errors = Pipe()
        process.standardError = errors
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        let text = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Failed(description: "\(program): \(text)") }
    }

    /// Starts it and answers the first line that it prints.
    func start(_ program: String, _ arguments: [String]) throws -> String {
        let process = make(program, arguments)
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        running.append(process)
        var line = Data()
        while true {
            let byte = try output.fileHandleForReading.read(upToCount: 1) ?? Data()
            if byte.isEmpty { throw Failed(description: "\(program) ended before it said where it listens") }
            if byte == Data([0x0a]) { return String(decoding: line, as: UTF8.self) }
            line += byte
        }
    }

    private func make(_ program: String, _ arguments: [String]) -> Process {
        let process = Process()
        process.executableURL = URL(filePath: program)
        process.arguments = arguments
        process.currentDirectoryURL = folder
        process.standardInput = FileHandle.nullDevice
        return process
    }

    /// An authority "ca.pem" and what it signed for a name: "NAME.pem" and "NAME.key".
    func makeCertificates(_ names: [String]) throws {
        let openssl = "/usr/bin/openssl"
        let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
        try run(openssl, ["req", "-x509"] + curve + ["-subj", "/CN=Test authority", "-keyout", "ca.key", "-out", "ca.pem"])
        for name in names {
            let kind = name.contains { $0.isLetter } ? "DNS" : "IP"
            try run(
                openssl,
                ["req", "-x509"] + curve + [
                    "-CA", "ca.pem", "-CAkey", "ca.key", "-subj", "/CN=\(name)", "-addext", "subjectAltName=\(kind):\(name)",
                    "-addext", "basicConstraints=critical,CA:FALSE", "-keyout", "\(name).key", "-out", "\(name).pem",
                ])
        }
        try run(
            openssl,
            ["req", "-x509"] + curve + [
                "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", "self.key", "-out", "self.pem",
            ])
    }
}
