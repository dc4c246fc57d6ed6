// The one file of this module that calls zlib.
internal import CZlib

/// Writes pictures of one bit a pixel (PNG, ISO 15948: greyscale, 0 is black).
enum PNGImage {
    /// - Parameter rows: each `(width + 7) / 8` bytes.
    /// - Returns: nil without memory.
    static func bytes(width: Int, rows: [[UInt8]]) -> [UInt8]? {
        // Each row begins with its filter; 0 is none.
        let raw = rows.flatMap { (row: [UInt8]) -> [UInt8] in [0] + row }
        var packed = [UInt8](repeating: 0, count: Int(compressBound(UInt(raw.count))))
        var count = UInt(packed.count)
        guard unsafe compress2(&packed, &count, raw, UInt(raw.count), 9) == Z_OK else { return nil }
        return [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]
            + chunk("IHDR", word(UInt32(width)) + word(UInt32(rows.count)) + [1, 0, 0, 0, 0])
            + chunk("IDAT", Array(packed.prefix(Int(count)))) + chunk("IEND", [])
    }

    private static func chunk(_ name: String, _ body: [UInt8]) -> [UInt8] {
        let named = Array(name.utf8) + body
        let check = UInt32(truncatingIfNeeded: unsafe crc32(0, named, UInt32(named.count)))
        return word(UInt32(body.count)) + named + word(check)
    }
    private static func word(_ value: UInt32) -> [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
    }
}
