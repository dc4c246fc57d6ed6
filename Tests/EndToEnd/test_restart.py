"""`kill -9` at any instant: what was relayed is in the ledger exactly once, to the token, and nothing stays pending.

Clients send streams and JSON requests without pause while the server is killed and started again on the same folder. Every request has an
input count of its own, so that the server's rows and the upstream's bill can be matched without trusting either's ids."""
import contextlib, http.client, json, os, random, subprocess, threading, time

import pytest

import far_side
from postgres import Database

KILLS = int(os.environ.get("RESTART_KILLS", "25"))
CLIENTS = 6
SEED = 20261121
FIELDS = {"input_tokens": "input_tokens", "output_tokens": "output_tokens", "cache_read_input_tokens": "cache_read_tokens"}


class Clients:
    """Threads that keep sending, whatever happens to the server, and note which requests were answered whole."""

    def __init__(self, relay, fake):
        self.relay, self.fake = relay, fake
        self.lock, self.sent, self.whole = threading.Lock(), 0, set()
        self.ending = threading.Event()
        self.threads = [threading.Thread(target=self._run, args=(number,), daemon=True) for number in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def _run(self, number):
        dice = random.Random(SEED + number)
        while not self.ending.is_set():
            with self.lock:
                self.sent += 1
                mark = 100_000 + self.sent
                usage = json.dumps({"input_tokens": mark, "output_tokens": dice.randrange(20, 60), "cache_read_input_tokens": dice.randrange(500)})
                # The queue is served in the order of arrival, so a mark says nothing about which client got it: answers tell.
                self.fake.script(far_side.RELAY_ACCOUNT, f"len={dice.choice([5, 30, 80])}|rate={dice.choice([400, 4000])}|usage={usage}")
            stream = dice.random() < 0.7
            try:
                answered = self._send(stream)
            except (OSError, http.client.HTTPException, ValueError):
                answered = None
                self.ending.wait(0.02)
            if answered:
                with self.lock:
                    self.whole.add(answered)

    def _send(self, stream):
        connection = http.client.HTTPConnection(self.relay.url.removeprefix("http://"), timeout=30)
        with contextlib.closing(connection):
            body = {"model": "claude-sonnet-5-5", "stream": stream, "max_tokens": 64, "messages": [{"role": "user", "content": "hi"}]}
            connection.request("POST", "/v1/messages", json.dumps(body), {"x-api-key": self.relay.key, "content-type": "application/json"})
            reply = connection.getresponse()
            text = reply.read().decode()
            if reply.status != 200:
                return None
            if not stream:
                return json.loads(text)["usage"]["input_tokens"]
            start = next(json.loads(line[6:]) for line in text.splitlines() if line.startswith("data:") and "message_start" in line)
            return start["message"]["usage"]["input_tokens"] if "message_stop" in text else None

    def end(self):
        self.ending.set()
        for thread in self.threads:
            thread.join(timeout=40)
            assert not thread.is_alive(), "a client hangs"


def until(condition, seconds=20):
    limit = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < limit, "it does not happen"
        time.sleep(0.05)
    return found


def test_a_second_server_on_one_sqlite_database_is_refused_and_a_killed_one_is_followed_at_once():
    if os.environ.get("RELAY_DIRECT") == "1":
        pytest.skip("RELAY_DIRECT=1: this test needs the server")
    with far_side.Fake() as fake, far_side.Gatehouse(fake) as relay:
        program = far_side.program("GATEHOUSE_BIN", "gatehouse")

        def run(*arguments):
            return subprocess.run([program, *arguments], env=relay.environment(), cwd=relay.folder, capture_output=True, text=True, timeout=30)

        backup = relay.folder / "one.backup"
        assert run("backup", "--to", str(backup)).returncode == 0, "commands work beside the server"
        for arguments in (["serve"], ["restore", "--from", str(backup), "--replace"]):
            second = run(*arguments)
            assert second.returncode == 1 and "gatehouse.db.lock" in second.stderr and "stop that one" in second.stderr, second
        assert far_side.call(relay.url + "/health/ready")[0] == 200
        relay.kill()
        relay.start()


@pytest.mark.long(40)
@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_acceptance_12_killed_at_random_instants_the_ledger_is_exact(database):
    if os.environ.get("RELAY_DIRECT") == "1":
        pytest.skip("RELAY_DIRECT=1: this test needs the server")
    dice = random.Random(SEED)
    with contextlib.ExitStack() as stack:
        postgres = stack.enter_context(Database()) if database == "postgres" else None
        fake = stack.enter_context(far_side.Fake())
        relay = stack.enter_context(far_side.Gatehouse(fake, postgres, LOG_LEVEL="warning"))
        clients = Clients(relay, fake)
        for _ in range(KILLS):
            time.sleep(dice.uniform(0.05, 0.5))  # the random instant is what is tested
            relay.kill()
            relay.start()
        clients.end()
        until(lambda: not relay.rows("SELECT id FROM requests WHERE status = 'pending'"))
        until(lambda: far_side.call(relay.url + "/health")[0] == 200 and json.loads(far_side.call(relay.url + "/health")[2])["stats"]["journal_pending"] == 0)
        bill = {}
        for entry in fake.ledger(far_side.RELAY_ACCOUNT):
            # An exchange that stopped half-way has a snapshot in the place of its usage; one that never began has neither.
            usage = entry["usage"] or entry["snapshot"]
            if usage:
                most = max(usage["output_tokens"], -(-entry["delta_bytes"] // 4) + 3 * entry["blocks"])
                bill[usage["input_tokens"]] = {**usage, "most_output": most}
        rows = relay.rows("SELECT * FROM ledger")
        relay.stop()

        marked = [row for row in rows if row["input_tokens"] in bill]
        assert len({row["input_tokens"] for row in marked}) == len(marked), "a request is booked twice"
        by_mark = {row["input_tokens"]: row for row in marked}
        missing = clients.whole - by_mark.keys()
        assert not missing, f"{len(missing)} answered requests are not in the ledger"
        for mark in clients.whole:
            assert by_mark[mark]["usage_source"] == "final", by_mark[mark]
        finals = snapshots = 0
        for mark, row in by_mark.items():
            billed = bill[mark]
            if row["usage_source"] == "final":
                finals += 1
                for theirs, ours in FIELDS.items():
                    assert row[ours] == billed[theirs], (row, billed)
            else:
                snapshots += 1
                assert row["cache_read_tokens"] == billed["cache_read_input_tokens"], (row, billed)
                assert row["output_tokens"] <= billed["most_output"], f"{row} {billed}"
        # The rest was sent, and the server died before it had read a number: an estimate, and never more of them than of bills.
        others = [row for row in rows if row["input_tokens"] not in bill]
        assert all(row["usage_source"] == "estimated" and row["output_tokens"] == 0 for row in others), others[:3]
        assert len(rows) <= len(bill) + CLIENTS * KILLS
        assert finals > 50 and snapshots > 5, f"too quiet to mean something: {finals} final, {snapshots} snapshots"

        totals = relay.rows("SELECT SUM(input_tokens) AS i, SUM(output_tokens) AS o, SUM(price_micro_usd) AS p FROM ledger WHERE charged")
        days = relay.rows("SELECT SUM(input_tokens) AS i, SUM(output_tokens) AS o, SUM(price_micro_usd) AS p FROM usage_days")
        assert all(row["account_id"] for row in rows), "every booked attempt names its account"
        assert totals == days
        assert not list((relay.folder / "data" / "journal").iterdir()), "a clean stop leaves no journal behind"
