internal import Domain
internal import Drivers
internal import Provisioning
internal import Secrets

/// What WG_* cannot mean.
struct WrongNode: Error { let sentence: String }

extension Settings {
    /// The node that they describe.
    static let standardNode = "default"

    /// The VPN node that WG_* describe; nil when they describe none.
    /// - Throws: with a sentence that names the setting.
    func node() throws(WrongNode) -> (node: BackendKeeping.Wish, secret: SecretBytes?)? {
        func text(_ name: String) -> String { value(name).text }
        let url = text("WG_EASY_URL")
        let policy = text("WG_KEY_POLICY").isEmpty ? (url.isEmpty ? "db" : "wg-easy") : text("WG_KEY_POLICY")
        let capacity = Int64(text("WG_CAPACITY")) ?? 0
        let wish: BackendKeeping.Wish
        var secret: SecretBytes?
        if policy == "wg-easy" {
            let password = text("WG_API_KEY").isEmpty ? text("WG_EASY_PASSWORD") : text("WG_API_KEY")
            guard !url.isEmpty, !password.isEmpty else { throw WrongNode(sentence: "WG_EASY_URL or WG_EASY_PASSWORD not set") }
            secret = SecretBytes(Array(password.utf8))
            wish = BackendKeeping.Wish(
                address: url,
                settings: [
                    "driver": "wg-easy", "interface": .string(text("WG_INTERFACE")), "username": .string(text("WG_EASY_USERNAME")),
                    "insecure": .bool(SettingText.boolean(text("WG_EASY_INSECURE")) ?? false),
                ], capacity: capacity)
        } else {
            let (key, endpoint) = (text("WG_SERVER_PUBLIC_KEY"), text("WG_ENDPOINT"))
            guard !key.isEmpty || !endpoint.isEmpty else { return nil }
            guard !key.isEmpty, !endpoint.isEmpty else {
                throw WrongNode(sentence: "WG_SERVER_PUBLIC_KEY and WG_ENDPOINT belong together; set both or none")
            }
            func texts(_ name: String) -> JSON { .array((SettingText.list(text(name)) ?? []).map { .string($0) }) }
            let isApplied = SettingText.boolean(text("WG_APPLY_ENABLED")) ?? false
            let host = text("WG_HOST_SSH")
            if !host.isEmpty, text("WG_SSH_KEY").isEmpty || text("WG_SSH_KNOWN_HOSTS").isEmpty {
                throw WrongNode(sentence: "WG_HOST_SSH needs WG_SSH_KEY and WG_SSH_KNOWN_HOSTS")
            }
            let driver = !host.isEmpty ? "ssh" : isApplied ? "local" : "none"
            try checkPool()
            var settings: JSONObject = [
                "driver": .string(driver), "key_policy": .string(policy), "interface": .string(text("WG_INTERFACE")),
                "pool": [
                    "v4": .string(text("WG_POOL_V4")), "v6": .string(text("WG_POOL_V6")), "exclude": texts("WG_POOL_EXCLUDE"),
                    "rest_seconds": .int(Int64(text("WG_ADDRESS_REST")) ?? 600),
                ],
                "server": [
                    "public_key": .string(key), "endpoint": .string(endpoint), "dns": texts("WG_DNS"),
                    "mtu": .int(Int64(text("WG_MTU")) ?? 1420),
                ],
            ]
            if driver != "none" {
                settings["apply"] = .bool(isApplied)
                settings["scripts"] = [
                    "apply": .string(text("WG_APPLY_SCRIPT")), "remove": .string(text("WG_REMOVE_SCRIPT")),
                    "generate": .string(text("WG_GEN_SCRIPT")), "show": .string(text("WG_SHOW_SCRIPT")),
                    "key_folder": .string(text("WG_KEY_FOLDER")),
                ]
            }
            if driver == "ssh" {
                settings["ssh_port"] = .int(Int64(text("WG_SSH_PORT")) ?? 22)
                settings["ssh_identity"] = .string(text("WG_SSH_KEY"))
                settings["ssh_known_hosts"] = .string(text("WG_SSH_KNOWN_HOSTS"))
            }
            wish = BackendKeeping.Wish(address: host, settings: .object(settings), capacity: capacity)
        }
        do throws(DriverError) { _ = try NodeSettings(wish.settings) } catch { throw WrongNode(sentence: "WG_*: \(error)") }
        return (wish, secret)
    }

    /// One setting after the other, so that the one that is wrong is named.
    private func checkPool() throws(WrongNode) {
        let (four, six) = (value("WG_POOL_V4").text, value("WG_POOL_V6").text)
        let excluded = SettingText.list(value("WG_POOL_EXCLUDE").text) ?? []
        do throws(ParseError) { _ = try AddressPool(ipv4: four) } catch { throw WrongNode(sentence: "WG_POOL_V4 \(error.message)") }
        do throws(ParseError) { _ = try AddressPool(ipv4: four, ipv6: six) } catch {
            throw WrongNode(sentence: "WG_POOL_V6 \(error.message)")
        }
        do throws(ParseError) { _ = try AddressPool(ipv4: four, ipv6: six, excluded: excluded) } catch {
            throw WrongNode(sentence: "WG_POOL_EXCLUDE \(error.message)")
        }
    }
}
