"""Sales seen from outside: independent signers (`stripe`, `standardwebhooks`) sign and verify, and a bought key works until it is suspended."""
import concurrent.futures
import hashlib
import hmac
import http.server
import json
import subprocess
import threading
import time

import far_side
import pytest
import standardwebhooks
import stripe

PASSWORD = "Correct-Horse-9"
WEBHOOK, TELEGRAM, STRIPE = "first-secret,second-secret", "bot_token_1", "whsec_for_tests_only"
EVENTS = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"
# What is waited for comes within a second or two; this only ends a test that would wait for ever, also on a busy machine.
PATIENCE_SECONDS = 90


class Receiver:
    """The operator's system: keeps what it is told."""

    def __init__(self):
        self.got, self.status = [], 204
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.got.append((dict(self.headers), body))
                self.send_response(receiver.status)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/events"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture(scope="module")
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.server.shutdown()
    receiver.server.server_close()


@pytest.fixture(scope="module")
def shop(fake_session, receiver):
    with far_side.Gatehouse(
        fake_session, PAYMENT_WEBHOOK_SECRET=WEBHOOK, TELEGRAM_WEBHOOK_SECRET_TOKEN=TELEGRAM, STRIPE_WEBHOOK_SECRET=STRIPE,
        EVENT_WEBHOOK_URL=receiver.url, EVENT_WEBHOOK_SECRET=EVENTS, REGISTRATION="open",
    ) as server:
        server.command("plan", "create", "Starter", "--kind", "relay", "--price", "9.99", "--days", "30", "--limits", '{"concurrent": 2}')
        yield server


def ask(shop, method, path, body=None, token=None, headers=None):
    sent = {"content-type": "application/json", **(headers or {})}
    if token:
        sent["authorization"] = f"Bearer {token}"
    raw = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
    answer = far_side.call(shop.url + path, method=method, body=raw, headers=sent)
    return answer[0], json.loads(answer[-1] or b"null")


@pytest.fixture
def ada(shop):
    person = {"email": f"ada{time.monotonic_ns()}@example.com", "password": PASSWORD}
    assert ask(shop, "POST", "/auth/register", person)[0] == 200
    return ask(shop, "POST", "/auth/login", person)[1]["access_token"]


def pay(shop, token, provider):
    status, payment = ask(shop, "POST", "/payments/", {"tariff_id": 1, "provider": provider}, token)
    assert status == 200 and payment["status"] == "pending" and payment["instructions"], payment
    return payment


def eventually(condition):
    limit = time.monotonic() + PATIENCE_SECONDS
    while not (found := condition()):
        assert time.monotonic() < limit, "it did not come true"
        time.sleep(0.05)
    return found


def generic(payment, secret, **changes):
    body = json.dumps({
        "provider": payment["provider"], "provider_payment_id": f"p-{payment['id']}", "payment_id": payment["id"], "status": "completed",
        "amount": payment["amount"], "currency": payment["currency"], **changes}).encode()
    now = str(int(time.time()))
    mark = hmac.new(secret.encode(), now.encode() + b"." + body, hashlib.sha256).hexdigest()
    return body, {"x-webhook-signature": f"t={now},v1={mark}"}


def services(shop, token):
    return ask(shop, "GET", "/api/portal/services", token=token)[1]["services"]


def test_a_bought_key_works_and_stops_with_its_service(shop, ada):
    payment = pay(shop, ada, "shop")
    body, headers = generic(payment, "second-secret")
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: ask(shop, "POST", "/payments/webhook", body, headers=headers), range(50)))
    assert [status for status, _ in answers] == [200] * 50
    assert sum(not answer["duplicate"] for _, answer in answers) == 1
    service = eventually(lambda: [one for one in services(shop, ada) if one["state"] == "active"])
    assert len(services(shop, ada)) == 1
    status, secret = ask(shop, "POST", f"/api/portal/services/{service[0]['id']}/secret", {}, ada)
    assert status == 200
    models = lambda: far_side.call(shop.url + "/v1/models", headers={"x-api-key": secret["secret"]})[0]
    eventually(lambda: models() == 200)
    # The service finds its key by the secret: whoever owns the key, nobody gives it another one behind the service's back.
    key = json.loads(far_side.call(shop.url + "/v1/key-info", headers={"x-api-key": secret["secret"]})[2])["keyInfo"]["id"]
    admin = ask(shop, "POST", "/api/auth/login", {"email": "admin@example.com", "password": shop.environment()["ADMIN_PASSWORD"]})[1]["token"]
    for path, token in ((f"/api/keys/{key}/rotate", ada), (f"/api/admin/keys/{key}/rotate", admin)):
        status, told = ask(shop, "POST", path, {}, token)
        assert status == 422 and service[0]["id"] in json.dumps(told), told
    refused = subprocess.run(
        [far_side.program("GATEHOUSE_BIN", "gatehouse"), "key", "rotate", key], env=shop.environment(), cwd=shop.folder, capture_output=True, text=True,
        timeout=60)
    assert refused.returncode == 2 and "which keeps its secret" in refused.stderr, refused
    assert models() == 200
    shop.command("service", "suspend", service[0]["id"])
    eventually(lambda: models() == 401 or models() == 403)
    shop.command("service", "resume", service[0]["id"])
    eventually(lambda: models() == 200)
    shop.command("payment", "refund", str(payment["id"]))
    eventually(lambda: models() != 200)
    assert services(shop, ada)[0]["suspended_for"] == ["expired"]


def test_stripes_own_library_signs(shop, ada):
    payment = pay(shop, ada, "stripe")
    event = {
        "id": f"evt_{payment['id']}", "object": "event", "type": "payment_intent.succeeded",
        "data": {"object": {"id": f"pi_{payment['id']}", "object": "payment_intent", "amount": 999, "amount_received": 999, "currency": "usd",
                            "metadata": {"payment_id": str(payment["id"])}}}}
    body = json.dumps(event)
    now = int(time.time())
    mark = stripe.WebhookSignature._compute_signature(f"{now}.{body}", STRIPE)
    header = f"t={now},v1={mark}"
    assert stripe.WebhookSignature.verify_header(body, header, STRIPE, 300)
    status, answer = ask(shop, "POST", "/hooks/payments/stripe", body.encode(), headers={"stripe-signature": header})
    assert (status, answer["status"], answer["duplicate"]) == (200, "completed", False)
    assert ask(shop, "POST", "/hooks/payments/stripe", body.encode() + b" ", headers={"stripe-signature": header})[0] == 401
    old = f"t={now - 400},v1={stripe.WebhookSignature._compute_signature(f'{now - 400}.{body}', STRIPE)}"
    status, answer = ask(shop, "POST", "/hooks/payments/stripe", body.encode(), headers={"stripe-signature": old})
    assert (status, answer["detail"]) == (401, "stale signature")


def test_a_telegram_token_is_for_telegram_payments(shop, ada):
    header = {"x-telegram-bot-api-secret-token": TELEGRAM}
    for provider, expected in [("shop", 401), ("telegram", 200)]:
        payment = pay(shop, ada, provider)
        body, _ = generic(payment, "")
        assert ask(shop, "POST", "/payments/webhook", body, headers=header)[0] == expected


def test_what_is_told_to_others_verifies_with_the_standard_library(shop, ada, receiver):
    body, headers = generic(pay(shop, ada, "shop"), "first-secret")
    assert ask(shop, "POST", "/payments/webhook", body, headers=headers)[0] == 200
    verifier = standardwebhooks.Webhook(EVENTS)

    def completed():
        told = [verifier.verify(raw, {name.lower(): value for name, value in head.items()}) for head, raw in list(receiver.got)]
        return [one for one in told if one["type"] == "payment.completed"]

    assert eventually(completed)[0]["data"]["amount"] == "9.99"


def test_an_invoice_is_readable(shop, ada):
    payment = pay(shop, ada, "manual")
    shop.command("payment", "confirm", str(payment["id"]))
    answer = far_side.call(shop.url + f"/payments/{payment['id']}/invoice", headers={"authorization": f"Bearer {ada}"})
    assert answer[0] == 200 and b"INV-" in answer[-1] and b"9.99" in answer[-1]
