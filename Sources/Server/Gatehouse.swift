internal import Domain
internal import Glibc
internal import HTTP
internal import Store

/// The `gatehouse` program.
@main
struct Gatehouse {
    static func main() async { exit(await run(Array(CommandLine.arguments.dropFirst()))) }

    /// The exit code: 0 done, 1 failed, 2 used wrongly.
    private nonisolated static func run(_ words: [String]) async -> Int32 {
        if words.isEmpty || ["--help", "-h", "help"].contains(words[0]) {
            Console.print(Command.overview)
            return words.isEmpty ? 2 : 0
        }
        let spoken = words[0] == "--version" ? ["version"] + words.dropFirst() : words
        guard let (command, rest) = Command.find(spoken) else {
            Console.error("gatehouse: " + Command.missing(words))
            return 2
        }
        do {
            let arguments = try Arguments(rest, valued: command.valued, flags: command.flags)
            if arguments.wantsHelp {
                Console.print(command.help)
                return 0
            }
            try await command.run(arguments)
            return 0
        } catch let failure as Failure {
            Console.error("gatehouse: \(failure)" + (failure.exitCode == 2 ? "\n\n\(command.help)" : ""))
            return failure.exitCode
        } catch let errors as SettingsErrors {
            Console.error("gatehouse: the settings are not right:\n" + errors.problems.map { "  - \($0)" }.joined(separator: "\n"))
            return 1
        } catch let errors as InputErrors {
            Console.error(
                "gatehouse: " + errors.fields.map { "\($0.field.isEmpty ? "this" : $0.field) \($0.message)" }.joined(separator: "; "))
            return 1
        } catch StoreError.conflict(.userEmail) {
            Console.error("gatehouse: a user with that address exists already")
            return 1
        } catch let error as ServerError {
            Console.error("gatehouse: \(error.sentence(listening: "HOST and PORT"))")
            return 1
        } catch {
            Console.error("gatehouse: \(error)")
            return 1
        }
    }
}
