/// docs/settings.md, written from the list of settings.
enum SettingsDocument {
    static var text: String {
        var lines = [
            "# Settings",
            "",
            "Environment variables, or lines `NAME=value` in `gatehouse.env` in the working folder (`$` is never expanded). The environment wins.",
            "Secrets can also stand in a file: `<NAME>_FILE` names it. Values that are not right stop the start, all listed at once; names that",
            "look like one of these are warned about. `gatehouse check` tests all of it. This page is written from the program's own list.",
            "",
            "| setting | values | default | meaning |",
            "| --- | --- | --- | --- |",
        ]
        for entry in SettingList.entries {
            let names = entry.names.map { "`\($0)`" }.joined(separator: ", ")
            let standard = entry.standardText ?? (entry.standard.isEmpty ? "unset" : "`\(entry.standard)`")
            lines.append("| \(names) | \(values(entry.kind)) | \(standard) | \(entry.about.replacingPipes) |")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func values(_ kind: SettingEntry.Kind) -> String {
        switch kind {
        case .text: "text"
        case .path: "path"
        case .url: "URL"
        case .secret: "secret"
        case .integer(let range):
            range.upperBound == Int64.max ? "\(range.lowerBound) or more" : "\(range.lowerBound) to \(range.upperBound)"
        case .choice(let options): options.map { "`\($0)`" }.joined(separator: ", ")
        case .boolean: "`true`, `false`"
        case .list: "list: commas or JSON"
        case .size: "size, as `10m`"
        case .json: "JSON"
        }
    }
}

extension String {
    /// A bar would end the table's cell.
    fileprivate var replacingPipes: String { reduce(into: "") { $0 += $1 == "|" ? "\\|" : String($1) } }
}
