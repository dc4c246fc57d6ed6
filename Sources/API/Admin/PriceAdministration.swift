public import Domain
public import HTTP
internal import Store

/// `/api/admin/prices`: the rows that tokens are billed by. A new price is a new row; none is ever changed.
public struct PriceAdministration: Sendable {
    /// What the data path's module does with prices.
    public struct Ports: Sendable {
        /// Every row, in the order they were added.
        let list: @Sendable () async throws -> [JSON]
        /// Adds rows of a document; how many were new, and how many it has.
        let add: @Sendable (_ document: JSON, _ actor: String, _ request: RequestID) async throws -> (added: Int, read: Int)

        public init(
            list: @escaping @Sendable () async throws -> [JSON],
            add: @escaping @Sendable (_ document: JSON, _ actor: String, _ request: RequestID) async throws -> (added: Int, read: Int)
        ) { (self.list, self.add) = (list, add) }
    }
    private let ports: Ports
    private let door: SessionDoor

    public init(_ ports: Ports, _ door: SessionDoor) { (self.ports, self.door) = (ports, door) }

    public var endpoints: [MountedEndpoint] { [list, add].mounted { try await door.person($0, roles: [.admin]) } }

    private static let admins = Audience.operators(roles: [UserRole.admin.rawValue])
    private static let problems = ProblemKind.ofSignIn + ProblemKind.ofStore
    private static let row: JSON = [
        "model": "claude-sonnet-5-5", "effective_from": "2026-10-07T00:00:00.000Z", "prompt_over": 0, "input": 2000, "output": 10_000,
        "cache_write_5m": 2500, "cache_write_1h": 4000, "cache_read": 100,
    ]
    /// More than any price list has.
    private static let maximumRows = 1_000_000

    private var list: Endpoint<CustomerContext> {
        Endpoint(
            .get, "/api/admin/prices", "The price list", tag: "Prices", audience: Self.admins, takes: .nothing,
            replies: .ok(
                View(
                    "Prices",
                    [
                        .always(
                            "prices", "Rows in nano-USD a token, in the order they were added; of equal ones the last counts.",
                            .list(of: .anything, count: 0...Self.maximumRows))
                    ], example: ["prices": [Self.row]])), problems: Self.problems
        ) { _, _ in ["prices": .array(try await ports.list())] }
    }

    private var add: Endpoint<CustomerContext> {
        Endpoint(
            .post, "/api/admin/prices", "Add prices", tag: "Prices", audience: Self.admins,
            takes: .body(Shape<JSON>.anyObject),
            replies: .ok(
                View(
                    "AddedPrices", [.always("added", "Rows that were not there yet.", .count), .always("read", "Rows in all.", .count)],
                    example: ["added": 1, "read": 1])), problems: Self.problems + [.csrf],
            about:
                "`prices`: rows as the list shows them; `effective_from` left out: from now on. Whole numbers of nano-USD a token: a dollar for a million tokens is 1000. A row that counts already is left out, so a list may be sent again. What was booked stays.",
            bodyExample: ["prices": [Self.row]]
        ) { input, context in
            let (added, read) = try await ports.add(input.body["prices"], context.user.id.text, input.request.id)
            return ["added": .int(Int64(added)), "read": .int(Int64(read))]
        }
    }
}
