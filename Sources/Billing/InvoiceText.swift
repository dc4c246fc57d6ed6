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

    public static func html(_ invoice: Invoice, issuer: String) -> String {
        let rows = invoice.lines.map { "<tr><td>\(escaped($0.text))</td><td>\($0.amount.text)</td></tr>" }.joined()
        let recipient = invoice.recipient.split(separator: "\n").map { escaped(String($0)) }.joined(separator: "<br>")
        return """
            <!doctype html><html lang="en"><meta charset="utf-8"><title>\(invoice.reference)</title>
            <h1>\(title(invoice)) \(invoice.reference)</h1><p>\(invoice.issuedAt.dayText)</p><p>\(escaped(issuer))</p><p>\(recipient)</p>
            <table><tr><th>Item</th><th>\(invoice.total.currency.code)</th></tr>\(rows)<tr><th>Total</th><th>\(invoice.total.text)</th></tr></table>
            </html>

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
