internal import Domain
public import Store

/// An invoice or credit note as people read it.
public enum InvoiceText {
    private static func title(_ invoice: Invoice) -> String { invoice.kind == .invoice ? "Invoice" : "Credit note" }

    public static func plain(_ invoice: Invoice, issuer: String) -> String {
        let width = max(20, invoice.lines.map(\.text.count).max() ?? 0)
        func row(_ text: String, _ amount: String) -> String {
            text + String(repeating: " ", count: max(1, width - text.count + 2)) + String(repeating: " ", count: max(0, 14 - amount.count))
                + amount
        }
        var lines = ["\(title(invoice)) \(invoice.reference)", "Date: \(invoice.issuedAt.dayText)", "From: \(issuer)", "To: "]
        lines[3] += invoice.recipient.split(separator: "\n").joined(separator: ", ")
        lines += ["", row("Item", invoice.total.currency.code), String(repeating: "-", count: width + 16)]
        lines += invoice.lines.map { row($0.text, $0.amount.text) }
        lines += [String(repeating: "-", count: width + 16), row("Total", invoice.total.text), ""]
        return lines.joined(separator: "\n")
    }

    /// One page with all of them, each on a sheet of its own when printed. It loads nothing and runs no script.
    public static func page(_ invoices: [Invoice], issuer: String) -> String {
        """
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>\(invoices.map(\.reference).joined(separator: ", "))</title>
        <style>
        body { margin: 0; background: #f4f5f7; color: #1b1b1b; font: 16px/1.5 system-ui, sans-serif; }
        article { max-width: 36rem; margin: 2rem auto; padding: 2rem; background: #ffffff; border-radius: 10px; overflow-wrap: anywhere; }
        h1 { font-size: 1.4rem; margin: 0 0 1rem; }
        dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.25rem 1rem; margin: 0; }
        dt { color: #5b6068; }
        dd { margin: 0; }
        table { width: 100%; margin-top: 1.5rem; border-collapse: collapse; }
        th, td { padding: 0.5rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid #d9dce1; }
        tfoot th { border-bottom: 0; }
        th + th, td + td { padding-left: 1rem; text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
        @media print { body { background: #ffffff; } article { max-width: none; margin: 0; padding: 0; } article + article { break-before: page; } }
        </style>
        </head>
        <body>
        \(invoices.map { article($0, issuer) }.joined(separator: "\n"))
        </body>
        </html>

        """
    }

    private static func article(_ invoice: Invoice, _ issuer: String) -> String {
        let rows = invoice.lines.map { "<tr><td>\(escaped($0.text))</td><td>\($0.amount.text)</td></tr>" }.joined(separator: "\n")
        let recipient = invoice.recipient.split(separator: "\n").map { escaped(String($0)) }.joined(separator: "<br>")
        return """
            <article>
            <h1>\(title(invoice)) \(invoice.reference)</h1>
            <dl>
            <dt>Date</dt><dd>\(invoice.issuedAt.dayText)</dd>
            <dt>From</dt><dd>\(escaped(issuer))</dd>
            <dt>To</dt><dd>\(recipient)</dd>
            </dl>
            <table>
            <thead><tr><th>Item</th><th>\(invoice.total.currency.code)</th></tr></thead>
            <tbody>
            \(rows)
            </tbody>
            <tfoot><tr><th>Total</th><th>\(invoice.total.text)</th></tr></tfoot>
            </table>
            </article>
            """
    }

    private static func escaped(_ text: String) -> String {
        var safe = ""
        for character in text.unicodeScalars {
            switch character {
            case "&": safe += "&amp;"
            case "<": safe += "&lt;"
            case ">": safe += "&gt;"
            case "\"": safe += "&quot;"
            case "'": safe += "&#39;"
            default: safe.unicodeScalars.append(character)
            }
        }
        return safe
    }
}
