internal import Domain

/// scheme://[user[:password]@]host[:port][/path], read strictly. What targets and proxies have in common.
struct UpstreamURL {
    var scheme: String
    /// Still percent-encoded; nil when there is no "@".
    var userInformation: Substring?
    /// Lower case, without brackets.
    var host: String
    var port: UInt16?
    /// Without slashes at its end; empty for the root.
    var path: String

    static let largestBytes = 2048

    /// - Parameter example: names what would have been right. The text itself is never quoted: it may hold a password.
    init(parsing text: String, example: String) throws(ParseError) {
        func wrong(_ why: String) -> ParseError { ParseError("a URL like \(example); \(why)") }
        guard text.utf8.count <= Self.largestBytes else { throw wrong("this one is too long") }
        guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f && $0 != 0x5c }) else {
            throw wrong("no spaces, backslashes or characters past ASCII")
        }
        guard let schemeEnd = text.range(of: "://") else { throw wrong("it begins with a scheme and \"://\"") }
        scheme = text[..<schemeEnd.lowerBound].lowercased()
        var rest = text[schemeEnd.upperBound...]
        guard !rest.contains("?"), !rest.contains("#") else { throw wrong("without query and fragment") }
        if let slash = rest.firstIndex(of: "/") {
            var path = rest[slash...]
            while path.last == "/" { path = path.dropLast() }
            self.path = String(path)
            rest = rest[..<slash]
        } else {
            path = ""
        }
        if let at = rest.lastIndex(of: "@") {
            userInformation = rest[..<at]
            rest = rest[rest.index(after: at)...]
        }
        var portText: Substring?
        if rest.first == "[" {
            guard let close = rest.firstIndex(of: "]") else { throw wrong("the bracket of the address is not closed") }
            let inside = String(rest[rest.index(after: rest.startIndex)..<close])
            guard inside.contains(":"), let address = IPAddress(inside) else { throw wrong("brackets hold an IPv6 address") }
            host = address.isIPv4 ? "::ffff:\(address)" : address.description
            let after = rest[rest.index(after: close)...]
            guard after.isEmpty || after.first == ":" else { throw wrong("only a port may follow the address") }
            if !after.isEmpty { portText = after.dropFirst() }
        } else {
            let parts = rest.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            host = parts.first.map { $0.lowercased() } ?? ""
            if host.hasSuffix(".") { host.removeLast() }
            if parts.count == 2 { portText = parts[1] }
            guard Self.isHostName(host) else { throw wrong("the host is not a name or an address") }
        }
        if let portText {
            guard (1...5).contains(portText.count), portText.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = UInt16(portText),
                port > 0
            else { throw wrong("a port is 1 to 65535") }
            self.port = port
        }
    }

    /// Letters, digits, hyphen and underscore in labels of 1...63; a name that ends in a number must be an IPv4 address, because
    /// resolvers also read "127.1" and "0x7f000001" as addresses.
    private static func isHostName(_ host: String) -> Bool {
        guard (1...253).contains(host.utf8.count) else { return false }
        let labels = host.split(separator: ".", omittingEmptySubsequences: false)
        for label in labels {
            guard (1...63).contains(label.utf8.count), label.first != "-", label.last != "-" else { return false }
            guard label.utf8.allSatisfy({ (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2d || $0 == 0x5f }) else {
                return false
            }
        }
        guard let last = labels.last, last.hasPrefix("0x") || last.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return true }
        return IPAddress(host) != nil
    }

    /// Takes "%41" apart; nil for a bad escape or a control character.
    static func percentDecoded(_ text: Substring) -> [UInt8]? {
        var bytes: [UInt8] = []
        var source = text.utf8.makeIterator()
        while let byte = source.next() {
            guard byte == 0x25 else {
                bytes.append(byte)
                continue
            }
            guard let high = source.next()?.hexValue, let low = source.next()?.hexValue else { return nil }
            bytes.append(high << 4 | low)
        }
        return bytes.contains { $0 < 0x20 || $0 == 0x7f } ? nil : bytes
    }
}

extension String {
    /// The first place of a text; the standard library alone has none.
    fileprivate func range(of wanted: String) -> Range<String.Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(wanted) { return start..<index(start, offsetBy: wanted.count) }
            start = index(after: start)
        }
        return nil
    }
}
