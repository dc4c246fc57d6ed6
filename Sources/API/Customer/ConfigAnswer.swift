internal import Domain
public import HTTP
internal import Provisioning
internal import QR

/// A config as its reader wants it: text, JSON, or a picture for a phone's camera.
enum ConfigAnswer {
    static let formats = ["json", "conf", "qr.svg", "qr.png"]
    static let mediaTypes = ["application/json", "text/plain", "image/svg+xml", "image/png"]
    static let view = View(
        "WireGuardConfig", [.always("wg_quick", "The device's file.", .text)], example: ["wg_quick": "[Interface]\nPrivateKey = …\n"])
    static let replies = Success(200, "The file; as JSON, as text, or as a QR code of it.", view, mediaTypes: mediaTypes)
    /// nil: as the Accept header says.
    static let format = Shape(
        Field<String>.choice("format", "Left out: as Accept says, else JSON.", formats).optional, make: { $0 })
    static let problems: [ProblemKind] = [.notFound, .conflict, .configGone, .configTooLong, .configUnreadable, .badGateway]

    static func answer(_ config: ServiceConfig, format: String?, accept: String?) throws -> Answer {
        // Never in a cache, never guessed to be something else.
        var headers: Headers = ["cache-control": "no-store"]
        switch format ?? wanted(accept) {
        case "conf":
            headers.set("content-disposition", "attachment; filename=\"\(config.fileName)\"")
            return .bytes(config.bytes, type: "text/plain; charset=utf-8", headers: headers)
        case "qr.svg": return .bytes(Array(try code(config).svg.utf8), type: "image/svg+xml", headers: headers)
        case "qr.png":
            let code = try code(config)
            let image: [UInt8]
            do throws(QRCode.Fault) { image = try code.png() } catch { throw Problem(.overloaded) }
            return .bytes(image, type: "image/png", headers: headers)
        default: return .json(["wg_quick": .string(String(decoding: config.bytes, as: UTF8.self))], headers: headers)
        }
    }

    private static func wanted(_ accept: String?) -> String {
        for part in (accept ?? "").split(separator: ",") {
            switch part.prefix(while: { $0 != ";" }).filter({ $0 != " " }) {
            case "text/plain": return "conf"
            case "image/svg+xml": return "qr.svg"
            case "image/png": return "qr.png"
            case "application/json", "*/*": return "json"
            default: continue
            }
        }
        return "json"
    }

    private static func code(_ config: ServiceConfig) throws -> QRCode {
        do throws(QRCode.Fault) { return try QRCode(config.bytes) } catch {
            throw error == .tooLong ? Problem(.configTooLong) : Problem(.overloaded)
        }
    }

    /// In words that existing clients know.
    static func problem(_ refusal: Handover.Refusal) -> Problem {
        switch refusal {
        case .none("private key is held on the host"): Problem(.conflict, "private key is held on the host")
        case .none(let reason): Problem(.notFound, "No stored config for peer: \(reason)")
        case .alreadyHandedOver: Problem(.configGone)
        case .unreadable: Problem(.configUnreadable)
        case .unreachable(let reason): Problem(.badGateway, reason)
        case .linkIsOver: Problem(.notFound)
        }
    }
}

extension ProblemKind {
    public static let configGone = ProblemKind(410, "already_downloaded", "already downloaded", mayRepeat: false)
    public static let configTooLong = ProblemKind(422, "config_too_long", "The config is too long for a QR code.", mayRepeat: false)
    public static let configUnreadable = ProblemKind(500, "config_unreadable", "failed to decrypt stored config", mayRepeat: false)
}
