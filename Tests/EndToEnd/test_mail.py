"""Mails of a real server to a real SMTP server: what is in them, how they get there, and what becomes of them when they do not."""
import contextlib, email, email.policy, json, os, pathlib, socket, sqlite3, subprocess, time

import pytest

import far_side
from mail_server import PASSWORD, USER, MailServer, link
from postgres import Database

HORSE, NEW_HORSE = "Correct-Horse-9", "Correct-Horse-10"
JSON_TYPE = {"content-type": "application/json"}


@contextlib.contextmanager
def gatehouse(fake, **settings):
    if os.environ.get("RELAY_DIRECT") == "1":
        pytest.skip("RELAY_DIRECT=1: these tests need the server")
    with far_side.Gatehouse(fake, **{"REGISTRATION": "open", **settings}) as server:
        yield server


def post(server, path, body, token=None, **headers):
    sent = JSON_TYPE | headers | ({"authorization": f"Bearer {token}"} if token else {})
    status, _, text = far_side.call(server.url + path, body, sent)
    return status, json.loads(text) if text else None


def register(server, name, **headers):
    return post(server, "/api/auth/register", {"email": f"{name}@example.com", "password": HORSE, "name": name.title()}, **headers)


def login(server, name, password=HORSE):
    return post(server, "/api/auth/login", {"email": f"{name}@example.com", "password": password})


def settled(server, state, count=1, seconds=20):
    limit = time.monotonic() + seconds
    while len(rows := server.rows(f"SELECT * FROM mails WHERE state = '{state}' OR (failure IS NOT NULL AND '{state}' = 'tried')")) < count:
        assert time.monotonic() < limit, server.rows("SELECT kind, state, attempts, failure FROM mails")
        time.sleep(0.05)
    return rows


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_an_address_is_confirmed_before_the_first_login(fake, database):
    with contextlib.ExitStack() as stack:
        postgres = stack.enter_context(Database()) if database == "postgres" else None
        mail = stack.enter_context(MailServer())
        server = stack.enter_context(gatehouse(fake, postgres=postgres, EMAIL_VERIFICATION="login", **mail.settings()))
        status, made = register(server, "ada")
        assert status == 201 and "token" not in made and made["user"]["email_verified"] is False
        first = mail.box.wait()
        assert first["to"] == "ada@example.com" and first["from"].addresses[0].display_name == "Пример" and first["auto-submitted"] == "auto-generated"
        assert mail.box.envelopes[0][:2] == ("no-reply@example.com", ("ada@example.com",)) and mail.box.envelopes[0][4] == "example.com"
        page, secret = link(first)
        assert page == "/account/verify" and far_side.call(server.url + page)[0] == 200
        assert login(server, "ada")[1]["error"]["code"] == "email_unverified"
        assert login(server, "ada", "Wrong-Horse-9")[1]["error"]["code"] == "wrong_credentials", "who does not know the password is told nothing"
        assert post(server, "/api/auth/email/verify", {"token": secret[:-1] + ("A" if secret[-1] != "A" else "B")})[0] == 410
        assert post(server, "/api/auth/password/reset", {"token": secret, "new_password": NEW_HORSE})[0] == 410, "a link opens one thing"
        assert post(server, "/api/auth/email/verify", {"token": secret}) == (200, {"email": "ada@example.com"})
        assert post(server, "/api/auth/email/verify", {"token": secret})[0] == 410, "once"
        assert login(server, "ada")[0] == 200
        # Confirmed already: asking again sends nothing, and says the same as ever.
        assert post(server, "/api/auth/email/resend", {"email": "ada@example.com"})[0] == 202
        assert settled(server, "dead")[0]["failure"] == "for nobody"
        written = server.printed() + json.dumps(server.rows("SELECT * FROM mails"), default=str) + json.dumps(server.rows("SELECT * FROM events"), default=str)
        assert secret not in written, "the secret of a link stands in the mail and nowhere else"
        assert "ada@example.com" not in server.printed()
        assert {"user.link_made", "user.verify_email"} <= {row["action"] for row in server.rows("SELECT action FROM events")}


def test_a_forgotten_password_is_replaced_and_ends_what_the_old_one_opened(fake):
    with MailServer() as mail, gatehouse(fake, **mail.settings()) as server:
        token = register(server, "ada")[1]["token"]
        link(mail.box.wait())
        program = post(server, "/api/auth/tokens", {"name": "n", "scopes": ["read"]}, token)[1]["token"]
        known = post(server, "/api/auth/password/forgot", {"email": "Ada@Example.com"})
        unknown = post(server, "/api/auth/password/forgot", {"email": "nobody@example.com"})
        assert known == unknown and known[0] == 202
        page, secret = link(mail.box.wait(2))
        assert page == "/account/reset"
        assert settled(server, "dead")[0]["email"] == "nobody@example.com" and "nobody@example.com" not in mail.box.tries
        assert post(server, "/api/auth/password/reset", {"token": secret, "new_password": "password1"})[0] == 422, "a bad one does not use up the link"
        assert post(server, "/api/auth/password/reset", {"token": secret, "new_password": NEW_HORSE})[0] == 204
        assert post(server, "/api/auth/password/reset", {"token": secret, "new_password": NEW_HORSE})[0] == 410
        assert login(server, "ada")[0] == 401 and login(server, "ada", NEW_HORSE)[0] == 200
        for old in (token, program):
            assert far_side.call(server.url + "/api/auth/me", headers={"authorization": f"Bearer {old}"})[0] == 401
        answers = [post(server, "/api/auth/password/forgot", {"email": f"{n}@example.com"})[0] for n in range(5)]
        assert answers == [202, 202, 202, 429, 429], "five wishes in a quarter of an hour from one address"


def test_an_address_is_changed_by_a_link_to_the_new_one_and_the_old_one_is_told(fake):
    with MailServer() as mail, gatehouse(fake, **mail.settings()) as server:
        token = register(server, "ada", **{"accept-language": "ru"})[1]["token"]
        mail.box.wait()
        assert post(server, "/api/auth/password/forgot", {"email": "ada@example.com"})[0] == 202
        old = link(mail.box.wait(2))[1]
        assert post(server, "/api/auth/email", {"email": "new@example.com"})[0] == 401, "one's own, and nobody else's"
        assert post(server, "/api/auth/email", {"email": "New@Example.com"}, token)[0] == 202
        got = mail.box.wait(3)
        assert got["to"] == "new@example.com" and got["subject"].startswith("Подтвердите новый адрес")
        page, secret = link(got)
        assert page == "/account/verify" and login(server, "ada")[0] == 200 and login(server, "new")[0] == 401
        assert post(server, "/api/auth/password/reset", {"token": secret, "new_password": NEW_HORSE})[0] == 410, "a link opens one thing"
        assert post(server, "/api/auth/email/verify", {"token": secret}) == (200, {"email": "new@example.com"})
        assert post(server, "/api/auth/email/verify", {"token": secret})[0] == 410, "once"
        told = mail.box.wait(4)
        assert told["to"] == "ada@example.com" and told["subject"].startswith("Ваш адрес на")
        assert "new@example.com" not in told.as_string()
        assert login(server, "ada")[0] == 401 and login(server, "new")[0] == 200
        assert post(server, "/api/auth/password/reset", {"token": old, "new_password": NEW_HORSE})[0] == 410, "links to the old address are over"
        status, _, text = far_side.call(server.url + "/api/auth/me", headers={"authorization": f"Bearer {token}"})
        assert status == 200 and json.loads(text)["user"]["email"] == "new@example.com" and json.loads(text)["user"]["email_verified"]
        assert {"user.ask_email_change", "user.change_email"} <= {row["action"] for row in server.rows("SELECT action FROM events")}
        assert secret not in server.printed() + json.dumps(server.rows("SELECT * FROM mails"), default=str)


def test_addresses_outside_ascii_are_mailed_where_the_server_takes_them_and_refused_where_not(fake):
    body = lambda email: {"email": email, "password": HORSE, "name": "Ада"}
    with MailServer() as mail, gatehouse(fake, **mail.settings()) as server:
        assert post(server, "/api/auth/register", body("Ада@почта.example"))[0] == 201
        got = mail.box.wait()
        assert mail.box.envelopes[0][1] == ("ада@почта.example",) and got["to"] == "ада@почта.example"
        assert post(server, "/api/auth/email/verify", {"token": link(got)[1]})[0] == 200
    with MailServer(utf8=False) as mail, gatehouse(fake, **mail.settings()) as server:
        assert post(server, "/api/auth/register", body("Ада@почта.example"))[0] == 201
        assert settled(server, "dead")[0]["failure"].endswith("; without SMTPUTF8 a server takes no addresses outside ASCII"), "at once"
        assert register(server, "ada")[0] == 201
        assert mail.box.wait()["to"] == "ada@example.com"


LANGUAGES = {"en": "Confirm your address", "zh-CN,zh;q=0.9": "请确认您在", "zh-TW": "請確認您在", "ru-RU,ru;q=0.9,en;q=0.8": "Подтвердите адрес"}


def test_mails_speak_the_language_of_their_reader_and_nothing_in_them_is_markup(fake):
    with MailServer() as mail, gatehouse(fake, INVOICE_ISSUER="Läden & <Söhne>", **mail.settings()) as server:
        for number, (accepts, words) in enumerate(LANGUAGES.items(), 1):
            body = {"email": f"u{number}@example.com", "password": HORSE, "name": "<b>Bcc: x</b>"}
            assert post(server, "/api/auth/register", body, **{"accept-language": accepts})[0] == 201
            got = mail.box.wait(number)
            assert got["subject"].startswith(words) and "Läden & <Söhne>" in got["subject"], got["subject"]
            plain, html = got.get_body(("plain",)).get_content(), got.get_body(("html",)).get_content()
            assert "<b>Bcc: x</b>" in plain and "&lt;b&gt;Bcc: x&lt;/b&gt;" in html and "<b>" not in html and got["bcc"] is None
            assert all(len(line) <= 78 for line in got.as_bytes().decode().splitlines())


@pytest.mark.parametrize("tls, login_wanted", [("starttls", True), ("starttls", False), ("ssl", True), (None, True)])
def test_tls_and_login(fake, tls, login_wanted):
    with MailServer(tls, login_wanted) as mail, gatehouse(fake, **mail.settings()) as server:
        assert register(server, "ada")[0] == 201
        mail.box.wait()
        assert mail.box.envelopes[0][2:4] == (tls is not None, login_wanted)
        printed = server.printed()
        assert PASSWORD not in printed and USER + ":" not in printed
        arguments = pathlib.Path(f"/proc/{server.process.pid}/cmdline").read_text()
        assert "serve" in arguments and PASSWORD not in arguments


def check(server, **settings):
    done = subprocess.run(
        [far_side.program("GATEHOUSE_BIN", "gatehouse"), "check", "--json"], env={**server.environment(), **settings}, cwd=server.folder,
        capture_output=True, text=True, timeout=60)
    results = json.loads(done.stdout)
    return next(((one["state"], one["detail"]) for one in results if one["name"] == "mail"), None)


def test_check_says_what_is_wrong_with_the_mail_server(fake):
    with MailServer("starttls", True) as mail, MailServer() as plain, gatehouse(fake, LOG_LEVEL="warning") as server:
        assert check(server) is None, "no mail, nothing to look at"
        assert check(server, **mail.settings()) == ("good", f"localhost:{mail.port}, TLS")
        state, detail = check(server, **mail.settings(SMTP_PASSWORD="wrong-one"))
        assert state == "failed" and "SMTP_PASSWORD" in detail and "wrong-one" not in detail
        state, detail = check(server, **mail.settings(SMTP_CA_FILE=""))
        assert state == "failed" and "SMTP_CA_FILE" in detail, "a certificate that nobody vouches for"
        state, detail = check(server, **plain.settings(SMTP_STARTTLS="required"))
        assert state == "failed", "no STARTTLS, no mail"
        assert not mail.box.mails and not plain.box.mails and not plain.box.tries
        state, detail = check(server, SMTP_HOST="127.0.0.1", SMTP_PORT=str(free_port()))
        assert state == "failed" and "SMTP_HOST" in detail


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_nothing_is_sent_where_starttls_is_required_and_missing(fake):
    with MailServer() as mail, gatehouse(fake, **mail.settings(SMTP_STARTTLS="required")) as server:
        register(server, "ada")
        assert settled(server, "tried")[0]["state"] == "waiting"
        assert not mail.box.tries and not mail.box.mails


def test_a_refused_recipient_is_given_up_and_the_others_get_theirs(fake):
    with MailServer() as mail, gatehouse(fake, **mail.settings()) as server:
        mail.box.answers["gone@example.com"] = ["550 5.1.1 no such mailbox"] * 9
        assert register(server, "gone")[0] == 201 and register(server, "ada")[0] == 201
        assert mail.box.wait()["to"] == "ada@example.com"
        dead = settled(server, "dead")[0]
        assert dead["failure"] == "refused with 550" and dead["attempts"] == 1 and mail.box.tries.count("gone@example.com") == 1
        mail.box.answers["DATA"] = ["554 5.7.1 looks like spam"]
        assert register(server, "bob")[0] == 201
        assert {row["failure"] for row in settled(server, "dead", 2)} == {"refused with 550", "refused with 554"}
        mail.box.answers["gone@example.com"] = []
        listed = json.loads(server.command("mail", "list", "--state", "dead", "--json"))
        assert len(listed) == 2 and all(one["attempts"] == 1 for one in listed)
        retried = next(one["id"] for one in listed if one["failure"] == "refused with 550")
        server.command("mail", "retry", retried)
        assert mail.box.wait(2)["to"] == "gone@example.com"


def again(server):
    """What is waiting for another try is due now, as if the time had passed."""
    with contextlib.closing(sqlite3.connect(f"{server.folder}/data/gatehouse.db", timeout=10)) as database:
        database.execute("UPDATE mails SET next_at = 0, lease_until = NULL WHERE state = 'waiting'")
        database.commit()


def test_a_greylisting_server_gets_the_same_mail_later(fake):
    with MailServer() as mail, gatehouse(fake, **mail.settings()) as server:
        mail.box.answers["ada@example.com"] = ["451 4.7.1 greylisted, try again later"]
        assert register(server, "ada")[0] == 201
        row = settled(server, "tried")[0]
        assert row["state"] == "waiting" and row["failure"] == "deferred with 451" and 40_000 < row["next_at"] - row["created_at"] < 90_000
        again(server)
        got = mail.box.wait()
        assert got["message-id"] == f"<{row['id']}@example.com>"
        assert post(server, "/api/auth/email/verify", {"token": link(got)[1]})[0] == 200
        assert settled(server, "sent")[0]["attempts"] == 2 and len(server.rows("SELECT id FROM mail_links")) == 1


def test_a_server_that_is_down_is_tried_again_and_nothing_is_lost_by_a_crash(fake):
    port = free_port()
    with MailServer() as mail, gatehouse(fake, **mail.settings(SMTP_PORT=str(port))) as server:
        assert register(server, "ada")[0] == 201
        assert "connect" in settled(server, "tried")[0]["failure"].lower()
        server.kill()
        server.settings["SMTP_PORT"] = str(mail.port)
        again(server)
        server.start()
        mail.box.wait()


def test_a_server_that_hangs_holds_up_nothing_else(fake):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(50)
        with gatehouse(fake, SMTP_HOST="127.0.0.1", SMTP_PORT=str(silent.getsockname()[1])) as server:
            began = time.monotonic()
            for name in "abcdefgh":
                server.command("user", "create", f"{name}@example.com", stdin=HORSE + "\n")
            assert register(server, "ada")[0] == 201 and login(server, "ada")[0] == 200
            assert post(server, "/api/auth/password/forgot", {"email": "ada@example.com"})[0] == 202
            assert time.monotonic() - began < 20
            stopping = time.monotonic()
            server.stop()
            assert time.monotonic() - stopping < 10, "a stop does not wait for it"


def test_a_dry_run_keeps_mails_in_a_folder_of_the_owner(fake):
    with gatehouse(fake, SMTP_DRY_RUN="true", API_URL="http://shop.example.com") as server:
        assert register(server, "ada")[0] == 201
        settled(server, "sent")
        (kept,) = (server.folder / "data" / "mail").iterdir()
        assert kept.stat().st_mode & 0o077 == 0 and kept.name.startswith("mail_")
        assert link(email.message_from_bytes(kept.read_bytes(), policy=email.policy.default))[0] == "/account/verify"
        assert check(server, SMTP_DRY_RUN="true")[0] == "warning"


def test_without_a_mail_server_nobody_is_promised_a_mail(fake):
    with gatehouse(fake) as server:
        assert register(server, "ada")[0] == 201, "registering does not depend on it"
        status, answer = post(server, "/api/auth/password/forgot", {"email": "ada@example.com"})
        assert status == 409 and answer["error"]["code"] == "mail_off"


def test_what_is_bought_is_confirmed_by_mail_and_not_before_the_address_is(fake):
    with MailServer() as mail, gatehouse(fake, EMAIL_VERIFICATION="purchase", **mail.settings()) as server:
        server.command("plan", "create", "Начальный", "--kind", "relay", "--price", "9.99", "--days", "30")
        token = register(server, "ada", **{"accept-language": "ru"})[1]["token"]
        _, secret = link(mail.box.wait())
        number = json.loads(far_side.call(server.url + "/tariffs")[2])[0]["id"]
        wish = {"tariff_id": number, "provider": "manual"}
        status, answer = post(server, "/payments", wish, token)
        assert status == 403, answer
        me = json.loads(far_side.call(server.url + "/auth/me", headers={"authorization": f"Bearer {token}"})[2])
        assert me["status"] == "pending"
        assert post(server, "/api/auth/email/verify", {"token": secret})[0] == 200
        status, payment = post(server, "/payments", wish, token)
        assert status == 200, payment
        server.command("payment", "confirm", str(payment["id"]))
        got = mail.box.wait(2)
        assert got["subject"] == f"Платёж {payment['id']} получен"
        assert "9.99 USD" in got.get_body(("plain",)).get_content() and "Начальный" in got.get_body(("plain",)).get_content()
