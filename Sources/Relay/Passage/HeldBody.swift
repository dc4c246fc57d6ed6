internal import HTTP
internal import Telemetry

/// A request's body while an account may still have to be tried. Past `bodyBytesInMemory` it waits in a file without a name: an upstream
/// may think for minutes, and prompts of many megabytes must not fill the memory meanwhile.
final class HeldBody {
    let bytes: UpstreamBody
    private let lease: ByteLease

    init(_ bytes: UpstreamBody, _ lease: consuming ByteLease) {
        self.bytes = bytes
        self.lease = lease
    }

    /// Puts a body that is too large for memory into a file.
    /// - Parameter memory: what the bytes hold of the memory budget; given back when they go to a file.
    /// - Throws: `outOfMemory` when the files of all requests together have used up their budget.
    static func keep(
        _ bytes: [UInt8], _ memory: consuming ByteLease, _ services: RelayServices
    ) async throws(RelayProblem) -> HeldBody {
        guard let lease = ByteLease(services.spilledBytes, count: bytes.count, limit: services.limits.spilledBodyBytes) else {
            throw .outOfMemory
        }
        guard let file = await UnlinkedBytes.copy(bytes, in: services.spillFolder) else {
            // The memory budget has room for it, so the request need not suffer from the disk.
            services.log.warning(
                "relay.body_not_spilled", ["bytes": LogValue(bytes.count), "action": "free disk space in the data directory"])
            return HeldBody(.bytes(bytes), memory)
        }
        return HeldBody(.unlinked(file), lease)
    }
}
