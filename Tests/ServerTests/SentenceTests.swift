import Glibc
import Secrets
import Store
import Testing

@testable import HTTP
@testable import Server

/// What an operator reads when something does not start.
struct SentenceTests {
    @Test(arguments: [
        (EADDRINUSE, "Is another server running there? Stop it, or set PORT."),
        (EADDRNOTAVAIL, "this machine has no such address. Set HOST"),
        (EACCES, "CAP_NET_BIND_SERVICE"), (ENOBUFS, "Set HOST or PORT."),
    ]) func `an address that cannot be listened on is told with what to set`(_ code: Int32, _ part: String) {
        let said = ServerError.cannotListen(SystemCallError(call: "listen", code: code)).sentence(listening: "192.0.2.1 port 80")
        #expect(said.hasPrefix("cannot listen on 192.0.2.1 port 80: ") && said.contains(part), "\(said)")
        #expect(!said.contains("SystemCallError") && !said.contains("cannotListen"))
    }

    @Test(arguments: [
        ("postgresql://ann:only-for-tests@192.0.2.1/shop", StoreError.unavailable("refused"), "that PostgreSQL runs there"),
        ("sqlite:////nowhere/x.db", .unavailable("no folder"), "check DATA_DIR"),
        ("sqlite:////nowhere/x.db", .readOnly("no"), "takes no changes"),
        ("sqlite:////nowhere/x.db", .corrupt("26"), "restore a backup"), ("sqlite:////nowhere/x.db", .full, "make room"),
    ]) func `a database that cannot be opened is told with what to look at`(_ text: String, _ error: StoreError, _ part: String) throws {
        let said = error.sentence(opening: try DatabaseLocation(parsing: text))
        #expect(said.contains(part) && !said.contains("only-for-tests"), "\(said)")
        #expect(!said.contains("unavailable(") && !said.contains("readOnly(") && !said.contains("corrupt("))
    }

    @Test func `files that are no certificate are told by name`() {
        for (file, why) in [("/dev/null", "is no regular file"), ("/etc/passwd", "holds no certificate")] {
            let error = #expect(throws: ServerError.self) {
                try ListenProbe.checkCertificate(TLSFiles(certificateFile: file, keyFile: file))
            }
            let said = error?.sentence(listening: "here") ?? ""
            #expect(said.hasPrefix("\(file) \(why)") && said.contains("TLS_CERT_FILE"), "\(said)")
        }
    }

    @Test func `a wrong command names its family, or where to find all`() {
        #expect(Command.missing(["sevre"]) == "there is no command \"sevre\"; gatehouse --help lists all")
        let keys = Command.missing(["key", "lst"])
        #expect(keys.hasPrefix("there is no command \"key lst\"") && keys.contains("gatehouse key list") && !keys.contains("account"))
    }

    @Test func `the list of commands says one short sentence of each`() {
        for command in Command.all {
            #expect(command.summary.hasSuffix(".") && command.summary.count <= 120, "\(command.name): \(command.summary)")
        }
        #expect(Command.keyEdit.summary == "Changes what a JSON document names.")
    }

    @Test(arguments: [
        (ClientError.resolve("gate.example.com: no such host"), "gate.example.com: no such host") as (any Error, String),
        (MailError.failed(.timeout), "no answer in time"),
        (UpstreamError(.tls(.untrusted("certificate has expired")), mayHaveBeenReceived: false), "certificate has expired"),
        (SecretsError.wrongEncryptionKey, "ENCRYPTION_KEY is not the one"),
        (StoreError.unavailable("no folder"), "the database cannot be used: no folder"),
    ]) func `an error in a line for the operator reads as a sentence`(_ error: any Error, _ part: String) {
        let line = "\(error)"
        #expect(line.hasSuffix(part) || line.hasPrefix(part), "\(line)")
        #expect(!line.contains("(\""), "\(line)")
    }
}
