/// A complete reply of a control request. The engine adds `date`, `content-length`, `connection` and `x-request-id`.
public struct Response: Sendable {
    /// 200...599.
    public var status: Int
    public var headers: Headers
    public var body: [UInt8]

    public init(status: Int, headers: Headers = [:], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }
}
