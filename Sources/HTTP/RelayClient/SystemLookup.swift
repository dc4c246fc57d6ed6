/// Asks the system's resolver. Blocks, for as long as resolv.conf says.
enum SystemLookup {
    /// Addresses taken from one answer.
    static let addressLimit = 32

    @Sendable static func addresses(_ name: String) -> Result<[IPAddress], LookupFault> {
        switch SystemCalls.resolve(name, limit: addressLimit) {
        case .failure(let reason): .failure(LookupFault(reason.text))
        case .success(let found):
            // One name may be listed twice, once for each way to reach it.
            found.isEmpty ? .failure(LookupFault("no address")) : .success(found.reduce(into: []) { if !$0.contains($1) { $0.append($1) } })
        }
    }
}
