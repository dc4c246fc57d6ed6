internal import Domain
public import HTTP
internal import Synchronization

/// `/openapi.json`, about all endpoints and itself.
public enum OpenAPIEndpoint {
    /// The endpoints with the one that describes them all.
    public static func added(
        to endpoints: [MountedEndpoint], raw: [RawRoute] = [], info: OpenAPIDocument.Info
    ) -> [MountedEndpoint] {
        let text = OpenAPIText {
            let described = endpoints.map(\.description) + raw.compactMap(\.description)
            // Its description does not depend on the document, so one without a text serves to describe it.
            return OpenAPIDocument(described + [endpoint(OpenAPIText { [] }).description], info: info).bytes
        }
        return endpoints + [endpoint(text).mounted]
    }

    private static func endpoint(_ text: OpenAPIText) -> Endpoint<PublicContext> {
        let view = View(
            "OpenAPI", [.always("openapi", "Version of the format.", .text), .always("info", "Title and version.", .map(of: .anything))],
            example: ["openapi": "3.1.0", "info": ["title": "Gatehouse", "version": "1.0.0"]])
        return Endpoint(
            .get, "/openapi.json", "This document", tag: "Service", audience: .anyone, takes: .nothing, replies: .ok(view)
        ) { _, _ in .bytes(await text.bytes(), type: "application/json", headers: ["cache-control": "no-cache"]) }
    }
}

/// Written when it is first asked for, away from the reactors: it takes longer than a whole start without it.
private final class OpenAPIText: Sendable {
    private let write: @Sendable () -> [UInt8]
    private let written = Mutex<[UInt8]?>(nil)

    init(_ write: @escaping @Sendable () -> [UInt8]) { self.write = write }

    func bytes() async -> [UInt8] {
        if let known = written.withLock({ $0 }) { return known }
        let write = write
        let made = await Task.detached { write() }.value
        written.withLock { $0 = made }
        return made
    }
}
