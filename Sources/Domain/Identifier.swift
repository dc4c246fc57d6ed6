/// What an identifier names; `prefix` is what people see before the underscore.
public protocol IdentifierKind: Sendable {
    static var prefix: String { get }
}

/// A UUIDv7 (RFC 9562) with the prefix of its kind, as in `key_0193c0de8a7b7f3e9d2c4b5a69788796`. Sorts by time of making.
/// The same text is stored, shown and logged.
public struct Identifier<Kind: IdentifierKind>: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let high: UInt64
    public let low: UInt64

    /// A new one: 48 bits of milliseconds, 74 random bits.
    public init(_ ambient: Ambient) {
        let random = ambient.randomBytes(10)
        var bits: (UInt64, UInt64) = (0, 0)
        for (index, byte) in random.prefix(10).enumerated() {
            if index < 2 { bits.0 = bits.0 << 8 | UInt64(byte) } else { bits.1 = bits.1 << 8 | UInt64(byte) }
        }
        high = UInt64(bitPattern: ambient.now().milliseconds) << 16 | 0x7000 | bits.0 & 0x0fff
        low = 0x8000_0000_0000_0000 | bits.1 & 0x3fff_ffff_ffff_ffff
    }

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Reads the prefixed text, lowercase hex only.
    public init(parsing text: String) throws(ParseError) {
        let wanted = Kind.prefix + "_"
        let bytes = Array(text.utf8)
        let start = wanted.utf8.count
        guard text.hasPrefix(wanted), bytes.count == start + 32, let high = Self.hex(bytes[start..<start + 16]),
            let low = Self.hex(bytes[(start + 16)...])
        else { throw ParseError("an id as \(wanted)<32 hex digits>", got: text) }
        self.high = high
        self.low = low
    }

    public var text: String {
        String(decoding: [UInt8](upTo: Kind.prefix.utf8.count + 33) { write(to: &$0) }, as: UTF8.self)
    }
    /// Appends the text.
    @inlinable public func write(to bytes: inout ByteCursor) {
        bytes.append(utf8: Kind.prefix)
        bytes.append(0x5f)
        bytes.append(hex: high)
        bytes.append(hex: low)
    }
    /// Appends the text.
    @inlinable public func write(to bytes: inout [UInt8]) { bytes.append(upTo: 40) { write(to: &$0) } }
    public var description: String { text }

    public static func < (a: Self, b: Self) -> Bool { (a.high, a.low) < (b.high, b.low) }

    private static func hex(_ bytes: ArraySlice<UInt8>) -> UInt64? {
        var value: UInt64 = 0
        for byte in bytes {
            switch byte {
            case 0x30...0x39: value = value << 4 | UInt64(byte - 0x30)
            case 0x61...0x66: value = value << 4 | UInt64(byte - 0x57)
            default: return nil
            }
        }
        return value
    }
}

public enum UserKind: IdentifierKind { public static var prefix: String { "usr" } }
public enum APIKeyKind: IdentifierKind { public static var prefix: String { "key" } }
public enum AccountKind: IdentifierKind { public static var prefix: String { "acc" } }
public enum AccountGroupKind: IdentifierKind { public static var prefix: String { "grp" } }
public enum TeamKind: IdentifierKind { public static var prefix: String { "team" } }
public enum RequestKind: IdentifierKind { public static var prefix: String { "req" } }
public enum EventKind: IdentifierKind { public static var prefix: String { "evt" } }
public enum WebhookKind: IdentifierKind { public static var prefix: String { "whk" } }
public enum SessionKind: IdentifierKind { public static var prefix: String { "ses" } }

public typealias UserID = Identifier<UserKind>
public typealias APIKeyID = Identifier<APIKeyKind>
public typealias AccountID = Identifier<AccountKind>
public typealias AccountGroupID = Identifier<AccountGroupKind>
/// Several people who share limits.
public typealias TeamID = Identifier<TeamKind>
/// One request to the server; the same text is the `x-relay-request-id` and the history's `requestId`.
public typealias RequestID = Identifier<RequestKind>
public typealias EventID = Identifier<EventKind>
/// A place that is told of events.
public typealias WebhookID = Identifier<WebhookKind>
/// A login; it is the `jti` of its token.
public typealias SessionID = Identifier<SessionKind>

public enum PlanKind: IdentifierKind { public static var prefix: String { "pln" } }
public enum SubscriptionKind: IdentifierKind { public static var prefix: String { "sub" } }
public enum ServiceIDKind: IdentifierKind { public static var prefix: String { "svc" } }
public enum JobKind: IdentifierKind { public static var prefix: String { "job" } }
public enum OperationKind: IdentifierKind { public static var prefix: String { "op" } }
public enum BackendKind: IdentifierKind { public static var prefix: String { "bck" } }
public enum PaymentKind: IdentifierKind { public static var prefix: String { "pay" } }
public enum InvoiceKind: IdentifierKind { public static var prefix: String { "inv" } }

public typealias PlanID = Identifier<PlanKind>
public typealias SubscriptionID = Identifier<SubscriptionKind>
/// One sold thing with a life cycle.
public typealias ServiceID = Identifier<ServiceIDKind>
public typealias JobID = Identifier<JobKind>
/// What a caller polls when its command was not finished in time.
public typealias OperationID = Identifier<OperationKind>
public typealias BackendID = Identifier<BackendKind>
public typealias PaymentID = Identifier<PaymentKind>
public typealias InvoiceID = Identifier<InvoiceKind>
