public import HTTP
internal import Secrets
public import Store

extension IdempotencyPort {
    /// Answers kept in the store, sealed: the answer to "make a key" holds the key.
    public static func stored(in store: Store, keys: DataKeys) -> IdempotencyPort {
        @Sendable func place(_ id: IdempotencyID) -> SealedPlace {
            SealedPlace(table: "idempotency_keys", row: "\(id.actor)|\(id.route)|\(id.key)", column: "response")
        }
        return IdempotencyPort(
            claim: { id, content, request in
                let digest = Hashing.sha256(content)
                let claim = try await store.transaction { transaction throws(StoreError) in
                    try transaction.claimIdempotencyKey(id.key, actor: id.actor, route: id.route, bodyDigest: digest, request: request)
                }
                switch claim {
                case .new: return .new
                case .underWay: return .underWay
                case .mismatch: return .mismatch
                case .interrupted(let touched): return .interrupted(touched)
                case .done(let status, let sealed):
                    return .done(status: Int(status), answer: try await keys.open(sealed, for: place(id), in: store))
                }
            },
            complete: { id, status, answer in
                let sealed = keys.keyring.seal(answer, for: place(id))
                try await store.transaction { transaction throws(StoreError) in
                    try transaction.completeIdempotencyKey(
                        id.key, actor: id.actor, route: id.route, status: Int64(status), response: sealed)
                }
            },
            release: { id in
                try await store.transaction { transaction throws(StoreError) in
                    try transaction.releaseIdempotencyKey(id.key, actor: id.actor, route: id.route)
                }
            })
    }
}
