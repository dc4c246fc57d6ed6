private import Glibc

/// Runs another program to its end.
enum ChildProcess {
    struct Ended {
        /// The exit code; 128 and the signal when it was killed.
        let status: Int32
        /// The last 2000 bytes of what it wrote to standard error, on one line.
        let errorText: String
    }
    private static let errorBytes = 2000

    /// Input and output are closed to it; it inherits nothing but standard error. Killed at the deadline.
    static func run(
        _ program: String, _ arguments: [String], environment: [String: String], withinMilliseconds: Int64
    ) throws(StoreError) -> Ended {
        var ends: [Int32] = [0, 0]
        guard unsafe pipe(&ends) == 0 else { throw .unavailable("no pipe for \(program)") }
        let (reading, writing) = (ends[0], ends[1])
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        defer { close(reading) }
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        unsafe posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
        unsafe posix_spawn_file_actions_adddup2(&actions, writing, 2)
        var pid: pid_t = 0
        let words = unsafe ([program] + arguments).map { unsafe strdup($0) } + [nil]
        let variables = unsafe environment.map { unsafe strdup("\($0.key)=\($0.value)") } + [nil]
        let code = unsafe posix_spawn(&pid, program, &actions, nil, words, variables)
        close(writing)
        for index in unsafe words.indices { unsafe free(words[index]) }
        for index in unsafe variables.indices {
            guard let variable = unsafe variables[index] else { continue }
            unsafe explicit_bzero(variable, strlen(variable))  // one of them is a password
            unsafe free(variable)
        }
        guard code == 0 else { throw .backup("\(program) could not be started: error \(code)") }
        let text = listen(reading, pid, Int32(clamping: withinMilliseconds))
        var status: Int32 = 0
        while unsafe waitpid(pid, &status, 0) < 0, errno == EINTR {}
        return Ended(status: status & 0x7f == 0 ? status >> 8 & 0xff : 128 + status & 0x7f, errorText: text)
    }

    /// Until the program closes its standard error, that is, ends.
    private static func listen(_ descriptor: Int32, _ pid: pid_t, _ milliseconds: Int32) -> String {
        var (kept, buffer): ([UInt8], [UInt8]) = ([], [UInt8](repeating: 0, count: 4096))
        while true {
            var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            let ready = unsafe poll(&waiting, 1, milliseconds)
            if ready < 0, errno == EINTR { continue }
            guard ready > 0 else {
                kill(pid, SIGKILL)
                kept += Array("; ended at its deadline".utf8)
                break
            }
            let count = unsafe read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            if count <= 0 { break }
            kept = (kept + buffer.prefix(count)).suffix(errorBytes)
        }
        return String(decoding: kept, as: UTF8.self).split(whereSeparator: \.isNewline).joined(separator: "; ")
    }
}
