internal import Domain
internal import Relay
internal import Store

extension Command {
    static let priceList = Command(
        name: "price list", usage: "", about: "Lists the price rows in the order they were added, in nano-USD a token."
    ) { arguments in
        _ = try arguments.operands()
        try await withInstance { instance in
            let rows = try await PriceImport.all(of: instance.store)
            Output.show(
                arguments, .array(rows.map(json)),
                Output.table(
                    ["MODEL", "FROM", "OVER", "INPUT", "OUTPUT", "WRITE 5M", "WRITE 1H", "READ", "SOURCE"],
                    rows.map { price in
                        let row = price.row
                        return [
                            row.model, row.effectiveFrom.text, String(row.promptOver), String(row.input), String(row.output),
                            String(row.cacheWrite5m), String(row.cacheWrite1h), String(row.cacheRead), price.source,
                        ]
                    }))
        }
    }

    static let priceImport = Command(
        name: "price import", usage: "FILE",
        about:
            "Adds price rows from a JSON file; rows that are there already are left out, none is changed.\nA list of {model, input, output, cache_write_5m, cache_write_1h, cache_read, effective_from, prompt_over} in nano-USD a token,\nor the public map of models with input_cost_per_token in dollars."
    ) { arguments in
        let path = try arguments.operands("file")[0]
        guard let bytes = TextFile.bytes(path, limit: 16 << 20) else { throw Failure("\(path) cannot be read") }
        let document: JSON
        do throws(ParseError) { document = try JSON(parsing: bytes) } catch { throw Failure("\(path): \(error.message)", exitCode: 2) }
        try await withInstance(schema: .make) { instance in
            do {
                let (added, read) = try await PriceImport.add(document, to: instance.store, actor: "command")
                Output.show(arguments, ["added": .int(Int64(added)), "read": .int(Int64(read))], "\(added) of \(read) rows are new")
            } catch let errors as InputErrors {
                throw Failure(errors.fields.map { "\($0.field) \($0.message)" }.joined(separator: "; "), exitCode: 2)
            }
        }
    }

    static func json(_ price: StoredPrice) -> JSON {
        let row = price.row
        return [
            "model": .string(row.model), "effective_from": .string(row.effectiveFrom.text), "prompt_over": .int(row.promptOver),
            "input": .int(row.input), "output": .int(row.output), "cache_write_5m": .int(row.cacheWrite5m),
            "cache_write_1h": .int(row.cacheWrite1h), "cache_read": .int(row.cacheRead), "source": .string(price.source),
            "created_at": .string(price.createdAt.text),
        ]
    }
}
