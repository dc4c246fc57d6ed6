internal import Domain
internal import HTTP

/// An entry of an address list that is no network would allow nobody, and say so to nobody.
enum AddressRules {
    static func faults(in access: JSONObject) -> [FieldError] {
        for case .string(let text) in access["ip_allowlist"]?.array ?? [] where IPNetwork(text) == nil {
            return [FieldError("ip_allowlist", "must be addresses or networks as 198.51.100.0/24; \(JSON.string(text).text) is none")]
        }
        return []
    }
}
