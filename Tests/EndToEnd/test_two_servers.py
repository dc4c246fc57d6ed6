"""Two servers on one PostgreSQL: a refresh token that may be used once is used once, and what an operator is told is told once."""
import contextlib, json, os, threading

import pytest

import far_side
from postgres import Database
from prepared import Prepared, until
from test_payments import Receiver

pytestmark = pytest.mark.skipif(os.environ.get("RELAY_DIRECT") == "1", reason="RELAY_DIRECT=1: these tests need the server")
SHARED = {"ENCRYPTION_KEY": "only-for-tests-encryption-key-of-two-servers", "SECRET_KEY": "only-for-tests-secret-key-of-two-servers"}
ROUNDS, SENDERS = 5, 3


@contextlib.contextmanager
def servers(**settings):
    with Database() as postgres, far_side.Fake() as fake:
        both = {"postgres": postgres, **SHARED, **settings}
        with Prepared(fake, **both) as first, Prepared(fake, **both) as second:
            yield fake, first, second


def at_once(pair):
    """Statuses of requests that all start together, some at each server."""
    gate, statuses = threading.Barrier(len(pair) * SENDERS), []

    def send(relay):
        gate.wait(timeout=30)
        statuses.append(relay.send()[0])

    threads = [threading.Thread(target=send, args=(relay,)) for relay in pair for _ in range(SENDERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(statuses) == len(threads)
    return statuses


def test_attempts_at_a_login_are_counted_for_both_servers_together_and_over_a_restart():
    def attempt(server, password="Wrong-Horse-9"):
        body = {"email": "ada@example.com", "password": password}
        return far_side.call(server.url + "/api/auth/login", body, {"content-type": "application/json"})[0]

    with servers() as (_, first, second):
        first.command("user", "create", "ada@example.com", stdin="Correct-Horse-9\n")
        assert attempt(second, "Correct-Horse-9") == 200
        assert [attempt(server) for server in (first, second, first, second, first)] == [401] * 5
        assert attempt(second, "Correct-Horse-9") == 429 and attempt(first, "Correct-Horse-9") == 429
        second.stop()
        second.start()
        assert attempt(second, "Correct-Horse-9") == 429, "a restart forgives nothing"


@pytest.mark.long(35)
def test_acceptance_9_a_refresh_token_is_used_once_over_two_servers_and_both_use_the_new_access_token():
    with servers(CLAUDE_ACCOUNTS="[]") as (fake, first, second):
        # Slow enough that everybody else wants a token too before the first has got one.
        fake.script("*", default="rotate-refresh|hang-before-headers=300")
        (first.folder / "refresh").write_text("rt-example-0001\n")
        first.command(
            "account", "add", "renewed", "--kind", "oauth", "--base-url", fake.url, "--token-url", fake.url + "/oauth/token", "--client-id", "client-1",
            "--refresh-token-file", "refresh")
        calls = lambda: [request for request in fake.requests() if request["path"] == "/oauth/token"]
        used = lambda: [request for request in fake.requests() if request["path"] == "/v1/messages"]
        for relay in (first, second):
            until(lambda: relay.metric(r'gatehouse_relay_accounts\{status="active"\}') == 1)
            until(lambda: relay.send()[0] == 200 and used())
        assert len(calls()) == 1, "the first token was got once, by one of the two"
        token = used()[-1]["credential"]
        for number in range(ROUNDS):
            before = len(used())
            fake.script(token, *["status=401;type=authentication_error"] * (2 * SENDERS))
            assert at_once([first, second]) == [200] * 2 * SENDERS
            assert len(calls()) == 2 + number, "exactly one refresh, whoever asked"
            fresh = [request["credential"] for request in used()[before:] if request["status"] == 200]
            assert len(set(fresh)) == 1 and fresh[0] != token and len(fresh) == 2 * SENDERS, "both servers use the new token"
            assert {request["credential"] for request in used()[before:]} <= {token, fresh[0]}
            token = fresh[0]
        assert all(request["status"] == 200 for request in calls()), "no refresh token came a second time"
        account = json.loads(second.command("account", "list", "--json"))[0]
        assert account["status"] == "active"
        told = first.printed() + second.printed()
        assert "invalid_grant" not in told and token not in told and "rt-example-0001" not in told


@pytest.mark.long(20)
def test_what_two_servers_see_is_told_once():
    receiver = Receiver()
    try:
        with servers(EVENT_WEBHOOK_URL=receiver.url, EVENT_WEBHOOK_SECRET="whsec_YWJjZGVmMDEyMzQ1Njc4OTAxMjM0NTY3", EVENT_WEBHOOK_EVENTS="relay.*") as (
            fake, first, second):
            both = (first, second)

            def seen(kind):
                """Each of the two has looked and said what it did."""
                return all(any(f'"{kind}"' in line and '"alert' in line for lines in relay.output for line in lines.all) for relay in both)

            fake.script(far_side.RELAY_ACCOUNT, default="status=401;type=authentication_error")
            for relay in both:
                until(lambda: relay.send()[0] == 529)
            until(lambda: seen("relay.account.blocked") and seen("relay.pool.empty"), 60)
            fake.reset()
            first.command("account", "reset", json.loads(first.command("account", "list", "--json"))[0]["id"])
            for relay in both:
                until(lambda: relay.send()[0] == 200)
            until(lambda: seen("relay.account.recovered") and seen("relay.pool.recovered"), 60)
            until(lambda: len(receiver.got) >= 4, 60)
            until(lambda: not first.rows("SELECT id FROM outbox WHERE state = 'waiting'"))
            kinds = sorted(json.loads(body)["type"] for _, body in receiver.got)
            assert kinds == ["relay.account.blocked", "relay.account.recovered", "relay.pool.empty", "relay.pool.recovered"]
    finally:
        receiver.server.shutdown()
        receiver.server.server_close()
