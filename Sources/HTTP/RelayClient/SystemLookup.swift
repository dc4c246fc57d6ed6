internal import Glibc

/// Asks the system's resolver. Blocks, for as long as resolv.conf says.
enum SystemLookup {
    /// Addresses taken from one answer.
    static let addressLimit = 32

    @Sendable static func addresses(_ name: String) -> Result<[IPAddress], LookupFault> {
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        unsafe hints.ai_flags = AI_ADDRCONFIG
        var found: UnsafeMutablePointer<addrinfo>?
        let code = unsafe getaddrinfo(name, nil, &hints, &found)
        guard code == 0 else {
            let text = code == EAI_SYSTEM ? unsafe String(cString: strerror(errno)) : unsafe String(cString: gai_strerror(code))
            return .failure(LookupFault(text))
        }
        defer { unsafe freeaddrinfo(found) }
        var addresses: [IPAddress] = []
        var next = unsafe found
        while let item = unsafe next, addresses.count < addressLimit {
            if let raw = unsafe item.pointee.ai_addr, let address = unsafe read(raw), !addresses.contains(address) {
                addresses.append(address)
            }
            unsafe next = item.pointee.ai_next
        }
        return addresses.isEmpty ? .failure(LookupFault("no address")) : .success(addresses)
    }

    /// nil for a family that is not IP.
    static func read(_ address: UnsafePointer<sockaddr>) -> IPAddress? {
        let raw = unsafe UnsafeRawPointer(address)
        switch unsafe Int32(address.pointee.sa_family) {
        case AF_INET:
            let address = unsafe raw.loadUnaligned(as: sockaddr_in.self)
            return IPAddress(ipv4: UInt32(bigEndian: address.sin_addr.s_addr))
        case AF_INET6:
            // sin6_addr is at offset 8: family, port and flow information come first.
            let high = unsafe raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
            let low = unsafe raw.loadUnaligned(fromByteOffset: 16, as: UInt64.self)
            return IPAddress(high: UInt64(bigEndian: high), low: UInt64(bigEndian: low))
        default: return nil
        }
    }
}
