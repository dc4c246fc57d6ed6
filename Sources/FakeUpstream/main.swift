import FakeUpstreamParts
import Foundation

var options = FakeServer.Options()
var endsWithInput = false
var arguments = Array(CommandLine.arguments.dropFirst())

func fail(_ text: String) -> Never {
    FileHandle.standardError.write(Data("FakeUpstream: \(text)\n".utf8))
    exit(2)
}

while !arguments.isEmpty {
    let name = arguments.removeFirst()
    if name == "--end-with-input" {
        endsWithInput = true
        continue
    }
    guard !arguments.isEmpty else { fail("\(name) needs a value, or is unknown") }
    let value = arguments.removeFirst()
    switch name {
    case "--port":
        guard let port = UInt16(value) else { fail("bad port") }
        options.port = port
    case "--seed":
        guard let seed = Int(value) else { fail("bad seed") }
        options.seed = seed
    case "--tls-cert": options.certificateFile = value
    case "--tls-key": options.keyFile = value
    case "--record": options.recordFile = value
    default: fail("unknown option \(name)")
    }
}

do {
    let server = try FakeServer(options)
    let lines = "listening 127.0.0.1:\(server.port)\ncontrol 127.0.0.1:\(server.controlPort)\n"
    FileHandle.standardOutput.write(Data(lines.utf8))
    // The program that started it holds the other end: when that ends, however it ends, so does this one.
    if endsWithInput {
        _ = FileHandle.standardInput.readDataToEndOfFile()
        exit(0)
    }
    while true { Thread.sleep(forTimeInterval: 3600) }
} catch {
    fail("\(error)")
}
