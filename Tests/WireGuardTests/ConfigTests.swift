import Domain
import Drivers
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

@Suite struct InterfaceDumpTests {
    func dump(_ peer: String) throws -> String {
        "\(try exampleKey(1).text)\t\(try exampleKey(2).text)\t51820\toff\n\(try exampleKey(3).text)\t\(peer)\n"
    }

    @Test func `a dump is read, and the node's private key is not kept`() throws {
        let psk = try exampleKey(4).text
        let read = try InterfaceDump(parsing: dump("\(psk)\t192.0.2.2:40000\t10.8.0.2/32,fd00::2/128\t1800000000\t564\t476\t25"))
        #expect(read.port == 51820 && read.peers.count == 1)
        #expect(read.peers[0].allowedIPs == ["10.8.0.2/32", "fd00::2/128"] && read.peers[0].keepalive == 25)
        #expect(read.peers[0].received == 564 && read.peers[0].sent == 476 && read.peers[0].hasPresharedKey)
        #expect(read.peers[0].handshake == Timestamp(seconds: 1_800_000_000))
        var shown = ""
        Swift.dump(read, to: &shown)
        #expect(try !shown.contains(exampleKey(1).text) && !shown.contains(psk))
    }

    @Test func `a peer that never spoke has neither endpoint nor handshake`() throws {
        let peer = try InterfaceDump(parsing: dump("(none)\t(none)\t(none)\t0\t0\t0\toff")).peers[0]
        #expect(peer.endpoint == nil && peer.handshake == nil && peer.allowedIPs.isEmpty && !peer.hasPresharedKey && peer.keepalive == 0)
    }

    @Test(arguments: [
        "", "(none)", "(none)\t(none)\t(none)\t0\t0\t0", "(none)\t(none)\t(none)\t0\t0\t0\toff\toff",
        "(none)\t(none)\t(none)\tsoon\t0\t0\toff",
        "(none)\t(none)\t(none)\t0\t-1\t0\toff", "(none)\t(none)\t(none)\t0\t99999999999999999999\t0\toff",
        "(none)\t(none)\t(none)\t9223372036854775807\t0\t0\toff", "(none)\t(none)\t(none)\t0\t0\t0\t65536",
    ])
    func `a damaged dump is refused and not quoted`(peer: String) throws {
        let error = #expect(throws: ParseError.self) { _ = try InterfaceDump(parsing: dump(peer)) }
        #expect(try error?.message.contains(exampleKey(1).text) == false)
        #expect(throws: ParseError.self) { _ = try InterfaceDump(parsing: "") }
        #expect(throws: ParseError.self) { _ = try InterfaceDump(parsing: "Unable to access interface: No such device") }
    }
}
