private import Dispatch
private import Glibc

/// SIGTERM and SIGINT, SIGHUP as they come.
enum ProcessSignal: Sendable { case stop, reload }

enum Signals {
    /// Takes the signals over for the rest of the process; SIGPIPE is ignored.
    static func stream() -> AsyncStream<ProcessSignal> {
        signal(SIGPIPE, SIG_IGN)
        // Signals are few: an operator's hand or a service manager.
        return AsyncStream(bufferingPolicy: .bufferingNewest(16)) { continuation in
            // Dispatch sources are thread-safe; its module does not say so.
            nonisolated(unsafe) let sources = [(SIGTERM, ProcessSignal.stop), (SIGINT, .stop), (SIGHUP, .reload)].map { number, meaning in
                signal(number, SIG_IGN)
                let source = DispatchSource.makeSignalSource(signal: number, queue: DispatchQueue(label: "signal \(number)"))
                source.setEventHandler { continuation.yield(meaning) }
                source.resume()
                return source
            }
            // The sources live as long as the stream.
            continuation.onTermination = { _ in for source in unsafe sources { source.cancel() } }
        }
    }

    /// Ends the process now, without cleaning up; for a second SIGTERM.
    static func exitNow() -> Never { _exit(1) }
}

/// Standard output and standard error.
enum Console {
    static func print(_ text: String) { write(1, text + "\n") }
    static func error(_ text: String) { write(2, text + "\n") }
    static var isTerminal: Bool { isatty(2) == 1 }
    /// Replaces the line on a terminal; nothing elsewhere.
    static func progress(_ text: String) { if isTerminal { write(2, "\r\u{1b}[K" + text) } }

    private static func write(_ descriptor: Int32, _ text: String) {
        let bytes = Array(text.utf8)
        var from = 0
        while from < bytes.count {
            let count = unsafe bytes.withUnsafeBytes {
                unsafe Glibc.write(descriptor, $0.baseAddress?.advanced(by: from), bytes.count - from)
            }
            guard count > 0 || errno == EINTR else { return }
            from += max(0, count)
        }
    }

    static var inputIsTerminal: Bool { isatty(0) == 1 }
    /// One line of standard input, without its end; nil at the end of input.
    static func readLine() -> String? { Swift.readLine() }
}
