import Domain
import HTTP
import TestKit
import Testing

/// Where a connection may go, by text and by number.
struct AddressTests {
    enum Verdict: Sendable { case always, loopback, `private`, never }

    static let table: [(String, Verdict)] = [
        ("8.8.8.8", .always), ("1.1.1.1", .always), ("2606:4700::1111", .always), ("::ffff:8.8.8.8", .always),
        ("64:ff9b::808:808", .always),
        ("127.0.0.1", .loopback), ("127.255.255.254", .loopback), ("::1", .loopback), ("::ffff:127.0.0.1", .loopback),
        ("::127.0.0.1", .loopback), ("::ffff:0:127.0.0.1", .loopback), ("64:ff9b::7f00:1", .loopback), ("2002:7f00:1::", .loopback),
        ("10.0.0.1", .private), ("172.16.0.1", .private), ("172.31.255.255", .private), ("192.168.1.1", .private), ("100.64.0.1", .private),
        ("198.18.0.1", .private), ("192.0.2.1", .private), ("fc00::1", .private), ("fd12::1", .private), ("2001:db8::1", .private),
        ("::ffff:10.0.0.1", .private), ("64:ff9b::a00:1", .private), ("2002:a00:1::", .private),
        ("172.15.255.255", .always), ("172.32.0.1", .always), ("100.63.255.255", .always), ("100.128.0.1", .always),
        ("169.253.255.255", .always),
        ("0.0.0.0", .never), ("0.1.2.3", .never), ("::", .never), ("169.254.169.254", .never), ("169.254.0.1", .never),
        ("::ffff:169.254.169.254", .never),
        ("::169.254.169.254", .never), ("64:ff9b::a9fe:a9fe", .never), ("2002:a9fe:a9fe::", .never), ("fe80::1", .never),
        ("febf::1", .never),
        ("fec0::1", .never), ("224.0.0.1", .never), ("239.255.255.255", .never), ("ff02::1", .never), ("240.0.0.1", .never),
        ("255.255.255.255", .never), ("fd00:ec2::254", .never), ("100.100.100.200", .never), ("192.0.0.192", .never),
        ("168.63.129.16", .never),
        ("2001::1", .never), ("64:ff9b:1::1", .never),
    ]

    @Test(arguments: table) func `an address is judged by what it really is`(text: String, verdict: Verdict) throws {
        let address = try #require(IPAddress(text))
        #expect(AddressRule.publicOnly.permits(address) == (verdict == .always))
        #expect(AddressRule().permits(address) == (verdict == .always || verdict == .private))
        #expect(AddressRule(allowsLoopback: true, allowsPrivate: false).permits(address) == (verdict == .always || verdict == .loopback))
        #expect(AddressRule(allowsLoopback: true).permits(address) == (verdict != .never))
    }

    static let loopback = AddressRule(allowsLoopback: true)

    @Test(arguments: [
        ("https://api.example.com", "https://api.example.com", "api.example.com", 443, ""),
        ("HTTPS://API.Example.COM./", "https://api.example.com", "api.example.com", 443, ""),
        ("https://api.example.com:443/v1//", "https://api.example.com/v1", "api.example.com", 443, "/v1"),
        ("https://api.example.com:8443/a/b", "https://api.example.com:8443/a/b", "api.example.com:8443", 8443, "/a/b"),
        ("https://[2001:DB8::1]:8443", "https://[2001:db8::1]:8443", "[2001:db8::1]:8443", 8443, ""),
        ("https://192.0.2.7", "https://192.0.2.7", "192.0.2.7", 443, ""),
        ("http://localhost:9000/x", "http://localhost:9000/x", "localhost:9000", 9000, "/x"),
        ("http://127.0.0.1", "http://127.0.0.1", "127.0.0.1", 80, ""),
        ("https://my_service.internal", "https://my_service.internal", "my_service.internal", 443, ""),
        ("https://1password.com", "https://1password.com", "1password.com", 443, ""),
    ])
    func `a target is read`(text: String, shown: String, authority: String, port: Int, path: String) throws {
        let target = try UpstreamTarget(parsing: text, addressRule: Self.loopback)
        #expect(target.description == shown)
        #expect(target.authority == authority)
        #expect(Int(target.port) == port && target.basePath == path)
        #expect(try UpstreamTarget(parsing: target.description, addressRule: Self.loopback) == target)
    }

    @Test(arguments: [
        "", "api.example.com", "//api.example.com", "ftp://api.example.com", "file:///etc/passwd", "https://", "https:///x", "https://:443",
        "https://user@api.example.com", "https://user:pass@api.example.com", "https://api.example.com?x=1", "https://api.example.com#x",
        "https://api.example.com:0", "https://api.example.com:65536", "https://api.example.com:", "https://api.example.com:+1",
        "https://api.example.com:44x",
        "https://api example.com", "https://api.example.com/a b", "https://api.example.com\\@192.0.2.1", "https://api..example.com",
        "https://.example.com",
        "https://-a.example.com", "https://a-.example.com", "https://[2001:db8::1", "https://[192.0.2.1]", "https://[fe80::1%25eth0]",
        "https://[2001:db8::1]x",
        "https://127.1", "https://0x7f.0.0.1", "https://0x7f000001", "https://2130706433", "https://192.0.2.1.5", "https://192.0.2.256",
        "https://017700000001",
        "https://bücher.example", "https://api.example.com\r\nx: y", "https://169.254.169.254/latest", "https://[::ffff:169.254.169.254]",
        "https://0.0.0.0",
        "http://api.example.com:x", "http://8.8.8.8", "https://" + String(repeating: "a", count: 64) + ".example",
        "https://a/" + String(repeating: "b", count: 2048),
    ])
    func `anything else is refused, and not quoted`(text: String) throws {
        let error = #expect(throws: ParseError.self) { try UpstreamTarget(parsing: text, addressRule: Self.loopback) }
        #expect(error?.message.contains("pass@") == false && error?.message.contains("169.254") == false)
    }

    @Test func `plain http needs the loopback rule`() {
        for text in ["http://127.0.0.1", "http://localhost", "http://api.example.com", "https://127.0.0.1", "https://[::1]"] {
            #expect(throws: ParseError.self) { try UpstreamTarget(parsing: text) }
        }
    }

    @Test func `plain http goes to no other address than loopback, whatever the name says`() async throws {
        let answers = ["8.8.8.8", "10.0.0.1", "169.254.169.254"].compactMap { IPAddress($0) }
        for answer in answers {
            try await withUpstream(lookup: { _ in .success([answer]) }) { upstream in
                let target = try UpstreamTarget(parsing: "http://innocent.example", addressRule: Self.loopback)
                #expect(await upstream.fetch(UpstreamCall(upstream.request(), to: target)).value == .failed(.refusedAddress))
            }
        }
    }

    @Test func `a name that leads to a forbidden address is refused after it was resolved`() async throws {
        for text in ["127.0.0.1", "169.254.169.254", "::ffff:169.254.169.254", "::1", "fe80::1", "0.0.0.0"] {
            let address = try #require(IPAddress(text))
            try await withUpstream(lookup: { _ in .success([address]) }) { upstream in
                let target = try UpstreamTarget(parsing: "https://innocent.example")
                #expect(await upstream.fetch(UpstreamCall(upstream.request(), to: target)).value == .failed(.refusedAddress))
            }
        }
    }

    @Test(arguments: [
        ("http://proxy.example.com:3128", "http://proxy.example.com:3128"), ("http://proxy.example.com", "http://proxy.example.com:80"),
        ("socks5://user:pa%40ss@192.0.2.1", "socks5://192.0.2.1:1080"), ("SOCKS5H://u@[2001:db8::1]:9", "socks5h://[2001:db8::1]:9"),
    ])
    func `a proxy is read, and its password is never shown`(text: String, shown: String) throws {
        let proxy = try UpstreamProxy(parsing: text)
        #expect("\(proxy)" == shown && String(reflecting: proxy) == shown)
        var dumped = ""
        dump(proxy, to: &dumped)
        #expect(!dumped.contains("pa@ss") && !dumped.contains("112"))
    }

    @Test(arguments: [
        "https://proxy.example.com", "socks4://192.0.2.1", "http://proxy.example.com/x", "http://:pass@proxy.example.com",
        "http://a%3ab:c@proxy.example.com",
        "http://a%0d:c@proxy.example.com", "http://a%zz@proxy.example.com", "http://169.254.169.254", "http://127.0.0.1:1",
        "socks5://" + String(repeating: "u", count: 256) + ":p@192.0.2.1",
    ])
    func `another proxy text is refused`(text: String) {
        #expect(throws: ParseError.self) { try UpstreamProxy(parsing: text) }
    }
}
