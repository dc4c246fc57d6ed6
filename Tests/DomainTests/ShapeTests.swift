import Domain
import Testing

private struct NewKey: Sendable, Equatable {
    let name: String
    let limit: Int64?
    let active: Bool
}

private let shape = Shape(
    .text("name", "Shown in lists.", length: 1...8),
    Field<Int64>.integer("limit", "Requests a minute.", 1...100).optional,
    Field<Bool>.boolean("active", "Works at once.").or(true),
    make: NewKey.init(name:limit:active:))

struct ShapeTests {
    @Test func `a good input becomes a value and absent fields their default`() throws {
        #expect(try shape.parse(["name": "a", "limit": 5]) == NewKey(name: "a", limit: 5, active: true))
        #expect(try shape.parse(["name": "a", "limit": nil, "active": false]) == NewKey(name: "a", limit: nil, active: false))
    }

    @Test func `every bad field is reported at once`() {
        let error = #expect(throws: InputErrors.self) { try shape.parse(["limit": 0, "active": "yes", "nmae": "a"]) }
        #expect(error?.fields.map(\.field) == ["nmae", "name", "limit", "active"])
    }

    @Test(
        arguments: [
            ("5.0", 5), ("5.000", 5), ("5.5", nil), ("5e0", nil), ("0.0", nil), ("100.0", 100), ("101.0", nil),
            ("99999999999999999999.0", nil),
        ] as [(String, Int64?)])
    func `a whole number may be written with zeros behind its point`(text: String, value: Int64?) throws {
        let json = try JSON(parsing: "{\"name\":\"a\",\"limit\":\(text)}")
        if let value {
            #expect(try shape.parse(json).limit == value)
        } else {
            #expect(throws: InputErrors.self) { try shape.parse(json) }
        }
    }

    @Test(arguments: ["a\u{0}", "\u{1b}[0m", "a\u{7f}"]) func `control characters are refused, in lists too`(text: String) {
        let texts = Shape(Field<[String]>.texts("tags", "Tags.", count: 0...2), make: { $0 })
        #expect(throws: InputErrors.self) { try texts.parse(["tags": ["good", .string(text)]]) }
        #expect(throws: InputErrors.self) { try shape.parse(["name": .string(text)]) }
    }

    @Test func `a shape that tolerates unknown fields still checks the known ones`() throws {
        #expect(try shape.ignoringUnknownFields.parse(["name": "a", "extra": 1]).name == "a")
        #expect(throws: InputErrors.self) { try shape.ignoringUnknownFields.parse(["name": ""]) }
    }

    @Test(arguments: [JSON.null, [], "text", 4]) func `only an object has fields`(input: JSON) {
        let error = #expect(throws: InputErrors.self) { try shape.parse(input) }
        #expect(error?.fields.count == 1)
    }

    @Test func `a shape inside a shape names the inner field`() {
        let outer = Shape(shape.field("key", "A key."), make: { $0 })
        let error = #expect(throws: InputErrors.self) { try outer.parse(["key": ["name": "a", "limit": 1000]]) }
        #expect(error?.fields == [FieldError("key", "limit must be a whole number from 1 to 100, got \"1000\"")])
    }
}
