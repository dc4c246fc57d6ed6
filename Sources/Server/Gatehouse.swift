internal import Domain
internal import Glibc
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
            Console.error(
                "gatehouse: there is no command \(words.prefix(2).joined(separator: " ").debugDescription)\n\n\(Command.overview)")
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
        } catch let error as StoreError {
            Console.error("gatehouse: \(sentence(error))")
            return 1
        } catch {
            Console.error("gatehouse: \(error)")
            return 1
        }
    }

    /// What a database's refusal means to the operator, and what to do next.
    private nonisolated static func sentence(_ error: StoreError) -> String {
        switch error {
        case .busy: "the database is busy; try again"
        case .unavailable(let detail): "the database cannot be used: \(detail)"
        case .outcomeUnknown(let detail): "the database broke off (\(detail)); look whether it was done before you repeat it"
        case .conflict(let constraint): "it collides with something that exists: \(constraint)"
        case .refused(let code): "refused: \(code)"
        case .full: "the disk or the database is full; make room and try again"
        case .readOnly(let detail): "the database takes no changes: \(detail)"
        case .corrupt(let detail): "the database is damaged: \(detail); restore a backup"
        case .newerSchema(let found, let known):
            "the database has schema \(found), this program knows \(known); use a newer gatehouse or restore an older backup"
        case .changedMigration(let version):
            "migration \(version) is not the one that made this database; use the gatehouse that made it, or restore a backup"
        case .backup(let detail): detail
        case .programming(let detail): "a defect in gatehouse: \(detail)"
        }
    }
}
