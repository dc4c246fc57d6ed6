internal import Domain
private import Glibc
internal import HTTP

/// Files that a browser loads, read once at the start. Each is served under a name with a fingerprint of its bytes, so that it can be
/// kept for ever.
public struct AssetFolder: Sendable {
    struct Asset: Sendable {
        /// "swagger-ui.css"
        let name: String
        /// "swagger-ui.0f3a….css"
        let servedName: String
        let mediaType: String
        let bytes: [UInt8]
        /// Strong, in quotes.
        let etag: String
    }
    /// By the name it is served under.
    let served: [String: Asset]
    private let byName: [String: Asset]

    /// A larger file is left out, as if it were not there.
    static let maximumFileBytes = 8 << 20

    init(_ files: [(name: String, bytes: [UInt8])]) {
        let assets = files.map(Self.asset)
        served = Dictionary(assets.map { ($0.servedName, $0) }, uniquingKeysWith: { $1 })
        byName = Dictionary(assets.map { ($0.name, $0) }, uniquingKeysWith: { $1 })
    }

    /// Reads the named files; those that are missing stay missing, which pages answer with what to do about it.
    public init(path: String, names: [String]) {
        self.init(names.compactMap { name in Self.read("\(path)/\(name)").map { (name, $0) } })
    }

    subscript(name: String) -> Asset? { byName[name] }

    /// Serves every file by its fingerprinted name.
    /// - Parameter template: ends in `{file}`.
    func endpoint(_ template: String, _ summary: String) -> Endpoint<PublicContext> {
        Endpoint(
            .get, template, summary, tag: "Service", audience: .anyone,
            takes: .path(Shape(.text("file", "As the page names it.", length: 1...128), make: { $0 })),
            replies: Success(200, "Its bytes.", View(nil, .text, example: ""), mediaTypes: ["*/*"]),
            also: [Success(304, "The caller has it already.", nil)], problems: [.notFound]
        ) { input, _ in
            guard let asset = served[input.path] else { throw Problem(.notFound) }
            var headers = BrowserHeaders.immutable
            headers.set("etag", asset.etag)
            let known = input.request.headers.all("if-none-match").flatMap { $0.split(separator: ",") }
            if known.contains(where: { $0.filter { $0 != " " } == asset.etag || $0.filter { $0 != " " } == "W/" + asset.etag || $0 == "*" })
            {
                return .empty(status: 304, headers: headers)
            }
            return .bytes(asset.bytes, type: asset.mediaType, headers: headers)
        }
    }

    private static func asset(name: String, bytes: [UInt8]) -> Asset {
        let fingerprint = fingerprint(bytes)
        let dot = name.lastIndex(of: ".") ?? name.endIndex
        return Asset(
            name: name, servedName: "\(name[..<dot]).\(fingerprint)\(name[dot...])", mediaType: mediaType(String(name[dot...])),
            bytes: bytes,
            etag: "\"\(fingerprint)\"")
    }

    private static func mediaType(_ ending: String) -> String {
        switch ending {
        case ".css": "text/css; charset=utf-8"
        case ".js": "text/javascript; charset=utf-8"
        case ".png": "image/png"
        case ".svg": "image/svg+xml"
        default: "application/octet-stream"
        }
    }

    /// FNV-1a of 64 bits: it tells versions apart and protects nothing.
    private static func fingerprint(_ bytes: [UInt8]) -> String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }

    private static func read(_ path: String) -> [UInt8]? {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = unsafe piece.withUnsafeMutableBytes { unsafe Glibc.read(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { return nil }
            if count == 0 { return bytes }
            bytes += piece[..<count]
            guard bytes.count <= maximumFileBytes else { return nil }
        }
    }
}
