internal import Domain

/// What is said to a proxy before the connection is the target's. A state machine on bytes, without I/O.
struct ProxyHandshake {
    enum Step: Equatable {
        case send([UInt8])
        case needsMore
        /// The connection is open to the target.
        case done
        case failed(String)
    }
    /// Of an answer to CONNECT.
    static let headBytes = 16_384

    private enum Stage { case connect, method, login, request, done }
    private var stage: Stage
    private let proxy: UpstreamProxy
    private let target: UpstreamTarget
    private let destination: IPAddress?
    private var received: [UInt8] = []
    private var parser = ResponseParser(headBytes: Self.headBytes, fieldCount: 100)

    /// - Parameter destination: the target's address for a proxy that does not resolve names.
    init(_ proxy: UpstreamProxy, to target: UpstreamTarget, destination: IPAddress?) {
        (self.proxy, self.target) = (proxy, target)
        self.destination = destination ?? target.address
        stage = proxy.kind == .http ? .connect : .method
    }

    /// The first bytes to send.
    func start() -> [UInt8] {
        if proxy.kind == .http { return connectRequest }
        // Version 5; without login, and with one only if we have it (RFC 1928 section 3).
        return proxy.user.isEmpty ? [5, 1, 0] : [5, 2, 0, 2]
    }

    mutating func receive(_ bytes: Span<UInt8>) -> Step {
        received.append(copying: bytes)
        switch stage {
        case .connect: return readConnect()
        case .method: return readMethod()
        case .login: return readLogin()
        case .request: return readReply()
        case .done: return .failed("bytes after the handshake")
        }
    }

    // MARK: HTTP CONNECT (RFC 9110 section 9.3.6)

    private var connectRequest: [UInt8] {
        let name = target.host.utf8.contains(0x3a) ? "[\(target.host)]" : target.host
        var request = Array("CONNECT \(name):\(target.port) HTTP/1.1\r\nhost: \(name):\(target.port)\r\n".utf8)
        if !proxy.user.isEmpty {
            request += Array("proxy-authorization: Basic ".utf8) + Self.base64(proxy.user + [0x3a] + proxy.password) + Array("\r\n".utf8)
        }
        return request + Array("\r\n".utf8)
    }

    private mutating func readConnect() -> Step {
        do throws(ResponseFault) {
            let input = received
            guard case .complete(let length) = try parser.parse(input.span) else { return .needsMore }
            switch parser.status {
            case 200..<300: break
            case 407: return .failed("the proxy asks for another user or password (407)")
            default: return .failed("the proxy answered \(parser.status)")
            }
            // Neither TLS nor HTTP lets the server speak first.
            guard length == received.count else { return .failed("bytes after the answer to CONNECT") }
        } catch { return .failed(error.message) }
        return finish()
    }

    // MARK: SOCKS 5 (RFC 1928, RFC 1929)

    private mutating func readMethod() -> Step {
        guard received.count >= 2 else { return .needsMore }
        guard received.count == 2, received[0] == 5 else { return .failed("not a SOCKS 5 proxy") }
        let method = received[1]
        received = []
        switch method {
        case 0: return request()
        case 2 where !proxy.user.isEmpty:
            stage = .login
            return .send([1, UInt8(clamping: proxy.user.count)] + proxy.user + [UInt8(clamping: proxy.password.count)] + proxy.password)
        default: return .failed("the proxy takes none of our ways to log in")
        }
    }

    private mutating func readLogin() -> Step {
        guard received.count >= 2 else { return .needsMore }
        guard received.count == 2, received[0] == 1, received[1] == 0 else { return .failed("the proxy refused user or password") }
        received = []
        return request()
    }

    private mutating func request() -> Step {
        stage = .request
        var bytes: [UInt8] = [5, 1, 0]
        if let destination, destination.isIPv4 {
            bytes.append(1)
            bytes += (0..<4).map { destination.bytes[12 + $0] }
        } else if let destination {
            bytes.append(4)
            bytes += (0..<16).map { destination.bytes[$0] }
        } else {
            bytes += [3, UInt8(clamping: target.host.utf8.count)] + Array(target.host.utf8)
        }
        return .send(bytes + [UInt8(target.port >> 8), UInt8(target.port & 0xff)])
    }

    private mutating func readReply() -> Step {
        guard received.count >= 2 else { return .needsMore }
        guard received[0] == 5 else { return .failed("not a SOCKS 5 answer") }
        guard received[1] == 0 else { return .failed(Self.refusal(received[1])) }
        guard received.count >= 5 else { return .needsMore }
        let length: Int
        switch received[3] {
        case 1: length = 10
        case 4: length = 22
        case 3: length = 7 + Int(received[4])
        default: return .failed("not a SOCKS 5 answer")
        }
        if received.count < length { return .needsMore }
        guard received.count == length else { return .failed("bytes after the SOCKS 5 answer") }
        return finish()
    }

    private mutating func finish() -> Step {
        stage = .done
        received = []
        return .done
    }

    private static func refusal(_ code: UInt8) -> String {
        switch code {
        case 1: "the proxy failed"
        case 2: "the proxy's rules forbid it"
        case 3: "the proxy cannot reach the network"
        case 4: "the proxy cannot reach the host"
        case 5: "the target refused the proxy's connection"
        case 6: "the proxy timed out"
        default: "the proxy answered code \(code)"
        }
    }

    private static func base64(_ bytes: [UInt8]) -> [UInt8] {
        let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var text: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = (0..<3).map { start + $0 < bytes.count ? UInt32(bytes[start + $0]) : 0 }
            let bits = group[0] << 16 | group[1] << 8 | group[2]
            for place in 0..<4 {
                text.append(start + place <= bytes.count ? letters[Int(bits >> UInt32(18 - 6 * place) & 63)] : 0x3d)
            }
        }
        return text
    }
}
