// The one file that calls libcurl.
internal import CCurl
internal import Glibc

/// One transfer: the handle, what it sends, what it has received. Lives on the client's thread.
@safe final class CurlTransfer {
    /// Header bytes of one answer, redirects before it not counted.
    static let headerBytes = 262_144

    let raw: UnsafeMutableRawPointer
    private var list: UnsafeMutablePointer<curl_slist>?
    private let task: CurlTask
    private let addressRules: [AddressRule]
    private let place: String
    fileprivate private(set) var body: [UInt8] = []
    private var headers = Headers()
    private var headerCount = 0
    private var isTooLarge = false
    private var wasRefused = false
    /// What of a mail libcurl has fetched.
    private var sentCount = 0
    /// libcurl's own words about a failure; it writes here as long as the handle lives.
    private let errorText = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))

    /// - Parameter waitedMilliseconds: how much of the request's time has passed already.
    init(_ task: CurlTask, _ configuration: CurlConfiguration, waitedMilliseconds: Int) throws(ClientError) {
        self.task = task
        switch task {
        case .http(let request):
            place = OutgoingURL.place(request.url)
            addressRules = [configuration.addressRule, request.addressRule].compactMap(\.self)
        case .mail(_, let server), .mailProbe(let server):
            place = server.place
            addressRules = [configuration.addressRule].compactMap(\.self)
        }
        unsafe errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        guard let made = unsafe curl_easy_init() else { throw .interrupted("no memory for a transfer") }
        unsafe raw = made
        let isSet = unsafe gh_curl_set_callbacks(
            raw, Unmanaged.passUnretained(self).toOpaque(), takeBody, takeHeader, openSocket)
        guard isSet == CURLE_OK else { throw .interrupted("libcurl refuses its callbacks") }
        try check(unsafe gh_curl_set_error_text(raw, errorText), CURLOPT_ERRORBUFFER)
        try setTimes(waitedMilliseconds)
        try setTrust(configuration)
        switch task {
        case .http(let request):
            try setTarget(request, configuration)
            try setMessage(request)
        case .mail(let mail, let server):
            try setServer(server)
            try setMail(mail)
        case .mailProbe(let server):
            try setServer(server)
            try set(CURLOPT_NOBODY, 1)
            try set(CURLOPT_CUSTOMREQUEST, "NOOP")
        }
    }

    deinit {
        unsafe curl_easy_cleanup(raw)
        unsafe curl_slist_free_all(list)
        unsafe errorText.deallocate()
    }

    private func setTimes(_ waited: Int) throws(ClientError) {
        try set(CURLOPT_NOSIGNAL, 1)
        try set(CURLOPT_TIMEOUT_MS, max(1, task.timeoutMilliseconds - waited))
        try set(CURLOPT_CONNECTTIMEOUT_MS, max(1, task.connectTimeoutMilliseconds))
    }

    private func setTarget(_ request: OutgoingRequest, _ configuration: CurlConfiguration) throws(ClientError) {
        try set(CURLOPT_URL, request.url)
        try set(CURLOPT_PROTOCOLS_STR, "http,https")
        try set(CURLOPT_REDIR_PROTOCOLS_STR, "http,https")
        try set(CURLOPT_FOLLOWLOCATION, request.redirectLimit > 0 ? 1 : 0)
        try set(CURLOPT_MAXREDIRS, max(0, request.redirectLimit))
        // A connection that another request has opened was judged by other rules.
        if request.addressRule != nil { try set(CURLOPT_FRESH_CONNECT, 1) }
        // "" keeps proxies of the environment out: what is called from where is decided in the settings.
        guard let proxy = configuration.proxy else {
            try set(CURLOPT_PROXY, "")
            return
        }
        try set(CURLOPT_PROXY, proxy.description)
        if !proxy.user.isEmpty {
            try set(CURLOPT_PROXYUSERNAME, String(decoding: proxy.user, as: UTF8.self))
            try set(CURLOPT_PROXYPASSWORD, String(decoding: proxy.password, as: UTF8.self))
        }
        try set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1)
    }

    private func setTrust(_ configuration: CurlConfiguration) throws(ClientError) {
        try set(CURLOPT_SSL_VERIFYPEER, 1)
        try set(CURLOPT_SSL_VERIFYHOST, 2)
        if let file = configuration.certificateAuthorityFile { try set(CURLOPT_CAINFO, file) }
    }

    private func setServer(_ server: MailServer) throws(ClientError) {
        guard (server.host + server.ownName).utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f && $0 != 0x2f && $0 != 0x40 }) else {
            throw .badURL("a mail server that is no host name")
        }
        try set(CURLOPT_URL, server.url)
        try set(CURLOPT_PROTOCOLS_STR, "smtp,smtps")
        try set(CURLOPT_PROXY, "")
        // Demanded, not tried: who can cut STARTTLS out of the conversation would read everything.
        if server.security == .startTLS { try set(CURLOPT_USE_SSL, Int(CURLUSESSL_ALL.rawValue)) }
        // What a server says is told apart by the conversation it belongs to.
        try set(CURLOPT_FORBID_REUSE, 1)
        try set(CURLOPT_FRESH_CONNECT, 1)
        guard !server.user.isEmpty else { return }
        try set(CURLOPT_USERNAME, String(decoding: server.user, as: UTF8.self))
        try set(CURLOPT_PASSWORD, String(decoding: server.password, as: UTF8.self))
    }

    private func setMail(_ mail: OutgoingMail) throws(ClientError) {
        for address in [mail.sender, mail.recipient] {
            // In angle brackets on a line of their own: none of these may end it.
            guard address.utf8.contains(0x40), address.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7f && $0 != 0x3c && $0 != 0x3e }) else {
                throw .badHeader("an address of the envelope")
            }
        }
        try set(CURLOPT_MAIL_FROM, "<\(mail.sender)>")
        guard let recipients = unsafe curl_slist_append(list, "<\(mail.recipient)>") else {
            throw .interrupted("no memory for a recipient")
        }
        unsafe list = recipients
        try check(unsafe gh_curl_set_list(raw, CURLOPT_MAIL_RCPT, list), CURLOPT_MAIL_RCPT)
        try check(
            unsafe gh_curl_set_upload(raw, Unmanaged.passUnretained(self).toOpaque(), giveBody, curl_off_t(mail.message.count)),
            CURLOPT_UPLOAD)
    }

    private func setMessage(_ request: OutgoingRequest) throws(ClientError) {
        try set(CURLOPT_USERAGENT, "gatehouse")
        try set(CURLOPT_ACCEPT_ENCODING, "")
        switch request.method {
        case .get where request.body.isEmpty: try set(CURLOPT_HTTPGET, 1)
        case .head: try set(CURLOPT_NOBODY, 1)
        default:
            let isWithout = request.body.isEmpty && [.get, .delete, .options].contains(request.method)
            if !isWithout {
                try set(CURLOPT_POST, 1)
                try check(
                    unsafe gh_curl_set_size(raw, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(request.body.count)), CURLOPT_POSTFIELDSIZE_LARGE)
                // Copied by libcurl, and it may hold NUL.
                let code = unsafe (request.body + [0]).withUnsafeBytes { bytes in
                    unsafe gh_curl_set_text(raw, CURLOPT_COPYPOSTFIELDS, bytes.baseAddress?.assumingMemoryBound(to: CChar.self))
                }
                try check(code, CURLOPT_COPYPOSTFIELDS)
            }
            if request.method != .post || isWithout { try set(CURLOPT_CUSTOMREQUEST, request.method.rawValue) }
        }
        // Neither a type nor a wait that nobody asked for.
        var lines = ["Expect:"]
        if request.headers["content-type"] == nil { lines.append("Content-Type:") }
        for field in request.headers.fields {
            guard !field.name.isEmpty, field.name.utf8.allSatisfy(\.isToken), field.value.utf8.allSatisfy(\.isFieldValue) else {
                throw .badHeader(field.name.utf8.allSatisfy(\.isToken) ? field.name : "name")
            }
            // A line "name:" takes a field away; an empty value is written "name;".
            lines.append(field.value.isEmpty ? "\(field.name);" : "\(field.name): \(field.value)")
        }
        for line in lines {
            guard let longer = unsafe curl_slist_append(list, line) else { throw .interrupted("no memory for headers") }
            unsafe list = longer
        }
        try check(unsafe gh_curl_set_list(raw, CURLOPT_HTTPHEADER, list), CURLOPT_HTTPHEADER)
    }

    private func set(_ option: CURLoption, _ value: Int) throws(ClientError) {
        try check(unsafe gh_curl_set_long(raw, option, value), option)
    }
    private func set(_ option: CURLoption, _ text: String) throws(ClientError) {
        // C would end the text there and take the front for the whole.
        guard !text.utf8.contains(0) else { throw .badURL("a NUL byte") }
        try check(unsafe gh_curl_set_text(raw, option, text), option)
    }
    private func check(_ code: CURLcode, _ option: CURLoption) throws(ClientError) {
        guard code != CURLE_OK else { return }
        throw .interrupted("libcurl refuses option \(option.rawValue): \(Self.text(code))")
    }
    private static func text(_ code: CURLcode) -> String { unsafe String(cString: curl_easy_strerror(code)) }

    // MARK: Callbacks

    /// false ends the transfer.
    fileprivate func receive(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count <= responseLimitBytes - body.count else {
            isTooLarge = true
            return false
        }
        unsafe body.append(contentsOf: bytes)
        return true
    }

    private var responseLimitBytes: Int { if case .http(let request) = task { request.responseLimitBytes } else { Self.headerBytes } }

    /// The next bytes of the mail; 0 at its end.
    fileprivate func give(_ room: UnsafeMutableRawBufferPointer) -> Int {
        guard case .mail(let mail, _) = task else { return 0 }
        let piece = mail.message[sentCount...].prefix(room.count)
        unsafe room.copyBytes(from: piece)
        sentCount += piece.count
        return piece.count
    }

    fileprivate func receiveHeader(_ bytes: UnsafeRawBufferPointer) -> Bool {
        let line = unsafe String(decoding: bytes, as: UTF8.self)
        if line.hasPrefix("HTTP/") {
            // A redirect or an interim answer came before.
            (headers, headerCount) = (Headers(), 0)
            return true
        }
        headerCount += bytes.count
        guard headerCount <= Self.headerBytes else {
            isTooLarge = true
            return false
        }
        guard let colon = line.firstIndex(of: ":") else { return true }
        let value = line[line.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
        headers.add(line[..<colon].lowercased(), String(value.reversed().drop { $0.isWhitespace }.reversed()))
        return true
    }

    fileprivate func permits(_ address: UnsafePointer<sockaddr>) -> Bool {
        guard !addressRules.isEmpty else { return true }
        // An address of a family that we do not know is none that we would call.
        guard let address = unsafe Self.read(address), addressRules.allSatisfy({ $0.permits(address) }) else {
            wasRefused = true
            return false
        }
        return true
    }

    /// nil for a family that is not IP.
    private static func read(_ address: UnsafePointer<sockaddr>) -> IPAddress? {
        let raw = unsafe UnsafeRawPointer(address)
        switch unsafe Int32(raw.loadUnaligned(as: UInt16.self)) {
        // The address is at offset 4 (after family and port), of IPv6 at offset 8 (after flow information too).
        case AF_INET: return IPAddress(ipv4: UInt32(bigEndian: unsafe raw.loadUnaligned(fromByteOffset: 4, as: UInt32.self)))
        case AF_INET6:
            let high = unsafe raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
            let low = unsafe raw.loadUnaligned(fromByteOffset: 16, as: UInt64.self)
            return IPAddress(high: UInt64(bigEndian: high), low: UInt64(bigEndian: low))
        default: return nil
        }
    }

    // MARK: The end

    func outcome(_ code: CURLcode) -> Result<CurlAnswer, ClientError> {
        var status = 0
        guard unsafe gh_curl_get_long(raw, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK else {
            return .failure(.interrupted("\(place): no status"))
        }
        if case .http = task {
            if code == CURLE_OK { return .success(.http(OutgoingReply(status: status, headers: headers, body: body))) }
        } else if let answer = mailAnswer(code, status) {
            return .success(.mail(answer))
        }
        return .failure(failure(code))
    }

    /// nil when the conversation broke off without a word from the server that explains it.
    private func mailAnswer(_ code: CURLcode, _ status: Int) -> MailAnswer? {
        func answer(_ step: MailAnswer.Step, isTaken: Bool = false, isLoginDenied: Bool = false) -> MailAnswer {
            MailAnswer(code: status, step: step, isTaken: isTaken, isLoginDenied: isLoginDenied)
        }
        switch code {
        case CURLE_OK: return answer(.message, isTaken: true)
        case CURLE_LOGIN_DENIED: return answer(.other, isLoginDenied: true)
        case CURLE_SEND_ERROR, CURLE_WEIRD_SERVER_REPLY, CURLE_REMOTE_ACCESS_DENIED:
            guard status >= 400 else { return nil }
            // libcurl tells in words only which command was refused; another version's words make it a matter for another try.
            let words = unsafe String(cString: errorText)
            if words.hasPrefix("RCPT failed") { return answer(.recipient) }
            if case .mail(let mail, _) = task, words.hasPrefix("DATA failed") || sentCount == mail.message.count { return answer(.message) }
            return answer(.other)
        default: return nil
        }
    }

    /// Whether anything of the request itself can have gone out: libcurl tells when everything before it was done, TLS and proxy included.
    private var hasBegun: Bool {
        var microseconds: curl_off_t = 0
        let code = unsafe gh_curl_get_offset(raw, CURLINFO_PRETRANSFER_TIME_T, &microseconds)
        return code != CURLE_OK || microseconds > 0
    }

    private func failure(_ code: CURLcode) -> ClientError {
        let text = "\(place): \(Self.text(code))"
        if isTooLarge { return .tooLarge(limitBytes: responseLimitBytes) }
        if wasRefused, code == CURLE_COULDNT_CONNECT { return .refusedAddress(place) }
        return switch code {
        // The scheme was checked before: "unsupported protocol" is about a redirect or an answer that is not HTTP.
        case CURLE_URL_MALFORMAT: .badURL(Self.text(code))
        case CURLE_COULDNT_RESOLVE_HOST: .resolve(text)
        case CURLE_COULDNT_RESOLVE_PROXY, CURLE_PROXY: .proxy(text)
        case CURLE_COULDNT_CONNECT: .connect(text)
        case CURLE_OPERATION_TIMEDOUT: hasBegun ? .timeout : .connect("\(place): no connection in time")
        case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER,
            CURLE_SSL_ISSUER_ERROR, CURLE_SSL_ENGINE_INITFAILED, CURLE_USE_SSL_FAILED:
            .tls(text)
        default: .interrupted(text)
        }
    }
}

private func giveBody(_ bytes: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int, _ context: UnsafeMutableRawPointer?) -> Int {
    guard let bytes = unsafe bytes, let context = unsafe context else { return 0 }
    let transfer = unsafe Unmanaged<CurlTransfer>.fromOpaque(context).takeUnretainedValue()
    return unsafe transfer.give(UnsafeMutableRawBufferPointer(start: bytes, count: size * count))
}

private func takeBody(_ bytes: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int, _ context: UnsafeMutableRawPointer?) -> Int {
    guard let bytes = unsafe bytes, let context = unsafe context else { return 0 }
    let transfer = unsafe Unmanaged<CurlTransfer>.fromOpaque(context).takeUnretainedValue()
    return unsafe transfer.receive(UnsafeRawBufferPointer(start: bytes, count: size * count)) ? size * count : -1
}
private func takeHeader(_ bytes: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int, _ context: UnsafeMutableRawPointer?) -> Int {
    guard let bytes = unsafe bytes, let context = unsafe context else { return 0 }
    let transfer = unsafe Unmanaged<CurlTransfer>.fromOpaque(context).takeUnretainedValue()
    return unsafe transfer.receiveHeader(UnsafeRawBufferPointer(start: bytes, count: size * count)) ? size * count : -1
}
private func openSocket(_ context: UnsafeMutableRawPointer?, _: curlsocktype, _ address: UnsafeMutablePointer<curl_sockaddr>?)
    -> curl_socket_t
{
    guard let context = unsafe context, let address = unsafe address else { return -1 }
    let transfer = unsafe Unmanaged<CurlTransfer>.fromOpaque(context).takeUnretainedValue()
    // `addr` is declared too short for IPv6; libcurl keeps the whole address there.
    guard let offset = MemoryLayout<curl_sockaddr>.offset(of: \curl_sockaddr.addr) else { return -1 }
    let isPermitted = unsafe transfer.permits(UnsafeRawPointer(address).advanced(by: offset).assumingMemoryBound(to: sockaddr.self))
    guard isPermitted else { return -1 }
    return unsafe socket(address.pointee.family, address.pointee.socktype | Int32(SOCK_CLOEXEC.rawValue), address.pointee.protocol)
}

/// All transfers of one client. Everything but `wake` belongs to the client's thread.
@safe final class CurlMulti: @unchecked Sendable {
    /// Connections kept for reuse.
    static let keptConnections = 32
    private let raw: UnsafeMutableRawPointer
    private var transfers: [UInt64: CurlTransfer] = [:]

    init() throws(ClientError) {
        // Once for the process; libcurl counts and locks.
        guard curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK, let made = unsafe curl_multi_init() else {
            throw .interrupted("libcurl does not start")
        }
        unsafe raw = made
        unsafe gh_curl_multi_set_long(raw, CURLMOPT_MAXCONNECTS, Self.keptConnections)
    }
    deinit {
        removeAll()
        unsafe curl_multi_cleanup(raw)
    }

    var count: Int { transfers.count }
    func add(_ transfer: CurlTransfer, id: UInt64) -> Bool {
        guard unsafe curl_multi_add_handle(raw, transfer.raw) == CURLM_OK else { return false }
        transfers[id] = transfer
        return true
    }
    func remove(id: UInt64) {
        guard let transfer = transfers.removeValue(forKey: id) else { return }
        unsafe curl_multi_remove_handle(raw, transfer.raw)
    }

    /// Closes the connections of what is under way.
    func removeAll() {
        for id in Array(transfers.keys) { remove(id: id) }
    }

    /// Works until nothing is ready and answers what ended.
    func perform() -> [(id: UInt64, outcome: Result<CurlAnswer, ClientError>)] {
        var running: Int32 = 0
        unsafe curl_multi_perform(raw, &running)
        var ended: [(id: UInt64, outcome: Result<CurlAnswer, ClientError>)] = []
        var code = CURLE_OK
        while let easy = unsafe gh_curl_next_ended(raw, &code) {
            unsafe curl_multi_remove_handle(raw, easy)
            // As many as `transferLimit`, so looking through them costs nothing.
            guard let (id, transfer) = transfers.first(where: { unsafe $0.value.raw == easy }) else { continue }
            transfers[id] = nil
            ended.append((id, transfer.outcome(code)))
        }
        return ended
    }
    /// Sleeps until a socket, a timer of libcurl or `wake`.
    func wait(atMostMilliseconds limit: Int32) { unsafe curl_multi_poll(raw, nil, 0, limit, nil) }
    /// From any thread.
    func wake() { unsafe curl_multi_wakeup(raw) }
}
