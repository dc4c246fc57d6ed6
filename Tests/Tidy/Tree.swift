import Foundation

/// The source tree that this test was compiled from.
enum Tree {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    static let cLibraries: Set<String> = ["CSQLite", "CPostgres", "CSodium", "CCrypt", "CCurl", "COpenSSL", "CZlib", "CQREncode"]

    struct File {
        let path: String
        let lines: [String]
        var name: String { path.split(separator: "/").last.map(String.init) ?? path }
        /// Module names after `import`, with whatever access level or attribute stands before.
        var imports: [String] {
            lines.compactMap { line in
                let words = line.split(separator: " ")
                guard let at = words.firstIndex(of: "import"), at + 1 < words.count,
                    words[..<at].allSatisfy({
                        $0.hasPrefix("@") || ["public", "package", "internal", "private", "fileprivate"].contains($0)
                    })
                else { return nil }
                // "import struct Foundation.Data" names a declaration of the module.
                let kinds: Set<Substring> = ["struct", "class", "enum", "protocol", "func", "var", "let", "typealias"]
                let name = kinds.contains(words[at + 1]) && at + 2 < words.count ? words[at + 2] : words[at + 1]
                return name.split(separator: ".").first.map(String.init)
            }
        }
    }

    static func swiftFiles(_ folder: String) throws -> [File] {
        try files([], below: folder, ending: ".swift").map { path in
            let text = try String(contentsOf: root.appending(path: path), encoding: .utf8)
            return File(path: path, lines: text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init))
        }
    }

    static func files(_ first: [String], below folder: String, ending: String) throws -> [String] {
        let all = try FileManager.default.subpathsOfDirectory(atPath: root.appending(path: folder).path)
        return first + all.filter { $0.hasSuffix(ending) }.sorted().map { "\(folder)/\($0)" }
    }

    static func folders(_ folder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(
            at: root.appending(path: folder), includingPropertiesForKeys: [.isDirectoryKey]
        ).filter(\.hasDirectoryPath).map(\.lastPathComponent).sorted()
    }
}
