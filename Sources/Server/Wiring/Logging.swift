internal import Domain
internal import Telemetry

/// The log of a running server, as the settings say.
struct Logging: Sendable {
    let log: Log
    let writer: LogWriter

    init(_ settings: Settings) throws {
        let destination: any LogDestination
        if let folder = settings.logDirectory {
            guard TextFile.createFolder(folder) else { throw Failure("LOG_DIR \(folder) cannot be made; check its permissions") }
            destination = FolderDestination(folder: folder, maximumBytes: settings.logMaximumBytes, maximumFiles: settings.logMaximumFiles)
        } else {
            destination = DescriptorDestination.standardOutput
        }
        writer = LogWriter(to: destination)
        log = Log(level: settings.logLevel, output: writer, now: Ambient.live.now)
    }
}
