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
    private static let once: [StaticString] = ["model", "messages", "stream", "max_tokens", "metadata", "speed", "inference_geo"]

    /// A bit for the length of each of them.
    private static let lengths = once.reduce(into: UInt64(0)) { $0 |= 1 << UInt64($1.utf8CodeUnitCount) }

    init(scanning bytes: Span<UInt8>) throws(Problem) {
        self.init()
        var seen: UInt8 = 0
        var problem: Problem?
        var hasMessages = false
        let end = JSONSkim.members(bytes, 0) { bytes, name, value in
            // Most names are none of these, and their lengths say so.
            guard name.isEscaped || Self.lengths >> UInt64(min(63, name.count)) & 1 == 1 else { return true }
            for (index, word) in Self.once.enumerated() where JSONSkim.matches(bytes, name, word) {
                if seen & 1 << UInt8(index) != 0 { problem = .duplicate(word.description) }
                seen |= 1 << UInt8(index)
                switch index {
                case 0:
                    self.model = Self.short(bytes, value) ?? ""
                    if value.count > Self.longestText || self.model.utf8.count > Self.longestModel { problem = .longModel }
                    self.modelRange = value
                case 1:
                    // The walk has found it whole, so what is no empty array has an element.
                    let first = JSONSkim.skipSpace(bytes, value.lowerBound + 1)
                    hasMessages = bytes[value.lowerBound] == 0x5b && first < value.upperBound && bytes[first] != 0x5d
                case 2:
                    let first = bytes[value.lowerBound]
                    if first != 0x74, first != 0x66, first != 0x6e { problem = problem ?? .notABoolean("stream") }
                    self.isStream = JSONSkim.isTrue(bytes, value)
                case 3: self.maxTokens = JSONSkim.count(bytes, value)
                case 4:
                    _ = JSONSkim.members(bytes, value.lowerBound) { bytes, name, value in
                        if JSONSkim.matches(bytes, name, "user_id") { self.userID = Self.short(bytes, value) }
                        return true
                    }
                case 5: self.speed = Self.short(bytes, value)
                default: self.inferenceGeo = Self.short(bytes, value)
                }
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
