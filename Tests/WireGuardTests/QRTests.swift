import Foundation
import QR
import Testing

@Suite struct QRTests {
    @Test(arguments: [(14, 21), (348, 73), (2331, 177), (2953, 177)])
    func `a code is as large as its bytes need`(count: Int, side: Int) throws {
        #expect(try QRCode([UInt8](repeating: 0x61, count: count)).side == side)
    }

    @Test func `what does not fit is refused`() {
        #expect(throws: QRCode.Fault.tooLong) { _ = try QRCode([UInt8](repeating: 0x61, count: 2954)) }
        #expect(throws: QRCode.Fault.empty) { _ = try QRCode([]) }
    }

    @Test func `both pictures have the quiet zone`() throws {
        let code = try QRCode([UInt8](repeating: 0x61, count: 348))
        #expect(code.svg.contains(#"viewBox="0 0 81 81""#) && code.svg.hasSuffix("</svg>"))
        let png = try code.png(scale: 4)
        #expect(png[16..<24].elementsEqual([0, 0, 1, 68, 0, 0, 1, 68]), "324 pixels a side")
    }

    /// zbar is another's reader; scripts/setup test installs it.
    @Test(arguments: [
        "[Interface]\nPrivateKey = x\nDNS = 1.1.1.1\n", String(repeating: "ü[Peer]\n", count: 60), String(repeating: "long ", count: 400),
    ])
    func `another program reads the exact bytes back`(text: String) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "qr-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appending(path: "code.png")
        try Data(try QRCode(Array(text.utf8)).png()).write(to: file)
        let reader = Process()
        reader.executableURL = URL(filePath: "/usr/bin/zbarimg")
        reader.arguments = ["--quiet", "--raw", "-Sbinary", file.path]
        let output = Pipe()
        reader.standardOutput = output
        try reader.run()
        let read = try output.fileHandleForReading.readToEnd() ?? Data()
        reader.waitUntilExit()
        #expect(reader.terminationStatus == 0)
        #expect(read == Data(text.utf8))
    }
}
