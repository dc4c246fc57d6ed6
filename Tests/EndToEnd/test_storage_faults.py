"""The database locked by somebody else or gone, and a disk that is full: the relay records or refuses, never serves unrecorded, and stays up."""
import contextlib, json, os, shutil, sqlite3, subprocess, time

import pytest

import far_side
from postgres import Postgres
from read_only_disk import disk  # noqa: F401 (a fixture)
from test_payments import Receiver

MESSAGE = {"model": "claude-sonnet-5-5", "max_tokens": 64, "messages": [{"role": "user", "content": "hi"}]}


def send(relay):
    return far_side.call(relay.url + "/v1/messages", MESSAGE, {"x-api-key": relay.key, "content-type": "application/json"})


def until(condition, seconds=30):
    limit = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < limit, "it does not happen"
        time.sleep(0.05)
    return found


@pytest.fixture
def needs_server():
    if os.environ.get("RELAY_DIRECT") == "1":
        pytest.skip("RELAY_DIRECT=1: this test needs the server")


def test_a_locked_database_holds_up_writes_and_not_the_relay(needs_server, fake):
    with far_side.Gatehouse(fake) as relay:
        login = {"email": "admin@example.com", "password": relay.environment()["ADMIN_PASSWORD"]}
        with contextlib.closing(sqlite3.connect(relay.folder / "data" / "gatehouse.db", isolation_level=None, timeout=10)) as other:
            other.execute("BEGIN IMMEDIATE")
            answers = [send(relay) for _ in range(20)]
            assert [status for status, _, _ in answers] == [200] * 20
            status, headers, text = far_side.call(relay.url + "/api/auth/login", login, {"content-type": "application/json"})
            assert status == 503 and int(headers["retry-after"]) >= 1, text
            assert relay.process.poll() is None
            other.execute("ROLLBACK")
        assert len(relay.settled(20)) == 20, "the journal catches up"
        assert until(lambda: far_side.call(relay.url + "/api/auth/login", login, {"content-type": "application/json"})[0] == 200)
        booked = sorted(row["output_tokens"] for row in relay.ledger())
        assert booked == sorted(json.loads(text)["usage"]["output_tokens"] for _, _, text in answers)


def test_a_postgresql_that_is_gone_holds_up_writes_and_not_the_relay(needs_server, fake):
    with Postgres("only-for-tests") as postgres, far_side.Gatehouse(fake, postgres) as relay:
        login = {"email": "admin@example.com", "password": relay.environment()["ADMIN_PASSWORD"]}
        postgres.stop()
        answers = [send(relay) for _ in range(20)]
        assert [status for status, _, _ in answers] == [200] * 20
        status, headers, text = far_side.call(relay.url + "/api/auth/login", login, {"content-type": "application/json"})
        assert status == 503 and int(headers["retry-after"]) >= 1, text
        status, _, text = until(lambda: (answer := far_side.call(relay.url + "/health"))[0] == 503 and answer)
        assert json.loads(text)["components"]["postgres"]["status"] == "unhealthy", text
        assert relay.process.poll() is None
        # Killed with the database still gone, so that only the journal's files have the usage.
        relay.kill()
        postgres.start()
        relay.start()
        assert len(relay.settled(20)) == 20, "the journal catches up"
        assert until(lambda: far_side.call(relay.url + "/api/auth/login", login, {"content-type": "application/json"})[0] == 200)
        assert until(lambda: far_side.call(relay.url + "/health")[0] == 200)
        booked = sorted(row["output_tokens"] for row in relay.ledger())
        assert booked == sorted(json.loads(text)["usage"]["output_tokens"] for _, _, text in answers)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 32 MiB: the journal's files, and room for the database's log, which may grow to 16 MiB before it is folded in."""
    if os.geteuid() != 0:
        pytest.skip("NOT TESTED: a file system of our own needs root")
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32m,mode=0700", "tmpfs", folder], check=True, capture_output=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


@pytest.mark.long(40)
def test_a_full_disk_refuses_before_anything_is_spent_and_recovers(needs_server, fake, small_disk):
    with far_side.Gatehouse(fake, DATA_DIR=str(small_disk / "data"), MAX_WORKERS="1") as relay:
        assert send(relay)[0] == 200
        ballast = small_disk / "ballast"
        with contextlib.suppress(OSError), open(ballast, "wb") as file:
            while True:
                file.write(b"x" * 65536)
                file.flush()
        served = 0
        refused = None
        for _ in range(4000):
            status, headers, text = send(relay)
            if status == 200:
                served += 1
                continue
            refused = (status, headers["retry-after"], json.loads(text)["error"]["details"]["error_code"])
            break
        assert relay.process.poll() is None, "the process stays up"
        if refused:
            assert refused[0] == 503 and refused[1] and refused[2] == "usage_cannot_be_recorded", refused
        upstream = len(fake.requests(far_side.RELAY_ACCOUNT))
        assert upstream == served + 1, "what was refused was not sent"
        ballast.unlink()
        until(lambda: send(relay)[0] == 200)
        total = served + 2
        database = small_disk / "data" / "gatehouse.db"

        def booked():
            with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)) as connection:
                return connection.execute("SELECT COUNT(*) FROM ledger").fetchone()[0]

        assert until(lambda: booked() >= total), "everything that was served is booked"
        assert booked() == total


@pytest.mark.long(30)
def test_a_database_that_became_read_only_holds_up_writes_and_not_the_relay(needs_server, fake):
    with Postgres("only-for-tests") as postgres, far_side.Gatehouse(fake, postgres) as relay:
        login = {"email": "admin@example.com", "password": relay.environment()["ADMIN_PASSWORD"]}

        # It comes back as a standby: everything can be read, nothing written.
        postgres.stop()
        standby = postgres.folder / "data" / "standby.signal"
        standby.touch()
        if postgres.runner:
            shutil.chown(standby, "postgres")
        postgres.start()
        assert postgres.rows("SELECT pg_is_in_recovery() AS now") == [{"now": True}]
        status, headers, text = until(
            lambda: (answer := far_side.call(relay.url + "/api/auth/login", login, {"content-type": "application/json"}))[0] != 200 and answer)
        assert status == 503 and int(headers["retry-after"]) >= 1, text
        before = len(relay.ledger())
        answers = [send(relay) for _ in range(20)]
        assert [status for status, _, _ in answers] == [200] * 20
        pending = lambda: json.loads(far_side.call(relay.url + "/health")[2])["stats"]["journal_pending"]
        until(lambda: pending() >= 20)
        assert len(relay.ledger()) == before and relay.process.poll() is None
        postgres.execute("SELECT pg_promote()")
        rows = relay.settled(before + 20)
        assert len(rows) == before + 20, "the journal catches up"
        booked = sorted(row["output_tokens"] for row in rows[before:])
        assert booked == sorted(json.loads(text)["usage"]["output_tokens"] for _, _, text in answers)
        until(lambda: pending() == 0)
        assert until(lambda: far_side.call(relay.url + "/api/auth/login", login, {"content-type": "application/json"})[0] == 200)


@pytest.mark.long(20)
def test_a_sqlite_file_that_became_read_only_is_told_of_and_nothing_is_lost(needs_server, fake, disk):  # noqa: F811
    database, receiver = disk.folder / "gatehouse.db", Receiver()

    def booked():
        with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)) as connection:
            return sorted(row[0] for row in connection.execute("SELECT output_tokens FROM ledger"))

    try:
        with far_side.Gatehouse(
                fake, DATABASE_URL=f"sqlite:///{database}", EVENT_WEBHOOK_URL=receiver.url,
                EVENT_WEBHOOK_SECRET="whsec_YWJjZGVmMDEyMzQ1Njc4OTAxMjM0NTY3") as relay:
            login = {"email": "admin@example.com", "password": relay.environment()["ADMIN_PASSWORD"]}
            answers = [send(relay)]
            until(lambda: len(booked()) == 1)
            disk.fail()
            answers += [send(relay) for _ in range(20)]
            assert [status for status, _, _ in answers] == [200] * 21
            status, headers, text = far_side.call(relay.url + "/api/auth/login", login, {"content-type": "application/json"})
            assert status == 503 and int(headers["retry-after"]) >= 1, text
            until(lambda: receiver.got, 60)
            event = json.loads(receiver.got[0][1])
            assert event["type"] == "relay.store.unavailable" and event["data"]["since"] and event["data"]["reason"], event
            until(lambda: "store.unavailable" in relay.printed())
            assert relay.process.poll() is None
            pending = json.loads(far_side.call(relay.url + "/health")[2])["stats"]["journal_pending"]
            assert pending >= 20, "the health page says what is not booked yet"
            # Killed, so that only the journal's files have the usage; then the disk is mended.
            relay.kill()
            disk.mend()
            relay.start()
            spent = sorted(json.loads(text)["usage"]["output_tokens"] for _, _, text in answers)
            assert until(lambda: booked() == spent), "everything that was served is booked, once"
            assert until(lambda: far_side.call(relay.url + "/api/auth/login", login, {"content-type": "application/json"})[0] == 200)
    finally:
        receiver.server.shutdown()
        receiver.server.server_close()


@pytest.mark.parametrize("damage", ["garbage after the last record", "half a record", "a bit of the last record"])
def test_a_journal_whose_tail_is_damaged_loses_nothing_before_it_and_is_kept(needs_server, fake, damage):
    with far_side.Gatehouse(fake) as relay:
        journal = relay.folder / "data" / "journal"
        with contextlib.closing(sqlite3.connect(relay.folder / "data" / "gatehouse.db", isolation_level=None, timeout=10)) as other:
            other.execute("BEGIN IMMEDIATE")  # so that only the journal has the usage
            answers = [send(relay) for _ in range(20)]
            assert [status for status, _, _ in answers] == [200] * 20
            relay.kill()
            other.execute("ROLLBACK")
        files = [path for path in journal.iterdir() if path.suffix == ".journal" and path.read_bytes().strip(b"\0")]
        lost = 0
        for path in files:
            content = bytearray(path.read_bytes())
            end = len(content.rstrip(b"\0"))
            if damage.startswith("garbage"):
                content[end + 64 : end + 128] = os.urandom(64)
            elif damage.startswith("half"):
                content[end - 20 : end] = bytes(20)
                lost += 1
            else:
                content[end - 20] ^= 1
                lost += 1
            path.write_bytes(content)
        relay.start()
        rows = relay.settled(20)
        # A settlement that cannot be read leaves its admission: that request is booked too, by an estimate of its input.
        exact = [row["output_tokens"] for row in rows if row["usage_source"] == "final"]
        assert len(rows) == 20 and len(exact) >= 20 - lost, rows
        assert all(row["usage_source"] == "estimated" and row["input_tokens"] > 0 for row in rows if row["usage_source"] != "final"), rows
        answered = [json.loads(text)["usage"]["output_tokens"] for _, _, text in answers]
        for tokens in exact:
            answered.remove(tokens)
        kept = [path.name for path in journal.iterdir() if path.name.endswith(".damaged")]
        assert len(kept) == len(files), "a damaged file is kept for a person to look at"
        until(lambda: "journal.damaged" in relay.printed())  # lines are written a moment later
        status, _, text = far_side.call(relay.url + "/metrics")
        assert status == 200 and f"gatehouse_journal_damaged_total {len(files)}" in text.decode()
