public import Domain

extension CivilZone {
    /// A zone that always follows one rule (POSIX TZ, as "NZST-12NZDT,M9.5.0,M4.1.0/3"): a TZif file without changes of its own, so that
    /// a test does not depend on the machine's zone files.
    public static func following(_ rule: String) throws(ParseError) -> CivilZone {
        // Header: version 2, then the six counts, of which there is one type and four letters. Its offset is never asked for.
        let block =
            Array("TZif2".utf8) + [UInt8](repeating: 0, count: 15 + 16) + [0, 0, 0, 1, 0, 0, 0, 4] + [0, 0, 0, 0, 0, 0]
            + Array("UTC\0".utf8)
        return try CivilZone(name: rule, tzif: block + block + Array("\n\(rule)\n".utf8))
    }
}
