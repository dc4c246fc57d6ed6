internal import Domain

/// Where the reply of an exchange inside another one goes: a translator of dialects, or a buffer that outlives its client.
/// Called on the exchange's reactor.
public protocol ReplySink: AnyObject {
    /// The head; `write`s and one `finish` or `abort` follow.
    func begin(status: Int, headers: HeaderBlock)
    /// - Returns: `.congested` to have no more bytes until `Exchange.tellDrained`.
    func write(_ bytes: Span<UInt8>) -> WriteState
    func finish()
    /// The reply ended early.
    func abort()
}

extension RequestHead {
    /// A head made here, for an exchange inside another one.
    /// - Parameter fields: names in lower case; a field past 65,535 bytes of head is left out.
    public convenience init(_ method: Method, _ path: String, fields: [(name: String, value: String)]) {
        self.init()
        self.method = method
        bytes.append(utf8: path)
        self.path = 0..<bytes.count
        query = bytes.count..<bytes.count
        for field in fields where bytes.count + field.name.utf8.count + field.value.utf8.count + 4 < Int(UInt16.max) {
            // Written as lines, because lines may be passed on as they are.
            bytes.append(utf8: "\r\n")
            let nameStart = bytes.count
            bytes.append(utf8: field.name)
            let nameEnd = bytes.count
            bytes.append(utf8: ": ")
            let valueStart = bytes.count
            // A value must not be able to add a line, whatever it was made from.
            for byte in field.value.utf8 { bytes.append(byte.isFieldValue ? byte : .space) }
            self.fields.append(
                Field(
                    nameStart: UInt16(nameStart), nameEnd: UInt16(nameEnd), valueStart: UInt16(valueStart), valueEnd: UInt16(bytes.count)))
        }
    }
}

extension HeaderBlock {
    /// The fields as text, names in lower case; for the few who rewrite a reply.
    public var fields: [(name: String, value: String)] {
        bytes.split(separator: 0x0a).compactMap { line in
            guard let colon = line.firstIndex(of: 0x3a) else { return nil }
            let name = String(decoding: line[..<colon], as: UTF8.self).lowercased()
            let value = line[(colon + 1)...].drop { $0 == 0x20 }.prefix { $0 != 0x0d }
            return (name, String(decoding: value, as: UTF8.self))
        }
    }
}
