private import Glibc
private import Synchronization
public import Domain

/// What the kernel says about this process, read from /proc and getrusage at each exposition.
public enum ProcessMetrics {
    public static func register(in metrics: Metrics, startedAt: Timestamp) {
        let memory = metrics.gauge(.processResidentMemory)
        let descriptors = metrics.gauge(.processOpenDescriptors)
        let cpu = metrics.counter(.processCPU)
        metrics.gauge(.processStart).set(startedAt.milliseconds)
        let counted = Mutex<UInt64>(0)
        metrics.beforeExposition {
            memory.set(residentBytes())
            descriptors.set(openDescriptors())
            // The counter takes the growth since the last look, so it never goes back.
            let now = cpuMicroseconds()
            let growth = counted.withLock { last in
                defer { last = max(last, now) }
                return now > last ? now - last : 0
            }
            cpu.add(growth)
        }
    }

    /// Resident memory in bytes; 0 when /proc is not there.
    public static func residentBytes() -> Int64 {
        guard let text = read("/proc/self/statm") else { return 0 }
        let fields = text.split(separator: " ")
        guard fields.count > 1, let pages = Int64(fields[1]) else { return 0 }
        return pages * Int64(sysconf(Int32(_SC_PAGESIZE)))
    }

    private static func openDescriptors() -> Int64 {
        guard let folder = unsafe opendir("/proc/self/fd") else { return 0 }
        defer { unsafe closedir(folder) }
        var count: Int64 = 0
        while unsafe readdir(folder) != nil { count += 1 }
        return max(0, count - 3)  // ".", ".." and the folder itself
    }

    private static func cpuMicroseconds() -> UInt64 {
        var usage = rusage()
        unsafe getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        func microseconds(_ time: timeval) -> UInt64 { UInt64(max(0, time.tv_sec)) * 1_000_000 + UInt64(max(0, time.tv_usec)) }
        return microseconds(usage.ru_utime) + microseconds(usage.ru_stime)
    }

    private static func read(_ path: String) -> String? {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: 512)
        let count = unsafe buffer.withUnsafeMutableBytes { unsafe Glibc.read(descriptor, $0.baseAddress, $0.count) }
        return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : nil
    }
}
