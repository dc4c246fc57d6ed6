// The one file that calls libqrencode.
internal import CQREncode

/// The modules of one QR code.
public struct QRCode: Sendable {
    /// Why there is no code.
    public enum Fault: Error, Equatable, Sendable {
        case empty
        /// More than `QRCode.largestBytes`.
        case tooLong
        case outOfMemory
    }

    /// What the largest code holds in byte mode at the lowest level of error correction (ISO 18004).
    public static let largestBytes = 2953
    /// Light modules around the code.
    static let quietModules = 4

    /// Modules of one side, without the quiet zone: 21 … 177.
    public let side: Int
    /// Row by row; true is dark.
    let isDark: [Bool]

    /// Error correction M, or L when the bytes do not fit otherwise.
    public init(_ bytes: [UInt8]) throws(Fault) {
        guard !bytes.isEmpty else { throw .empty }
        guard bytes.count <= Self.largestBytes else { throw .tooLong }
        guard let made = unsafe Self.encode(bytes, QR_ECLEVEL_M) ?? Self.encode(bytes, QR_ECLEVEL_L) else { throw .outOfMemory }
        defer { unsafe QRcode_free(made) }
        side = Int(unsafe made.pointee.width)
        isDark = unsafe UnsafeBufferPointer(start: made.pointee.data, count: side * side).map { $0 & 1 == 1 }
    }

    private static func encode(_ bytes: [UInt8], _ level: QRecLevel) -> UnsafeMutablePointer<CQREncode.QRcode>? {
        unsafe QRcode_encodeData(Int32(bytes.count), bytes, 0, level)
    }

    /// A dark run of a row is one path step, so that the text stays small.
    public var svg: String {
        let edge = side + 2 * Self.quietModules
        var path = ""
        for row in 0..<side {
            var column = 0
            while column < side {
                guard isDark[row * side + column] else {
                    column += 1
                    continue
                }
                let start = column
                while column < side, isDark[row * side + column] { column += 1 }
                path += "M\(start + Self.quietModules) \(row + Self.quietModules)h\(column - start)v1h-\(column - start)z"
            }
        }
        return """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(edge) \(edge)" shape-rendering="crispEdges">\
            <rect width="\(edge)" height="\(edge)" fill="#fff"/><path d="\(path)" fill="#000"/></svg>
            """
    }

    /// Black and white, one bit a pixel.
    /// - Parameter scale: pixels of a module's side, 1…16.
    public func png(scale: Int = 4) throws(Fault) -> [UInt8] {
        let scale = min(16, max(1, scale))
        let edge = (side + 2 * Self.quietModules) * scale
        var rows: [[UInt8]] = []
        for line in 0..<edge {
            let row = line / scale - Self.quietModules
            var bytes = [UInt8](repeating: 0xff, count: (edge + 7) / 8)
            if (0..<side).contains(row) {
                for pixel in 0..<edge {
                    let column = pixel / scale - Self.quietModules
                    if (0..<side).contains(column), isDark[row * side + column] { bytes[pixel / 8] &= ~(0x80 >> UInt8(pixel % 8)) }
                }
            }
            rows.append(bytes)
        }
        guard let image = PNGImage.bytes(width: edge, rows: rows) else { throw .outOfMemory }
        return image
    }
}
