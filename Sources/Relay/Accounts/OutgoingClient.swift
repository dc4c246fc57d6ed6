internal import Domain
internal import HTTP
internal import Synchronization

/// The libcurl client for calls beside the data path, made when the first one is needed: most pools never refresh a token.
final class OutgoingClient: Sendable {
    private let made = Mutex<CurlClient?>(nil)
    private let ambient: Ambient
    private let rule: AddressRule

    init(ambient: Ambient, rule: AddressRule) {
        self.ambient = ambient
        self.rule = rule
    }

    func client() throws(ClientError) -> CurlClient {
        let result: Result<CurlClient, ClientError> = made.withLock { made in
            if let made { return .success(made) }
            var configuration = CurlConfiguration()
            configuration.addressRule = rule
            do throws(ClientError) {
                let client = try CurlClient(ambient: ambient, configuration)
                made = client
                return .success(client)
            } catch { return .failure(error) }
        }
        return try result.get()
    }
}
