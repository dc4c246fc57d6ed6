private import Glibc

/// Why a program did not start: the system's number, as ENOENT for one that is not there.
public struct CannotStart: Error, Equatable {
    public let code: Int32
    public init(code: Int32) { self.code = code }
}

/// Starts other programs; what becomes of them is the caller's.
public enum Spawning {
    /// Starts a program in a process group of its own, which its number names as well. It gets these three descriptors and nothing else:
    /// no environment of ours, no descriptor, no ignored or blocked signal.
    /// - Parameters:
    ///   - program: an absolute path.
    ///   - environment: all of it.
    ///   - input: what it reads; the caller closes its own end.
    ///   - output: nil throws away what it writes.
    ///   - errors: the same for its complaints.
    /// - Returns: its number, to be waited for.
    public static func start(
        _ program: String, _ arguments: [String], environment: [String: String], input: Int32, output: Int32?, errors: Int32?
    ) throws(CannotStart) -> Int32 {
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_adddup2(&actions, input, 0)
        for (given, number) in [(output, 1), (errors, 2)] as [(Int32?, Int32)] {
            if let given {
                unsafe posix_spawn_file_actions_adddup2(&actions, given, number)
            } else {
                unsafe posix_spawn_file_actions_addopen(&actions, number, "/dev/null", O_WRONLY, 0)
            }
        }
        // Ours are closed at exec anyway; those of libraries may not be.
        for descriptor in openDescriptors() where descriptor > 2 { unsafe posix_spawn_file_actions_addclose(&actions, descriptor) }
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        // The server ignores and blocks signals that the program must get.
        var (all, none) = (sigset_t(), sigset_t())
        unsafe sigfillset(&all)
        unsafe sigemptyset(&none)
        unsafe posix_spawnattr_setsigdefault(&attributes, &all)
        unsafe posix_spawnattr_setsigmask(&attributes, &none)
        unsafe posix_spawnattr_setpgroup(&attributes, 0)
        unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))
        let words = unsafe ([program] + arguments).map { unsafe strdup($0) } + [nil]
        let variables = unsafe environment.map { unsafe strdup("\($0.key)=\($0.value)") } + [nil]
        var pid: pid_t = 0
        let code = unsafe posix_spawn(&pid, program, &actions, &attributes, words, variables)
        for index in unsafe words.indices { unsafe free(words[index]) }
        for index in unsafe variables.indices {
            guard let variable = unsafe variables[index] else { continue }
            unsafe explicit_bzero(variable, strlen(variable))  // one of them may be a password
            unsafe free(variable)
        }
        guard code == 0 else { throw CannotStart(code: code) }
        return pid
    }

    private static func openDescriptors() -> [Int32] {
        guard let folder = unsafe opendir("/proc/self/fd") else { return [] }
        defer { unsafe closedir(folder) }
        var found: [Int32] = []
        while let entry = unsafe readdir(folder) {
            let number = unsafe withUnsafeBytes(of: unsafe entry.pointee.d_name) { raw in
                unsafe Int32(String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self))
            }
            if let number { found.append(number) }
        }
        return found
    }
}
