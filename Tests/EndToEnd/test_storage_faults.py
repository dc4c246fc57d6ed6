"""The database locked by somebody else or gone, and a disk that is full: the relay records or refuses, never serves unrecorded, and stays up."""
import contextlib, json, os, sqlite3, subprocess, time

import pytest

import far_side
from postgres import Postgres

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
    """A file system of 24 MiB: three journal files and little more."""
    if os.geteuid() != 0:
        pytest.skip("NOT TESTED: a file system of our own needs root")
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m,mode=0700", "tmpfs", folder], check=True, capture_output=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


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
