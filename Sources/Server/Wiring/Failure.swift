/// A reason to stop that an operator can act on: what is wrong and what to do next.
struct Failure: Error, Sendable, CustomStringConvertible {
    let description: String
    /// 1 failed, 2 used wrongly.
    let exitCode: Int32

    init(_ description: String, exitCode: Int32 = 1) {
        self.description = description
        self.exitCode = exitCode
    }
}
