/// Why a request is refused before a handler sees it. Every one of them closes the connection.
enum RequestFault: Error, Equatable, CaseIterable {
    case requestLine, method, connectOrTrace, target, version, http2
    case lineEnding, controlByte, fieldName, fieldValue, folding
    case headTooLarge, tooManyFields
    case host, contentLength, transferEncoding, unknownCoding, bothLengths, expectation

    var status: Int {
        switch self {
        case .headTooLarge, .tooManyFields: 431
        case .connectOrTrace: 405
        case .method, .unknownCoding: 501
        case .version, .http2: 505
        case .expectation: 417
        default: 400
        }
    }

    var message: String {
        switch self {
        case .requestLine: "The request line is malformed."
        case .method: "The request method is not implemented."
        case .connectOrTrace: "CONNECT, TRACE and QUERY are not allowed."
        case .target: "The request target is malformed."
        case .version: "Only HTTP/1.1 and HTTP/1.0 are spoken here."
        case .http2: "HTTP/2 is not spoken here; use HTTP/1.1."
        case .lineEnding: "Lines of the request head must end with CR LF."
        case .controlByte: "The request head contains a control character."
        case .fieldName: "A header name is malformed."
        case .fieldValue: "A header value is malformed."
        case .folding: "Folded header lines are not allowed."
        case .headTooLarge: "The request head is too large."
        case .tooManyFields: "The request has too many headers."
        case .host: "Exactly one valid Host header is required."
        case .contentLength: "The Content-Length header is invalid."
        case .transferEncoding: "The Transfer-Encoding header is invalid."
        case .unknownCoding: "The transfer coding is not implemented."
        case .bothLengths: "Content-Length and Transfer-Encoding exclude each other."
        case .expectation: "The expectation cannot be met."
        }
    }
}

/// Stable codes by status, for `ProtocolProblem`.
func problemCode(_ status: Int) -> String {
    switch status {
    case 405: "method_not_allowed"
    case 408: "request_timeout"
    case 413: "body_too_large"
    case 417: "expectation_failed"
    case 431: "head_too_large"
    case 501: "not_implemented"
    case 503: "overloaded"
    case 505: "version_not_supported"
    case 500...: "internal_error"
    default: "bad_request"
    }
}
