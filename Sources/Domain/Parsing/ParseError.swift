/// Why a text did not become a value. The message is safe to show to whoever sent the text.
public struct ParseError: Error, Equatable, Sendable, CustomStringConvertible {
    public let message: String

    /// - Parameters:
    ///   - expected: what would have been right, as in "a port from 1 to 65535".
    ///   - got: what came, shortened to 64 characters; never a secret.
    public init(_ expected: String, got: String? = nil) {
        message = "must be " + expected + (got.map { ", got \($0.prefix(64).debugDescription)" } ?? "")
    }

    /// An error whose text is already whole, as in "port must be …; label is required".
    init(whole message: String) { self.message = message }

    public var description: String { message }
}

/// One bad field of an input.
public struct FieldError: Error, Equatable, Sendable {
    public let field: String
    public let message: String
    public init(_ field: String, _ message: String) {
        self.field = field
        self.message = message
    }
}

/// Every bad field of an input, at once.
public struct InputErrors: Error, Equatable, Sendable {
    public let fields: [FieldError]
    public init(fields: [FieldError]) { self.fields = fields }
}
