import Foundation
import Processes
import Testing

struct ProgramTests {
    private func shell(_ script: String, input: String = "", outputBytes: Int = 65_536, milliseconds: Int64 = 30_000) throws
        -> Program.Ended
    {
        try Program.run(
            "/bin/sh", ["-c", script], environment: ["PATH": "/usr/bin:/bin", "GIVEN": "yes"], input: Array(input.utf8),
            outputBytes: outputBytes, withinMilliseconds: milliseconds)
    }
    private func text(_ ended: Program.Ended) -> String { String(decoding: ended.output, as: UTF8.self) }

    @Test func `input, output, errors and the exit code go through`() throws {
        let ended = try shell("cat; echo complaint >&2; echo more >&2; exit 7", input: "words\n")
        #expect(text(ended) == "words\n" && ended.errorText == "complaint; more" && ended.status == 7 && !ended.isCutOff)
        let quiet = try Program.run("/bin/sh", ["-c", "echo nobody reads this"], environment: [:], withinMilliseconds: 30_000)
        #expect(quiet.output.isEmpty && quiet.status == 0)
    }

    @Test func `nothing is inherited but what is handed over`() throws {
        // Not closed at exec, as a library may leave one.
        let left = fcntl(0, F_DUPFD, 200)
        defer { close(left) }
        _ = unsafe setenv("NOT_GIVEN", "secret", 1)
        defer { _ = unsafe unsetenv("NOT_GIVEN") }
        #expect(text(try shell("echo $GIVEN $NOT_GIVEN")) == "yes\n")
        #expect(try left >= 200 && !text(shell("ls /proc/self/fd")).split(separator: "\n").contains("\(left)"))
    }

    @Test func `words are words, whatever a shell would make of them`() throws {
        let words = ["a b", "$(id)", "`id`", ";", "'", "\"", "*"]
        let ended = try Program.run(
            "/usr/bin/printf", ["%s|"] + words, environment: [:], outputBytes: 4096, withinMilliseconds: 30_000)
        #expect(text(ended) == words.joined(separator: "|") + "|")
    }

    @Test func `at its deadline it ends with all that it has started`() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "program-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        // Ignores the polite signal, and so does its child.
        let ended = try shell(
            "trap '' TERM; sh -c 'trap \"\" TERM; echo $$ > \(folder)/child; sleep 600' & wait; sleep 600", milliseconds: 500)
        #expect(ended.isCutOff && ended.status == 128 + SIGKILL && ended.errorText.hasSuffix("ended at its deadline"))
        if let child = Int32(
            (try? String(contentsOfFile: folder + "/child", encoding: .utf8))?.trimmingCharacters(in: .whitespacesAndNewlines) ?? "")
        {
            // Killed in any case; a zombie of another parent may still have its number.
            let state = (try? String(contentsOfFile: "/proc/\(child)/stat", encoding: .utf8))?.split(separator: ")").last?.first {
                $0 != " "
            }
            #expect(state == nil || state == "Z", "the child lives on")
        }
        #expect(try shell("trap 'echo heard; exit 3' TERM; sleep 600 & wait", milliseconds: 500).status == 3)
    }

    @Test func `more output than allowed ends it`() throws {
        #expect(throws: Program.Failure.tooMuchOutput) { try shell("yes", outputBytes: 10_000) }
    }

    @Test func `what is not there is said`() throws {
        #expect(throws: Program.Failure.cannotStart(code: ENOENT)) {
            try Program.run("/no/such/program", [], environment: [:], withinMilliseconds: 1000)
        }
    }
}
