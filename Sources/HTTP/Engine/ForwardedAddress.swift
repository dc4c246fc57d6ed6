extension ServerShared {
    private static let forwardedFor: HeaderName = "x-forwarded-for"
    private static let forwardedProto: HeaderName = "x-forwarded-proto"

    /// Who really called. X-Forwarded-For is read from its end, where the nearest proxy wrote, back to the first address that is not
    /// a trusted proxy: what stands before that could be anybody's invention.
    func caller(of head: RequestHead, peer: IPAddress, peerIsTrusted: Bool, isTLS: Bool) -> (address: IPAddress, isSecure: Bool) {
        guard peerIsTrusted else { return (peer, isTLS) }
        var address = peer
        var isSecure = isTLS
        var isDecided = false
        for field in head.fields.reversed() {
            if !isDecided, head.matches(field, Self.forwardedFor) {
                for item in head.text(field.value).split(separator: ",").reversed() {
                    guard let read = Self.address(item) else {
                        isDecided = true
                        break
                    }
                    address = read
                    if !isTrusted(read) {
                        isDecided = true
                        break
                    }
                }
            } else if head.matches(field, Self.forwardedProto) {
                isSecure = isTLS || head.text(field.value).lowercased() == "https"
            }
        }
        return (address, isSecure)
    }

    /// "192.0.2.1", "192.0.2.1:80", "2001:db8::1", "[2001:db8::1]:80".
    static func address(_ item: Substring) -> IPAddress? {
        var text = String(item.drop { $0 == " " || $0 == "\t" })
        while text.last == " " || text.last == "\t" { text.removeLast() }
        if text.first == "[" {
            return text.firstIndex(of: "]").flatMap { IPAddress(String(text[text.index(after: text.startIndex)..<$0])) }
        }
        if let colon = text.firstIndex(of: ":"), text[text.index(after: colon)...].firstIndex(of: ":") == nil {
            text = String(text[..<colon])
        }
        return IPAddress(text)
    }
}
