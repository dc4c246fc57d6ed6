import Domain
import Drivers
import Provisioning
import Store
import Testing

@Suite struct ClientConfigTests {
    func config() throws -> ClientConfig {
        try ClientConfig(
            privateKey: .known(exampleKey(1)), addresses: ["10.8.0.7/32", "fd00::7/128"], dns: ["1.1.1.1", "corp.example.com"], mtu: 1420,
            serverPublicKey: exampleKey(2), presharedKey: exampleKey(3), keepalive: 25, endpoint: "vpn.example.com:51820")
    }

    @Test func `a client file has its lines in the usual order`() throws {
        let (private1, public2, preshared3) = (try exampleKey(1).text, try exampleKey(2).text, try exampleKey(3).text)
        #expect(
            try config().text == """
                [Interface]
                PrivateKey = \(private1)
                Address = 10.8.0.7/32, fd00::7/128
                DNS = 1.1.1.1, corp.example.com
                MTU = 1420

                [Peer]
                PublicKey = \(public2)
                PresharedKey = \(preshared3)
                AllowedIPs = 0.0.0.0/0, ::/0
                PersistentKeepalive = 25
                Endpoint = vpn.example.com:51820

                """)
    }

    @Test func `what is not set has no line`() throws {
        var bare = try config()
        (bare.dns, bare.mtu, bare.presharedKey, bare.keepalive, bare.privateKey) = ([], nil, nil, 0, .fromDevice)
        let text = bare.text
        for name in ["DNS", "MTU", "PresharedKey", "PersistentKeepalive"] { #expect(!text.contains(name)) }
        #expect(text.contains("PrivateKey = \n"))
        #expect(try ClientConfig(parsing: text) == bare)
    }

    @Test func `what was written is read back`() throws {
        #expect(try ClientConfig(parsing: config().text) == config())
    }

    @Test func `an older controller's file is read`() throws {
        let text = """
            # laptop
            [interface]\r
            PRIVATEKEY=\(try exampleKey(1).text)   # its own
            Address = 10.8.0.2/24
            Jc = 4

            [peer]
            publickey = \(try exampleKey(2).text)
            allowedips = 0.0.0.0/0
            AllowedIPs = ::/0
            PersistentKeepalive = off
            Endpoint = [2001:db8::1]:51820
            """
        let read = try ClientConfig(parsing: text)
        #expect(read.addresses == ["10.8.0.2/24"] && read.allowedIPs == ["0.0.0.0/0", "::/0"] && read.keepalive == 0)
        #expect(read.endpoint == "[2001:db8::1]:51820" && read.presharedKey == nil)
    }

    /// Each replaces a part of a good file.
    @Test(arguments: [
        ("[Interface]", "[Interface"), ("[Interface]", "[Else]"), ("[Peer]", "[Interface]"), ("MTU = 1420", "MTU 1420"),
        ("MTU = 1420", "MTU = 99"), ("MTU = 1420", "MTU = many"), ("AllowedIPs = 0.0.0.0/0, ::/0", ""), ("/32", "/33"),
        ("fd00::7/128", "fd00::7/129"), (":51820", ":0"), (":51820", ":65536"), (":51820", ""), ("vpn.example.com", "vpn example"),
        ("vpn.example.com", "-o"), ("vpn.example.com", "300.1.1.1"), ("= 25", "= 65536"), ("1.1.1.1", "a;b"),
        ("Endpoint = vpn.example.com:51820", ""), ("10.8.0.7/32", "10.8.0.7/32\u{7}"), ("Address = 10.8.0.7/32, fd00::7/128", ""),
    ])
    func `a bad file is refused`(part: String, instead: String) throws {
        let text = try config().text
        #expect(text.contains(part))
        let spoilt = text.split(separator: part, maxSplits: 1, omittingEmptySubsequences: false).joined(separator: instead)
        #expect(throws: ParseError.self) { _ = try ClientConfig(parsing: spoilt) }
    }

    @Test func `a client imported without its key has no config, and errors quote no secret`() throws {
        let secret = try exampleKey(1).text
        let error = #expect(throws: ParseError.self) {
            _ = try ClientConfig(parsing: try config().text.replacing(secret, with: "REPLACE_ME"))
        }
        #expect(error?.message.contains("REPLACE_ME") == false)
        let cut = #expect(throws: ParseError.self) {
            _ = try ClientConfig(parsing: try config().text.replacing("PrivateKey = ", with: "PrivateKey "))
        }
        #expect(cut?.message.contains(secret.prefix(10)) == false)
    }

    @Test func `no text brings a line of its own`() throws {
        for hostile in ["1.1.1.1\nPostUp = id", "a b", "", "..", "x\u{0}"] {
            #expect(throws: ParseError.self) {
                _ = try ClientConfig(
                    privateKey: .fromDevice, addresses: ["10.8.0.7/32"], dns: [hostile], serverPublicKey: exampleKey(2),
                    endpoint: "vpn.example.com:51820")
            }
            #expect(throws: ParseError.self) {
                _ = try ClientConfig(
                    privateKey: .fromDevice, addresses: ["10.8.0.7/32"], serverPublicKey: exampleKey(2), allowedIPs: [hostile],
                    endpoint: "vpn.example.com:51820")
            }
            #expect(throws: ParseError.self) {
                _ = try ClientConfig(
                    privateKey: .fromDevice, addresses: ["10.8.0.7/32"], serverPublicKey: exampleKey(2), endpoint: hostile)
            }
        }
    }

    @Test(arguments: [
        ("alice-phone", "alice-phone.conf"), ("Ada's  Telefon", "Ada-s-Telefon.conf"), ("../../etc/passwd", "etc-passwd.conf"),
        ("手机", "peer.conf"), ("", "peer.conf"), ("a-very-long-name-of-a-phone", "a-very-long-nam.conf"),
    ])
    func `a file's name is one that every client takes`(label: String, name: String) {
        #expect(ClientConfig.fileName(label) == name)
    }

    @Test(arguments: ["", "-wg", ".wg", "wg0;id", "wg 0", "a-name-too-long-", "wg/0"])
    func `what is no interface is refused`(name: String) throws {
        #expect(throws: ParseError.self) { try ConfigText.interfaceName(name) }
        try ConfigText.interfaceName("wg0")
    }
}

@Suite struct PeerLineTests {
    private func line(_ rest: String) throws -> PeerLine { try PeerLine(parsing: "\(try exampleKey(3).text)\t\(rest)") }

    @Test func `a line of the host's list is read`() throws {
        let peer = try line("192.0.2.2:40000\t10.8.0.2/32,fd00::2/128\t1800000000\t564\t476\t25")
        #expect(try peer.publicKey == exampleKey(3) && peer.endpoint == "192.0.2.2:40000")
        #expect(peer.allowedIPs == ["10.8.0.2/32", "fd00::2/128"] && peer.keepalive == 25)
        #expect(peer.received == 564 && peer.sent == 476 && peer.handshake == Timestamp(seconds: 1_800_000_000))
    }

    @Test func `a peer that never spoke has neither endpoint nor handshake`() throws {
        let peer = try line("(none)\t(none)\t0\t0\t0\toff")
        #expect(peer.endpoint == nil && peer.handshake == nil && peer.allowedIPs.isEmpty && peer.keepalive == 0)
    }

    @Test(arguments: [
        "", "(none)", "(none)\t(none)\t0\t0\t0", "(none)\t(none)\t(none)\t0\t0\t0\toff", "(none)\t(none)\tsoon\t0\t0\toff",
        "(none)\t(none)\t0\t-1\t0\toff", "(none)\t(none)\t0\t99999999999999999999\t0\toff",
        "(none)\t(none)\t9223372036854775807\t0\t0\toff", "(none)\t(none)\t0\t0\t0\t65536",
    ])
    func `a damaged line is refused and not quoted`(rest: String) throws {
        let error = #expect(throws: ParseError.self) { _ = try line(rest) }
        #expect(try error?.message.contains(exampleKey(3).text) == false)
    }
}

@Suite struct AmneziaTests {
    private func node(_ amnezia: JSON) throws -> NodeSettings {
        try NodeSettings([
            "driver": "none", "pool": ["v4": "10.8.0.0/24"],
            "server": ["public_key": .string(try exampleKey(1).text), "endpoint": "vpn.example.com:51820", "amnezia": amnezia],
        ])
    }

    @Test(
        arguments: [
            ["jc": 0], ["jc": 129], ["jmin": 50, "jmax": 50], ["jmax": 1281], ["s1": 10, "s2": 66], ["s4": 1133], ["h1": "4"],
            ["h1": "2147483648"], ["h1": "9", "h2": "5-20"], ["h3": "20-5"], ["h3": "7-"], ["i1": "<b 0x1>\nPostUp = id"], ["i2": "$(id)"],
            ["jd": 1],
        ] as [JSON])
    func `what would not connect, or is no parameter, is refused`(amnezia: JSON) {
        #expect(throws: DriverError.self) { _ = try node(amnezia) }
    }

    @Test func `a node's parameters stand in the interface part of its configs`() async throws {
        try await withNodes { world in
            var settings = NodeWorld.recordOnly.object ?? [:]
            var server = settings["server"]?.object ?? [:]
            server["amnezia"] = ["jc": 4, "jmin": 40, "jmax": 70, "s1": 15, "s2": 70, "h1": "5-10", "h4": "2147483647", "i1": "<b 0x0f>"]
            settings["server"] = .object(server)
            let id = try await world.addNode(.object(settings))
            let order = try await world.order()
            try await world.settle()
            let service = try #require(try await world.service(order.id))
            #expect(service.details["amnezia"] == true, "a plain client cannot use it, and that is said")
            let driver = try #require(world.drivers[.vpn] as? WireGuardDriver)
            let access = BackendAccess(id: id, name: "n", address: "", settings: .object(settings), secret: nil)
            let text = String(
                decoding: try await driver.config(
                    of: ServiceOrder(
                        id: service.id, owner: nil, label: "phone", limits: [:], choices: service.choices,
                        secret: try await world.orders.secret(of: service, in: world.store), backend: access)
                ).bytes, as: UTF8.self)
            let lines = "MTU = 1420\nJc = 4\nJmin = 40\nJmax = 70\nS1 = 15\nS2 = 70\nH1 = 5-10\nH4 = 2147483647\nI1 = <b 0x0f>\n\n[Peer]"
            #expect(text.contains(lines), "\(text)")
            #expect(throws: Never.self) { _ = try ClientConfig(parsing: text) }
        }
    }
}
