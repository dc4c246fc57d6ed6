/// A driver whose backends operators set up: what of them can be used, before and after.
public protocol BackendTending: ServiceDriver {
    /// Why it must not be used as it is set; nil when it may. Calls nobody.
    func refusal(of backend: BackendAccess) -> DriverError?
    /// Asks it: what answers there, and how much it has, in words for the operator.
    func description(of backend: BackendAccess) async throws(DriverError) -> String
    /// Sentences about backends that must not be used together; empty when all is well.
    func conflicts(_ backends: [BackendAccess]) -> [String]
}
