internal import Domain
internal import Glibc
internal import HTTP
internal import Mail
internal import Secrets
internal import Store
internal import Telemetry

/// What the settings say about mail, put together.
enum MailParts {
    /// nil when no mail is sent.
    static func sender(_ settings: Settings, _ store: Store, key: SecretBytes, log: Log, metrics: Metrics) throws -> MailSender? {
        let delivery: MailOptions.Delivery
        if settings.mailIsDry {
            delivery = .kept { [folder = settings.dataDirectory + "/mail"] name, bytes in keep(bytes, "\(folder)/\(name).eml", folder) }
        } else if let server = settings.mailServer {
            delivery = .server(try client(settings, store.ambient), server)
        } else {
            return nil
        }
        var baseURL = settings.apiURL ?? "http://\(settings.host):\(settings.port)"
        while baseURL.hasSuffix("/") { baseURL.removeLast() }
        let options = MailOptions(
            delivery: delivery, sender: try MailSenderName(parsing: settings.mailSender), site: settings.invoiceIssuer, baseURL: baseURL)
        return MailSender(store: store, options: options, key: key, log: log, metrics: metrics)
    }

    /// A libcurl of its own, so that a mail server that hangs holds up no webhook.
    static func client(_ settings: Settings, _ ambient: Ambient) throws -> CurlClient {
        var configuration = CurlConfiguration()
        configuration.certificateAuthorityFile = settings.mailAuthorityFile
        return try CurlClient(ambient: ambient, configuration)
    }

    /// A second try of the same mail replaces the first.
    private static func keep(_ bytes: [UInt8], _ path: String, _ folder: String) -> Bool {
        guard TextFile.createFolder(folder) else { return false }
        _ = unsafe unlink(path)
        return TextFile.createPrivate(path, String(decoding: bytes, as: UTF8.self))
    }
}
