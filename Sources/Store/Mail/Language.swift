/// Languages that mails are written in, as BCP 47 names them.
public enum Language: String, Sendable, CaseIterable, SQLWord {
    case english = "en"
    case simplifiedChinese = "zh-Hans"
    case traditionalChinese = "zh-Hant"
    case russian = "ru"

    /// The first of an `Accept-Language` that we have, by order alone; English when there is none.
    public init(accepting header: String?) {
        for range in (header ?? "").prefix(200).split(separator: ",") {
            let tag = range.prefix { $0 != ";" }.filter { $0 != " " }.lowercased()
            if tag.hasPrefix("zh") {
                let isTraditional = ["hant", "-tw", "-hk", "-mo"].contains { tag.contains($0) }
                self = isTraditional ? .traditionalChinese : .simplifiedChinese
                return
            }
            if tag.hasPrefix("ru") { self = .russian; return }
            if tag.hasPrefix("en") { break }
        }
        self = .english
    }
}
