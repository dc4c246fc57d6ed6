"""The operator's commands on real data, on both databases: migrate, backup while requests run, restore, rotation of secrets, exit codes."""
import json, os, shutil, subprocess, threading

import pytest

import far_side
from postgres import Database
from prepared import Prepared, until

COUNTED = ("users", "api_keys", "accounts", "requests", "ledger", "usage_days")


@pytest.fixture(params=["sqlite", "postgres"])
def far(request):
    """A fake upstream and, for one of the two runs, a PostgreSQL server."""
    if os.environ.get("RELAY_DIRECT") == "1":
        pytest.skip("RELAY_DIRECT=1: these tests need the server")
    with far_side.Fake() as fake:
        if request.param == "sqlite":
            yield fake, None
        else:
            with Database() as postgres:
                yield fake, postgres


def attempt(relay, *arguments, **settings):
    """(exit code, output and errors) of a command that may fail."""
    done = subprocess.run(
        [far_side.program("GATEHOUSE_BIN", "gatehouse"), *arguments], env={**relay.environment(), **settings}, cwd=relay.folder, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


def counts(relay):
    return {table: relay.rows(f"SELECT COUNT(*) AS n FROM {table}")[0]["n"] for table in COUNTED}


def test_a_backup_taken_under_load_restores_to_a_server_that_goes_on(far):
    fake, postgres = far
    with Prepared(fake, postgres=postgres, LOG_LEVEL="warning") as relay:
        ending = threading.Event()
        answered = []

        def send():
            while not ending.is_set():
                answered.append(relay.send()[0])

        client = threading.Thread(target=send)
        client.start()
        try:
            until(lambda: len(relay.ledger()) >= 20)
            made = json.loads(relay.command("backup", "--to", "full.backup", "--json"))
            sent = len(answered)
            until(lambda: len(answered) > sent + 5)
        finally:
            ending.set()
            client.join(timeout=30)
        assert set(answered) == {200}
        relay.quiet()
        assert made["rows"]["ledger"] >= 20 and 0 < made["bytes"] <= (relay.folder / "full.backup").stat().st_size
        assert len(relay.ledger()) == len(answered) > made["rows"]["ledger"]
        relay.stop()

        code, said = attempt(relay, "restore", "--from", "full.backup")
        assert code == 1 and "holds data already" in said and "--replace" in said
        restored = json.loads(relay.command("restore", "--from", "full.backup", "--replace", "--json"))
        assert restored["former"] and restored["rows"] == made["rows"]
        assert counts(relay) == {table: made["rows"].get(table, 0) for table in COUNTED}
        if postgres is None:
            assert (relay.folder / restored["former"]).exists(), "the former database is kept"
        relay.start()
        assert relay.send()[0] == 200, "keys, sealed account secrets and the rest came back"
        assert len(relay.settled(made["rows"]["ledger"] + 1)) == made["rows"]["ledger"] + 1


def test_a_backup_restores_where_nothing_was_before(far):
    fake, postgres = far
    with Prepared(fake, postgres=postgres, LOG_LEVEL="warning") as relay:
        assert [relay.send()[0] for _ in range(3)] == [200] * 3
        relay.quiet()
        relay.command("backup", "--to", "full.backup")
        before = counts(relay)
        relay.stop()
        elsewhere = postgres.create_database() if postgres else f"sqlite:///{relay.folder}/elsewhere/new.db"
        code, said = attempt(relay, "restore", "--from", "full.backup", DATABASE_URL=elsewhere)
        assert code == 0, said
        if postgres:
            postgres.url = elsewhere
        else:
            shutil.copy(relay.folder / "elsewhere" / "new.db", relay.folder / "data" / "gatehouse.db")
        assert counts(relay) == before
        relay.start()
        assert relay.send()[0] == 200


def test_a_backup_that_is_not_whole_replaces_nothing(far):
    fake, postgres = far
    with Prepared(fake, postgres=postgres, LOG_LEVEL="warning") as relay:
        assert relay.send()[0] == 200
        relay.quiet()
        relay.command("backup", "--to", "full.backup")
        relay.stop()
        before = counts(relay)
        path = relay.folder / "full.backup"
        whole = path.read_bytes()
        middle = len(whole) // 2
        damages = {
            "cut": whole[:middle], "added to": whole + b"x", "changed": whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :], "empty": b"",
            "not a backup": b"hello\n" * 100, "missing": None}
        for damage, content in damages.items():
            path.unlink()
            if content is not None:
                path.write_bytes(content)
                path.chmod(0o600)
            code, said = attempt(relay, "restore", "--from", "full.backup", "--replace")
            assert code == 1 and "backup" in said, (damage, said)
            assert counts(relay) == before, damage
            path.touch()
        relay.start()
        assert relay.send()[0] == 200


def test_migrations_are_shown_before_they_are_run(far):
    fake, postgres = far
    relay = Prepared(fake, postgres=postgres)
    try:
        (relay.folder / "data").mkdir(mode=0o700)
        code, said = attempt(relay, "migrate", "--check")
        assert code == 1 and "foundation" in said.lower(), said
        if postgres is None:
            assert "no database" in said, said
            code, said = attempt(relay, "user", "list")
            assert code == 1 and "gatehouse migrate" in said, said
            assert not list((relay.folder / "data").iterdir()), "looking makes nothing"
        assert attempt(relay, "migrate")[0] == 0
        code, said = attempt(relay, "migrate", "--check")
        assert code == 0, said
        assert attempt(relay, "migrate")[0] == 0, "running it again changes nothing"
    finally:
        shutil.rmtree(relay.folder)


def test_a_backup_of_nothing_says_what_to_do_and_leaves_nothing(tmp_path):
    if os.environ.get("RELAY_DIRECT") == "1":
        pytest.skip("RELAY_DIRECT=1: these tests need the server")
    done = subprocess.run(
        [far_side.program("GATEHOUSE_BIN", "gatehouse"), "backup", "--to", "full.backup"], env={"PATH": os.environ["PATH"], "DATA_DIR": str(tmp_path / "data")},
        cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "gatehouse migrate" in done.stderr, done.stderr
    assert not (tmp_path / "data" / "gatehouse.db").exists() and not (tmp_path / "full.backup").exists()


def none(kind):
    """An id that nothing has."""
    return f"{kind}_" + "0" * 32


ANN = "ann@example.com"
# What needs a database that is there already, with words it takes; and what makes one when it comes first, or has a rule of its own.
LOOKS = {
    "backup": ["--to", "full.backup"], "history cleanup": [], "secrets rotate": [],
    "user promote": [ANN], "user passwd": [ANN], "user block": [ANN], "user unblock": [ANN], "user limits": [ANN], "user invite": [ANN], "user list": [],
    "user token create": [ANN, "--name", "n", "--scopes", "read"], "user token list": [ANN], "user token revoke": [none("tok")],
    "user totp show": [ANN], "user totp begin": [ANN], "user totp confirm": [ANN], "user totp end": [ANN], "user team": [ANN, "none"], "user shared-limits": [ANN],
    "key list": [], "key revoke": [none("key")], "key edit": [none("key"), "{}"], "key rotate": [none("key")], "key disable": [none("key")],
    "key enable": [none("key")], "key explain": [none("key")], "key purge-bodies": [none("key")],
    "team edit": [none("team")], "team list": [], "team delete": [none("team")], "price list": [], "model list": [],
    "account edit": [none("acc")], "account list": [], "account test": [none("acc")], "account refresh": [none("acc")], "account enable": [none("acc")],
    "account disable": [none("acc")], "account reset": [none("acc")], "account delete": [none("acc")], "account explain": ["claude-sonnet-5-5"],
    "account bind": [none("key"), "pool"], "account group list": [], "account group edit": ["near"], "account group delete": ["near"],
    "plan list": [], "plan retire": ["1"], "service list": [], "service show": [none("svc")], "service suspend": [none("svc")],
    "service resume": [none("svc")], "service terminate": [none("svc"), "--yes"], "service reconcile": [], "payment list": [], "payment confirm": ["1"],
    "payment refund": ["1"], "import peers": ["near"], "vpn node list": [], "vpn node test": ["near"], "vpn node status": ["near", "active"],
    "vpn peers": [], "vpn reset": [none("svc")], "mail list": [], "mail retry": [none("mail")], "webhook list": [], "webhook enable": ["shop"],
    "webhook disable": ["shop"], "webhook events": [], "webhook replay": [none("evt")],
}
MAKES = {
    "user create", "key create", "team add", "price import", "model set", "account add", "account login", "account group add", "plan create", "import vpn-api",
    "import relay-keys", "vpn node add",
}
OWN_RULE = {"serve", "migrate", "check", "restore", "openapi", "version"}


def test_only_what_makes_something_makes_a_database(tmp_path):
    """A path with a mistake in it is said, not answered with the nothing of a new and empty database."""
    if os.environ.get("RELAY_DIRECT") == "1":
        pytest.skip("RELAY_DIRECT=1: these tests need the server")
    database = tmp_path / "data" / "gatehouse.db"

    def run(*words):
        return subprocess.run(
            [far_side.program("GATEHOUSE_BIN", "gatehouse"), *words], env={"PATH": os.environ["PATH"], "DATA_DIR": str(database.parent)}, cwd=tmp_path,
            input="one line\n", capture_output=True, text=True, timeout=60)

    overview = run("--help").stdout
    listed = {line.strip().split("  ")[0] for line in overview.splitlines() if line.startswith("  ")}
    assert listed == set(LOOKS) | MAKES | OWN_RULE, "each command is of one of the three sorts"
    for name, words in LOOKS.items():
        done = run(*name.split(), *words)
        assert done.returncode == 1 and "there is no database" in done.stderr, (name, done.stdout, done.stderr)
        assert not database.parent.exists(), name
    assert run("team", "add", "near").returncode == 0 and database.exists()


def test_prices_imported_before_the_first_start_come_beside_the_starting_ones(far):
    fake, postgres = far
    relay = far_side.Gatehouse(fake, postgres=postgres)
    try:
        (relay.folder / "data").mkdir(mode=0o700)
        assert attempt(relay, "migrate")[0] == 0
        row = {"model": "claude-sonnet-5-5", "input": 9000, "output": 90000, "cache_write_5m": 1, "cache_write_1h": 1, "cache_read": 1,
               "effective_from": "2026-11-01T00:00:00Z"}
        (relay.folder / "prices.json").write_text(json.dumps([row]))
        assert "1 of 1" in relay.command("price", "import", "prices.json")
        listed = json.loads(relay.command("price", "list", "--json"))
        assert {price["source"] for price in listed} == {"starting", "import"} and listed[-1]["input"] == 9000 and len(listed) > 20
        relay.key = relay.create_key("priced")
        relay.start()
        body = {"model": "claude-sonnet-5-5", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
        fake.script(far_side.RELAY_ACCOUNT, 'usage={"input_tokens":1000,"output_tokens":100}')
        assert far_side.call(relay.url + "/v1/messages", body, {"x-api-key": relay.key, "content-type": "application/json"})[0] == 200
        booked = relay.settled(1)[0]
        assert booked["cost_micro_usd"] == 1000 * 9 + 100 * 90 and "price_missing" not in booked["price_flags"]
    finally:
        relay.stop()
        shutil.rmtree(relay.folder)


def test_sealed_secrets_move_to_a_new_data_key_under_a_running_server(far):
    fake, postgres = far
    with Prepared(fake, postgres=postgres, LOG_LEVEL="warning") as relay:
        before = relay.rows("SELECT id, secret_sealed FROM accounts")
        rotated = relay.command("secrets", "rotate")
        after = relay.rows("SELECT id, secret_sealed FROM accounts")
        assert rotated and [row["id"] for row in before] == [row["id"] for row in after] and before != after
        assert relay.send()[0] == 200
        relay.kill()
        relay.start()
        assert relay.send()[0] == 200


def test_another_encryption_key_is_taken_only_while_no_server_runs(far):
    fake, postgres = far
    with Prepared(fake, postgres=postgres, LOG_LEVEL="warning", ENCRYPTION_KEY="first-key-only-for-tests") as relay:
        assert relay.send()[0] == 200
        (relay.folder / "old-key").write_text("first-key-only-for-tests")
        words = ("secrets", "rotate", "--old-key-file", "old-key")
        code, said = attempt(relay, *words, ENCRYPTION_KEY="second-key-only-for-tests")
        assert code == 1 and "stop" in said and "old ENCRYPTION_KEY" in said, said
        assert relay.send()[0] == 200
        relay.stop()
        relay.settings["ENCRYPTION_KEY"] = "second-key-only-for-tests"
        if postgres:  # whose connections end a moment later
            until(lambda: attempt(relay, *words)[0] == 0)
        else:
            assert attempt(relay, *words)[0] == 0
        relay.start()
        assert relay.send()[0] == 200


@pytest.mark.parametrize(
    "words, code", [(["nonsense"], 2), (["key", "create"], 2), (["key", "create", "x", "--expires", "never"], 2), (["key", "revoke", "key_wrong"], 2),
                    (["account", "test", "acc_" + "0" * 32], 1), (["user", "passwd", "nobody@example.com"], 1), (["version"], 0), (["--help"], 0)])
def test_exit_codes_tell_wrong_use_from_failure(server, words, code):
    got, said = attempt(server, *words)
    assert got == code and said.strip(), said
