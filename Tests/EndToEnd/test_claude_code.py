"""The real Claude Code program in print mode against the server: every base path and credential style, a tool turn, model discovery, and
how it takes each row of the error table (relay contract, sections 6 and 8). It gets an empty environment, a home of its own, and a proxy
setting that leads nowhere, so that it can reach nothing but this machine."""
import collections, contextlib, glob, json, os, pathlib, subprocess, threading

import pytest

import far_side
from prepared import Prepared, message, until

MODEL = "claude-sonnet-5-5"
KEYS = {
    "expired": ["--expires", "2020-01-01T00:00:00Z"], "narrow": ["--models", "claude-haiku-*"], "single": ["--concurrent", "1"],
    "tokens": ["--tokens-per-day", "20000"]}
Answer = collections.namedtuple("Answer", "code result lines asked error")


def program():
    found = glob.glob(str(far_side.ROOT / ".tools/claude-code/lib/python3*/site-packages/claude_agent_sdk/_bundled/claude"))
    assert found, "the Claude Code program is not there: run scripts/setup test"
    return found[0]


class Client:
    """One installation of the program, with a home folder and a working folder."""

    def __init__(self, folder, relay):
        self.folder, self.relay = pathlib.Path(folder), relay
        (self.folder / "work").mkdir()

    def environment(self, base="", **more):
        return {
            "PATH": "/usr/bin:/bin", "HOME": str(self.folder), "ANTHROPIC_BASE_URL": self.relay.url + base, "DISABLE_TELEMETRY": "1", "DISABLE_AUTOUPDATER": "1",
            "DISABLE_ERROR_REPORTING": "1", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "CLAUDE_CODE_MAX_RETRIES": "3",
            "HTTP_PROXY": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1", **more}

    def ask(self, *arguments, base="", **more):
        if not {"ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"} & more.keys() and "--settings" not in arguments:
            more["ANTHROPIC_API_KEY"] = self.relay.key
        before = self.asked()
        done = subprocess.run(
            [program(), "-p", "say hi", "--model", MODEL, "--output-format", "stream-json", "--verbose", *arguments], env=self.environment(base, **more),
            cwd=self.folder / "work", stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
        lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        assert lines and lines[-1]["type"] == "result", done.stdout + done.stderr
        until(lambda: self.relay.metric("gatehouse_relay_in_flight") == 0)
        return Answer(done.returncode, lines[-1], lines, self.asked() - before, lines[-1]["is_error"])

    def asked(self):
        """Messages requests that the server has answered so far."""
        return len([line for line in self.relay.printed().splitlines() if '"http.access"' in line and "/v1/messages" in line])


@pytest.fixture(scope="module")
def standing():
    if os.environ.get("RELAY_DIRECT") == "1":
        pytest.skip("RELAY_DIRECT=1: these tests need the server")
    with far_side.Fake() as fake, Prepared(fake, KEYS, LOG_LEVEL="info") as relay:
        yield fake, relay


@pytest.fixture
def far(standing, tmp_path):
    fake, relay = standing
    fake.reset()
    relay.quiet()
    return fake, relay, Client(tmp_path, relay)


@pytest.fixture
def alone(tmp_path):
    """A server of its own, for failures after which its account rests."""
    if os.environ.get("RELAY_DIRECT") == "1":
        pytest.skip("RELAY_DIRECT=1: these tests need the server")
    with far_side.Fake() as fake, Prepared(fake, LOG_LEVEL="info") as relay:
        yield fake, relay, Client(tmp_path, relay)


def styles(client, relay):
    """How the program is told the key: as x-api-key, as bearer token, by a script (which sends both)."""
    script = client.folder / "key.sh"
    script.write_text(f"#!/bin/sh\necho {relay.key}\n")
    script.chmod(0o700)
    return {
        "api key": ((), {"ANTHROPIC_API_KEY": relay.key}), "auth token": ((), {"ANTHROPIC_AUTH_TOKEN": relay.key}),
        "key script": (("--settings", json.dumps({"apiKeyHelper": str(script)})), {})}


@pytest.mark.parametrize("style", ["api key", "auth token", "key script"])
@pytest.mark.parametrize("base", ["", "/api", "/claude"])
def test_one_turn(far, base, style):
    fake, relay, client = far
    booked = len(relay.ledger())
    arguments, more = styles(client, relay)[style]
    answer = client.ask(*arguments, base=base, **more)
    assert answer.code == 0 and not answer.error and answer.result["result"], answer
    seen = fake.requests(finished=1)
    assert len(seen) == 1 == answer.asked and fake.violations() == []
    assert seen[0]["path"] == "/v1/messages" and seen[0]["query"] == "beta=true"
    agent = dict((name.lower(), value) for name, value in seen[0]["headers"])
    assert agent["user-agent"].startswith("claude-cli/") and agent["x-app"] == "cli", "the client's own identity goes through"
    row = relay.settled(booked + 1)[-1]
    assert row["usage_source"] == "final"
    assert (row["input_tokens"], row["output_tokens"]) == (answer.result["usage"]["input_tokens"], answer.result["usage"]["output_tokens"])


@pytest.mark.parametrize("base", ["", "/api", "/claude"])
def test_a_tool_turn(far, base):
    fake, relay, client = far
    note = client.folder / "work" / "note.txt"
    note.write_text("the word is marmalade\n")
    fake.script(far_side.RELAY_ACCOUNT, "tool=Read:" + json.dumps({"file_path": str(note)}) + "|split=7", "ok")
    booked = len(relay.ledger())
    answer = client.ask(base=base)
    assert answer.code == 0 and not answer.error and answer.result["num_turns"] == 2 and answer.asked == 2
    results = [line for line in answer.lines if line["type"] == "user"]
    assert "the word is marmalade" in json.dumps(results), "the tool ran with the input that the stream carried"
    rows = relay.settled(booked + 2)[booked:]
    assert [row["usage_source"] for row in rows] == ["final", "final"]
    assert sum(row["output_tokens"] for row in rows) == answer.result["usage"]["output_tokens"]


def test_it_thinks(far):
    fake, _, client = far
    fake.script(far_side.RELAY_ACCOUNT, "thinking|split=3")
    answer = client.ask()
    assert answer.code == 0 and not answer.error and answer.asked == 1


GIVES_UP = {"expired": (403, "expired"), "narrow": (403, "model"), "unknown": (401, "key")}


@pytest.mark.parametrize("kind", GIVES_UP)
def test_a_key_that_will_never_do_is_not_tried_again(far, kind):
    fake, relay, client = far
    status, word = GIVES_UP[kind]
    answer = client.ask(ANTHROPIC_API_KEY=relay.keys.get(kind, "cr_" + "0" * 64))
    assert answer.code == 1 and answer.error and answer.asked == 1, answer
    assert answer.result["api_error_status"] == status and word in answer.result["result"]
    assert fake.requests() == []


def test_a_budget_that_is_used_up_ends_it_at_once(far):
    fake, relay, client = far
    fake.script(far_side.RELAY_ACCOUNT, 'usage={"input_tokens":20000,"output_tokens":20}')
    assert relay.send(relay.keys["tokens"])[0] == 200
    relay.quiet()
    answer = client.ask(ANTHROPIC_API_KEY=relay.keys["tokens"])
    assert answer.code == 1 and answer.error and answer.asked == 1, answer
    assert answer.result["api_error_status"] == 402
    assert len(fake.requests()) == 1


def test_a_busy_key_is_waited_for(far):
    fake, relay, client = far
    fake.script(far_side.RELAY_ACCOUNT, "hang-before-headers=1500", "ok")
    with contextlib.ExitStack() as stack:
        holder = threading.Thread(target=relay.send, args=(relay.keys["single"],))
        holder.start()
        stack.callback(holder.join, 30)
        fake.requests(started=1)
        answer = client.ask(ANTHROPIC_API_KEY=relay.keys["single"])
    assert answer.code == 0 and not answer.error and answer.asked >= 2, answer


@pytest.mark.parametrize("step", ["status=400", "status=404", "status=409", "status=500", "error-event-after=content_block_delta#2", "cut-after=content_block_delta#2"])
def test_what_may_pass_is_tried_again(alone, step):
    fake, relay, client = alone
    fake.script(far_side.RELAY_ACCOUNT, step)
    answer = client.ask()
    assert answer.code == 0 and not answer.error and answer.asked == 2, answer
    assert len(fake.requests(finished=2)) == 2


@pytest.mark.parametrize("step, status", [("status=413", 413), ("status=400", 400), ("status=422", 422)])
def test_what_stays_wrong_is_told(far, step, status):
    fake, relay, client = far
    fake.script(far_side.RELAY_ACCOUNT, default=step)
    answer = client.ask()
    assert answer.code == 1 and answer.error and answer.result["api_error_status"] == status, answer


@pytest.mark.parametrize("step", ["status=429;retry-after=1", "status=529", "status=401", "status=403"])
def test_an_account_that_fails_is_replaced_without_the_client_noticing(tmp_path, step):
    if os.environ.get("RELAY_DIRECT") == "1":
        pytest.skip("RELAY_DIRECT=1: this test needs the server")
    with far_side.Fake() as fake:
        accounts = [
            {"email": f"{name}@example.com", "name": name, "apiKey": key, "baseUrl": fake.url, "priority": number}
            for number, (name, key) in enumerate([("first", "sk-first-0001"), ("second", far_side.RELAY_ACCOUNT)], 1)]
        with Prepared(fake, LOG_LEVEL="info", CLAUDE_ACCOUNTS=json.dumps(accounts)) as relay:
            client = Client(tmp_path, relay)
            fake.script("sk-first-0001", default=step)
            answer = client.ask()
            assert answer.code == 0 and not answer.error and answer.asked == 1, answer
            assert len(fake.requests("sk-first-0001")) == 1 and len(fake.requests(far_side.RELAY_ACCOUNT)) == 1


def test_model_discovery(far):
    _, relay, client = far
    answer = client.ask(CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY="1", CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC="")
    assert answer.code == 0 and not answer.error, answer
    asked = [json.loads(line) for line in relay.printed().splitlines() if '"http.access"' in line and '"/v1/models' in line]
    assert asked and all(line["status"] == 200 for line in asked), "it asks for the models and gets them"
