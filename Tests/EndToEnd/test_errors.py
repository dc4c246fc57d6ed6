"""Every error of the Messages paths as a client meets it: status, type, code, when to come back, and that nothing is billed for it."""
import concurrent.futures, contextlib, datetime, http.client, json, os, re, socket, threading, time

import pytest

import far_side
from prepared import Prepared, message, read_until, until

LIMIT_BYTES = 32 << 20
KEYS = {
    "expired": ["--expires", "2020-01-01T00:00:00Z"], "revoked": [], "narrow": ["--models", "claude-haiku-*"], "slow": ["--requests-per-minute", "2"],
    "single": ["--concurrent", "1"], "tokens": ["--tokens-per-day", "10"], "cost": ["--cost-per-day", "1"]}


class Revoking(Prepared):
    """Ends the key `revoked` before the server starts."""

    def create_key(self, name):
        made = super().create_key(name)
        ids = {key["name"]: key["id"] for key in json.loads(self.command("key", "list", "--json"))}
        self.command("key", "revoke", ids["revoked"])
        return made


@pytest.fixture(scope="module")
def far():
    if os.environ.get("RELAY_DIRECT") == "1":
        pytest.skip("RELAY_DIRECT=1: these tests need the server")
    with far_side.Fake() as fake:
        yield fake


@pytest.fixture(scope="module")
def standing(far):
    with Revoking(far, KEYS, LOG_LEVEL="warning") as relay:
        yield relay


@pytest.fixture
def gate(far, standing):
    far.reset()
    standing.quiet()
    return far, standing


@pytest.fixture
def alone(far):
    """A server of its own, for answers after which an account rests."""
    far.reset()
    with Prepared(far, LOG_LEVEL="warning") as relay:
        yield far, relay


def check(reply, status, kind, code, retries=None, wait=None):
    """The shape that every error of the relay itself has. `retries`: the value of x-should-retry; `wait`: retry-after lies in it."""
    got, headers, text = reply
    assert got == status, (got, text[:300])
    body = json.loads(text)
    assert headers["content-type"] == "application/json" and body["type"] == "error"
    assert body["error"]["type"] == kind and body["error"]["details"]["error_code"] == code and body["error"]["message"]
    assert re.fullmatch(r"req_[0-9a-f]{32}", body["request_id"]) and headers["request-id"] == body["request_id"]
    assert headers["x-should-retry"] == retries
    if wait is None:
        assert headers["retry-after"] is None
    else:
        assert wait[0] <= int(headers["retry-after"]) <= wait[1]
    return body


NEVER = "false"
REFUSED = {
    "no key": (dict(key=""), 401, "authentication_error", "invalid_api_key", NEVER),
    "an unknown key": (dict(key="cr_" + "0" * 64), 401, "authentication_error", "invalid_api_key", NEVER),
    "an empty bearer": (dict(key="", headers={"authorization": "Bearer "}), 401, "authentication_error", "invalid_api_key", NEVER),
    "no key and a bad body": (dict(key="", body=b"{"), 401, "authentication_error", "invalid_api_key", NEVER),
    "an expired key": (dict(key="expired"), 403, "permission_error", "key_expired", NEVER),
    "a model that is not allowed": (dict(key="narrow"), 403, "permission_error", "model_not_allowed", NEVER),
    "half a JSON text": (dict(body=b'{"model":"claude-sonnet-5-5"'), 400, "invalid_request_error", "invalid_request", None),
    "no JSON": (dict(body=b"hello"), 400, "invalid_request_error", "invalid_request", None),
    "an empty body": (dict(body=b""), 400, "invalid_request_error", "invalid_request", None),
    "a list": (dict(body=b"[]"), 400, "invalid_request_error", "invalid_request", None),
    "a model that is a number": (dict(body=b'{"model":7,"max_tokens":1,"messages":[]}'), 400, "invalid_request_error", "invalid_request", None),
    "no model": (dict(body=b'{"max_tokens":1,"messages":[]}'), 400, "invalid_request_error", "invalid_request", None),
    "a stream that is a text": (dict(body=message(stream="yes")), 400, "invalid_request_error", "invalid_request", None),
    "a compressed body": (dict(headers={"content-encoding": "gzip"}), 400, "invalid_request_error", "unsupported_content_encoding", None),
    "an unknown path": (dict(path="/v1/nothing"), 404, "not_found_error", "not_found", NEVER),
    "a wrong method": (dict(method="GET"), 405, "invalid_request_error", "method_not_allowed", NEVER),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_before_anything_is_sent(gate, case):
    fake, relay = gate
    options, status, kind, code, retries = REFUSED[case]
    before = len(relay.ledger())
    options = {**options, "key": relay.keys.get(options.get("key"), options.get("key"))}
    reply = relay.send(**options)
    check(reply, status, kind, code, retries)
    if status == 405:
        assert "POST" in reply[1]["allow"]
    relay.quiet()
    assert len(relay.ledger()) == before and fake.requests() == []


def test_a_revoked_key_is_refused_for_good(gate):
    fake, relay = gate
    status, headers, text = relay.send(relay.keys["revoked"])
    assert status in (401, 403) and headers["x-should-retry"] == "false", text
    assert json.loads(text)["error"]["type"] == {401: "authentication_error", 403: "permission_error"}[status]
    assert fake.requests() == []


@pytest.mark.parametrize("case", ["no JSON", "a model that is not allowed", "a model that is a number"])
def test_the_connection_goes_on_after_a_refusal(gate, case):
    _, relay = gate
    options = REFUSED[case][0]
    connection = http.client.HTTPConnection(relay.url.removeprefix("http://"), timeout=20)
    with contextlib.closing(connection):
        headers = {"content-type": "application/json", "x-api-key": relay.keys.get(options.get("key"), relay.key)}
        connection.request("POST", "/v1/messages", options.get("body", message()), headers)
        refused = connection.getresponse()
        assert refused.status == REFUSED[case][1] and refused.read()
        first = connection.sock
        connection.request("POST", "/v1/messages", message(), {**headers, "x-api-key": relay.key})
        answer = connection.getresponse()
        assert answer.status == 200 and json.loads(answer.read())["type"] == "message"
        assert connection.sock is first is not None, "it was another connection"


def test_a_body_over_the_limit_is_refused_whether_announced_or_not(gate):
    fake, relay = gate
    host, port = relay.url.removeprefix("http://").split(":")
    for framing in ("content-length", "chunked"):
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            head = f"POST /v1/messages HTTP/1.1\r\nhost: {host}\r\nx-api-key: {relay.key}\r\ncontent-type: application/json\r\n"
            if framing == "content-length":
                connection.sendall((head + f"content-length: {LIMIT_BYTES + 1}\r\n\r\n").encode())
            else:
                connection.sendall((head + "transfer-encoding: chunked\r\n\r\n").encode())
                piece = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
                with contextlib.suppress(OSError):  # it may close while we still send
                    for _ in range(LIMIT_BYTES // 0x100000 + 1):
                        connection.sendall(piece)
            seen = read_until(connection, b'"request_id"')
            assert seen.startswith(b"HTTP/1.1 413 ") and b"request_too_large" in seen, (framing, seen[:300])
    assert fake.requests() == []
    assert relay.send()[0] == 200


def test_requests_per_minute(gate):
    fake, relay = gate
    key = relay.keys["slow"]
    assert [relay.send(key)[0] for _ in range(2)] == [200, 200]
    check(relay.send(key), 429, "rate_limit_error", "requests_per_minute_exceeded", wait=(1, 60))
    assert len(fake.requests()) == 2


def test_requests_under_way_at_once(gate):
    """Behind one that is under way three wait, and are served in turn; the fourth is refused."""
    fake, relay = gate
    key = relay.keys["single"]
    fake.script(far_side.RELAY_ACCOUNT, "hang-after=content_block_delta#1:3000")
    with far_side.wire(relay.url, "/v1/messages", message(stream=True), key) as connection:
        read_until(connection, b"content_block_delta")
        with concurrent.futures.ThreadPoolExecutor(4) as threads:
            sent = [threads.submit(relay.send, key) for _ in range(4)]
            first = next(concurrent.futures.as_completed(sent))
            check(first.result(), 429, "rate_limit_error", "concurrency_limit_exceeded", wait=(1, 5))
            assert len(fake.requests()) == 1, "those that wait have not been sent"
            read_until(connection, b"message_stop")
            assert sorted(one.result()[0] for one in sent) == [200, 200, 200, 429]
    assert len(fake.requests()) == 4


@pytest.mark.parametrize("key, code", [("tokens", "daily_token_limit_exceeded"), ("cost", "daily_cost_limit_exceeded")])
def test_a_budget_of_the_day(gate, key, code):
    fake, relay = gate
    assert relay.send(relay.keys[key])[0] == 200, "there is something left, so one is served"
    body = check(relay.send(relay.keys[key]), 402, "billing_error", code, NEVER)
    resets = datetime.datetime.fromisoformat(body["error"]["details"]["resets_at"])
    now = datetime.datetime.now(datetime.timezone.utc)
    assert resets.time() == datetime.time(0) and datetime.timedelta(0) < resets - now <= datetime.timedelta(days=1)
    assert len(fake.requests()) == 1


def test_when_every_account_rests_the_wait_is_true(alone):
    fake, relay = alone
    fake.script(far_side.RELAY_ACCOUNT, "status=429;retry-after=3")
    began = time.monotonic()
    check(relay.send(), 529, "overloaded_error", "no_account_available", wait=(3, 3))
    check(relay.send(), 529, "overloaded_error", "no_account_available", wait=(1, 3))
    assert len(fake.requests()) == 1, "an account that rests is not asked"
    until(lambda: relay.send()[0] == 200, seconds=10)
    assert 2.5 < time.monotonic() - began < 8, "served when it was said"
    assert len(relay.settled(1)) == 1


@pytest.mark.parametrize("status", [401, 402, 403])
def test_the_fault_of_an_account_is_not_the_customers(alone, status):
    fake, relay = alone
    fake.script(far_side.RELAY_ACCOUNT, f"status={status};message=the organisation of far@example.com")
    reply = relay.send()
    check(reply, 529, "overloaded_error", "no_account_available", wait=(1, 60))
    assert b"far@example.com" not in reply[2]
    relay.quiet()
    assert relay.ledger() == []


@pytest.mark.parametrize("status", [400, 404, 409, 413, 422])
def test_the_upstreams_word_about_the_request_is_passed_on(gate, status):
    fake, relay = gate
    before = len(relay.ledger())
    fake.script(far_side.RELAY_ACCOUNT, f"status={status}")
    fake.script(far_side.DIRECT_KEY, f"status={status}")
    got, headers, text = relay.send()
    direct = json.loads(far_side.call(fake.url + "/v1/messages", message(), {"x-api-key": far_side.DIRECT_KEY, "anthropic-version": "2023-06-01"})[2])
    body = json.loads(text)
    assert got == status and body["error"] == direct["error"] and headers["request-id"] == body["request_id"]
    relay.quiet()
    assert len(relay.ledger()) == before, "an error is not billed"


@pytest.mark.parametrize("step, status, part", [
    ("html503", 503, b"<html>"), ("status=504", 504, b"timeout_error"), ("status=529", 529, b"overloaded_error"), ("status=500", 500, b"api_error")])
def test_the_upstreams_own_failure_is_passed_on_when_nobody_else_can_serve(alone, step, status, part):
    fake, relay = alone
    fake.script(far_side.RELAY_ACCOUNT, step)
    got, headers, text = relay.send()
    assert got == status and part in text and headers["request-id"] and headers["x-relay-request-id"]
    relay.quiet()
    assert relay.ledger() == []


@pytest.mark.parametrize("stream", [True, False])
def test_an_upstream_that_does_not_begin_in_time_is_a_504(far, stream):
    far.reset()
    with Prepared(far, LOG_LEVEL="warning", UPSTREAM_FIRST_BYTE_TIMEOUT="1") as relay:
        far.script(far_side.RELAY_ACCOUNT, "hang-before-headers=20000")
        began = time.monotonic()
        check(relay.send(stream=stream), 504, "timeout_error", "upstream_timeout")
        assert 1 <= time.monotonic() - began < 10
        relay.quiet()
        rows = relay.rows("SELECT status, http_status FROM requests")
        assert rows == [{"status": "error", "http_status": 504}]


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("way", ["resets", "refuses"])
def test_an_upstream_that_is_not_there_is_a_502(alone, way, stream):
    fake, relay = alone
    if way == "resets":
        # Every time: on a connection that had been kept, one reset alone may be answered by a second try.
        fake.script(far_side.RELAY_ACCOUNT, default="connect-refuse")
    else:
        fake._control("connections", {"refuse": True})
    try:
        check(relay.send(stream=stream), 502, "api_error", "upstream_unreachable")
    finally:
        fake._control("connections", {"refuse": False})
        fake.reset()
    relay.quiet()
    assert relay.ledger() == [], "an answer that never came is not billed"
    if way == "resets":
        assert relay.send()[0] == 200
    else:
        # The way there is given up for a moment; how it is tried again is shown with a clock, in FailoverTests.
        check(relay.send(), 529, "overloaded_error", "no_account_available", wait=(1, 10))


@pytest.mark.parametrize("answer", [
    b"hello\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n", b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", b""])
def test_garbage_from_the_upstream_is_a_502(far, answer):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def serve():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection:
                        connection.settimeout(10)
                        seen = b""
                        while not seen.endswith(b"}"):
                            if not (more := connection.recv(65536)):
                                break
                            seen += more
                        connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        account = {"email": "odd@example.com", "apiKey": far_side.RELAY_ACCOUNT, "baseUrl": f"http://127.0.0.1:{listener.getsockname()[1]}"}
        with Prepared(far, CLAUDE_ACCOUNTS=json.dumps([account]), LOG_LEVEL="warning") as relay:
            for stream in (False, True):
                got, headers, text = relay.send(stream=stream, body=message(stream=stream))
                body = json.loads(text)
                assert got == 502 and body["error"]["type"] == "api_error" and headers["request-id"] == body["request_id"], (got, text)
            relay.quiet()
            assert relay.ledger() == []
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(timeout=5)


@pytest.mark.parametrize("step", ["cut-after=content_block_delta#2", "cut-after=content_block_delta#2:9", "cut-after=content_block_delta#2;rst"])
def test_a_stream_cut_after_it_began_ends_with_an_error_event(alone, step):
    fake, relay = alone
    before = len(relay.ledger())
    fake.script(far_side.RELAY_ACCOUNT, step + "|len=80")
    status, _, text = relay.send(stream=True)
    frames = [frame for frame in text.decode().split("\n\n") if frame.strip()]
    assert status == 200 and "message_stop" not in text.decode()
    name, data = frames[-1].strip().split("\n")
    error = json.loads(data.removeprefix("data: "))
    assert name == "event: error" and error["type"] == "error" and error["error"]["type"] == "api_error" and error["request_id"]
    row = relay.settled(before + 1)[-1]
    bill = fake.ledger(finished=1)[0]
    assert row["usage_source"] == "snapshot" and row["input_tokens"] == bill["usage"]["input_tokens"]
    # Of a frame that was cut the upstream counts what it built, the relay what it read.
    assert 0 < row["output_tokens"] <= bill["snapshot"]["output_tokens"]
    assert relay.send()[0] == 200


def test_an_error_event_in_the_middle_is_passed_on_and_the_snapshot_billed(alone):
    fake, relay = alone
    before = len(relay.ledger())
    fake.script(far_side.RELAY_ACCOUNT, "error-event-after=content_block_delta#2;type=overloaded_error|len=80")
    status, _, text = relay.send(stream=True)
    assert status == 200 and text.count(b"event: error") == 1 and b"overloaded_error" in text and b"message_stop" not in text
    row = relay.settled(before + 1)[-1]
    bill = fake.ledger(finished=1)[0]
    assert (row["usage_source"], row["output_tokens"]) == ("snapshot", bill["snapshot"]["output_tokens"]), (row, bill)


@pytest.mark.parametrize("kind, expected", [("overloaded_error", 529), ("api_error", 500), ("invalid_request_error", 400)])
def test_an_error_as_the_first_event_becomes_a_status(alone, kind, expected):
    fake, relay = alone
    before = len(relay.ledger())
    fake.script(far_side.RELAY_ACCOUNT, f"first-event-error;type={kind}")
    status, headers, text = relay.send(stream=True)
    assert status == expected and json.loads(text)["error"]["type"] == kind
    assert headers["content-type"] == "application/json" and headers["request-id"] == json.loads(text).get("request_id", headers["x-relay-request-id"])
    relay.quiet()
    assert len(relay.ledger()) == before


def test_a_limit_of_the_account_as_the_first_event_is_not_the_customers(alone):
    fake, relay = alone
    fake.script(far_side.RELAY_ACCOUNT, "first-event-error;type=rate_limit_error")
    check(relay.send(stream=True), 529, "overloaded_error", "no_account_available", wait=(1, 60))
    relay.quiet()
    assert relay.ledger() == []
