"""Known secrets go in by every door, under a mixed load at the finest log level; afterwards none of them stands where it must not."""
import base64, json, os, pathlib, secrets, sqlite3, subprocess

import pytest

import far_side
from postgres import Postgres
from prepared import Prepared, message, read_until, until

ADMIN = "admin@example.com"
SHOWN_CHARACTERS = 12


@pytest.fixture(scope="module")
def known():
    """Every secret that the test itself knows, random so that no other text can be like it."""
    return {
        "account credential": "sk-ant-api03-" + secrets.token_urlsafe(48), "admin password": "Adm-" + secrets.token_urlsafe(24),
        "SECRET_KEY": secrets.token_urlsafe(40), "ENCRYPTION_KEY": secrets.token_urlsafe(40), "METRICS_TOKEN": secrets.token_urlsafe(30),
        "PROMOTE_SECRET": secrets.token_urlsafe(30)}


@pytest.fixture(scope="module")
def loaded(known):
    """A server that has seen all of it, its command lines and everything it said; `known` gains the relay key and the tokens."""
    if os.environ.get("RELAY_DIRECT") == "1":
        pytest.skip("RELAY_DIRECT=1: these tests need the server")
    with far_side.Fake() as fake:
        account = {"email": "far@example.com", "name": "far", "apiKey": known["account credential"], "baseUrl": fake.url}
        settings = {
            "CLAUDE_ACCOUNTS": json.dumps([account]), "ADMIN_EMAIL": ADMIN, "ADMIN_PASSWORD": known["admin password"], "LOG_LEVEL": "debug",
            **{name: known[name] for name in ("SECRET_KEY", "ENCRYPTION_KEY", "METRICS_TOKEN", "PROMOTE_SECRET")}}
        with Prepared(fake, {"small": ["--requests-per-minute", "1"]}, **settings) as relay:
            known["relay key"], known["second relay key"] = relay.key, relay.keys["small"]
            said = {}
            mixed_load(fake, relay, known, said)
            said["check"] = relay.command("check") + relay.command("check", "--json")
            said["key list"] = relay.command("key", "list", "--json")
            said["account list"] = relay.command("account", "list", "--json")
            said["command line"] = pathlib.Path(f"/proc/{relay.process.pid}/cmdline").read_bytes().decode()
            bearer = {"authorization": f"Bearer {known['METRICS_TOKEN']}"}
            status, _, metrics = far_side.call(relay.url + "/metrics", headers=bearer)
            assert status == 200
            said["metrics"] = metrics.decode()
            for path in ("/v1/request-history?limit=100", "/v1/models"):
                status, _, text = far_side.call(relay.url + path, headers={"x-api-key": relay.key})
                assert status == 200, text
                said[path] = text.decode()
            # What lies on the disk while it runs, the journal's files included; killed so that nothing is tidied up first.
            relay.kill()
            said["printed"] = relay.printed()
            files = {str(path.relative_to(relay.folder)): path.read_bytes() for path in relay.folder.rglob("*") if path.is_file()}
            yield relay, said, files


def mixed_load(fake, relay, known, said):
    errors = []
    steps = ["ok", "tool", "status=400", "cut-after=content_block_delta#2", "first-event-error;type=api_error", "ok"]
    fake.script(known["account credential"], *steps)
    for number in range(len(steps)):
        errors.append(relay.send(stream=number % 2 == 1)[2].decode())
    # The key in every header that can carry it, in the query where it does not count, and spoiled by one letter.
    for headers in ({"authorization": f"Bearer {relay.key}"}, {"x-goog-api-key": relay.key}, {"api-key": relay.key}):
        assert relay.send(key="", headers=headers)[0] == 200
    errors.append(relay.send(key="", path=f"/v1/messages?key={relay.key}")[2].decode())
    errors.append(relay.send(key=relay.key[:-1] + "!")[2].decode())
    errors.append(relay.send(body=b'{"model":7}')[2].decode())
    errors += [relay.send(relay.keys["small"])[2].decode() for _ in range(2)]
    with far_side.wire(relay.url, "/v1/messages", message(stream=True), relay.key) as connection:
        read_until(connection, b"message_start")
    errors.append(far_side.call(relay.url + f"/v1/{relay.key}", headers={"x-api-key": relay.key})[2].decode())

    def login(password):
        return far_side.call(relay.url + "/api/auth/login", {"email": ADMIN, "password": password}, {"content-type": "application/json"})

    status, _, text = login(known["admin password"])
    assert status == 200, text
    known["login token"] = next(value for value in json.loads(text).values() if isinstance(value, str) and value.count(".") == 2)
    errors.append(login(known["admin password"] + "x")[2].decode())
    session = {"authorization": f"Bearer {known['login token']}", "content-type": "application/json"}
    assert far_side.call(relay.url + "/api/auth/me", headers=session)[0] == 200
    status, _, text = far_side.call(relay.url + "/api/keys", {"name": "by door"}, session)
    assert status == 201, text
    known["third relay key"] = json.loads(text)["key"]
    said["keys"] = far_side.call(relay.url + "/api/keys", headers=session)[2].decode()
    errors.append(far_side.call(relay.url + "/api/auth/me", headers={"authorization": session["authorization"] + "x"})[2].decode())
    errors.append(far_side.call(relay.url + "/api/auth/promote", {"secret": known["PROMOTE_SECRET"]}, session)[2].decode())
    errors.append(far_side.call(relay.url + "/metrics", headers={"authorization": "Bearer " + known["METRICS_TOKEN"][:-1] + "!"})[2].decode())
    said["errors"] = "\n".join(errors)
    until(lambda: len(relay.ledger()) >= 5)


def traces(secret):
    """The secret as it stands and as it may be wrapped, and its tail alone."""
    plain = secret.encode()
    return [plain, plain.hex().encode(), base64.b64encode(plain).rstrip(b"=")[:-1], plain[SHOWN_CHARACTERS:]]


def test_no_secret_in_anything_that_was_said(loaded, known):
    _, said, _ = loaded
    assert len(known) == 10 and said["printed"].count("\n") > 20 and "gatehouse_relay_requests_total" in said["metrics"]
    found = [f"{name} in {place}" for name, secret in known.items() for place, text in said.items() if any(mark in text.encode() for mark in traces(secret))]
    assert not found
    # The search itself works: what may be seen of a key is found.
    assert any(known["third relay key"][:6] in text for text in said.values())


def test_no_secret_in_the_database_the_journal_or_any_other_file(loaded, known):
    _, _, files = loaded
    assert any(name.endswith("gatehouse.db") for name in files) and any("journal" in name for name in files), list(files)
    found = [f"{name} in {place}" for name, secret in known.items() for place, content in files.items() if any(mark in content for mark in traces(secret))]
    assert not found


def test_the_credential_is_sealed_in_the_database(loaded, known):
    relay, _, _ = loaded
    with sqlite3.connect(f"file:{relay.folder}/data/gatehouse.db?mode=ro", uri=True) as database:
        database.row_factory = sqlite3.Row
        rows = [dict(row) for row in database.execute("SELECT * FROM accounts")]
    assert len(rows) == 1
    sealed = [value for value in rows[0].values() if isinstance(value, bytes) and len(value) > len(known["account credential"]) + 40]
    # Version 1, then the data key's id of eight characters: what the server wrote there is a sealed value and no encoding.
    assert sealed and all(value[:2] == b"\x01\x08" for value in sealed)


def test_files_are_for_the_server_alone(loaded):
    relay, _, _ = loaded
    open_to_others = [str(path) for path in (relay.folder / "data").rglob("*") if path.stat().st_mode & 0o077]
    assert not open_to_others


def test_the_databases_password_is_never_said(known):
    if os.environ.get("RELAY_DIRECT") == "1":
        pytest.skip("RELAY_DIRECT=1: these tests need the server")
    password = "pg" + secrets.token_hex(24)
    wrong = "no" + secrets.token_hex(24)
    said = []
    with Postgres(password) as postgres, far_side.Fake() as fake, Prepared(fake, DATABASE_URL=postgres.url) as relay:
        assert relay.send()[0] == 200
        said.append(relay.command("check"))
        said.append(pathlib.Path(f"/proc/{relay.process.pid}/cmdline").read_bytes().decode())
        said.append(far_side.call(relay.url + "/metrics")[2].decode())

        def failing(url):
            done = subprocess.run(
                [far_side.program("GATEHOUSE_BIN", "gatehouse"), "check"], env={**relay.environment(), "DATABASE_URL": url}, cwd=relay.folder,
                capture_output=True, text=True, timeout=60)
            assert done.returncode == 1, done.stdout + done.stderr
            said.append(done.stdout + done.stderr)

        failing(postgres.url.replace(password, wrong))
        postgres.stop()
        failing(postgres.url)
        until(lambda: far_side.call(relay.url + "/health/ready")[0] == 503)
        said.append(far_side.call(relay.url + "/health")[2].decode())
        relay.kill()
        said.append(relay.printed())
        said += [path.read_bytes().decode("latin-1") for path in (relay.folder / "data").rglob("*") if path.is_file()]
    assert "postgres" in said[0].lower()
    assert not [text[:200] for text in said for secret in (password, wrong) if any(mark.decode() in text for mark in traces(secret))]
