internal import Domain

/// One command line, as `gatehouse key create`.
struct Command: Sendable {
    /// "key create".
    let name: String
    /// What follows it in the usage line.
    let usage: String
    let about: String
    var valued: Set<String> = []
    var flags: Set<String> = []
    let run: @Sendable (Arguments) async throws -> Void

    static let all: [Command] = [
        .serve, .migrate, .check, .backup, .restore, .userCreate, .userPromote, .userPassword, .userBlock, .userUnblock,
        .userLimits, .userInvite, .userList, .userTokenCreate, .userTokenList, .userTokenRevoke,
        .userTOTPShow, .userTOTPBegin, .userTOTPConfirm, .userTOTPEnd, .keyCreate, .keyList, .keyRevoke, .keyEdit,
        .keyRotate, .keyDisable, .keyEnable, .keyExplain, .keyPurge,
        .teamAdd, .teamEdit, .teamList, .teamDelete, .userTeam, .userShared,
        .priceList, .priceImport, .modelList, .modelSet,
        .accountAdd, .accountEdit, .accountList, .accountTest, .accountRefresh, .accountLogin, .accountEnable, .accountDisable,
        .accountReset,
        .accountDelete,
        .accountExplain,
        .accountBind, .accountGroupAdd, .accountGroupList, .accountGroupEdit, .accountGroupDelete, .historyCleanup, .secretsRotate,
        .openapi, .version,
        .planCreate, .planList, .planRetire, .serviceList, .serviceShow, .serviceSuspend, .serviceResume, .serviceTerminate,
        .serviceReconcile, .paymentList, .paymentConfirm, .paymentRefund,
        .importVPN, .importPeers, .importKeys,
        .vpnNodeAdd, .vpnNodeList, .vpnNodeTest, .vpnNodeStatus, .vpnPeers, .vpnReset,
        .mailList, .mailRetry,
        .webhookList, .webhookEnable, .webhookDisable, .webhookEvents, .webhookReplay,
    ]

    var help: String {
        var text = "usage: gatehouse \(name)\(usage.isEmpty ? "" : " " + usage)\n\n\(about)"
        text += "\n\n--json prints one JSON value. Settings: environment or gatehouse.env; see docs/settings.md."
        return text
    }

    /// The first sentence of what it does.
    var summary: String {
        let text = about.replacing("\n", with: " ")
        guard let end = text.firstRange(of: ". ") else { return text }
        return text[..<end.lowerBound] + "."
    }

    static var overview: String {
        let width = all.map(\.name.count).max() ?? 0
        let lines = all.map { command in
            "  \(command.name)\(String(repeating: " ", count: width - command.name.count))  \(command.summary)"
        }
        return
            "usage: gatehouse COMMAND\n\n\(lines.joined(separator: "\n"))\n\ngatehouse COMMAND --help tells more. Exit code: 0 done, 1 failed, 2 used wrongly."
    }

    /// What to say when these words name no command: the others that begin with the same word, when there are any.
    static func missing(_ words: [String]) -> String {
        let family = all.filter { $0.name.hasPrefix(words[0] + " ") }.map { "  gatehouse \($0.name) \($0.usage)" }
        let spoken = words.prefix(family.isEmpty ? 1 : 2).joined(separator: " ").debugDescription
        return "there is no command \(spoken); "
            + (family.isEmpty ? "gatehouse --help lists all" : "there are:\n\(family.joined(separator: "\n"))")
    }

    /// The command that the first words name, and the words after it.
    static func find(_ words: [String]) -> (Command, [String])? {
        for count in [3, 2, 1] where words.count >= count {
            let name = words.prefix(count).joined(separator: " ")
            if let command = all.first(where: { $0.name == name }) { return (command, Array(words.dropFirst(count))) }
        }
        return nil
    }
}

/// Prints a value for people or for programs.
enum Output {
    static func show(_ arguments: Arguments, _ json: JSON, _ text: @autoclosure () -> String) {
        Console.print(arguments.wantsJSON ? json.text : text())
    }

    /// Columns as wide as their widest cell.
    static func table(_ header: [String], _ rows: [[String]]) -> String {
        let widths = header.indices.map { column in ([header] + rows).map { $0[column].count }.max() ?? 0 }
        return ([header] + rows).map { row in
            var line = ""
            for (column, cell) in row.enumerated() {
                line += cell
                if column < row.count - 1 { line += String(repeating: " ", count: widths[column] - cell.count + 2) }
            }
            return line
        }.joined(separator: "\n")
    }
}
