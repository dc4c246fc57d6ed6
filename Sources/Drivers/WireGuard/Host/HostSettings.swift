internal import Domain

/// The settings that nodes of driver `local` and `ssh` have besides those of every node.
struct HostSettings: Sendable {
    let scripts: Scripts
    let port: Int64
    let identity: String?
    let knownHosts: String?

    struct Scripts: Sendable { let apply: String, remove: String, show: String, generate: String, keyFolder: String }

    private static func path(_ name: String, _ about: String) -> Field<String> {
        Field<String>.text(name, about, length: 2...256).map { text throws(ParseError) in
            try HostScripts.checkPath(text)
            return text
        }
    }
    private static func standard(_ name: String) -> String { "\(HostScripts.standardFolder)/\(name)" }
    private static let scriptsShape = Shape(
        path("apply", "On the host.").or(standard("wg_apply.sh")), path("remove", "On the host.").or(standard("wg_remove.sh")),
        path("show", "On the host.").or(standard("wg_show.sh")), path("generate", "On the host.").or(standard("wg_gen_key.sh")),
        path("key_folder", "Folder on the host for keys that it makes.").or("/etc/wireguard/keys"), make: Scripts.init)
    static let shape = Shape(
        scriptsShape.field("scripts", "Where the host's scripts are.").or(
            Scripts(
                apply: standard("wg_apply.sh"), remove: standard("wg_remove.sh"), show: standard("wg_show.sh"),
                generate: standard("wg_gen_key.sh"), keyFolder: "/etc/wireguard/keys")),
        Field<Int64>.integer("ssh_port", "Of driver ssh.", 1...65535).or(22),
        path("ssh_identity", "Private key file of driver ssh, on this machine.").optional,
        path("ssh_known_hosts", "The host's pinned keys, a file on this machine.").optional, make: HostSettings.init
    ).ignoringUnknownFields

    /// - Throws: `.refused` with what is wrong.
    static func parse(_ json: JSON) throws(DriverError) -> HostSettings {
        do throws(InputErrors) { return try shape.parse(json) } catch {
            throw .refused("the node's settings: " + error.fields.map { "\($0.field) \($0.message)" }.joined(separator: "; "))
        }
    }

    func hostScripts(_ interface: String) -> HostScripts {
        HostScripts(
            apply: scripts.apply, remove: scripts.remove, show: scripts.show, generate: scripts.generate, keyFolder: scripts.keyFolder,
            interface: interface)
    }
}

extension HostNode {
    static func local(_ access: BackendAccess, _ settings: NodeSettings) throws(DriverError) -> HostNode {
        HostNode(settings, try HostSettings.parse(access.settings).hostScripts(settings.interface), LocalWay())
    }

    static func ssh(_ access: BackendAccess, _ settings: NodeSettings) throws(DriverError) -> HostNode {
        let host = try HostSettings.parse(access.settings)
        guard let identity = host.identity, let knownHosts = host.knownHosts else {
            throw .refused("the node's settings: ssh_identity and ssh_known_hosts are required")
        }
        do throws(ParseError) { try HostScripts.checkTarget(access.address) } catch {
            throw .refused("the node's address must be \(error.message)")
        }
        return HostNode(
            settings, host.hostScripts(settings.interface),
            SSHWay(target: access.address, port: host.port, identity: identity, knownHosts: knownHosts))
    }
}
