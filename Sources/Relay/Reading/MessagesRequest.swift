internal import Domain

/// What the relay reads of a Messages request body. Everything else is opaque and goes upstream byte for byte.
struct MessagesRequest: Sendable {
    var model = ""
    /// The offsets of the model's string, quotes included: what a model map replaces.
    var modelRange = 0..<0
    var isStream = false
    var maxTokens: Int64?
    /// `metadata.user_id` as text, for sticky sessions and client checks.
    var userID: String?
    var speed: String?
    var inferenceGeo: String?

    /// Why a body is refused with 400 `invalid_request_error` before it goes upstream.
    enum Problem: Error, Equatable {
        case notAnObject
        case duplicate(String)
        case noModel
        case longModel
        case noMessages
        case notABoolean(String)

        var message: String {
            switch self {
            case .notAnObject: "The request body must be a JSON object."
            case .duplicate(let field): "\(field): the field is given twice."
            case .noModel: "model: a non-empty string is required."
            case .longModel: "model: at most \(MessagesRequest.longestModel) bytes."
            case .noMessages: "messages: a non-empty array is required."
            case .notABoolean(let field): "\(field): must be true or false."
            }
        }
    }

    /// Bytes of a model's name: no model has a longer one, and it is compared with every pattern and price, and remembered.
    static let longestModel = 256
    /// Of the texts that only say something when they are short; longer ones say nothing. A byte may be written as six.
    private static let longestText = 6 * 1024

    /// A field that decides routing or billing may stand once: parsers disagree on which of two counts.
    private enum Member: UInt8 {
        case model, messages, stream, maxTokens, metadata, speed, inferenceGeo

        var name: StaticString {
            switch self {
            case .model: "model"
            case .messages: "messages"
            case .stream: "stream"
            case .maxTokens: "max_tokens"
            case .metadata: "metadata"
            case .speed: "speed"
            case .inferenceGeo: "inference_geo"
            }
        }

        init?(_ bytes: Span<UInt8>, _ name: JSONSkim.Name) {
            if name.isEscaped, let plain = JSONSkim.unescaped(bytes, name.range) {
                self.init(plain.span, 0..<plain.count)
            } else {
                self.init(bytes, name.range)
            }
        }

        private init?(_ bytes: Span<UInt8>, _ name: Range<Int>) {
            // Most names are none of these, and their lengths say so.
            switch name.count {
            case 5 where JSONSkim.isWord(bytes, name, Self.model.name): self = .model
            case 5 where JSONSkim.isWord(bytes, name, Self.speed.name): self = .speed
            case 6 where JSONSkim.isWord(bytes, name, Self.stream.name): self = .stream
            case 8 where JSONSkim.isWord(bytes, name, Self.messages.name): self = .messages
            case 8 where JSONSkim.isWord(bytes, name, Self.metadata.name): self = .metadata
            case 10 where JSONSkim.isWord(bytes, name, Self.maxTokens.name): self = .maxTokens
            case 13 where JSONSkim.isWord(bytes, name, Self.inferenceGeo.name): self = .inferenceGeo
            default: return nil
            }
        }
    }

    init(scanning bytes: Span<UInt8>) throws(Problem) {
        self.init()
        var seen: UInt8 = 0
        var problem: Problem?
        var hasMessages = false
        let end = JSONSkim.members(bytes, 0) { bytes, name, value in
            guard let member = Member(bytes, name) else { return true }
            if seen & 1 << member.rawValue != 0 { problem = .duplicate(member.name.description) }
            seen |= 1 << member.rawValue
            switch member {
            case .model:
                self.model = Self.short(bytes, value) ?? ""
                if value.count > Self.longestText || self.model.utf8.count > Self.longestModel { problem = .longModel }
                self.modelRange = value
            case .messages:
                // The walk has found it whole, so what is no empty array has an element.
                let first = JSONSkim.skipSpace(bytes, value.lowerBound + 1)
                hasMessages = bytes[value.lowerBound] == 0x5b && first < value.upperBound && bytes[first] != 0x5d
            case .stream:
                let first = bytes[value.lowerBound]
                if first != 0x74, first != 0x66, first != 0x6e { problem = problem ?? .notABoolean("stream") }
                self.isStream = JSONSkim.isTrue(bytes, value)
            case .maxTokens: self.maxTokens = JSONSkim.count(bytes, value)
            case .metadata:
                _ = JSONSkim.members(bytes, value.lowerBound) { bytes, name, value in
                    if JSONSkim.matches(bytes, name, "user_id") { self.userID = Self.short(bytes, value) }
                    return true
                }
            case .speed: self.speed = Self.short(bytes, value)
            case .inferenceGeo: self.inferenceGeo = Self.short(bytes, value)
            }
            return problem == nil
        }
        if let problem { throw problem }
        guard let end, JSONSkim.skipSpace(bytes, end) == bytes.count else { throw .notAnObject }
        guard !model.isEmpty else { throw .noModel }
        guard hasMessages else { throw .noMessages }
    }

    private init() {}

    private static func short(_ bytes: Span<UInt8>, _ value: Range<Int>) -> String? {
        value.count > longestText ? nil : JSONSkim.string(bytes, value)
    }

    /// The body with another model name: only that string's bytes differ.
    func body(_ bytes: Span<UInt8>, model: String) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(bytes.count + model.utf8.count)
        out.append(bytes: bytes.extracting(..<modelRange.lowerBound))
        JSON.quote(model, into: &out)
        out.append(bytes: bytes.extracting(modelRange.upperBound...))
        return out
    }
}
