internal import Domain

/// Reads what the program prints: one JSON object a line, of which those of the type `stream_event` carry events of the Messages stream.
struct CLIOutput {
    /// A longer line is no event of ours.
    private static let lineBytes = 8 << 20
    /// All of an answer; no model writes as much.
    private static let textBytes = 16 << 20
    /// All that it may still print, of whatever sort: far more than the longest answers take as events.
    private var bytesLeft: Int
    private var line: [UInt8] = []
    private var text = ""
    private var stopReason: String?
    private var usage = JSON.null
    private var hasBegun = false
    /// Set by what ends it.
    private(set) var last: CLIWorker.Event?

    init(outputBytes: Int = 1 << 30) { bytesLeft = outputBytes }

    /// False when there is too much of it; what is no JSON is passed over, as programs print warnings too.
    mutating func feed(_ bytes: [UInt8], _ tell: (CLIWorker.Event) -> Void) -> Bool {
        bytesLeft -= bytes.count
        guard bytesLeft >= 0 else { return false }
        var rest = bytes[...]
        while let end = rest.firstIndex(of: 0x0a) {
            line += rest[..<end]
            rest = rest[(end + 1)...]
            let whole = line
            line = []
            if let json = try? JSON(parsing: whole) { read(json, tell) }
            if last != nil { return true }
        }
        guard line.count + rest.count <= Self.lineBytes, text.utf8.count <= Self.textBytes else { return false }
        line += rest
        return true
    }

    private mutating func read(_ json: JSON, _ tell: (CLIWorker.Event) -> Void) {
        switch json["type"].string {
        case "system" where json["subtype"].string == "init": tell(.started)
        case "stream_event": readEvent(json["event"], tell)
        case "result": last = result(json, tell)
        // Complete messages repeat what came in pieces, or are the program's own words about an error.
        default: break
        }
    }

    private mutating func readEvent(_ event: JSON, _ tell: (CLIWorker.Event) -> Void) {
        switch event["type"].string {
        case "message_start":
            // It asks a second time: what was told already cannot be taken back.
            if hasBegun, !text.isEmpty { last = .failed(.broken) }
            hasBegun = true
            usage = event["message"]["usage"]
            tell(.began(model: event["message"]["model"].string ?? "", usage: usage))
        case "content_block_start" where event["content_block"]["type"].string == "thinking": tell(.thinking)
        case "content_block_delta":
            guard let piece = event["delta"]["text"].string, !piece.isEmpty else { return }
            text += piece
            tell(.text(piece))
        case "message_delta":
            stopReason = event["delta"]["stop_reason"].string ?? stopReason
            if event["usage"].object != nil { usage = event["usage"] }
        case "message_stop" where stopReason == "max_tokens":
            // The program would go on by itself, past what the caller allowed.
            last = .finished(CLIWorker.Result(text: text, stopReason: stopReason, usage: usage))
        default: break
        }
    }

    private mutating func result(_ json: JSON, _ tell: (CLIWorker.Event) -> Void) -> CLIWorker.Event {
        guard json["is_error"].bool != true, json["subtype"].string == "success" else {
            return .failed(
                .refused(
                    status: json["api_error_status"].int.map { Int(clamping: $0) }, String((json["subtype"].string ?? "error").prefix(64))))
        }
        // A program that tells no pieces has told its answer only here.
        if text.isEmpty, let whole = json["result"].string, !whole.isEmpty {
            text = whole
            tell(.text(whole))
        }
        return .finished(
            CLIWorker.Result(text: text, stopReason: json["stop_reason"].string ?? stopReason, usage: Self.usage(json, known: usage)))
    }

    /// As an upstream would tell it. What several models did comes as a list of passes, each at its own price.
    private static func usage(_ json: JSON, known: JSON) -> JSON {
        guard var usage = json["usage"].object else { return known }
        let models = json["modelUsage"].object?.members ?? []
        guard models.count > 1 else { return .object(usage) }
        usage["iterations"] = .array(
            models.map { name, used in
                [
                    "type": "message", "model": .string(name), "input_tokens": used["inputTokens"], "output_tokens": used["outputTokens"],
                    "cache_read_input_tokens": used["cacheReadInputTokens"],
                    "cache_creation_input_tokens": used["cacheCreationInputTokens"],
                ]
            })
        return .object(usage)
    }
}
