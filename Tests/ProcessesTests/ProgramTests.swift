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

    @Test func `one that complains without end comes to its deadline all the same`() throws {
        let ended = try shell("exec yes >&2", milliseconds: 500)
        #expect(ended.isCutOff && ended.errorText.hasSuffix("ended at its deadline"))
    }

    /// Runs a script until its deadline, with a longer one each time until it came to where it makes the file `ready` in its folder: how
    /// long a shell takes to begin is the machine's affair.
    private func cutOff(_ script: String, _ judge: (Program.Ended, String) throws -> Void) throws {
        for milliseconds: Int64 in [250, 500, 1000, 2000, 4000, 8000, 16_000] {
            let folder = FileManager.default.temporaryDirectory.appending(path: "program-\(UUID().uuidString)").path
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let ended = try shell("cd \(folder); " + script, milliseconds: milliseconds)
            guard let ready = try? String(contentsOfFile: folder + "/ready", encoding: .utf8), ready.hasSuffix("\n") else { continue }
            return try judge(ended, ready.trimmingCharacters(in: .whitespacesAndNewlines))
        }
        Issue.record("the script never came to its end")
    }

    /// "Z" for one that has ended and was not waited for; nil when there is none.
    private func state(_ process: String) -> Character? {
        (try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8))?.split(separator: ")").last?.first { $0 != " " }
    }

    @Test func `at its deadline it ends with all that it has started`() throws {
        // Ignores the polite signal, and so does its child, which says so only then.
        try cutOff("trap '' TERM; sh -c 'trap \"\" TERM; echo $$ > ready; sleep 600' & wait; sleep 600") { ended, child in
            #expect(ended.isCutOff && ended.status == 128 + SIGKILL && ended.errorText.hasSuffix("ended at its deadline"))
            // The signal was sent; whether the kernel has already ended the child is a matter of moments.
            let isOver = (1...1_000_000).contains { _ in
                let state = state(child)
                return state == nil || state == "Z"
            }
            #expect(!child.isEmpty && isOver, "the child lives on")
        }
    }

    @Test func `at its deadline it may end by itself`() throws {
        try cutOff("trap 'echo heard; exit 3' TERM; echo yes > ready; sleep 600 & wait") { ended, _ in
            #expect(ended.isCutOff && ended.status == 3 && text(ended) == "heard\n")
        }
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
