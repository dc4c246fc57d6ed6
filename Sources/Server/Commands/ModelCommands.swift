internal import API
internal import Domain
internal import Relay
internal import Store

/// `gatehouse model …`: what the model table says beside prices.
extension Command {
    static let modelList = Command(
        name: "model list", usage: "", about: "Lists the model table: what each model reads and writes at most, and its lifecycle."
    ) { arguments in
        _ = try arguments.operands()
        try await withInstance { instance in
            let models = try await ModelTable.list(instance.store)
            Output.show(
                arguments, .array(models),
                Output.table(
                    ["MODEL", "READS", "WRITES", "LIFECYCLE", "RETIRES", "NAME"],
                    models.map { model in
                        [
                            model["id"].string ?? "", String(model["max_input_tokens"].int ?? 0), String(model["max_tokens"].int ?? 0),
                            model["lifecycle"].string ?? "", model["retires_at"].string ?? "-", model["display_name"].string ?? "",
                        ]
                    }))
        }
    }

    static let modelSet = Command(
        name: "model set",
        usage:
            "MODEL [--max-input-tokens N] [--max-output-tokens N] [--display-name TEXT] [--lifecycle active|deprecated|retired] [--deprecated-at TIME] [--retires-at TIME]",
        about: "Says what a model can do and until when; what is not named stays.\n0 and empty texts go back to what its name tells.",
        valued: ["max-input-tokens", "max-output-tokens", "display-name", "lifecycle", "deprecated-at", "retires-at"]
    ) { arguments in
        let id = try arguments.operands("model")[0]
        var change = ModelChange()
        change.displayName = arguments["display-name"]
        change.maxInputTokens = try arguments.number("max-input-tokens", 0...100_000_000)
        change.maxOutputTokens = try arguments.number("max-output-tokens", 0...100_000_000)
        if let word = arguments["lifecycle"] {
            guard let lifecycle = ModelLifecycle(rawValue: word) else {
                throw Failure("--lifecycle must be one of \(ModelLifecycle.allCases.map(\.rawValue).joined(separator: ", "))", exitCode: 2)
            }
            change.lifecycle = lifecycle
        }
        (change.deprecatedAt, change.retiresAt) = (arguments["deprecated-at"], arguments["retires-at"])
        let wish = change
        try await withInstance(schema: .make) { instance in
            let store = instance.store
            do {
                let model = try await RelayModels(store: store) { try await ModelTable.list(store) }.set(id, wish, actor: "command")
                Output.show(
                    arguments, model,
                    "\(id): reads \(model["max_input_tokens"].int ?? 0), writes \(model["max_tokens"].int ?? 0), \(model["lifecycle"].string ?? "")"
                )
            } catch let errors as InputErrors {
                throw Failure(errors.fields.map { "\($0.field) \($0.message)" }.joined(separator: "; "), exitCode: 2)
            }
        }
    }
}
