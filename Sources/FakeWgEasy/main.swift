import FakeUpstreamParts
import Foundation

var mode = WgEasyMode.v14
var password = ""
var port: UInt16 = 0
var arguments = Array(CommandLine.arguments.dropFirst())

func fail(_ text: String) -> Never {
    FileHandle.standardError.write(Data("FakeWgEasy: \(text)\n".utf8))
    exit(2)
}

while !arguments.isEmpty {
    let name = arguments.removeFirst()
    guard !arguments.isEmpty else { fail("\(name) needs a value, or is unknown") }
    let value = arguments.removeFirst()
    switch name {
    case "--port":
        guard let number = UInt16(value) else { fail("bad port") }
        port = number
    case "--mode":
        guard let known = WgEasyMode(rawValue: value) else {
            fail("a mode of \(WgEasyMode.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        mode = known
    case "--password": password = value
    default: fail("unknown option \(name)")
    }
}

do {
    let server = try WgEasyServer(port: port, mode: mode, password: password)
    let control = try WgEasyControl(server)
    FileHandle.standardOutput.write(Data("listening 127.0.0.1:\(server.port)\ncontrol 127.0.0.1:\(control.port)\n".utf8))
    // Ends with whoever started it.
    _ = FileHandle.standardInput.readDataToEndOfFile()
} catch {
    fail("\(error)")
}
