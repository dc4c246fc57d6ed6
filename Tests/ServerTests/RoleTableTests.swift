import API
import Domain
import Foundation
import HTTP
import Store
import TestKit
import Testing

@testable import Server

/// Every route of the real surface that asks for a login, with everybody who may try.
struct RoleTableTests {
    enum Caller: String, CaseIterable {
        case anonymous, owner, other, support, admin, blocked, expired, revoked, relayKey, tampered
    }

    private func expected(_ row: Role.Row, _ caller: Caller) -> Int {
        switch caller {
        case .owner: row.owner
        case .other: row.other
        case .support: row.support
        case .admin: row.admin
        case .relayKey: row.relayKey
        case .blocked: Self.tellsBlocked.contains { row.route.split(separator: " ")[1].hasPrefix($0) } ? 403 : 401
        case .anonymous, .expired, .revoked, .tampered: 401
        }
    }
    /// The older VPN interface says who is blocked; elsewhere their login is over like any other.
    private static let tellsBlocked = ["/auth/me", "/auth/assign_tariff", "/auth/subscribe", "/tariffs", "/payments", "/vpn"]

    /// Nothing below these addresses is for anybody but an admin; the login itself is the one door.
    @Test func `every route of older dashboards asks for an admin`() async throws {
        try await withSurface { surface in
            let older = surface.router.descriptions.filter { $0.template.hasPrefix("/admin/") || $0.template.hasPrefix("/web/") }
            #expect(older.count > 30)
            for description in older where description.template != "/web/auth/login" {
                #expect(description.audience == .operators(roles: ["admin"]), "\(description.method.rawValue) \(description.template)")
            }
        }
    }

    @Test func `every route has a row, or stands among the open ones`() async throws {
        try await withSurface { surface in
            func names(_ wanted: (Audience) -> Bool) -> Set<String> {
                Set(surface.router.descriptions.filter { wanted($0.audience) }.map { "\($0.method.rawValue) \($0.template)" })
            }
            let rows = Role.table.map { String($0.route.prefix { $0 != "?" }) }
            #expect(Set(rows).count == rows.count, "one row a route")
            #expect(names { $0 == .anyone || $0 == .machine || $0 == .machineOrLocal } == Role.open)
            #expect(names { $0 != .anyone && $0 != .relayKey && $0 != .machine && $0 != .machineOrLocal } == Set(rows))
        }
    }

    @Test func `every route answers every caller as the table says`() async throws {
        try await withSurface { surface in
            let cast = try await Cast(surface)
            for (index, row) in Role.table.enumerated() {
                for caller in Caller.allCases {
                    let key = try await surface.keys.create(RelayKeys.Wish(name: "k"), owner: cast.owner.id, actor: "system")
                    let things = try await cast.things(for: row.route + " " + (row.body?.text ?? ""), key: key.key.id)
                    let token = try await credential(caller, surface, cast, key, index)
                    let words = things.fill(row.route).split(separator: " ").map(String.init)
                    let named = HTTP.Method(rawValue: words[0])
                    let method = try #require(named)
                    let body = try row.body.map { try JSON(parsing: Array(things.fill($0.text).utf8)) }
                    let response = await cast.send(method, words[1], body, token: token)
                    #expect(response.status == expected(row, caller), "\(row.route) as \(caller.rawValue): \(response.text)")
                    let after = try await surface.store.read { reader throws(StoreError) in try reader.apiKey(key.key.id) }
                    let mayDelete =
                        row.route == "DELETE /api/keys/{id}" && caller == .owner
                        || row.route == "DELETE /admin/api-keys/{id}" && caller == .admin
                    let isDeletedBefore = row.route.hasSuffix("/restore") || row.route.hasSuffix("/permanent")
                    if !isDeletedBefore {
                        #expect((after?.deletedAt != nil) == mayDelete, "\(row.route) as \(caller.rawValue) and the owner's key")
                    }
                    // So that the owner does not run into the number of keys a person may have.
                    if after?.deletedAt == nil { _ = try await surface.keys.revoke(key.key.id, actor: "system") }
                    if caller != .owner, caller != .admin, caller != .support {
                        for mine in [key.key.id.text, things.service] where !mine.isEmpty {
                            #expect(
                                response.status >= 400 || !response.text.contains(mine), "\(row.route) as \(caller.rawValue) shows \(mine)")
                        }
                    }
                }
            }
        }
    }

    private func credential(
        _ caller: Caller, _ surface: RunningSurface, _ cast: Cast, _ key: RelayKeys.Made, _ round: Int
    ) async throws -> String? {
        switch caller {
        case .anonymous: return nil
        case .owner, .other, .support, .admin: return await cast.token(caller.rawValue)
        case .blocked:
            let user = try await cast.person("blocked\(round)")
            let token = await cast.token("blocked\(round)")
            #expect(await cast.send(.get, "/api/auth/me", nil, token: token).status == 200)
            _ = try await surface.people.setStatus(.blocked, of: user.id, actor: "system")
            return token
        case .expired:
            let token = await cast.token("admin")
            surface.clock.advance(milliseconds: 61 * 60 * 1000)
            return token
        case .revoked:
            let token = await cast.token("admin")
            #expect(await cast.send(.post, "/api/auth/logout", nil, token: token).status == 204)
            return token
        case .relayKey: return key.secret.reveal { $0 }
        case .tampered:
            var parts = await cast.token("admin").split(separator: ".").map(String.init)
            parts[2] = (parts[2].hasPrefix("A") ? "B" : "A") + parts[2].dropFirst()
            return parts.joined(separator: ".")
        }
    }
}
