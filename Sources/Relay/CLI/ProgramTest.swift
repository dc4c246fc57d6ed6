internal import Domain
internal import Store

extension AccountTester {
    /// One word from the program. Its own way of asking costs more than a token.
    func askProgram(_ account: RelayAccount, _ model: String) async -> Answer {
        func out(_ code: String, _ detail: String) -> Answer { Answer(outcome: Outcome(works: false, code: code, detail: detail)) }
        guard let worker else { return out("unusable", "no program is set: CLAUDE_CLI") }
        let name = account.modelMap[model] ?? model
        guard CLIWorker.isModelName(name) else { return out("unknown_model", "is no model's name") }
        var prompt = CLIWorker.Prompt([["type": "text", "text": "Say yes."]], model: name)
        prompt.system = "You answer with one word."
        let run = worker.run(prompt, as: ProgramTurns.identity(account))
        defer { run.stop() }
        // What its upstream began to bill counts although no result comes.
        var begun: Settlement.Used?
        for await event in run.events {
            switch event {
            case .began(let model, let usage): begun = used(usage, model.isEmpty ? name : model, .snapshot)
            case .finished(let result):
                return Answer(
                    outcome: Outcome(works: true, code: "works", detail: "works (the program answers)"),
                    used: used(result.usage, begun?.model ?? name, .final))
            case .failed(.timeout): return Answer(outcome: judge(.timeout, model), used: begun ?? Self.estimate(prompt, name))
            case .failed(let failure): return Answer(outcome: judge(failure, model), used: begun)
            case .started, .text, .thinking: continue
            }
        }
        return Answer(outcome: Outcome(works: false, code: "unreachable", detail: "the program ended without a word"), used: begun)
    }

    /// Of a run without a word in time: its upstream may have answered.
    private static func estimate(_ prompt: CLIWorker.Prompt, _ model: String) -> Settlement.Used {
        let bytes = prompt.content.bytes.count + (prompt.system ?? "").utf8.count
        return Settlement.Used(
            tokens: TokenCounts(input: PromptEstimate.tokens(bytes: bytes), output: 1), metered: MeteredUsage(), model: model,
            source: .estimated)
    }

    private func used(_ usage: JSON, _ model: String, _ source: UsageSource) -> Settlement.Used {
        var metered = MeteredUsage()
        let isRead = metered.overlay(usage.bytes.span, 0) != nil
        return Settlement.Used(tokens: metered.tokens, metered: metered, model: model, source: isRead ? source : .unparsed)
    }

    private func judge(_ failure: CLIWorker.Failure, _ model: String) -> Outcome {
        func out(_ detail: String) -> Outcome { Outcome(works: false, code: "unreachable", detail: detail) }
        switch failure {
        case .busy: return out("the program is busy")
        case .cannotStart: return out("the program cannot be started: see CLAUDE_CLI")
        case .timeout: return out("the program took longer than \(Self.timeoutMilliseconds / 1000) s")
        case .broken: return out("the program ended without a result")
        case .refused(nil, _): return Outcome(works: false, code: "relayed", detail: "the program says that it failed")
        case .refused(let status?, let words):
            return refusal(status, words.lowercased(), retryAfter: nil, model, detail: "the program's upstream answers \(status)")
        }
    }
}
