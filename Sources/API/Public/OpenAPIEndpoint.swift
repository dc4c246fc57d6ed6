internal import Domain
public import HTTP

/// `/openapi.json`, about all endpoints and itself.
public enum OpenAPIEndpoint {
    /// The endpoints with the one that describes them all.
    public static func added(
        to endpoints: [MountedEndpoint], raw: [RawRoute] = [], info: OpenAPIDocument.Info
    ) -> [MountedEndpoint] {
        let described = endpoints.map(\.description) + raw.compactMap(\.description)
        // Its description does not depend on the document, so an empty one serves to describe it.
        let document = OpenAPIDocument(described + [endpoint([]).description], info: info)
        return endpoints + [endpoint(document.bytes).mounted]
    }

    private static func endpoint(_ document: [UInt8]) -> Endpoint<PublicContext> {
        let view = View(
            "OpenAPI", [.always("openapi", "Version of the format.", .text), .always("info", "Title and version.", .map(of: .anything))],
            example: ["openapi": "3.1.0", "info": ["title": "Gatehouse", "version": "1.0.0"]])
        return Endpoint(
            .get, "/openapi.json", "This document", tag: "Service", audience: .anyone, takes: .nothing, replies: .ok(view)
        ) { _, _ in .bytes(document, type: "application/json", headers: ["cache-control": "no-cache"]) }
    }
}
