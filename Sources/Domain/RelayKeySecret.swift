/// A customer's relay key: `cr_` and 64 hex digits, 256 random bits. Not printable and never encodable.
public struct RelayKeySecret: Sendable, CustomStringConvertible, CustomReflectable {
    public static let prefix = "cr_"
    private let text: String

    /// A new one.
    public init(_ ambient: Ambient) { text = Self.prefix + Hex.text(ambient.randomBytes(32)) }

    public var description: String { "«secret»" }
    public var customMirror: Mirror { Mirror(self, children: [:]) }
    public func reveal<R>(_ use: (String) throws -> R) rethrows -> R { try use(text) }

    /// The parts that people may see, to tell keys apart: "cr_ab12" and "f9e0".
    public var shown: (prefix: String, suffix: String) { Self.shown(text) }
    /// The same of a key that a customer sent.
    public static func shown(_ text: String) -> (prefix: String, suffix: String) { (String(text.prefix(7)), String(text.suffix(4))) }
}
