public import Domain
internal import HTTP
public import Secrets
public import Store

/// The second factor of people: begun, shown to work, asked for, ended.
public struct SecondFactors: Sendable {
    let store: Store
    private let keys: DataKeys
    /// Before the address in the authenticator app.
    private let issuer: String

    /// - Parameter issuer: what the app shows; the name of the shop.
    public init(store: Store, keys: DataKeys, issuer: String) { (self.store, self.keys, self.issuer) = (store, keys, issuer) }

    static let recoveryCodes = 10

    /// What a person types or scans into an app; shown once.
    public struct Begun: Sendable {
        public let secret: String
        /// `otpauth://totp/…`, for a QR code.
        public let address: String
    }

    public enum Refusal: Error, Equatable, Sendable {
        /// There is one that works already.
        case alreadyOn
        /// Nothing was begun, or there is none.
        case off
        case wrongCode
    }

    static func place(_ id: UserID) -> SealedPlace { SealedPlace(table: "second_factors", row: id.text, column: "secret_sealed") }

    public func isOn(_ user: UserID) async throws -> Bool {
        try await store.read { reader throws(StoreError) in try reader.secondFactor(of: user)?.confirmedAt != nil }
    }

    /// - Returns: whether it is on, and how many recovery codes are left.
    public func standing(_ user: UserID) async throws -> (isOn: Bool, codes: Int64) {
        try await store.read { reader throws(StoreError) in
            (try reader.secondFactor(of: user)?.confirmedAt != nil, try reader.unusedRecoveryCodes(of: user))
        }
    }

    /// A fresh secret. Nobody is asked for it before `confirm`.
    public func begin(_ user: User, actor: String, request: RequestID?) async throws -> Begun {
        let secret = store.ambient.randomBytes(OneTimeCode.secretBytes)
        let sealed = keys.keyring.seal(secret, for: Self.place(user.id))
        let isBegun = try await store.transaction { transaction throws(StoreError) in
            guard try transaction.beginSecondFactor(sealed, of: user.id) else { return false }
            try transaction.record(actor: actor, "second_factor.begin", subject: user.id.text, before: nil, after: nil, request)
            return true
        }
        guard isBegun else { throw Refusal.alreadyOn }
        let text = OneTimeCode.base32(secret)
        let label = "\(PercentText.encoded(issuer)):\(PercentText.encoded(user.email))"
        return Begun(
            secret: text,
            address: "otpauth://totp/\(label)?secret=\(text)&issuer=\(PercentText.encoded(issuer))&algorithm=SHA1&digits=6&period=30")
    }

    /// Turns it on with a first code, and ends every session but `session`.
    /// - Returns: the recovery codes, shown now or never.
    public func confirm(_ user: User, code: String, keeping session: SessionID?, request: RequestID?) async throws -> [String] {
        let codes = (0..<Self.recoveryCodes).map { _ in Self.recoveryCode(store.ambient.randomBytes(10)) }
        let hashes = codes.map { Self.hash($0, of: user.id) }
        guard let factor = try await find(user.id), factor.confirmedAt == nil else {
            throw try await isOn(user.id) ? Refusal.alreadyOn : Refusal.off
        }
        let step = try await step(of: code, factor)
        let isOn = try await store.transaction { transaction throws(StoreError) in
            guard let step, try transaction.useStep(step, of: user.id), try transaction.confirmSecondFactor(of: user.id) else {
                return false
            }
            try transaction.replaceRecoveryCodes(hashes, of: user.id)
            // Whoever else is signed in has shown no code.
            _ = try transaction.revokeSessions(of: user.id, except: session)
            try transaction.record(actor: user.id.text, "second_factor.confirm", subject: user.id.text, before: nil, after: nil, request)
            return true
        }
        guard isOn else { throw Refusal.wrongCode }
        return codes
    }

    /// Checks and uses up a code of the app, or one from paper. True where none is asked for.
    func accepts(_ code: String, of user: UserID, _ request: RequestID) async throws -> Bool {
        guard let factor = try await find(user), factor.confirmedAt != nil else { return true }
        let isOfApp = code.utf8.count == 6
        let step = try await isOfApp ? step(of: code, factor) : nil
        let hash = Self.hash(Self.plain(code), of: user)
        return try await store.transaction { transaction throws(StoreError) in
            if isOfApp {
                guard let step else { return false }
                return try transaction.useStep(step, of: user)
            }
            guard try transaction.useRecoveryCode(hash, of: user) else { return false }
            try transaction.record(
                actor: user.text, "second_factor.use_recovery_code", subject: user.text, before: nil, after: nil, request)
            return true
        }
    }

    /// New ones in place of the old.
    func renewRecoveryCodes(of user: UserID, request: RequestID?) async throws -> [String] {
        let codes = (0..<Self.recoveryCodes).map { _ in Self.recoveryCode(store.ambient.randomBytes(10)) }
        let hashes = codes.map { Self.hash($0, of: user) }
        let isOn = try await store.transaction { transaction throws(StoreError) in
            guard try transaction.secondFactor(of: user)?.confirmedAt != nil else { return false }
            try transaction.replaceRecoveryCodes(hashes, of: user)
            try transaction.record(actor: user.text, "second_factor.renew_codes", subject: user.text, before: nil, after: nil, request)
            return true
        }
        guard isOn else { throw Refusal.off }
        return codes
    }

    /// - Returns: false when there was none.
    public func end(of user: UserID, actor: String, request: RequestID? = nil) async throws -> Bool {
        try await store.transaction { transaction throws(StoreError) in
            guard try transaction.deleteSecondFactor(of: user) else { return false }
            try transaction.record(actor: actor, "second_factor.end", subject: user.text, before: nil, after: nil, request)
            return true
        }
    }

    /// Seals every secret again. How many.
    public static func reseal(_ store: Store, _ keyring: Keyring) async throws -> Int {
        var (count, last) = (0, UserID?.none)
        while true {
            let after = last
            let page = try await store.read { reader throws(StoreError) in try reader.secondFactors(after: after, limit: 500) }
            for factor in page {
                let fresh = keyring.seal(try keyring.open(factor.secretSealed, for: place(factor.userID)), for: place(factor.userID))
                count += try await store.transaction { transaction throws(StoreError) in
                    try transaction.resealSecondFactor(factor.userID, from: factor.secretSealed, to: fresh) ? 1 : 0
                }
            }
            guard page.count == 500, let end = page.last else { return count }
            last = end.userID
        }
    }

    private func find(_ user: UserID) async throws -> SecondFactor? {
        try await store.read { reader throws(StoreError) in try reader.secondFactor(of: user) }
    }

    private func step(of code: String, _ factor: SecondFactor) async throws -> Int64? {
        let secret = try await keys.open(factor.secretSealed, for: Self.place(factor.userID), in: store)
        return OneTimeCode.step(
            of: code, secret: secret, atSeconds: store.ambient.now().milliseconds / 1000, after: factor.lastStep)
    }

    /// "abcd-efgh-ijkl-mnop": 80 random bits in the letters of base32.
    private static func recoveryCode(_ random: [UInt8]) -> String {
        let letters = Array(OneTimeCode.base32(random).lowercased())
        return stride(from: 0, to: letters.count, by: 4).map { String(letters[$0..<min(letters.count, $0 + 4)]) }.joined(separator: "-")
    }
    /// As people type it: case, spaces and dashes do not matter.
    private static func plain(_ code: String) -> String { code.lowercased().filter { $0 != "-" && $0 != " " } }
    private static func hash(_ code: String, of user: UserID) -> [UInt8] {
        Hashing.sha256(Array("recovery|\(user.text)|\(plain(code))".utf8))
    }
}
