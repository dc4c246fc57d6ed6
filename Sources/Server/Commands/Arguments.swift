/// The words after `gatehouse`: a command, its operands, and options as `--name value` or `--name=value`.
struct Arguments {
    private(set) var operands: [String] = []
    private var options: [String: String] = [:]
    private var flags: Set<String> = []

    /// - Parameters:
    ///   - valued: options that take a value.
    ///   - flags: those that take none; `json` and `help` always are.
    /// - Throws: `Failure` with exit code 2 for an unknown option or a missing value.
    init(_ words: [String], valued: Set<String> = [], flags known: Set<String> = []) throws(Failure) {
        var index = 0
        var onlyOperands = false
        while index < words.count {
            let word = words[index]
            index += 1
            guard word.hasPrefix("--"), !onlyOperands else {
                guard !word.hasPrefix("-") || word == "-" || onlyOperands || word == "-h" else {
                    throw Failure("unknown option \(word)", exitCode: 2)
                }
                if word == "-h" { flags.insert("help") } else { operands.append(word) }
                continue
            }
            if word == "--" {
                onlyOperands = true
                continue
            }
            let parts = word.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            let name = parts[0]
            if known.contains(name) || name == "json" || name == "help" {
                guard parts.count == 1 else { throw Failure("--\(name) takes no value", exitCode: 2) }
                flags.insert(name)
            } else if valued.contains(name) {
                if parts.count == 2 {
                    options[name] = parts[1]
                } else {
                    guard index < words.count else { throw Failure("--\(name) needs a value", exitCode: 2) }
                    options[name] = words[index]
                    index += 1
                }
            } else {
                throw Failure("unknown option --\(name)", exitCode: 2)
            }
        }
    }

    subscript(_ name: String) -> String? { options[name] }
    func has(_ flag: String) -> Bool { flags.contains(flag) }
    var wantsJSON: Bool { flags.contains("json") }
    var wantsHelp: Bool { flags.contains("help") }

    /// - Throws: when there are more or fewer operands.
    func operands(_ names: String...) throws(Failure) -> [String] {
        guard operands.count == names.count else {
            let wanted = names.isEmpty ? "no operands" : names.map { "<\($0)>" }.joined(separator: " ")
            throw Failure("this takes \(wanted)", exitCode: 2)
        }
        return operands
    }

    func required(_ name: String) throws(Failure) -> String {
        guard let value = options[name] else { throw Failure("--\(name) is missing", exitCode: 2) }
        return value
    }

    func number(_ name: String, _ range: ClosedRange<Int64>) throws(Failure) -> Int64? {
        guard let text = options[name] else { return nil }
        guard let number = Int64(text), range.contains(number) else {
            throw Failure("--\(name) must be a whole number from \(range.lowerBound) to \(range.upperBound)", exitCode: 2)
        }
        return number
    }
}
