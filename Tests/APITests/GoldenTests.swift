import API
import Domain
import Foundation
import HTTP
import Testing

/// What outsiders build against. `GOLDEN=rewrite` writes the files again; review them as a diff.
struct GoldenTests {
    private func compare(_ text: String, with name: String) throws {
        let file = PublicSurface.golden.appending(path: name)
        if ProcessInfo.processInfo.environment["GOLDEN"] == "rewrite" {
            try text.write(to: file, atomically: true, encoding: .utf8)
        }
        let known = try String(contentsOf: file, encoding: .utf8)
        #expect(text == known, "\(name) has changed; run with GOLDEN=rewrite and review the difference")
    }

    @Test func `the problem codes are the ones we promised`() throws {
        let lines = Problems.all.map { "\($0.status) \($0.code)\($0.mayRepeat ? "" : " (final)"): \($0.sentence)" }
        try compare(lines.joined(separator: "\n") + "\n", with: "problems.txt")
        #expect(Set(Problems.all.map(\.code)).count == Problems.all.count, "a code has one status and one meaning")
    }

    @Test func `the served document is about itself too`() async throws {
        let router = PublicSurface().router
        let served = await router.respond(to: PublicSurface.request(.get, "/openapi.json"))
        #expect(served.status == 200)
        var documented: Set<String> = []
        for path in served.json["paths"].object?.members ?? [] {
            for method in path.value.object?.members ?? [] { documented.insert("\(method.name.uppercased()) \(path.name)") }
        }
        #expect(documented == Set(router.descriptions.map { "\($0.method.rawValue) \($0.template)" }))
        #expect(documented.contains("GET /openapi.json"))
    }

    @Test func `every example keeps to its schema, and every problem has a code we promised`() {
        let promised = Set(Problems.all)
        for description in PublicSurface().router.descriptions {
            for view in description.successes.compactMap(\.view) {
                let faults = view.schema.faults(in: view.example)
                #expect(faults.isEmpty, "\(description.template): \(faults)")
            }
            if let example = description.bodyExample {
                let faults = Schema.object(description.bodyFields).faults(in: example)
                #expect(faults.isEmpty, "\(description.template): \(faults)")
            }
            #expect(promised.isSuperset(of: description.allProblems), "\(description.template)")
        }
    }
}
