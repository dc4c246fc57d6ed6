internal import Domain
internal import Glibc

/// An IPv6 address, or an IPv4 address in its mapped form (::ffff:a.b.c.d), so that both compare in one way.
public struct IPAddress: Hashable, Sendable, CustomStringConvertible {
    public let high: UInt64
    public let low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }
    /// a.b.c.d as one number, first octet in the highest bits.
    public init(ipv4 value: UInt32) { self.init(high: 0, low: 0xffff_0000_0000 | UInt64(value)) }
    public static let loopback = IPAddress(ipv4: 0x7f00_0001)

    init(bytes: InlineArray<16, UInt8>) {
        var (high, low): (UInt64, UInt64) = (0, 0)
        for index in 0..<8 {
            high = high << 8 | UInt64(bytes[index])
            low = low << 8 | UInt64(bytes[index + 8])
        }
        self.init(high: high, low: low)
    }
    var bytes: InlineArray<16, UInt8> {
        .init { index in UInt8(truncatingIfNeeded: (index < 8 ? high : low) >> UInt64((7 - index & 7) * 8)) }
    }

    /// Reads "192.0.2.1" or "2001:db8::1", without brackets, zone or port; nil for anything else.
    public init?(_ text: String) {
        guard text.utf8.count <= 45, !text.utf8.contains(0) else { return nil }
        var bytes = InlineArray<16, UInt8>(repeating: 0)
        var span = bytes.mutableSpan
        if text.utf8.contains(0x3a) {
            guard unsafe span.withUnsafeMutableBytes({ unsafe inet_pton(AF_INET6, text, $0.baseAddress) }) == 1 else { return nil }
            self.init(bytes: bytes)
        } else {
            guard unsafe span.withUnsafeMutableBytes({ unsafe inet_pton(AF_INET, text, $0.baseAddress) }) == 1 else { return nil }
            self.init(ipv4: UInt32(bytes[0]) << 24 | UInt32(bytes[1]) << 16 | UInt32(bytes[2]) << 8 | UInt32(bytes[3]))
        }
    }

    public var isIPv4: Bool { high == 0 && low >> 32 == 0xffff }
    /// 127.0.0.0/8 or ::1.
    public var isLoopback: Bool { isIPv4 ? low >> 24 & 0xff == 127 : high == 0 && low == 1 }

    public var description: String {
        if isIPv4 {
            // Short enough to live inside the String: every request makes one.
            return unsafe String(unsafeUninitializedCapacity: 15) { text in
                var count = 0
                func add(_ byte: UInt64) {
                    unsafe text[count] = UInt8(truncatingIfNeeded: byte)
                    count += 1
                }
                for place in 0..<4 {
                    let number = low >> UInt64(24 - place * 8) & 0xff
                    if number >= 100 { add(0x30 + number / 100) }
                    if number >= 10 { add(0x30 + number / 10 % 10) }
                    add(0x30 + number % 10)
                    if place < 3 { add(0x2e) }
                }
                return count
            }
        }
        let raw = bytes
        var text = InlineArray<46, CChar>(repeating: 0)
        var output = text.mutableSpan
        return unsafe raw.span.withUnsafeBytes { source in
            unsafe output.withUnsafeMutableBufferPointer { target in
                guard let base = target.baseAddress, unsafe inet_ntop(AF_INET6, source.baseAddress, base, 46) != nil else { return "::" }
                return unsafe String(cString: base)
            }
        }
    }
}

/// A network such as 10.0.0.0/8 or 2001:db8::/32; a bare address is a network of one.
public struct IPNetwork: Hashable, Sendable, CustomStringConvertible {
    public let base: IPAddress
    /// Counted over 128 bits: an IPv4 /8 is 104 here.
    public let prefixBits: Int
    public static let loopback: [IPNetwork] = [
        IPNetwork(base: IPAddress(ipv4: 0x7f00_0000), prefixBits: 104), IPNetwork(base: IPAddress(high: 0, low: 1), prefixBits: 128),
    ]

    init(base: IPAddress, prefixBits: Int) {
        (self.base, self.prefixBits) = (base, prefixBits)
    }
    /// nil when the text is no network, or has bits set past its prefix.
    public init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, let base = IPAddress(String(first)) else { return nil }
        let width = base.isIPv4 && !text.contains(":") ? 32 : 128
        var bits = width
        if parts.count == 2 {
            guard let asked = Int(parts[1]), (0...width).contains(asked), parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
                return nil
            }
            bits = asked
        }
        self.init(base: base, prefixBits: 128 - width + bits)
        let mask = Self.mask(prefixBits)
        guard base.high & ~mask.high == 0, base.low & ~mask.low == 0 else { return nil }
    }

    public func contains(_ address: IPAddress) -> Bool {
        let mask = Self.mask(prefixBits)
        return address.high & mask.high == base.high && address.low & mask.low == base.low
    }
    public var description: String { "\(base)/\(base.isIPv4 && prefixBits >= 96 ? prefixBits - 96 : prefixBits)" }

    private static func mask(_ bits: Int) -> (high: UInt64, low: UInt64) {
        (bits == 0 ? 0 : UInt64.max << UInt64(64 - min(64, bits)), bits <= 64 ? 0 : UInt64.max << UInt64(128 - bits))
    }
}

/// Where somebody may come from, as people have listed it.
public struct IPAllowlist: Sendable {
    private let networks: [IPNetwork]
    /// What is no network allows nobody, rather than everybody.
    /// - Returns: nil for an empty list, which allows every address.
    public init?(_ texts: [String]) {
        guard !texts.isEmpty else { return nil }
        networks = texts.compactMap { IPNetwork($0) }
    }
    public func allows(_ address: IPAddress) -> Bool { networks.contains { $0.contains(address) } }
}
