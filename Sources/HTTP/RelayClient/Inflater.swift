// The one file that calls zlib.
internal import CZlib

/// Takes gzip or deflate off a body as it arrives, with a bound on what may come out.
@safe final class Inflater {
    enum Fault: Error, Equatable {
        case corrupt
        /// More output per input byte than any honest text gives.
        case expandsTooMuch
        case outOfMemory

        var message: String {
            switch self {
            case .corrupt: "compressed body is corrupt"
            case .expandsTooMuch: "compressed body expands too much"
            case .outOfMemory: "no memory to decompress"
            }
        }
    }
    /// Output of one step.
    static let outputBytes = 32_768
    /// Up to here the ratio does not matter.
    static let freeOutputBytes = 1 << 20
    /// Of what stands behind the last gzip member and is none: padding, which nobody needs.
    static let maximumPaddingBytes = 65_536

    /// RFC 1952 section 2.3.1.
    private static let firstMemberByte: UInt8 = 0x1f

    private let isGzip: Bool
    private let ratio: Int
    /// zlib keeps a pointer to it, so it does not move.
    private let stream: UnsafeMutablePointer<z_stream>
    private var output: [UInt8]
    private var isOpen = false
    private var isEnded = false
    private var (taken, given) = (0, 0)
    private var paddingBytes = 0
    /// deflate: the first byte waits here until the second tells zlib's wrapper from a bare stream.
    private var firstByte: UInt8?

    init(gzip: Bool, ratio: Int) {
        isGzip = gzip
        self.ratio = ratio
        unsafe stream = .allocate(capacity: 1)
        unsafe stream.initialize(to: z_stream())
        output = [UInt8](repeating: 0, count: Self.outputBytes)
    }
    deinit {
        if isOpen { unsafe inflateEnd(stream) }
        unsafe stream.deallocate()
    }

    /// The stream is whole: nothing, or an exact number of members, has come.
    var isComplete: Bool { isEnded || taken == 0 && firstByte == nil }

    /// Decodes from `position` on until `sink` answers false or the input is used up; true when all of it was used.
    func decode(_ input: Span<UInt8>, _ position: inout Int, _ sink: (Span<UInt8>) -> Bool) throws(Fault) -> Bool {
        if !isOpen, try !open(input, &position) { return true }
        while true {
            if isEnded {
                guard position < input.count else { return true }
                // Anything after a deflate stream is wrong. gzip members may follow each other, and what does not begin as one is padding:
                // it is passed over to the end, as by other clients.
                guard isGzip else { throw .corrupt }
                if paddingBytes > 0 || input[position] != Self.firstMemberByte {
                    paddingBytes += input.count - position
                    position = input.count
                    guard paddingBytes <= Self.maximumPaddingBytes else { throw .corrupt }
                    return true
                }
                guard unsafe inflateReset(stream) == Z_OK else { throw .corrupt }
                isEnded = false
            }
            let before = position
            let (code, count) = step(input, &position)
            taken += position - before
            given += count
            switch code {
            case Z_STREAM_END: isEnded = true
            case Z_OK, Z_BUF_ERROR: break
            default: throw .corrupt
            }
            if given > Self.freeOutputBytes, given / max(1, taken) > ratio { throw .expandsTooMuch }
            var goesOn = true
            if count > 0 { goesOn = give(count, to: sink) }
            let isFull = count == Self.outputBytes
            if !isFull, position >= input.count { return true }
            if !goesOn { return false }
            if count == 0, position == before, !isEnded { throw .corrupt }
        }
    }

    private func give(_ count: Int, to sink: (Span<UInt8>) -> Bool) -> Bool {
        let made = output
        return sink(made.span.extracting(0..<count))
    }

    private func step(_ input: Span<UInt8>, _ position: inout Int) -> (code: Int32, count: Int) {
        let start = position
        return unsafe input.withUnsafeBufferPointer { source in
            unsafe output.withUnsafeMutableBufferPointer { target in
                // zlib wants a pointer that it does not write through.
                unsafe stream.pointee.next_in = UnsafeMutablePointer(mutating: source.baseAddress.map { unsafe $0 + start })
                let offered = UInt32(clamping: source.count - start)
                unsafe stream.pointee.avail_in = offered
                unsafe stream.pointee.next_out = target.baseAddress
                unsafe stream.pointee.avail_out = UInt32(target.count)
                let code = unsafe inflate(stream, Z_NO_FLUSH)
                position = unsafe start + Int(offered - stream.pointee.avail_in)
                return unsafe (code, target.count - Int(stream.pointee.avail_out))
            }
        }
    }

    /// False while there are too few bytes to tell the form.
    private func open(_ input: Span<UInt8>, _ position: inout Int) throws(Fault) -> Bool {
        var windowBits: Int32 = 15 + 16
        var held: UInt8?
        if !isGzip {
            var second = position
            if firstByte == nil {
                guard position < input.count else { return false }
                if position + 1 == input.count {
                    firstByte = input[position]
                    position += 1
                    return false
                }
                second = position + 1
            }
            guard second < input.count else { return false }
            held = firstByte
            let header = UInt16(firstByte ?? input[position]) << 8 | UInt16(input[second])
            // Half of the servers that say deflate send it without zlib's wrapper (RFC 9110 section 8.4.1.2).
            windowBits = header >> 8 & 0x0f == 8 && header % 31 == 0 ? 15 : -15
        }
        guard unsafe inflateInit2_(stream, windowBits, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else { throw .outOfMemory }
        isOpen = true
        if let held {
            firstByte = nil
            var start = 0
            let single: InlineArray<1, UInt8> = [held]
            let (code, _) = step(single.span, &start)
            taken += 1
            guard code == Z_OK || code == Z_BUF_ERROR else { throw .corrupt }
        }
        return true
    }
}
