import Domain
import HTTP
import Testing

struct OpenAPITests {
    private let info = OpenAPIDocument.Info(title: "Test", version: "1.0.0", description: "For tests.", sessionCookie: "session")
    private var document: JSON { OpenAPIDocument(Samples.router().descriptions, info: info).json }

    @Test func `the document names every endpoint and nothing else`() {
        var documented: Set<String> = []
        for path in document["paths"].object?.members ?? [] {
            for method in path.value.object?.members ?? [] { documented.insert("\(method.name.uppercased()) \(path.name)") }
        }
        #expect(documented == Set(Samples.endpoints().map { "\($0.description.method.rawValue) \($0.description.template)" }))
    }

    @Test func `a status that is an answer and a problem tells both`() {
        func content(_ media: [String]) -> JSON {
            let endpoint = Endpoint<PublicContext>(
                .get, "/page", "Page", tag: "Test", audience: .anyone, takes: .nothing, replies: .ok(Samples.keyView),
                also: [Success(503, "Not installed.", Samples.keyView, mediaTypes: media)]
            ) { _, _ in [:] }
            return OpenAPIDocument([endpoint.description], info: info).json["paths"]["/page"]["get"]["responses"]["503"]["content"]
        }
        let problem: JSON = ["$ref": "#/components/schemas/Problem"]
        #expect(content(["text/plain"]).object?.members.map(\.name) == ["text/plain", "application/json"])
        #expect(content(["text/plain"])["application/json"]["schema"] == problem)
        #expect(content(["application/json"])["application/json"]["schema"] == ["anyOf": [["$ref": "#/components/schemas/Key"], problem]])
    }

    @Test func `the order in which endpoints are mounted does not matter`() {
        let descriptions = Samples.router().descriptions
        #expect(OpenAPIDocument(descriptions, info: info).bytes == OpenAPIDocument(descriptions.reversed(), info: info).bytes)
    }

    @Test func `an operation tells its input, its answers and who may call`() {
        let operation = document["paths"]["/api/keys/{id}"]["patch"]
        #expect(operation["operationId"] == "patchApiKeysId")
        #expect(operation["security"] == [["bearer": []], ["session": []]])
        #expect(operation["parameters"].array?.map { $0["name"].string ?? "" } == ["id", "notify", "Idempotency-Key"])
        #expect(operation["parameters"].array?.first?["schema"] == ["type": "integer", "minimum": 1, "maximum": 1000])
        #expect(operation["requestBody"]["content"]["application/json"]["schema"]["required"] == ["name"])
        #expect(operation["requestBody"]["content"]["application/json"]["schema"]["additionalProperties"] == false)
        let statuses = operation["responses"].object?.members.map(\.name)
        #expect(statuses == ["200", "400", "406", "408", "409", "413", "415", "421", "422", "500", "503"])
        #expect(operation["responses"]["200"]["content"]["application/json"]["schema"] == ["$ref": "#/components/schemas/Key"])
        #expect(document["components"]["schemas"]["Key"]["properties"]["limit"]["maximum"] == 100)
        #expect(
            document["paths"]["/v1/models"]["get"]["responses"]["500"]["content"]["application/json"]["schema"]
                == ["$ref": "#/components/schemas/MessagesProblem"])
        #expect(document["paths"]["/v1/models"]["get"]["security"] == [])
    }

    @Test(arguments: [
        Schema.text(length: 1...3, pattern: nil, format: nil), .text(length: 12...20, pattern: nil, format: nil), .time, .integer(5...9),
        .integer(-9 ... -5), .boolean, .choice(["a", "b"]), .list(of: .count, count: 2...3), .list(of: .count, count: 0...0), .number,
        .nullable(.text), .map(of: .count), .anything, .object([.always("a", "A.", .object([.maybe("b", "B.", .count)]))]),
    ])
    func `a made-up example keeps to its schema`(schema: Schema) { #expect(schema.faults(in: schema.sample).isEmpty) }

    @Test(
        arguments: [
            (JSON.null, 1), (["name": "a"], 0), (["name": 1], 1), ([:], 1), (["name": "a", "limit": 0], 1),
            (["name": "a", "limit": "x"], 1),
            (["limit": "x"], 2), (["name": "a", "more": 1], 0),
        ] as [(JSON, Int)])
    func `a value that breaks its schema is noticed`(value: JSON, faults: Int) {
        #expect(Samples.keyView.schema.faults(in: value).count == faults)
    }
}
