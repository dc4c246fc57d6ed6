import Domain
import Drivers
import HTTP
import Secrets
import TestKit
import Testing

/// Keys made of the same byte 32 times; nobody uses them.
func exampleKey(_ byte: UInt8) throws -> WireGuardKey { try WireGuardKey([UInt8](repeating: byte, count: 32)) }

@Suite struct WireGuardKeyTests {
    /// As `wg pubkey` prints them.
    @Test(arguments: [
        (UInt8(0), "L+V9o0fNYkMVKNqsX7spBzD/9oSvxM/C7ZCZX1jLO3Q="), (UInt8(0xff), "hHwNLDdSNPNl5mCVUYejc1oPdhPRYJ06ak2MU66qWiI="),
    ])
    func `a public key is derived from the private one`(byte: UInt8, expected: String) throws {
        let key = [UInt8](repeating: byte, count: 32)
        let derived = try #require(WireGuardKeys.publicKey(ofPrivate: key))
        #expect(try WireGuardKey(derived).text == expected)
        #expect(WireGuardKeys.publicKey(ofPrivate: WireGuardKeys.clamped(key)) == derived, "clamping changes nothing for the other side")
    }

    @Test func `new private keys are clamped and differ`() {
        let ambient = TestClock().ambient
        let keys = (0..<50).map { _ in WireGuardKeys.makePrivate(ambient) }
        #expect(Set(keys).count == 50)
        #expect(keys.allSatisfy { $0.count == 32 && $0[0] & 7 == 0 && $0[31] & 0xc0 == 0x40 })
        #expect(WireGuardKeys.publicKey(ofPrivate: [1, 2, 3]) == nil)
    }

    @Test func `a key has one text`() throws {
        let key = try exampleKey(7)
        #expect(key.text.count == 44 && key.text.hasSuffix("="))
        #expect(try WireGuardKey(parsing: key.text) == key)
        #expect(key.hex == String(repeating: "07", count: 32))
        #expect(!"\(key)".contains(key.text), "printing one does not show it")
    }

    @Test(arguments: [
        "", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",  // zero
        "L+V9o0fNYkMVKNqsX7spBzD/9oSvxM/C7ZCZX1jLO3Q",  // no padding
        "L+V9o0fNYkMVKNqsX7spBzD/9oSvxM/C7ZCZX1jLO3R=",  // two bits too many
        "L-V9o0fNYkMVKNqsX7spBzD_9oSvxM_C7ZCZX1jLO3Q=",  // the other alphabet
        "L+V9o0fNYkMVKNqsX7spBzD/9oSvxM/C7ZCZX1jLO3Q=\n", " L+V9o0fNYkMVKNqsX7spBzD/9oSvxM/C7ZCZX1jLO3=", "$(id)", "REPLACE_ME",
        "L+V9o0fNYkMVKNqsX7spBzD/9oSvxM/C7ZCZX1jLO3QAAA==",
    ])
    func `what is no key is refused without being quoted`(text: String) {
        let error = #expect(throws: ParseError.self) { _ = try WireGuardKey(parsing: text) }
        #expect(text.isEmpty || error?.message.contains(text) == false)
    }
}

@Suite struct AddressPoolTests {
    @Test func `the lowest free address comes first, past the network, the node and what is excluded`() throws {
        let pool = try AddressPool(ipv4: "10.8.0.0/24", ipv6: "fd00:1::cafe:0/112", excluded: ["10.8.0.2", "10.8.0.4/30"])
        #expect(pool.serverIPv4.description == "10.8.0.1")
        #expect(pool.serverIPv6?.description == "fd00:1::cafe:1")
        #expect(pool.firstFreeIPv4(taken: [])?.description == "10.8.0.3")
        #expect(pool.firstFreeIPv4(taken: ["10.8.0.3"])?.description == "10.8.0.8")
        #expect(pool.firstFreeIPv6(taken: ["fd00:1::cafe:2"])?.description == "fd00:1::cafe:3")
    }

    @Test(arguments: [("10.8.0.0/30", 1), ("10.8.0.0/29", 5), ("10.8.0.0/24", 253), ("10.8.0.0/16", 65_533)])
    func `every host is handed out once, and then none`(network: String, hosts: Int) throws {
        let pool = try AddressPool(ipv4: network)
        var taken: Set<String> = []
        // The large pool is filled from a list; asking 65,533 times would look at two thousand million.
        if hosts > 1000 {
            for number in 2..<65_534 { taken.insert("10.8.\(number / 256).\(number % 256)") }
            #expect(pool.firstFreeIPv4(taken: taken)?.description == "10.8.255.254")
            taken.insert("10.8.255.254")
        } else {
            while let free = pool.firstFreeIPv4(taken: taken) {
                let isNew = taken.insert(free.description).inserted
                #expect(isNew && pool.permits(free))
                guard isNew else { break }
            }
        }
        #expect(taken.count == hosts)
        #expect(pool.firstFreeIPv4(taken: taken) == nil)
    }

    @Test func `an exclusion as large as the pool leaves nothing, and quickly`() throws {
        let pool = try AddressPool(ipv4: "10.8.0.0/24", ipv6: "fd00::/64", excluded: ["10.0.0.0/8", "fd00::/63"])
        #expect(pool.firstFreeIPv4(taken: []) == nil && pool.firstFreeIPv6(taken: []) == nil)
        let everything = try AddressPool(ipv4: "10.8.0.0/24", ipv6: "fdff:ffff:ffff::/48", excluded: ["::/0"])
        #expect(everything.firstFreeIPv4(taken: []) == nil && everything.firstFreeIPv6(taken: []) == nil)
    }

    @Test(arguments: [
        ("10.8.0.0/24", "10.8.0.2", true), ("10.8.0.0/24", "10.8.0.254", true), ("10.8.0.0/24", "10.8.0.0", false),
        ("10.8.0.0/24", "10.8.0.1", false), ("10.8.0.0/24", "10.8.0.255", false), ("10.8.0.0/24", "10.8.1.2", false),
        ("10.8.0.0/24", "fd00::5", true), ("10.8.0.0/24", "fd00::1", false), ("10.8.0.0/24", "2001:db8::5", false),
        ("10.8.0.0/24", "10.8.0.9", false),
    ])
    func `a wish for an address is judged`(network: String, address: String, isPermitted: Bool) throws {
        let pool = try AddressPool(ipv4: network, ipv6: "fd00::/112", excluded: ["10.8.0.9"])
        #expect(pool.permits(try #require(IPAddress(address))) == isPermitted)
    }

    @Test(
        arguments: [
            ("10.8.0.1/24", nil), ("10.8.0.0/8", nil), ("10.8.0.0/31", nil), ("fd00::/112", nil), ("", nil), ("10.8.0.0/24; rm", nil),
            ("10.8.0.0/24", "2001:db8::/64"), ("10.8.0.0/24", "fd00::/127"), ("10.8.0.0/24", "fd00::1/64"), ("10.8.0.0/24", "10.9.0.0/24"),
        ] as [(String, String?)])
    func `what is no pool is refused`(ipv4: String, ipv6: String?) {
        #expect(throws: ParseError.self) { _ = try AddressPool(ipv4: ipv4, ipv6: ipv6) }
        #expect(throws: ParseError.self) { _ = try AddressPool(ipv4: "10.8.0.0/24", excluded: ["somewhere"]) }
    }
}

@Suite struct TransferMeterTests {
    @Test func `what passed between samples is added to the byte`() {
        var meter = TransferMeter()
        for (received, sent) in [(532, 476), (532, 476), (53_600 + 532, 53_600 + 476)] as [(Int64, Int64)] {
            meter.sample(received: received, sent: sent)
        }
        #expect(meter.totalReceived == 54_132 && meter.totalSent == 54_076 && meter.total == 108_208)
    }

    @Test func `a counter that went back counts from zero, and the other with it`() {
        var meter = TransferMeter(lastReceived: 1000, lastSent: 10, totalReceived: 1000, totalSent: 10)
        // The node restarted; what it sent has already outgrown the old value.
        meter.sample(received: 100, sent: 500)
        #expect(meter.totalReceived == 1100 && meter.totalSent == 510)
        meter.sample(received: 150, sent: 500)
        #expect(meter.totalReceived == 1150 && meter.totalSent == 510)
    }

    @Test func `a restart that we made ourselves is not hidden by growth`() {
        var meter = TransferMeter(lastReceived: 100, lastSent: 100, totalReceived: 100, totalSent: 100)
        meter.begunAnew()
        meter.sample(received: 300, sent: 300)
        #expect(meter.totalReceived == 400 && meter.totalSent == 400)
    }

    @Test func `a reading that failed changes nothing, and totals stop at the largest number`() {
        var meter = TransferMeter(lastReceived: 5, lastSent: 5, totalReceived: .max - 3, totalSent: 0)
        let before = meter
        let isTaken = meter.sample(received: -1, sent: 9)
        #expect(!isTaken)
        #expect(meter == before)
        meter.sample(received: 50, sent: 5)
        #expect(meter.totalReceived == .max && meter.total == .max)
    }

    @Test(arguments: [(nil, false), (Int64(0), true), (-179, true), (-180, false), (-100_000, false)] as [(Int64?, Bool)])
    func `a peer is online for 180 s after a handshake`(secondsAgo: Int64?, isOnline: Bool) {
        let now = Timestamp(seconds: 1_800_000_000)
        #expect(PeerPresence.isOnline(handshake: secondsAgo.map { now.adding(seconds: $0) }, at: now) == isOnline)
    }
}
