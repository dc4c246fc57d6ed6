internal import Domain

/// Splits an SSE stream into the data of its events. Data that lies whole in one read is handed over in place; only what a read cuts is
/// kept, up to a limit.
struct EventLines {
    /// A longer event is left out.
    static let maximumBytes = 8 << 20

    private var line: [UInt8] = []
    private var held: [UInt8] = []
    private var hasHeld = false
    private var isSkipping = false
    private var lastWasReturn = false

    /// - Parameter each: gets the data of every event that these bytes complete, without "data:" and line ends.
    mutating func feed(_ bytes: Span<UInt8>, _ each: (Span<UInt8>) -> Void) {
        var (start, at) = (0, 0)
        let count = bytes.count
        // The data line of the event under way, when it lies in this read.
        var here: Range<Int>?
        while at < count {
            let byte = bytes[at]
            guard byte == 0x0a || byte == 0x0d else {
                at += 1
                lastWasReturn = false
                continue
            }
            // "\r\n" is one end, also when a read ends between the two.
            let isSecondHalf = byte == 0x0a && lastWasReturn
            lastWasReturn = byte == 0x0d
            if !isSecondHalf { finishLine(bytes, start..<at, &here, each) }
            at += 1
            start = at
        }
        if start < count { keep(bytes.extracting(start..<count)) }
        if let here { hold(bytes.extracting(here)) }
    }

    private mutating func keep(_ bytes: Span<UInt8>) {
        guard !isSkipping else { return }
        if line.count + bytes.count > Self.maximumBytes {
            isSkipping = true
            line = []
        } else {
            line.append(bytes: bytes)
        }
    }

    private mutating func hold(_ bytes: Span<UInt8>) {
        if hasHeld { held.append(0x0a) }
        guard held.count + bytes.count <= Self.maximumBytes else { return }
        held.append(bytes: bytes)
        hasHeld = true
    }

    private mutating func finishLine(
        _ bytes: Span<UInt8>, _ range: Range<Int>, _ here: inout Range<Int>?, _ each: (Span<UInt8>) -> Void
    ) {
        guard line.isEmpty, !isSkipping else {
            keep(bytes.extracting(range))
            isSkipping = false
            let whole = line
            line = []
            if let data = Self.data(whole.span, whole.indices) { hold(whole.span.extracting(data)) }
            return
        }
        guard !range.isEmpty else {
            if hasHeld {
                let data = held
                (held, hasHeld) = ([], false)
                each(data.span)
            } else if let data = here {
                each(bytes.extracting(data))
            }
            here = nil
            return
        }
        guard let data = Self.data(bytes, range) else { return }
        if let first = here {
            hold(bytes.extracting(first))
            here = nil
        }
        if hasHeld { hold(bytes.extracting(data)) } else { here = data }
    }

    private static func data(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Range<Int>? {
        guard range.count >= 5 else { return nil }
        let word: InlineArray<5, UInt8> = [0x64, 0x61, 0x74, 0x61, 0x3a]
        for offset in 0..<5 where bytes[range.lowerBound + offset] != word[offset] { return nil }
        let from = range.lowerBound + 5
        return from < range.upperBound && bytes[from] == 0x20 ? from + 1..<range.upperBound : from..<range.upperBound
    }
}
