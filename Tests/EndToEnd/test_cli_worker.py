"""Accounts of the kind `cli`: the real Claude Code program as a worker behind /api/chat, and behind nothing else. It gets the fake upstream
as its base URL, so that it can reach nothing but this machine."""
import json, os, pathlib, time

import pytest

import far_side
from prepared import Prepared, message, read_until, until
from test_claude_code import program

CREDENTIAL = "sk-account-program"
PROMPT = "the marmalade prompt"


@pytest.fixture(scope="module")
def standing():
    if os.environ.get("RELAY_DIRECT") == "1":
        pytest.skip("RELAY_DIRECT=1: these tests need the server")
    with far_side.Fake() as fake, Prepared(fake, CLAUDE_CLI=program(), CLAUDE_CLI_CONCURRENCY="2", CLAUDE_CLI_TIMEOUT="60") as relay:
        made = json.loads(relay.command("account", "add", "own", "--kind", "cli", "--base-url", fake.url, "--json", stdin=CREDENTIAL + "\n"))
        until(lambda: relay.metric(r'gatehouse_relay_accounts\{status="active"\}') == 2)
        yield fake, relay, made["id"]


@pytest.fixture
def far(standing):
    fake, relay, account = standing
    fake.reset()
    relay.quiet()
    # A reset is heard of some seconds later: one that is not needed would end what the test is about to cause.
    if any(one["status"] != "active" for one in json.loads(relay.command("account", "list", "--json"))):
        relay.command("account", "reset", account)
    until(lambda: relay.metric(r'gatehouse_relay_accounts\{status="active"\}') == 2)
    relay.quiet()
    return fake, relay, account


def ask(relay, **more):
    body = json.dumps({"message": PROMPT, "model": "claude-sonnet-5-5", "max_tokens": 500, **more}).encode()
    status, headers, text = far_side.call(relay.url + "/api/chat", body, {"content-type": "application/json", "x-api-key": relay.key}, timeout=90)
    return status, headers, text.decode()


def below(pid):
    """Process numbers of everything that this process has started, and what they have."""
    parents = {}
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] != "Z":
            parents[int(path.parent.name)] = int(fields[1])
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {pid}


def told(pids, name):
    """What proc(5) says of each of these in the file of this name; a process may end before it is asked."""
    said = {}
    for pid in pids:
        try:
            said[pid] = pathlib.Path(f"/proc/{pid}/{name}").read_bytes()
        except OSError:
            continue
    return said


def alive(pids):
    """Those that still run; a process that has ended may wait for its parent to notice."""
    def state(pid):
        try:
            return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return "Z"
    return [pid for pid in pids if state(pid) != "Z"]


def test_a_conversation_through_the_real_program_is_metered_like_any_other(far):
    fake, relay, account = far
    booked = len(relay.ledger())
    status, headers, text = ask(relay, system="Answer with one word.")
    first = json.loads(text)
    assert status == 200 and first["response"] and first["model"] == "claude-sonnet-5-5", text
    status, headers, text = ask(relay, message="And now?", conversation_id=first["conversation_id"], stream=True)
    frames = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")]
    assert status == 200 and [frame["type"] for frame in (frames[0], frames[-1])] == ["start", "done"], text
    assert "".join(frame["text"] for frame in frames if frame["type"] == "delta") == frames[-1]["text"] != ""
    seen = fake.requests(CREDENTIAL, finished=2)
    assert len(seen) == 2 and fake.violations(far_side.RELAY_ACCOUNT) == []
    agents = {dict((name.lower(), value) for name, value in one["headers"])["user-agent"] for one in seen}
    assert all(agent.startswith("claude-cli/") for agent in agents), "the program speaks for itself"
    billed = [(row["usage"]["input_tokens"], row["usage"]["output_tokens"]) for row in fake.ledger(CREDENTIAL, finished=2)]
    rows = relay.settled(booked + 2)[booked:]
    assert [(row["input_tokens"], row["output_tokens"]) for row in rows] == billed
    assert all(row["account_id"] == account and row["usage_source"] == "final" and row["cost_micro_usd"] > 0 for row in rows)
    # Every run takes its folder along.
    until(lambda: not below(relay.process.pid) and not list((relay.folder / "data" / "cli").iterdir()))


def test_the_account_is_tried_with_the_real_program_and_its_answer_is_booked(far):
    fake, relay, account = far
    booked = len(relay.ledger())
    tested = json.loads(relay.command("account", "test", account, "--model", "claude-sonnet-5-5", "--json"))
    assert tested["works"] and tested["outcome"] == "works", tested
    billed = [(row["usage"]["input_tokens"], row["usage"]["output_tokens"]) for row in fake.ledger(CREDENTIAL, finished=1)]
    rows = relay.settled(booked + len(billed))[booked:]
    assert [(row["input_tokens"], row["output_tokens"]) for row in rows] == billed and not any(row["charged"] for row in rows)


def test_messages_never_reach_the_program(far):
    fake, relay, _ = far
    for path in ("/v1/messages", "/api/v1/messages", "/claude/v1/messages"):
        assert relay.send(path=path)[0] == 200
    assert not fake.requests(CREDENTIAL) and len(fake.requests(far_side.RELAY_ACCOUNT, finished=3)) == 3


def test_no_secret_and_no_prompt_in_arguments_and_none_of_ours_in_the_environment(far):
    fake, relay, _ = far
    fake.script(CREDENTIAL, "hang-after=content_block_delta:20000")
    body = json.dumps({"message": PROMPT, "stream": False}).encode()
    with far_side.wire(relay.url, "/api/chat", body, relay.key):
        fake.requests(CREDENTIAL, started=1)
        children = until(lambda: below(relay.process.pid))
        said = b"".join(told([relay.process.pid, *children], "cmdline").values())
        assert b"--output-format" in said, "the program's own arguments are among them"
        for secret in (CREDENTIAL, relay.key, PROMPT, far_side.RELAY_ACCOUNT, "only-For-Tests"):
            assert secret.encode() not in said
        held = b"".join(told(children, "environ").values())
        assert CREDENTIAL.encode() in held, "that is where the program finds its own credential"
        for secret in (relay.key, far_side.RELAY_ACCOUNT, "ADMIN_PASSWORD", "CLAUDE_ACCOUNTS", "DATA_DIR"):
            assert secret.encode() not in held
        # Field 5 of stat (proc(5)): the process group; the name in brackets before it may have anything in it.
        groups = {int(text.rpartition(b")")[2].split()[2]) for text in told(children, "stat").values()}
        assert groups and os.getpgid(relay.process.pid) not in groups, "a process group of its own"
        status = told(children, "status")
        assert status and all(b"NoNewPrivs:\t1" in text for text in status.values())
    until(lambda: not alive(children))


def test_who_leaves_ends_the_program(far):
    fake, relay, account = far
    booked = len(relay.ledger())
    fake.script(CREDENTIAL, "hang-after=content_block_delta:20000")
    with far_side.wire(relay.url, "/api/chat", json.dumps({"message": PROMPT}).encode(), relay.key):
        fake.requests(CREDENTIAL, started=1)
        children = until(lambda: below(relay.process.pid))
        # Its first words are here when the slot has their numbers; leaving before would be no test of the bill.
        until(lambda: relay.metric("gatehouse_relay_in_flight") == 1)
        time.sleep(0.3)
    began = time.monotonic()
    until(lambda: not alive(children))
    assert time.monotonic() - began < 20, "long before its timeout"
    until(lambda: relay.metric("gatehouse_relay_in_flight") == 0)
    row = relay.settled(booked + 1)[-1]
    assert row["account_id"] == account and row["usage_source"] in ("snapshot", "estimated")
    until(lambda: fake.requests(CREDENTIAL, finished=1)[0]["closed_early"])


@pytest.mark.parametrize("step,reason", [("status=401;type=authentication_error", "401"), ("status=529;type=overloaded_error", "529")])
def test_what_its_upstream_refuses_rests_the_account_and_the_pool_answers(far, step, reason):
    fake, relay, account = far
    fake.script(CREDENTIAL, step, default=step)
    status, _, text = ask(relay)
    assert status == 200 and "Scripted" not in text
    assert len(fake.requests(far_side.RELAY_ACCOUNT, finished=1)) == 1
    shown = until(lambda: [one for one in json.loads(relay.command("account", "list", "--json")) if one["id"] == account and one["status_reason"]])
    assert shown[0]["status_reason"].startswith(reason)


def test_a_killed_server_leaves_no_program_behind(far):
    fake, relay, _ = far
    fake.script(CREDENTIAL, "hang-after=content_block_delta:30000")
    with far_side.wire(relay.url, "/api/chat", json.dumps({"message": PROMPT}).encode(), relay.key):
        fake.requests(CREDENTIAL, started=1)
        children = until(lambda: below(relay.process.pid))
        relay.kill()
        until(lambda: not alive(children))
    relay.start()
    assert list((relay.folder / "data" / "cli").iterdir()) == [], "what it left is removed at the next start"
    assert ask(relay)[0] == 200
