/// Writes into room that was made before: what one piece of output needs is asked for once, and no byte pays for a check of who owns
/// the array. `[UInt8].append(upTo:)` makes one.
///
/// Past the room nothing is written and counting goes on, so that who made the room learns how much there should have been.
@safe public struct ByteCursor: ~Copyable {
    @usableFromInline let base: UnsafeMutablePointer<UInt8>
    @usableFromInline let room: Int
    /// Bytes written, with those that found no room.
    @usableFromInline var at = 0

    @inlinable init(_ base: UnsafeMutablePointer<UInt8>, _ room: Int) {
        unsafe self.base = unsafe base
        self.room = room
    }

    @inlinable public mutating func append(_ byte: UInt8) {
        if at < room { unsafe base[at] = byte }
        at += 1
    }

    /// A text that is known when the program is built.
    @inlinable public mutating func append(_ text: StaticString) {
        unsafe append(from: text.utf8Start, text.utf8CodeUnitCount)
    }

    @inlinable public mutating func append(utf8 text: String) { append(bytes: text.utf8Span.span) }

    @inlinable public mutating func append(bytes: Span<UInt8>) {
        unsafe bytes.withUnsafeBufferPointer { source in
            if let start = source.baseAddress { unsafe append(from: start, source.count) }
        }
    }

    @inlinable public mutating func append(_ bytes: [UInt8]) { append(bytes: bytes.span) }

    @inlinable mutating func append(from source: UnsafePointer<UInt8>, _ count: Int) {
        if count <= room - at { unsafe (base + at).update(from: source, count: count) }
        at += count
    }

    /// Eight bytes, least significant first.
    @inlinable public mutating func append(littleEndian word: UInt64) {
        if room - at >= 8 { unsafe UnsafeMutableRawPointer(base + at).storeBytes(of: word.littleEndian, as: UInt64.self) }
        at += 8
    }

    /// As in "1024".
    @inlinable public mutating func append(decimal number: UInt64) {
        var digits = 1
        var limit: UInt64 = 10
        while digits < 19, number >= limit {
            limit &*= 10
            digits += 1
        }
        append(number, digits: number >= 10_000_000_000_000_000_000 ? 20 : digits)
    }

    /// The last decimal digits of a number, with zeros before it: 7 as "007". At most 20 digits.
    @inlinable public mutating func append(_ number: UInt64, digits: Int) {
        if digits <= room - at {
            var rest = number
            var place = at + digits
            while place > at {
                place -= 1
                let tens = rest / 10
                unsafe base[place] = 0x30 + UInt8(truncatingIfNeeded: rest &- tens &* 10)
                rest = tens
            }
        }
        at += digits
    }

    /// Sixteen lowercase hex digits.
    @inlinable public mutating func append(hex word: UInt64) {
        append(littleEndian: Self.hexDigits(word >> 32).byteSwapped)
        append(littleEndian: Self.hexDigits(word & 0xffff_ffff).byteSwapped)
    }
    /// Eight digits of 32 bits at once, the lowest in the lowest byte: ids are written several times for every request.
    @inlinable static func hexDigits(_ half: UInt64) -> UInt64 {
        var spread = (half | half << 16) & 0x0000_ffff_0000_ffff
        spread = (spread | spread << 8) & 0x00ff_00ff_00ff_00ff
        spread = (spread | spread << 4) & 0x0f0f_0f0f_0f0f_0f0f
        let letters = (spread + 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101
        return spread + 0x3030_3030_3030_3030 + letters &* 0x27
    }
}

extension [UInt8] {
    /// Appends what the closure writes. When it writes more than `room` bytes it is run again with enough, so it must do nothing else.
    @inlinable public mutating func append(upTo room: Int, _ write: (inout ByteCursor) -> Void) {
        var room = Swift.max(room, 1)
        while true {
            var needed = 0
            append(addingCapacity: room) { output in
                unsafe output.withUnsafeMutableBufferPointer { memory, count in
                    guard let base = memory.baseAddress else { return }
                    var cursor = unsafe ByteCursor(base, memory.count)
                    write(&cursor)
                    needed = cursor.at
                    count = needed <= memory.count ? needed : 0
                }
            }
            guard needed > room else { return }
            room = needed
        }
    }

    /// What the closure writes, as `append(upTo:)` does it.
    @inlinable public init(upTo room: Int, _ write: (inout ByteCursor) -> Void) {
        self = []
        append(upTo: room, write)
    }
}

/// Lends what the first closure writes to the second, in memory of the stack that needs no allocation.
/// - Parameter room: bytes that are nearly always enough, at most 1024. When `write` writes more it is run again with enough, so it must
///   do nothing else.
@inlinable public func withBytes<Result>(
    upTo room: Int, _ write: (inout ByteCursor) -> Void, _ use: (Span<UInt8>) -> Result
) -> Result {
    unsafe withUnsafeTemporaryAllocation(byteCount: max(1, room), alignment: 8) { memory in
        let bytes = unsafe memory.bindMemory(to: UInt8.self)
        guard let base = bytes.baseAddress else { return use(Span()) }
        var cursor = unsafe ByteCursor(base, bytes.count)
        write(&cursor)
        guard cursor.at <= bytes.count else {
            let whole = [UInt8](upTo: cursor.at, write)
            return use(whole.span)
        }
        return use(unsafe Span(_unsafeElements: UnsafeBufferPointer(start: base, count: cursor.at)))
    }
}
