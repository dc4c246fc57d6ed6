internal import Glibc

/// Files that come with the program and are not compiled in: the docs page.
enum SharedFiles {
    /// `SHARE_DIR`, or the first of: beside the installed program, in a checkout's `build/share`.
    static func folder(_ settings: Settings) -> String {
        if let folder = settings.shareDirectory { return folder }
        let program = executable.split(separator: "/").dropLast(2).joined(separator: "/")
        let installed = "/" + program + "/share/gatehouse"
        return unsafe access(installed, R_OK) == 0 ? installed : "build/share"
    }

    /// Path of this program.
    private static var executable: String {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = unsafe readlink("/proc/self/exe", &buffer, buffer.count)
        return count > 0 ? String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self) : ""
    }
}
