private import Glibc

/// Runs another program to its end.
public enum Program {
    public struct Ended: Sendable, Equatable {
        /// The exit code; 128 and the signal when it was killed.
        public var status: Int32
        public var output: [UInt8]
        /// The last 2000 bytes of what it wrote to standard error, on one line.
        public var errorText: String
        /// It was ended at its deadline: what it has done is not known.
        public var isCutOff: Bool
        public init(status: Int32, output: [UInt8], errorText: String, isCutOff: Bool) {
            (self.status, self.output, self.errorText, self.isCutOff) = (status, output, errorText, isCutOff)
        }
    }
    public enum Failure: Error, Equatable {
        /// The system's number, as ENOENT for a program that is not there.
        case cannotStart(code: Int32)
        /// More output than was allowed; the program was ended.
        case tooMuchOutput
    }

    private static let errorBytes = 2000
    /// What fits in between whoever reads.
    public static let inputBytes = 4096
    /// Between the polite signal at the deadline and the one that cannot be refused.
    private static let graceMilliseconds: Int64 = 2000

    /// - Parameters:
    ///   - program: an absolute path.
    ///   - environment: all of it; nothing is inherited.
    ///   - input: its standard input, at most `inputBytes`.
    ///   - outputBytes: 0 throws its output away.
    public static func run(
        _ program: String, _ arguments: [String], environment: [String: String], input: [UInt8] = [], outputBytes: Int = 0,
        withinMilliseconds: Int64
    ) throws(Failure) -> Ended {
        precondition(input.count <= inputBytes, "more input than a pipe holds")
        guard var inward = Pipe(), var outward = Pipe(), var complaints = Pipe() else { throw .cannotStart(code: errno) }
        if !input.isEmpty { _ = unsafe write(inward.writing, input, input.count) }
        inward.closeWriting()
        let pid: pid_t
        do throws(CannotStart) {
            pid = try Spawning.start(
                program, arguments, environment: environment, input: inward.reading, output: outputBytes > 0 ? outward.writing : nil,
                errors: complaints.writing)
        } catch { throw .cannotStart(code: error.code) }
        outward.closeWriting()
        complaints.closeWriting()
        var listening = Listening(pid: pid, output: outward.reading, complaints: complaints.reading, outputBytes: outputBytes)
        listening.run(withinMilliseconds)
        // Over, and its number still taken: what it left running in its group goes with it.
        var about = unsafe siginfo_t()
        while unsafe waitid(P_PID, id_t(pid), &about, WEXITED | WNOWAIT) < 0, errno == EINTR {}
        kill(-pid, SIGKILL)
        var status: Int32 = 0
        while unsafe waitpid(pid, &status, 0) < 0, errno == EINTR {}
        if listening.hasTooMuch { throw .tooMuchOutput }
        let text = String(decoding: listening.errors, as: UTF8.self).split(whereSeparator: \.isNewline).joined(separator: "; ")
        return Ended(
            status: status & 0x7f == 0 ? status >> 8 & 0xff : 128 + status & 0x7f, output: listening.out,
            errorText: listening.isCutOff ? text + "; ended at its deadline" : text, isCutOff: listening.isCutOff)
    }

    /// Takes what the program writes until it closes both ends, that is, ends.
    private struct Listening {
        let pid: pid_t
        let output: Int32
        let complaints: Int32
        let outputBytes: Int
        private(set) var out: [UInt8] = []
        private(set) var errors: [UInt8] = []
        private(set) var isCutOff = false
        private(set) var hasTooMuch = false
        private var open: (output: Bool, complaints: Bool)

        init(pid: pid_t, output: Int32, complaints: Int32, outputBytes: Int) {
            (self.pid, self.output, self.complaints, self.outputBytes) = (pid, output, complaints, outputBytes)
            open = (true, true)
        }

        mutating func run(_ milliseconds: Int64) {
            var end = Self.now() + milliseconds
            while open.output || open.complaints {
                // A negative number is passed over.
                var waiting = [
                    pollfd(fd: open.output ? output : -1, events: Int16(POLLIN), revents: 0),
                    pollfd(fd: open.complaints ? complaints : -1, events: Int16(POLLIN), revents: 0),
                ]
                // At its end nothing more is read: who writes without pause would never come to it.
                let left = end - Self.now()
                let ready = left > 0 ? unsafe poll(&waiting, 2, Int32(clamping: left)) : 0
                if ready < 0, errno == EINTR { continue }
                guard ready > 0 else {
                    kill(-pid, isCutOff ? SIGKILL : SIGTERM)
                    if isCutOff { return }
                    isCutOff = true
                    end = Self.now() + Program.graceMilliseconds
                    continue
                }
                if waiting[0].revents != 0 {
                    let more = Self.read(output)
                    open.output = !more.isEmpty
                    out += more
                    if out.count > outputBytes {
                        hasTooMuch = true
                        kill(-pid, SIGKILL)
                        return
                    }
                }
                if waiting[1].revents != 0 {
                    let more = Self.read(complaints)
                    open.complaints = !more.isEmpty
                    errors = (errors + more).suffix(Program.errorBytes)
                }
            }
        }

        private static func read(_ descriptor: Int32) -> [UInt8] {
            var buffer = [UInt8](repeating: 0, count: 65_536)
            while true {
                let count = unsafe Glibc.read(descriptor, &buffer, buffer.count)
                if count < 0, errno == EINTR { continue }
                return Array(buffer.prefix(max(0, count)))
            }
        }

        private static func now() -> Int64 {
            var time = timespec()
            unsafe clock_gettime(CLOCK_MONOTONIC, &time)
            return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
        }
    }

    /// Two ends that close with it and are not inherited.
    private struct Pipe: ~Copyable {
        let reading: Int32
        private(set) var writing: Int32

        init?() {
            var ends: [Int32] = [0, 0]
            // A pipe could be inherited by what another thread starts between two calls, and would then not end; sockets are never.
            let kind = Int32(bitPattern: SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
            guard unsafe socketpair(AF_UNIX, kind, 0, &ends) == 0 else { return nil }
            (reading, writing) = (ends[0], ends[1])
        }
        mutating func closeWriting() {
            guard writing >= 0 else { return }
            close(writing)
            writing = -1
        }
        deinit {
            close(reading)
            if writing >= 0 { close(writing) }
        }
    }
}
