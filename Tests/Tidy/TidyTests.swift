import Foundation
import Testing

/// The house rules that a reader should not have to check by eye. Each reads the source tree of this checkout.
struct TidyTests {
    /// What each module may import of ours, as in docs/architecture.md. A new module is a new line here.
    static let mayImport: [String: Set<String>] = [
        "Domain": [],
        "Processes": [],
        "Telemetry": ["Domain"],
        "Secrets": ["Domain", "Telemetry", "CSodium", "CCrypt", "COpenSSL"],
        "HTTP": ["Domain", "Telemetry", "CEpoll", "COpenSSL", "CCurl", "CZlib"],
        "Store": ["Domain", "Telemetry", "Secrets", "Processes", "CSQLite", "CPostgres"],
        "Relay": ["Domain", "Telemetry", "Secrets", "HTTP", "Store", "Processes"],
        "API": ["Domain", "Telemetry", "Secrets", "HTTP", "Store", "Provisioning", "Billing", "QR", "Mail"],
        "Mail": ["Domain", "Telemetry", "Secrets", "HTTP", "Store"],
        "Provisioning": ["Domain", "Telemetry", "Secrets", "Store"],
        "Drivers": ["Domain", "HTTP", "Secrets", "Processes"],
        "QR": ["Domain", "CQREncode", "CZlib"],
        "Billing": ["Domain", "Telemetry", "Secrets", "HTTP", "Store", "Provisioning"],
        "Web": ["Domain", "Telemetry", "HTTP"],
        "Server": ["Domain", "Telemetry", "Secrets", "HTTP", "Store", "Relay", "API", "Web", "Provisioning", "Billing", "Drivers", "Mail"],
        "LifeBench": ["Domain", "Telemetry", "Secrets", "HTTP", "Store", "Provisioning", "Drivers"],
        "AdmissionBench": ["Domain", "Telemetry", "Secrets", "HTTP", "Store", "Relay"],
        "TestKit": ["Domain", "Telemetry", "Secrets", "HTTP", "Store"],
    ]
    static let systemModules: Set<String> = ["Glibc", "Dispatch", "Synchronization", "FoundationEssentials"]
    /// Programs that stand alone: a fake must not be built from the code it tests.
    static let standalone: Set<String> = ["FakeUpstream", "FakeUpstreamParts", "FakeWgEasy"]

    @Test func `modules import only what is below them`() throws {
        var wrong: [String] = []
        for file in try Tree.swiftFiles("Sources") {
            let module = file.path.split(separator: "/")[1]
            if Self.standalone.contains(String(module)) { continue }
            guard let allowed = Self.mayImport[String(module)] else {
                wrong.append("\(file.path): the module \(module) has no line in the import table")
                continue
            }
            let isTestSupport = module == "TestKit"
            for name in file.imports where !allowed.contains(name) && !Self.systemModules.contains(name) {
                if isTestSupport, ["Foundation", "Testing", "COpenSSL", "CEpoll"].contains(name) { continue }
                wrong.append("\(file.path) imports \(name)")
            }
        }
        #expect(wrong.isEmpty, "\(wrong.joined(separator: "\n"))")
    }

    @Test func `each C library has one importer per module`() throws {
        var importers: [String: Set<String>] = [:]
        for file in try Tree.swiftFiles("Sources") where !file.path.hasPrefix("Sources/TestKit/") {
            for name in file.imports where Tree.cLibraries.contains(name) {
                importers["\(file.path.split(separator: "/")[1]):\(name)", default: []].insert(file.path)
            }
        }
        let shared = importers.filter { $0.value.count > 1 }
        #expect(shared.isEmpty, "wrap a C library in one file: \(shared)")
        #expect(!importers.isEmpty)
    }

    @Test func `no file hides behind a name that says nothing`() throws {
        let banned = ["Utils", "Util", "Helpers", "Helper", "Manager", "State", "Core", "App", "Misc", "Common"]
        let wrong = try Tree.swiftFiles("Sources").filter { file in
            banned.contains(String(file.name.dropLast(".swift".count)))
        }
        #expect(wrong.isEmpty, "\(wrong.map(\.path))")
    }

    @Test func `nothing is left unfinished`() throws {
        let marks = ["TODO", "FIXME", "XXX", "fatalError(", "try!", " as! ", "withKnownIssue", "Placeholder"]
        var wrong: [String] = []
        for file in try Tree.swiftFiles("Sources") + Tree.swiftFiles("Tests") where !file.path.hasPrefix("Tests/Tidy/") {
            for (number, line) in file.lines.enumerated() {
                for mark in marks where line.contains(mark) { wrong.append("\(file.path):\(number + 1) \(mark)") }
            }
        }
        #expect(wrong.isEmpty, "\(wrong.joined(separator: "\n"))")
    }

    @Test func `tests do not sleep`() throws {
        let marks = ["Task.sleep", "usleep(", "Thread.sleep", "nanosleep("]
        var wrong: [String] = []
        for file in try Tree.swiftFiles("Tests") where !file.path.hasPrefix("Tests/Tidy/") {
            for (number, line) in file.lines.enumerated() where marks.contains(where: line.contains) {
                wrong.append("\(file.path):\(number + 1)")
            }
        }
        #expect(wrong.isEmpty, "\(wrong.joined(separator: "\n"))")
    }

    @Test func `SQL is spelled in Store only`() throws {
        let pattern = /"\s*(SELECT .+ FROM |INSERT INTO |UPDATE \w+ SET |DELETE FROM )/
        var wrong: [String] = []
        for file in try Tree.swiftFiles("Sources") where !["Store", "TestKit"].contains(file.path.split(separator: "/")[1]) {
            for (number, line) in file.lines.enumerated() where line.contains(pattern) { wrong.append("\(file.path):\(number + 1)") }
        }
        #expect(wrong.isEmpty, "\(wrong.joined(separator: "\n"))")
    }

    @Test func `no field of a log line has the name of one that every line has`() throws {
        let pattern = /"(time|level|event|request)": (LogValue\(|\.(text|integer|flag)\()/
        var wrong: [String] = []
        for file in try Tree.swiftFiles("Sources") {
            for (number, line) in file.lines.enumerated() where line.contains(pattern) { wrong.append("\(file.path):\(number + 1)") }
        }
        #expect(wrong.isEmpty, "\(wrong.joined(separator: "\n"))")
    }

    @Test func `every module says what it promises`() throws {
        for module in try Tree.folders("Sources") where !module.hasPrefix("C") {
            let readme = try? String(contentsOf: Tree.root.appending(path: "Sources/\(module)/README.md"), encoding: .utf8)
            #expect((readme?.count ?? 0) > 200, "Sources/\(module)/README.md: promise, entry point, what it must not do, an example")
        }
    }

    @Test func `links in the documents lead somewhere`() throws {
        var wrong: [String] = []
        for path in try Tree.files(["README.md", "CHANGELOG.md"], below: "docs", ending: ".md") {
            let text = try String(contentsOf: Tree.root.appending(path: path), encoding: .utf8)
            let folder = Tree.root.appending(path: path).deletingLastPathComponent()
            for match in text.matches(of: /\]\(([^)#\s]+)[^)]*\)/) {
                let target = String(match.1)
                if target.contains("://") || target.hasPrefix("mailto:") { continue }
                if !FileManager.default.fileExists(atPath: folder.appending(path: target).path) { wrong.append("\(path): \(target)") }
            }
        }
        #expect(wrong.isEmpty, "\(wrong.joined(separator: "\n"))")
    }
}
