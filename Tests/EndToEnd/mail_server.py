"""A real SMTP server (aiosmtpd) that can misbehave as told."""
import email, email.policy, pathlib, re, socket, ssl, subprocess, tempfile, time

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

USER, PASSWORD = "mailer", "only-For-Tests-2217"


def certificates(folder):
    """ca.pem, and server.pem and server.key for localhost, signed by it."""
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    quiet = {"check": True, "cwd": folder, "capture_output": True}
    subprocess.run(["openssl", "req", "-x509", *curve, "-subj", "/CN=Test authority", "-keyout", "ca.key", "-out", "ca.pem"], **quiet)
    subprocess.run(
        ["openssl", "req", "-x509", *curve, "-CA", "ca.pem", "-CAkey", "ca.key", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
         "-addext", "basicConstraints=critical,CA:FALSE", "-keyout", "server.key", "-out", "server.pem"], **quiet)


class Mailbox:
    """What arrived, and what to answer to which recipient."""

    def __init__(self):
        self.mails, self.answers, self.envelopes, self.tries = [], {}, [], []

    async def handle_RCPT(self, server, session, envelope, address, options):
        self.tries.append(address)
        scripted = self.answers.get(address)
        if scripted:
            return scripted.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        scripted = self.answers.get("DATA")
        if scripted:
            return scripted.pop(0)
        encrypted = server.transport.get_extra_info("sslcontext") is not None
        self.envelopes.append((envelope.mail_from, tuple(envelope.rcpt_tos), encrypted, bool(session.authenticated), session.host_name))
        self.mails.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
        return "250 OK"

    def wait(self, count=1, seconds=20):
        limit = time.monotonic() + seconds
        while len(self.mails) < count:
            assert time.monotonic() < limit, f"{len(self.mails)} of {count} mails after {seconds} s; tries {self.tries}"
            time.sleep(0.05)
        return self.mails[count - 1]


class MailServer:
    """On a free port of localhost. `tls`: None, "starttls" or "ssl"; `login`: asks for USER and PASSWORD; `utf8`: takes addresses outside ASCII."""

    def __init__(self, tls=None, login=False, utf8=True):
        self.tls, self.login, self.utf8 = tls, login, utf8

    def __enter__(self):
        self.temporary = tempfile.TemporaryDirectory(prefix="gatehouse-mail-")
        self.folder = pathlib.Path(self.temporary.name)
        self.box = Mailbox()
        options = {"enable_SMTPUTF8": self.utf8}
        context = None
        if self.tls:
            certificates(self.folder)
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(self.folder / "server.pem", self.folder / "server.key")
        if self.tls == "starttls":
            options |= {"tls_context": context, "require_starttls": True}
        if self.login:
            options |= {"auth_required": True, "auth_require_tls": bool(self.tls == "starttls"), "authenticator": self._check}
        self.controller = Controller(
            self.box, hostname="127.0.0.1", port=0, server_hostname="mail.example.com", ssl_context=context if self.tls == "ssl" else None, **options)
        # The controller wants to see a first connection, and would ask for it at port 0.
        self.controller._trigger_server = self._greet
        self.controller.start()
        return self

    def _greet(self):
        self.port = self.controller.server.sockets[0].getsockname()[1]
        with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
            if self.tls == "ssl":
                trust = ssl.create_default_context(cafile=self.folder / "ca.pem")
                connection = trust.wrap_socket(connection, server_hostname="localhost")
            connection.recv(1024)
            connection.close()

    def _check(self, server, session, envelope, mechanism, data):
        good = isinstance(data, LoginPassword) and (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=good, handled=False)

    def __exit__(self, *_):
        self.controller.stop()
        self.temporary.cleanup()

    def settings(self, **more):
        settings = {"SMTP_HOST": "localhost", "SMTP_PORT": str(self.port), "SMTP_FROM": "Пример <no-reply@example.com>", "API_URL": "http://shop.example.com"}
        if self.tls:
            settings["SMTP_CA_FILE"] = str(self.folder / "ca.pem")
            settings |= {"SMTP_USE_SSL": "true"} if self.tls == "ssl" else {"SMTP_STARTTLS": "required"}
        if self.login:
            settings |= {"SMTP_USER": USER, "SMTP_PASSWORD": PASSWORD}
        return settings | more


def link(mail):
    """(page, secret) of the link in the plain text; the HTML has the same one."""
    found = re.search(r"http://shop\.example\.com(/account/\w+)#([A-Za-z0-9_-]{43})\s", mail.get_body(("plain",)).get_content())
    assert found, mail.get_body(("plain",)).get_content()
    assert f"http://shop.example.com{found.group(1)}#{found.group(2)}" in mail.get_body(("html",)).get_content()
    return found.group(1), found.group(2)
