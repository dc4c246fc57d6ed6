"""Alerts of the relay as the operator's systems hear them: signed, filtered, once. `standardwebhooks` verifies them independently."""
import json, os

import pytest
import standardwebhooks

import far_side
from prepared import Prepared, message, until
from postgres import Postgres
from test_payments import Receiver

SECRETS = {"ops": "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3", "money": "a-plain-secret-of-money", "main": "whsec_YWJjZGVmMDEyMzQ1Njc4OTAxMjM0NTY3"}
DIRECT = pytest.mark.skipif(os.environ.get("RELAY_DIRECT") == "1", reason="RELAY_DIRECT=1: these tests need the server")


def verified(receiver, secret):
    """The events that a receiver got, each checked against its secret; `standardwebhooks` takes any key as base64."""
    import base64

    key = secret if secret.startswith("whsec_") else base64.b64encode(secret.encode()).decode()
    hook = standardwebhooks.Webhook(key)
    return [hook.verify(body, {name.lower(): value for name, value in headers.items()}) for headers, body in list(receiver.got)]


@pytest.fixture
def receivers():
    made = {name: Receiver() for name in SECRETS}
    yield made
    for receiver in made.values():
        receiver.server.shutdown()
        receiver.server.server_close()


@DIRECT
def test_each_receiver_hears_what_it_asked_for_once_and_signed(receivers):
    targets = [
        {"name": "ops", "url": receivers["ops"].url, "secret": SECRETS["ops"], "events": ["relay.account.*", "relay.pool.*"]},
        {"name": "money", "url": receivers["money"].url, "secret": SECRETS["money"], "events": ["relay.budget.reached", "relay.price.missing"]}]
    with far_side.Fake() as fake, Prepared(
        fake, {"small": ["--tokens-per-day", "100000"]}, EVENT_WEBHOOKS=json.dumps(targets), EVENT_WEBHOOK_URL=receivers["main"].url,
        EVENT_WEBHOOK_SECRET=SECRETS["main"], EVENT_WEBHOOK_EVENTS="payment.*",
    ) as relay:
        fake.script(far_side.RELAY_ACCOUNT, 'usage={"input_tokens":85000,"output_tokens":5}')
        assert relay.send(relay.keys["small"])[0] == 200
        assert relay.send(body=message(model="claude-opus-9-9"))[0] == 200
        until(lambda: len(receivers["money"].got) == 2, 40)
        money = sorted(verified(receivers["money"], SECRETS["money"]), key=lambda event: event["type"])
        assert [event["type"] for event in money] == ["relay.budget.reached", "relay.price.missing"]
        assert (money[0]["data"]["percent"], money[0]["data"]["name"], money[0]["data"]["limit"]) == (80, "small", "daily_token_limit_exceeded")
        assert money[1]["data"] == {"model": "claude-opus-9-9"}

        fake.script(far_side.RELAY_ACCOUNT, "status=401;type=authentication_error")
        assert relay.send()[0] == 529
        until(lambda: len(receivers["ops"].got) == 2)
        assert {event["type"] for event in verified(receivers["ops"], SECRETS["ops"])} == {"relay.account.blocked", "relay.pool.empty"}
        # A restart tells nothing again, and neither does more of the same.
        relay.stop()
        relay.start()
        for _ in range(3):
            assert relay.send()[0] == 529
        account = json.loads(relay.command("account", "list", "--json"))[0]
        relay.command("account", "reset", account["id"])
        until(lambda: len(receivers["ops"].got) == 4, 40)
        ops = verified(receivers["ops"], SECRETS["ops"])
        assert {event["type"] for event in ops[2:]} == {"relay.account.recovered", "relay.pool.recovered"}
        blocked = next(event for event in ops if event["type"] == "relay.account.blocked")
        assert blocked["data"]["account"] == account["id"] and blocked["data"]["reason"].startswith("401")
        ids = [headers["webhook-id"] for receiver in receivers.values() for headers, _ in receiver.got]
        assert len(ids) == len(set(ids)) and not receivers["main"].got, "nobody hears what it did not ask for"
        told = b"".join(body for receiver in receivers.values() for _, body in receiver.got)
        assert far_side.RELAY_ACCOUNT.encode() not in told and relay.keys["small"].encode() not in told
        for secret in SECRETS.values():
            assert secret not in relay.printed() and secret.encode() not in told


@pytest.mark.long(30)
@DIRECT
def test_a_database_that_is_gone_is_told_past_it(receivers):
    with Postgres("only-for-tests") as postgres, far_side.Fake() as fake, Prepared(
        fake, postgres=postgres, EVENT_WEBHOOK_URL=receivers["main"].url, EVENT_WEBHOOK_SECRET=SECRETS["main"]) as relay:
        assert relay.send()[0] == 200
        postgres.stop()
        until(lambda: receivers["main"].got, 60)
        assert relay.send()[0] == 200, "known keys are served from memory meanwhile"
        event = verified(receivers["main"], SECRETS["main"])[0]
        assert event["type"] == "relay.store.unavailable" and set(event["data"]) == {"since", "reason"}
        assert "only-for-tests" not in receivers["main"].got[0][1].decode()
        postgres.start()
        until(lambda: len(receivers["main"].got) > 1, 60)
        assert verified(receivers["main"], SECRETS["main"])[1]["type"] == "relay.store.recovered"
        until(lambda: len(relay.ledger()) == 2)
