import Testing

@testable import HTTP

struct NeighbourhoodTests {
    @Test(arguments: [
        ("192.0.2.1", "192.0.2.2", false), ("192.0.2.1", "192.0.2.1", true), ("2001:db8::1", "2001:db8::ffff:1", true),
        ("2001:db8::1", "2001:db8:0:1::1", false), ("::1", "127.0.0.1", false),
    ])
    func `addresses of one IPv6 network count as one, IPv4 addresses each`(a: String, b: String, isOne: Bool) throws {
        let (a, b) = (try #require(IPAddress(a)), try #require(IPAddress(b)))
        #expect((ServerShared.neighbourhood(of: a) == ServerShared.neighbourhood(of: b)) == isOne)
    }
}
