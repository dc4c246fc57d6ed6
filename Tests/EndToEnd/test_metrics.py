"""What the relay says of itself in numbers: attempts by account, family and outcome with bounded labels, and the time that it takes itself."""
import json, os, re, threading

import pytest

import far_side
from prepared import Prepared, message, read_until, until


@pytest.fixture(scope="module")
def standing():
    if os.environ.get("RELAY_DIRECT") == "1":
        pytest.skip("RELAY_DIRECT=1: these tests need the server")
    with far_side.Fake() as fake, Prepared(fake) as relay:
        yield fake, relay


@pytest.fixture
def far(standing):
    fake, relay = standing
    fake.reset()
    relay.quiet()
    return fake, relay


def series(relay, name):
    """{labels: value} of one metric; labels as a frozenset of pairs."""
    text = far_side.call(relay.url + "/metrics")[2].decode()
    found = {}
    for labels, value in re.findall(rf"^{name}(?:\{{(.*)\}})? (\S+)$", text, re.M):
        found[frozenset(re.findall(r'(\w+)="([^"]*)"', labels))] = float(value)
    return found


def attempts(relay):
    return {tuple(dict(labels)[name] for name in ("account", "family", "outcome")): value
            for labels, value in series(relay, "gatehouse_relay_account_attempts_total").items() if labels}


def test_attempts_are_counted_by_account_family_and_outcome(far):
    fake, relay = far
    account = json.loads(relay.command("account", "list", "--json"))[0]["id"]
    before = attempts(relay)

    def more():
        return {key[1:]: value - before.get(key, 0) for key, value in attempts(relay).items() if value > before.get(key, 0) and key[0] == account}

    assert relay.send()[0] == 200 and relay.send(body=message(model="claude-haiku-5-5"))[0] == 200
    assert relay.send(body=message(stream=True), stream=True)[0] == 200
    fake.script(far_side.RELAY_ACCOUNT, "status=400", "cut-after=content_block_delta#2", "hang-after=content_block_delta:20000")
    assert relay.send()[0] == 400
    relay.send(body=message(stream=True), stream=True)
    with far_side.wire(relay.url, "/v1/messages", message(stream=True), relay.key) as connection:
        read_until(connection, b"content_block_delta")
    expected = {("sonnet", "success"): 2, ("haiku", "success"): 1, ("sonnet", "relayed"): 1, ("sonnet", "cut"): 1, ("sonnet", "aborted"): 1}
    until(lambda: more() == expected)


def test_no_name_of_a_customer_becomes_a_label(far):
    _, relay = far
    before = len(attempts(relay))
    for number in range(40):
        relay.send(body=message(model=f"marmalade-{number}"))
        relay.send(body=message(model=f"claude-opus-9-{number}"))
        relay.send(key=f"cr_marmalade{number}{'0' * 40}")
        far_side.call(f"{relay.url}/v1/marmalade-{number}")
    families = {family for _, family, _ in attempts(relay)}
    assert families <= {"opus", "sonnet", "haiku", "fable", "mythos", "other"} and {"opus", "other"} <= families
    assert len(attempts(relay)) <= before + 4, "forty names are two families"
    assert "marmalade" not in far_side.call(relay.url + "/metrics")[2].decode()


@pytest.mark.parametrize("stream", [False, True])
def test_overhead_is_the_relays_own_time_in_header_and_histogram(far, stream):
    fake, relay = far
    wait, count = 400, 5
    fake.script(far_side.RELAY_ACCOUNT, default=f"hang-before-headers={wait}")
    names = ("gatehouse_relay_overhead_seconds_count", "gatehouse_relay_overhead_seconds_sum", "gatehouse_relay_first_byte_seconds_sum")
    before = [relay.metric(name) for name in names]
    told = []

    def ask():
        status, headers, _ = relay.send(body=message(stream=stream), stream=stream)
        told.append((status, float(headers["x-relay-overhead-ms"]), headers["server-timing"]))

    threads = [threading.Thread(target=ask) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert len(told) == count and all(status == 200 for status, _, _ in told)
    assert all(0 < overhead < wait and timing == f"relay;dur={overhead:.3f}" for _, overhead, timing in told), told
    relay.quiet()
    after = [relay.metric(name) for name in names]
    assert after[0] - before[0] == count
    assert abs((after[1] - before[1]) * 1000 - sum(overhead for _, overhead, _ in told)) < 1, "the same numbers"
    assert after[2] - before[2] >= count * wait / 1000, "waiting for the upstream is counted there"


def test_acceptance_14_the_overhead_stands_on_what_was_relayed_and_is_absent_elsewhere(far):
    fake, relay = far
    name = "x-relay-overhead-ms"
    for answer in (relay.send(), relay.send(stream=True)):
        assert answer[0] == 200 and 0 <= float(answer[1][name]) < 30_000
    fake.script(far_side.RELAY_ACCOUNT, "status=400")
    status, headers, _ = relay.send()
    assert status == 400 and 0 <= float(headers[name]) < 30_000, "an upstream's refusal was relayed too"
    for status, answer in ((401, relay.send(key="cr_" + "0" * 64)), (400, relay.send(body=b"{")), (200, far_side.call(relay.url + "/v1/models", headers={"x-api-key": relay.key}))):
        assert answer[0] == status and name not in answer[1], answer[1]
    assert name not in far_side.call(fake.url + "/v1/messages", message(), {"x-api-key": far_side.DIRECT_KEY, "anthropic-version": "2023-06-01"})[1]


def test_overhead_of_a_request_with_two_attempts_holds_neither_wait(far):
    fake, relay = far
    second = json.loads(relay.command(
        "account", "add", "second", "--base-url", fake.url, "--priority", "90", "--json", stdin="sk-account-second\n"))["id"]
    until(lambda: relay.metric(r'gatehouse_relay_accounts\{status="active"\}') == 2)
    fake.script(far_side.RELAY_ACCOUNT, "hang-before-headers=300|status=500")
    fake.script("sk-account-second", "hang-before-headers=300")
    status, headers, _ = relay.send()
    relay.command("account", "delete", second)
    assert status == 200 and headers["x-relay-attempts"] == "2" and 0 < float(headers["x-relay-overhead-ms"]) < 300
