"""Stripe played by `localstripe`, a stateful double of its API that others keep: Stripe's own client makes intents there as a shop would, and what
it tells of them by its own signed webhooks settles our payments."""
import json
import subprocess
import sys
import time

import far_side
import pytest
import stripe

SECRET, PASSWORD = "whsec_only_for_tests", "Correct-Horse-9"
# It tells an event a second after it happened; this only ends a test that would wait for ever, also on a busy machine.
PATIENCE_SECONDS = 90
# As its own command, but for a port of the system's choice on loopback and without its file in /tmp, which it would share with any other.
PROGRAM = """
import socket
import localstripe.resources, localstripe.server
from aiohttp import web
type(localstripe.resources.store).dump_to_disk = lambda self: None
listening = socket.create_server(("127.0.0.1", 0))
print("port", listening.getsockname()[1], flush=True)
web.run_app(localstripe.server.app, sock=listening, print=None)
"""


@pytest.fixture(scope="module")
def double():
    process = subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        lines = far_side.Lines(process.stdout)
        yield f"http://127.0.0.1:{lines.wait(r'port ([0-9]+)').group(1)}"
    finally:
        process.terminate()
        process.wait(30)
        lines.thread.join(30)
        process.stdout.close()


@pytest.fixture(scope="module")
def shop(fake_session, double):
    with far_side.Gatehouse(fake_session, STRIPE_WEBHOOK_SECRET=SECRET, REGISTRATION="open") as server:
        server.command("plan", "create", "Starter", "--kind", "relay", "--price", "9.99", "--days", "30")
        hook = {"url": server.url + "/hooks/payments/stripe", "secret": SECRET}
        told = far_side.call(double + "/_config/webhooks/gatehouse", hook, {"content-type": "application/json"}, method="POST")
        assert told[0] == 200, told
        yield server


@pytest.fixture(scope="module")
def client(double):
    return stripe.StripeClient("sk_test_12345", base_addresses={"api": double})


def ask(shop, method, path, body=None, token=None):
    sent = {"content-type": "application/json", **({"authorization": f"Bearer {token}"} if token else {})}
    answer = far_side.call(shop.url + path, method=method, body=None if body is None else json.dumps(body).encode(), headers=sent)
    assert answer[0] == 200, answer
    return json.loads(answer[-1])


def begin(shop):
    person = {"email": f"ada{time.monotonic_ns()}@example.com", "password": PASSWORD}
    ask(shop, "POST", "/auth/register", person)
    token = ask(shop, "POST", "/auth/login", person)["access_token"]
    return token, ask(shop, "POST", "/payments/", {"tariff_id": 1, "provider": "stripe"}, token)


def intent(client, payment, card):
    """What the instructions of our payment say, done with Stripe's own client."""
    wanted = payment["instructions"]
    method = client.v1.payment_methods.create(params={
        "type": "card", "card": {"number": card, "exp_month": 12, "exp_year": 2034, "cvc": "123"}})
    return client.v1.payment_intents.create(params={
        "amount": wanted["amount_minor"], "currency": wanted["currency"], "metadata": wanted["metadata"], "payment_method": method.id})


def until(shop, token, payment, status):
    limit = time.monotonic() + PATIENCE_SECONDS
    while (now := ask(shop, "GET", f"/payments/status/{payment['id']}", token=token))["status"] != status:
        assert time.monotonic() < limit, now
        time.sleep(0.05)


def test_a_confirmed_intent_grants_and_the_intent_is_linked(shop, client):
    token, payment = begin(shop)
    made = intent(client, payment, "4242424242424242")
    client.v1.payment_intents.confirm(made.id)
    until(shop, token, payment, "completed")
    assert ask(shop, "GET", f"/payments/{payment['id']}", token=token)["provider_payment_id"] == made.id
    assert len(ask(shop, "GET", "/api/portal/services", token=token)["services"]) == 1


def test_a_declined_card_fails_the_payment_and_another_card_completes_it(shop, client):
    token, payment = begin(shop)
    made = intent(client, payment, "4000000000000341")
    with pytest.raises(stripe.CardError):
        client.v1.payment_intents.confirm(made.id)
    until(shop, token, payment, "failed")
    assert ask(shop, "GET", "/api/portal/services", token=token)["services"] == []
    good = client.v1.payment_methods.create(params={
        "type": "card", "card": {"number": "4242424242424242", "exp_month": 12, "exp_year": 2034, "cvc": "123"}})
    # The double lets an intent be paid once only; a shop that makes another one for the payment is another case, refused as a mismatch.
    again = client.v1.payment_intents.create(params={
        "amount": 999, "currency": "usd", "metadata": payment["instructions"]["metadata"], "payment_method": good.id})
    client.v1.payment_intents.confirm(again.id)
    limit = time.monotonic() + PATIENCE_SECONDS
    while not shop.rows("SELECT id FROM outbox WHERE kind = 'payment.mismatch'"):
        assert time.monotonic() < limit, "the other intent was not refused"
        time.sleep(0.05)
    until(shop, token, payment, "failed")
