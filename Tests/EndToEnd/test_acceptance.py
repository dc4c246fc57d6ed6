"""Items of the relay contract's acceptance list that need whole requests and have no file of their own. The others: 1 test_sdk.py,
2 test_claude_code.py, 3 test_openai_sdk.py, 4 and 5 test_bytes.py, 6, 9 and 10 in RelayTests (Failover, TokenRefresher, Sticky), 7
test_leaving.py and test_bill.py, 12 test_bill.py and test_restart.py, 13 test_secrets.py, 14 test_soak.py, 15 in RelayTests (Chat)."""
import json, os, threading

import pytest

import far_side
from prepared import Prepared, until

AT_ONCE, BUDGET = 64, 10
# What each request is charged, a little less than is reserved for it: 3,600 bytes are taken for 1,029 tokens.
INPUT, OUTPUT, MOST_OUTPUT = 1000, 50, 64
# Sonnet 5.5: 2 and 10 USD a million tokens.
COST_MICRO_USD = INPUT * 2 + OUTPUT * 10
BUDGETS = {"tokens": ["--tokens-per-day", str(BUDGET * (INPUT + OUTPUT))], "cost": ["--cost-per-day", str(BUDGET * COST_MICRO_USD)]}


@pytest.fixture(scope="module")
def gate():
    if os.environ.get("RELAY_DIRECT") == "1":
        pytest.skip("RELAY_DIRECT=1: these tests need the server")
    with far_side.Fake() as fake, Prepared(
            fake, {f"{kind}-{way}": options for kind, options in BUDGETS.items() for way in ("stream", "json")}, LOG_LEVEL="warning") as relay:
        yield fake, relay


def ask(model, stream=False, length=3600, **more):
    body = {"model": model, "max_tokens": MOST_OUTPUT, "stream": stream, "messages": [{"role": "user", "content": ""}], **more}
    body["messages"][0]["content"] = "x" * max(1, length - len(json.dumps(body)))
    return json.dumps(body).encode()


def step(usage, *more):
    return {"x-fake": "|".join([f"usage={json.dumps(usage)}", *more])}


@pytest.mark.parametrize("way", ["stream", "json"])
@pytest.mark.parametrize("kind", BUDGETS)
def test_acceptance_8_of_64_at_once_no_more_settle_than_the_budget_has_room_for(gate, kind, way):
    fake, relay = gate
    key = relay.keys[f"{kind}-{way}"]
    relay.quiet()
    before = len(relay.ledger())
    usage = {"input_tokens": INPUT, "output_tokens": OUTPUT, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "cache_creation": None}
    send = lambda: relay.send(key, stream=way == "stream", body=ask("claude-sonnet-5-5", way == "stream"), headers=step(usage, "ttft=200"))
    answers, ready = [], threading.Barrier(AT_ONCE)

    def client():
        ready.wait()
        answers.append(send())

    threads = [threading.Thread(target=client, daemon=True) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=90)
        assert not thread.is_alive(), "a client hangs"
    served = [answer for answer in answers if answer[0] == 200]
    assert len(answers) == AT_ONCE and 1 < len(served) <= BUDGET, [answer[0] for answer in answers]
    assert {answer[0] for answer in answers} <= {200, 402, 429}, {answer[0] for answer in answers}
    relay.quiet()
    # What is left is served one by one, and not one more.
    rest = 0
    while (answer := send())[0] == 200:
        rest += 1
        assert len(served) + rest <= BUDGET, "more than the budget"
    assert answer[0] == 402 and len(served) + rest == BUDGET, (answer[0], len(served), rest)
    relay.quiet()
    rows = relay.ledger()[before:]
    assert len(rows) == BUDGET and sum(row["price_micro_usd"] for row in rows) == BUDGET * COST_MICRO_USD
    assert len([request for request in fake.requests() if request["path"] == "/v1/messages"]) >= BUDGET


# Each with its price worked out by hand, in micro-USD.
PRICES = {
    "every class of tokens": ("claude-opus-5-5", dict(input_tokens=1000, output_tokens=100, cache_read_input_tokens=10_000, cache_creation_input_tokens=600, cache_creation={
        "ephemeral_5m_input_tokens": 400, "ephemeral_1h_input_tokens": 200}), 4000 + 2000 + 2000 + 2000 + 1600),
    "cache writes without parts are of five minutes": ("claude-opus-5-5", dict(input_tokens=0, output_tokens=0, cache_creation_input_tokens=1000, cache_creation=None), 5000),
    "cache writes beyond the parts are of five minutes": ("claude-opus-5-5", dict(input_tokens=0, output_tokens=0, cache_creation_input_tokens=1000, cache_creation={
        "ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 400}), 600 * 5 + 400 * 8),
    "a read of sonnet 5.5 after its price fell": ("claude-sonnet-5-5", dict(input_tokens=0, output_tokens=0, cache_read_input_tokens=1_000_000), 100_000),
    "haiku up to the band": ("claude-haiku-5-5", dict(input_tokens=100_000, output_tokens=0), 10_000),
    "haiku over the band, reads counted": ("claude-haiku-5-5", dict(input_tokens=50_000, output_tokens=1000, cache_read_input_tokens=50_001), 25_000 + 2500 + 2500),
    "a half is rounded up": ("claude-haiku-5-5", dict(input_tokens=5, output_tokens=0), 1),
    "less than a half is nothing": ("claude-haiku-5-5", dict(input_tokens=4, output_tokens=0), 0),
    "the United States": ("claude-opus-5-5", dict(input_tokens=1_000_000, output_tokens=0, inference_geo="us"), 4_400_000),
    "the United States before it cost more": ("claude-opus-4-5", dict(input_tokens=1000, output_tokens=0, inference_geo="us"), 5000),
    "fast": ("claude-opus-5-5", dict(input_tokens=1000, output_tokens=100, speed="fast"), 12_000),
    "fast in the United States with searches": ("claude-opus-5-5", dict(input_tokens=1_000_000, output_tokens=0, speed="fast", inference_geo="us", server_tool_use={
        "web_search_requests": 3, "web_fetch_requests": 0}), 8_800_000 + 30_000),
    "passes each at its own model": ("claude-opus-5-5", dict(input_tokens=999, output_tokens=999, iterations=[
        {"type": "message", "input_tokens": 1000, "output_tokens": 0}, {"type": "advisor_message", "model": "claude-haiku-4-5", "input_tokens": 0, "output_tokens": 1000}]), 4000 + 5000),
}
PLAIN = {"cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "cache_creation": None}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("case", PRICES)
def test_acceptance_11_the_price_of_an_answer_to_the_micro_usd(gate, case, stream):
    _, relay = gate
    model, usage, price = PRICES[case]
    relay.quiet()
    before = len(relay.ledger())
    status, _, text = relay.send(stream=stream, body=ask(model, stream), headers=step({**PLAIN, **usage}))
    assert status == 200, text
    row = relay.settled(before + 1)[-1]
    assert (row["price_micro_usd"], row["cost_micro_usd"], row["usage_source"]) == (price, price, "final"), row
    history = until(lambda: relay.rows(f"SELECT cost_micro_usd FROM requests WHERE id = '{row['request_id']}' AND status = 'success'"))
    assert history == [{"cost_micro_usd": price}]


def test_a_model_without_a_price_costs_its_familys_dearest_and_is_flagged(gate):
    _, relay = gate
    relay.quiet()
    before, counted = len(relay.ledger()), relay.metric("gatehouse_relay_price_missing_total")
    status, _, text = relay.send(body=ask("claude-haiku-9"), headers=step({**PLAIN, "input_tokens": 1000, "output_tokens": 100}))
    assert status == 200, text
    row = relay.settled(before + 1)[-1]
    # Haiku 4.5 is the dearest haiku: 1 and 5 USD a million.
    assert (row["price_micro_usd"], row["price_flags"]) == (1500, "price_missing"), row
    assert relay.metric("gatehouse_relay_price_missing_total") == counted + 1
