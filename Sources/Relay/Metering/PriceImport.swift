public import Domain
public import Store

/// Reads price lists that operators bring: our own rows, or the public map that names a model's cost per token in dollars.
public enum PriceImport {
    /// Rows of one file.
    public static let maximumRows = 10_000

    /// - Parameters:
    ///   - document: a list of objects with `model`, `input`, `output`, `cache_write_5m`, `cache_write_1h`, `cache_read` (nano-USD a
    ///     token, whole numbers), `effective_from` (a time; left out: `now`) and `prompt_over`; or an object of
    ///     `{"<model>": {"input_cost_per_token": 3e-06, …}}`, of which the models without costs per token are passed over.
    /// - Throws: `InputErrors` naming each row that cannot be used; then none is.
    public static func rows(_ document: JSON, now: Timestamp) throws(InputErrors) -> [PriceRow] {
        var faults: [FieldError] = []
        var rows: [PriceRow] = []
        if let list = document.array {
            for (index, entry) in list.prefix(maximumRows).enumerated() {
                do throws(InputErrors) { rows.append(try row(entry, "rows[\(index)]", now)) } catch { faults += error.fields }
            }
            if list.count > maximumRows { faults.append(FieldError("rows", "are more than \(maximumRows)")) }
        } else if let map = document.object {
            guard map.count <= maximumRows else { throw InputErrors(fields: [FieldError("rows", "are more than \(maximumRows)")]) }
            for (model, entry) in map.members {
                do throws(InputErrors) { if let row = try mapped(model, entry, now) { rows.append(contentsOf: row) } } catch {
                    faults += error.fields
                }
            }
        } else {
            faults.append(FieldError("", "must be a list of rows or an object of models"))
        }
        if !faults.isEmpty { throw InputErrors(fields: faults) }
        return rows
    }

    /// Adds the rows of a document to a price list, which gets its starting rows first when it has none.
    /// - Throws: `InputErrors`, `StoreError`.
    public static func add(
        _ document: JSON, to store: Store, actor: String, request: RequestID? = nil
    ) async throws -> (added: Int, read: Int) {
        try await PriceTable.fill(store)
        let rows = try rows(document, now: store.ambient.now())
        let added = try await store.transaction { transaction throws(StoreError) in
            let added = try transaction.addPrices(rows, source: "import")
            try transaction.audit(
                actor: actor, action: "price.import", subject: "prices", before: nil,
                after: JSON.object(["rows": .int(Int64(added))]).text, requestID: request)
            return added
        }
        return (added, rows.count)
    }

    /// Every row of a price list, in the order they were added.
    public static func all(of store: Store) async throws(StoreError) -> [StoredPrice] {
        try await PriceTable.fill(store)
        var rows: [StoredPrice] = []
        while true {
            let since = rows.last?.version ?? 0
            let more = try await store.read { reader throws(StoreError) in try reader.prices(since: since) }
            guard !more.isEmpty else { return rows }
            rows += more
        }
    }

    private static func row(_ entry: JSON, _ place: String, _ now: Timestamp) throws(InputErrors) -> PriceRow {
        var faults: [FieldError] = []
        func rate(_ name: String) -> Int64 {
            guard let rate = entry[name].int, (0...PriceRow.largestRate).contains(rate) else {
                faults.append(FieldError("\(place).\(name)", "must be nano-USD a token, 0 to \(PriceRow.largestRate)"))
                return 0
            }
            return rate
        }
        let model = entry["model"].string ?? ""
        if !(1...200).contains(model.utf8.count) { faults.append(FieldError("\(place).model", "must be a model's name")) }
        var from = now
        if let text = entry["effective_from"].string {
            do throws(ParseError) { from = try Timestamp(parsing: text) } catch {
                faults.append(FieldError("\(place).effective_from", error.message))
            }
        }
        let over = entry["prompt_over"].int ?? 0
        if over < 0 { faults.append(FieldError("\(place).prompt_over", "must not be negative")) }
        let made = PriceRow(
            model: model, effectiveFrom: from, promptOver: over, input: rate("input"), output: rate("output"),
            cacheWrite5m: rate("cache_write_5m"), cacheWrite1h: rate("cache_write_1h"), cacheRead: rate("cache_read"))
        if !faults.isEmpty { throw InputErrors(fields: faults) }
        return made
    }

    /// One entry of the public map; with rates above 200,000 tokens it makes two rows. Nil for what is not priced by the token.
    private static func mapped(_ model: String, _ entry: JSON, _ now: Timestamp) throws(InputErrors) -> [PriceRow]? {
        var faults: [FieldError] = []
        func rate(_ name: String) -> Int64? {
            guard let dollars = decimal(entry[name]) else { return nil }
            let nano = (dollars * 1e9).rounded()
            guard nano >= 0, nano <= Double(PriceRow.largestRate) else {
                faults.append(FieldError("\(model).\(name)", "is no cost of a token"))
                return nil
            }
            return Int64(nano)
        }
        func row(_ suffix: String, over: Int64) -> PriceRow? {
            guard let input = rate("input_cost_per_token" + suffix), let output = rate("output_cost_per_token" + suffix) else { return nil }
            let write = rate("cache_creation_input_token_cost" + suffix)
            return PriceRow(
                model: model, effectiveFrom: now, promptOver: over, input: input, output: output, cacheWrite5m: write ?? input * 5 / 4,
                cacheWrite1h: rate("cache_creation_input_token_cost_above_1hr" + suffix) ?? input * 2,
                cacheRead: rate("cache_read_input_token_cost" + suffix) ?? input)
        }
        guard (1...200).contains(model.utf8.count), entry.object != nil else { return nil }
        let rows = [row("", over: 0), row("_above_200k_tokens", over: 200_000)].compactMap { $0 }
        if !faults.isEmpty { throw InputErrors(fields: faults) }
        return rows.isEmpty ? nil : rows
    }

    private static func decimal(_ value: JSON) -> Double? {
        switch value {
        case .int(let whole): Double(whole)
        case .number(let text): Double(text)
        default: nil
        }
    }
}
