internal import Domain
internal import HTTP
internal import Store
internal import Telemetry

/// `GET /v1/request-history/export`: everything that the filters select, as CSV or JSON lines, read page by page as the client takes it.
struct HistoryExport: Sendable {
    let services: RelayServices
    let history: RequestHistory

    /// Rows read at once.
    private static let pageRows = 500
    private enum Format: String { case csv, jsonl }
    /// Of the list, which goes by pages.
    private static let pageNames = ["limit", "offset", "cursor"]

    func handle(_ exchange: Exchange) async throws {
        let key = try RelayGate.key(exchange, services)
        let query = QueryText.parse(exchange.head.queryText)
        guard let format = Format(rawValue: query.first { $0.name == "format" }?.value ?? "csv") else {
            throw RelayProblem.badRequest("format: must be csv or jsonl.")
        }
        if let paging = query.first(where: { Self.pageNames.contains($0.name) }) {
            throw RelayProblem.badRequest("\(paging.name): an export has everything that the filters select; leave it out.")
        }
        let filter = try history.filter(key, query: query)
        // The first page is read before the head is written, so that a refusal still has a status.
        var page = try await history.page(filter, after: nil, limit: Self.pageRows)
        var headers = HeaderBlock()
        headers.add("content-type", format == .csv ? "text/csv; charset=utf-8" : "application/x-ndjson")
        headers.add("content-disposition", "attachment; filename=\"request-history.\(format.rawValue)\"")
        headers.add("cache-control", "no-store")
        headers.add("x-relay-request-id", exchange.id.text)
        exchange.startResponse(status: 200, headers: headers, framing: .chunked)
        exchange.discardHead()
        if format == .csv { exchange.write(Array((Self.columns.joined(separator: ",") + "\r\n").utf8)) }
        while true {
            var bytes: [UInt8] = []
            for record in page.items {
                let row = RequestHistory.row(record)
                if format == .csv {
                    bytes.append(utf8: Self.columns.map { Self.cell(row[$0]) }.joined(separator: ",") + "\r\n")
                } else {
                    bytes += row.bytes + [0x0a]
                }
            }
            guard await write(bytes, to: exchange) else { return }
            guard page.hasMore, let last = page.items.last else { break }
            do { page = try await history.page(filter, after: HistoryCursor(after: last), limit: Self.pageRows) } catch {
                services.log.warning("history.export_broken", ["error": LogValue("\(error)")], request: exchange.id)
                return exchange.abort()
            }
        }
        exchange.finish()
    }

    /// Waits until the client has taken it. False when it has gone.
    private func write(_ bytes: [UInt8], to exchange: Exchange) async -> Bool {
        guard !bytes.isEmpty else { return !exchange.isClientGone }
        switch exchange.write(bytes) {
        case .sent: return true
        case .gone: return false
        case .congested:
            await withCheckedContinuation { continuation in
                // Whichever comes first resumes, once.
                let once = Once(continuation)
                exchange.onDrained = { once.resume() }
                exchange.onClosed = { once.resume() }
            }
            return !exchange.isClientGone
        }
    }

    /// Touched on the exchange's reactor only.
    private final class Once {
        private var continuation: CheckedContinuation<Void, Never>?
        init(_ continuation: CheckedContinuation<Void, Never>) { self.continuation = continuation }
        func resume() {
            continuation?.resume()
            continuation = nil
        }
    }

    static let columns = [
        "requestId", "timestamp", "apiKeyId", "apiKeyName", "model", "status", "duration", "inputTokens", "outputTokens", "totalTokens",
        "cacheCreateTokens", "cacheReadTokens", "costMicroUsd", "ttftMs", "attempts", "stream", "usageSource", "error",
    ]

    private static let lineEnds: Set<Unicode.Scalar> = ["\n", "\r", "\u{b}", "\u{c}", "\u{85}", "\u{2028}", "\u{2029}"]

    /// Quoted where it has to be (RFC 4180). What a spreadsheet would take for a formula begins with an apostrophe. Looks at scalars:
    /// a comma with a combining mark is another character here and still a comma for who reads the table.
    static func cell(_ value: JSON) -> String {
        switch value {
        case .null: return ""
        case .string(let text):
            let scalars = text.unicodeScalars
            let isFormula = scalars.first.map { "=+-@\t\r".unicodeScalars.contains($0) } == true
            var cell = String.UnicodeScalarView(isFormula ? "'".unicodeScalars : "".unicodeScalars)
            var isQuoted = false
            for scalar in scalars {
                if scalar == "\"" { cell.append(scalar) }
                if scalar == "," || scalar == "\"" || Self.lineEnds.contains(scalar) { isQuoted = true }
                cell.append(scalar)
            }
            return isQuoted ? "\"" + String(cell) + "\"" : String(cell)
        default: return value.text
        }
    }
}
