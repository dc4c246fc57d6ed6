internal import Domain

/// Reads a named zone from the system's time zone files (Debian's `tzdata`).
enum TimeZoneFile {
    private static let folder = "/usr/share/zoneinfo/"
    /// The largest has some three kilobytes.
    private static let maximumBytes = 65_536

    /// - Throws: `Failure` for a name that has no file.
    static func zone(_ name: String) throws -> CivilZone {
        if name == "UTC" { return .utc }
        let isName = name.utf8.allSatisfy { byte in
            (0x61...0x7a).contains(byte | 0x20) || (0x30...0x39).contains(byte) || [0x2f, 0x5f, 0x2d, 0x2b].contains(byte)
        }
        guard isName, !name.hasPrefix("/"), !name.contains("//"), name.utf8.count <= 64 else {
            throw Failure("TIME_ZONE must be a name as Europe/Berlin")
        }
        do throws(ParseError) {
            return try CivilZone(name: name, tzif: TextFile.bytes(folder + name, limit: maximumBytes) ?? [])
        } catch {
            throw Failure("TIME_ZONE: \(folder)\(name) cannot be read as a time zone; install tzdata or correct the name")
        }
    }
}
