internal import Domain

/// One admitted call with its body read, not yet checked.
struct Call: Sendable {
    let request: Request
    /// Decoded, in the template's order.
    let parameters: [(name: String, value: String)]

    /// Reads path, query and body; every bad field of all three is reported at once.
    func read<Path, Query, Body>(
        path: Shape<Path>, query: Shape<Query>, body: Shape<Body>, bodyRule: EndpointDescription.BodyRule
    ) throws(Problem) -> Input<Path, Query, Body> {
        var faults: [InputFault] = []
        func attempt<Value>(_ place: FieldDoc.Place, _ shape: Shape<Value>, _ json: JSON) -> Value? {
            do throws(InputErrors) { return try shape.parse(json) } catch {
                faults += error.fields.map { InputFault(place, $0.field, $0.message) }
                return nil
            }
        }
        let pathInput = JSONObject(parameters.map { ($0.name, QueryText.coerce($0.value, to: Self.schema($0.name, path.docs))) })
        let pathValue = attempt(.path, path, .object(pathInput))
        let queryInput = QueryText.object(request.query, docs: query.docs, faults: &faults)
        let queryValue = attempt(.query, query, .object(queryInput))
        let bodyValue = attempt(.body, body, bodyRule == .json ? try bodyJSON(body.docs) : .object([:]))
        guard faults.isEmpty, let pathValue, let queryValue, let bodyValue else {
            throw Problem(faults: Array(faults.prefix(EndpointLimits.faults)))
        }
        return Input(path: pathValue, query: queryValue, body: bodyValue, request: request)
    }

    private func bodyJSON(_ docs: [FieldDoc]) throws(Problem) -> JSON {
        if request.body.isEmpty, !docs.contains(where: \.required) { return .object([:]) }
        do { return try JSON(parsing: request.body) } catch { throw Problem(.badJSON, "The body is not valid JSON: it \(error.message).") }
    }

    private static func schema(_ name: String, _ docs: [FieldDoc]) -> Schema? { docs.first { $0.name == name }?.schema }
}

/// The query of a control request, `application/x-www-form-urlencoded` as browsers write it.
enum QueryText {
    /// Members by name, typed as the fields want them. Names given twice and bad escapes are faults.
    static func object(_ query: String, docs: [FieldDoc], faults: inout [InputFault]) -> JSONObject {
        var object = JSONObject()
        var count = 0
        for pair in query.utf8.split(separator: 0x26) {
            count += 1
            guard count <= EndpointLimits.queryParameters else {
                faults.append(InputFault(.query, "", "has more than \(EndpointLimits.queryParameters) parameters"))
                break
            }
            let equals = pair.firstIndex(of: 0x3d) ?? pair.endIndex
            let raw = equals == pair.endIndex ? pair[equals...] : pair[pair.index(after: equals)...]
            guard let name = PercentText.formDecoded(pair[..<equals]), let value = PercentText.formDecoded(raw) else {
                faults.append(InputFault(.query, "", "has a malformed escape"))
                continue
            }
            let schema = docs.first { $0.name == name }?.schema
            let typed = coerce(value, to: schema)
            if case .array(let earlier) = object[name], case .array(let later) = typed {
                object[name] = .array(earlier + later)
            } else if object[name] != nil {
                faults.append(InputFault(.query, String(name.prefix(64)), "is given twice"))
            } else {
                object[name] = typed
            }
        }
        return object
    }

    /// Text as the JSON value that a field of this schema reads; text that does not fit stays text, and the field says what is wrong.
    static func coerce(_ text: String, to schema: Schema?) -> JSON {
        switch schema {
        case .integer: return isPlainInteger(text) ? Int64(text).map(JSON.int) ?? .string(text) : .string(text)
        case .boolean: return text == "true" ? true : text == "false" ? false : .string(text)
        case .list(let element, _):
            return .array(text.split(separator: ",", omittingEmptySubsequences: false).map { coerce(String($0), to: element) })
        case .nullable(let inner): return coerce(text, to: inner)
        case .text, .choice, .object, .anything, .number, .map, nil: return .string(text)
        }
    }
    /// `Int64` alone would also take "+1".
    private static func isPlainInteger(_ text: String) -> Bool { text.utf8.allSatisfy { (0x30...0x39).contains($0) || $0 == 0x2d } }
}

/// Percent-encoding: any text into what a URL or a form takes, and strictly the path of a request back, segment by segment.
public enum PercentText {
    /// The text with every byte escaped but letters, digits and `-._~` (RFC 3986, section 2.3).
    public static func encoded(_ text: String) -> String {
        var out: [UInt8] = []
        out.reserveCapacity(text.utf8.count)
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x2e, 0x5f, 0x7e: out.append(byte)
            default: out += [0x25, letters[Int(byte >> 4)], letters[Int(byte & 15)]]
            }
        }
        return String(decoding: out, as: UTF8.self)
    }
    private static let letters = Array("0123456789ABCDEF".utf8)

    /// A name or value of a query or a form, where "+" is a space; nil for a malformed escape and what is not UTF-8.
    public static func formDecoded(_ text: Substring.UTF8View) -> String? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count)
        var rest = text[...]
        while let byte = rest.popFirst() {
            switch byte {
            case 0x2b: bytes.append(0x20)
            case 0x25:
                guard let high = rest.popFirst().flatMap(digit), let low = rest.popFirst().flatMap(digit) else {
                    return nil
                }
                bytes.append(high << 4 | low)
            default: bytes.append(byte)
            }
        }
        return String(validating: bytes, as: UTF8.self)
    }

    static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x37
        case 0x61...0x66: byte - 0x57
        default: nil
        }
    }

    /// Whether the path can be matched as it stands: no escape, no dot segment, nothing but visible ASCII.
    static func isPlain(_ path: Span<UInt8>) -> Bool {
        guard path.count > 0, path[0] == 0x2f else { return false }
        for index in path.indices {
            let byte = path[index]
            if byte == 0x25 || byte <= 0x20 || byte >= 0x7f || byte == 0x5c { return false }
            if byte == 0x2e, path[index - 1] == 0x2f { return false }
        }
        return true
    }

    /// The path with its escapes resolved. nil for a malformed escape, an escaped slash, backslash, control character or NUL, a dot
    /// segment however it is written, and what is not UTF-8: two spellings must never mean different things to us and to a proxy.
    static func decoded(_ path: Span<UInt8>) -> [UInt8]? {
        guard path.count > 0, path[0] == 0x2f else { return nil }
        var out: [UInt8] = []
        out.reserveCapacity(path.count)
        var index = 0
        while index < path.count {
            var byte = path[index]
            if byte == 0x25 {
                guard index + 2 < path.count, let high = digit(path[index + 1]), let low = digit(path[index + 2]) else { return nil }
                byte = high << 4 | low
                guard byte != 0x2f else { return nil }
                index += 2
            }
            guard byte >= 0x20, byte != 0x7f, byte != 0x5c else { return nil }
            out.append(byte)
            index += 1
        }
        guard String(validating: out, as: UTF8.self) != nil else { return nil }
        for segment in out.split(separator: 0x2f) where segment.elementsEqual([0x2e]) || segment.elementsEqual([0x2e, 0x2e]) { return nil }
        return out
    }
}
