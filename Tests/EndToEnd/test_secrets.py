"""Known secrets go in by every door, under a mixed load at the finest log level; afterwards none of them stands where it must not."""
import base64, concurrent.futures, json, os, pathlib, secrets, sqlite3, subprocess

import pytest

import far_side
from postgres import Postgres
from prepared import Prepared, message, read_until, until
from test_cli_worker import below, told

ADMIN = "admin@example.com"
SHOWN_CHARACTERS = 12


@pytest.fixture(scope="module")
def known():
    """Every secret that the test itself knows, random so that no other text can be like it."""
    return {
        "account credential": "sk-ant-api03-" + secrets.token_urlsafe(48), "admin password": "Adm-" + secrets.token_urlsafe(24),
        "SECRET_KEY": secrets.token_urlsafe(40), "ENCRYPTION_KEY": secrets.token_urlsafe(40), "METRICS_TOKEN": secrets.token_urlsafe(30),
        "PROMOTE_SECRET": secrets.token_urlsafe(30), "proxy password": secrets.token_urlsafe(30), "refresh token": secrets.token_urlsafe(40),
        "client secret": secrets.token_urlsafe(40), "program credential": "sk-ant-api03-" + secrets.token_urlsafe(48),
        "webhook secret": secrets.token_urlsafe(40), "other webhook secret": secrets.token_urlsafe(40)}


@pytest.fixture(scope="module")
def loaded(known, tmp_path_factory):
    """A server that has seen all of it, its command lines and everything it said; `known` gains the relay key and the tokens."""
    if os.environ.get("RELAY_DIRECT") == "1":
        pytest.skip("RELAY_DIRECT=1: these tests need the server")
    with far_side.Fake() as fake:
        account = {"email": "far@example.com", "name": "far", "apiKey": known["account credential"], "baseUrl": fake.url}
        settings = {
            "CLAUDE_ACCOUNTS": json.dumps([account]), "ADMIN_EMAIL": ADMIN, "ADMIN_PASSWORD": known["admin password"], "LOG_LEVEL": "debug",
            # Nobody listens there: what is not delivered is told in the log.
            "EVENT_WEBHOOK_URL": "http://127.0.0.1:9/hook", "EVENT_WEBHOOK_SECRET": known["webhook secret"],
            "EVENT_WEBHOOKS": json.dumps([{"name": "ops", "url": "http://127.0.0.1:9/ops", "secret": known["other webhook secret"]}]),
            "CLAUDE_CLI": str(program_that_answers(tmp_path_factory.mktemp("program"))),
            **{name: known[name] for name in ("SECRET_KEY", "ENCRYPTION_KEY", "METRICS_TOKEN", "PROMOTE_SECRET")}}
        with Prepared(fake, {"small": ["--requests-per-minute", "1"]}, **settings) as relay:
            known["relay key"], known["second relay key"] = relay.key, relay.keys["small"]
            said = {}
            mixed_load(fake, relay, known, said)
            more_accounts(fake, relay, known, said)
            chats(relay, known, said)
            said["check"] = relay.command("check") + relay.command("check", "--json")
            said["key list"] = relay.command("key", "list", "--json")
            said["account list"] = relay.command("account", "list", "--json")
            said["command line"] = pathlib.Path(f"/proc/{relay.process.pid}/cmdline").read_bytes().decode()
            bearer = {"authorization": f"Bearer {known['METRICS_TOKEN']}"}
            status, _, metrics = far_side.call(relay.url + "/metrics", headers=bearer)
            assert status == 200
            said["metrics"] = metrics.decode()
            for path in (
                    "/v1/request-history?limit=100", "/v1/models", "/v1/request-history/export?format=csv", "/v1/request-history/export?format=jsonl",
                    "/v1/key-info", "/v1/usage", "/api/conversations"):
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


def program_that_answers(folder):
    """In the place of the operator's command line client: works as long as its folder has the file `wait`."""
    path = folder / "program"
    result = json.dumps({"type": "result", "subtype": "success", "result": "of the program", "usage": {"input_tokens": 3, "output_tokens": 2}})
    path.write_text(f"#!/bin/sh\ncat > /dev/null\nwhile [ -e {folder}/wait ]; do sleep 0.05; done\necho '{result}'\n")
    path.chmod(0o755)
    (folder / "wait").touch()
    return path


def more_accounts(fake, relay, known, said):
    """An account behind a proxy that is not there, one that renews its token, one for the program; each with secrets of its own."""
    files = {
        "proxy": f"http://user:{known['proxy password']}@127.0.0.1:9", "refresh": known["refresh token"], "client": known["client secret"]}
    for name, text in files.items():
        (relay.folder / name).write_text(text + "\n")
    out = relay.command("account", "add", "behind", "--base-url", fake.url, "--priority", "1", "--proxy-file", "proxy", stdin="sk-account-behind\n")
    out += relay.command(
        "account", "add", "renewed", "--kind", "oauth", "--base-url", fake.url, "--token-url", fake.url + "/oauth/token", "--client-id", "client-1",
        "--refresh-token-file", "refresh", "--client-secret-file", "client", "--priority", "2")
    out += relay.command("account", "add", "program", "--kind", "cli", "--base-url", fake.url, "--priority", "1", stdin=known["program credential"] + "\n")
    for name in files:
        (relay.folder / name).unlink()
    until(lambda: relay.printed().count("account.") > 0 and relay.send()[0] == 200 and "upstream.failed" in relay.printed())
    out += relay.command("account", "list", "--json") + relay.command("account", "explain", "claude-sonnet-5-5", "--json")
    key = json.loads(relay.command("key", "list", "--json"))[0]["id"]
    said["account commands"] = out + relay.command("key", "explain", key, "--json")
    for account in json.loads(relay.command("account", "list", "--json")):
        if account["name"] in ("behind", "renewed"):
            relay.command("account", "disable", account["id"])


def chats(relay, known, said):
    """The chat interface with the key in the address, and the arguments of everything that runs meanwhile."""
    program = relay.settings["CLAUDE_CLI"]
    wait = pathlib.Path(program).parent / "wait"
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        asked = pool.submit(far_side.call, f"{relay.url}/api/chat/stream?message=hello+marmalade&apiKey={relay.key}")

        def arguments():
            """None before the program itself is among them; its `sleep` comes and goes."""
            all_of_them = b"\n".join(told([relay.process.pid, *below(relay.process.pid)], "cmdline").values()).decode()
            return all_of_them if program in all_of_them else None

        said["arguments of all processes"] = until(arguments)
        wait.unlink()
        status, _, text = asked.result()
    assert status == 200 and b"of the program" in text, text
    said["chat"] = text.decode()
    status, _, text = far_side.call(relay.url + "/api/chat/tickets", b"{}", {"x-api-key": relay.key, "content-type": "application/json"})
    known["chat ticket"] = json.loads(text)["ticket"]
    status, _, text = far_side.call(f"{relay.url}/api/chat/stream?message=again&ticket={known['chat ticket']}")
    assert status == 200
    said["chat by ticket"] = text.decode()
    # Spoiled: an error says nothing of what it was given either.
    said["chat errors"] = "".join(
        far_side.call(f"{relay.url}/api/chat/stream?message=again&{query}")[2].decode()
        for query in (f"ticket={known['chat ticket']}x", f"apiKey={relay.key[:-1]}!", f"key={relay.key}0"))


def traces(secret):
    """The secret as it stands and as it may be wrapped, and its tail alone."""
    plain = secret.encode()
    return [plain, plain.hex().encode(), base64.b64encode(plain).rstrip(b"=")[:-1], plain[SHOWN_CHARACTERS:]]


def test_acceptance_13_no_secret_in_logs_metrics_history_exports_errors_or_arguments(loaded, known):
    _, said, _ = loaded
    assert "--output-format" in said["arguments of all processes"] and said["/v1/request-history/export?format=csv"].count("\n") > 5
    assert len(known) == 17 and said["printed"].count("\n") > 20 and "gatehouse_relay_requests_total" in said["metrics"]
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
    rows = [row for row in rows if row["name"] == "far"]
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
