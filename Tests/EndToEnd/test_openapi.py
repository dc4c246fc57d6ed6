"""The OpenAPI document, judged by a validator that is not ours."""
import json
import pathlib
import subprocess
import sys

import openapi_spec_validator
import pytest

import far_side

GOLDEN = far_side.ROOT / "Tests" / "Golden" / "openapi.json"


def test_the_reviewed_document_is_valid_openapi():
    openapi_spec_validator.validate(json.loads(GOLDEN.read_text()))


def test_the_served_document_is_valid_and_the_reviewed_one(server):
    status, headers, body = far_side.call(server.url + "/openapi.json")
    assert status == 200 and headers["content-type"] == "application/json"
    served, golden = json.loads(body), json.loads(GOLDEN.read_text())
    openapi_spec_validator.validate(served)
    for part in ("openapi", "info", "tags", "paths"):
        assert served[part] == golden[part], part
    assert served["components"]["schemas"] == golden["components"]["schemas"]


# Whoever calls these has logged out, and every later call would only meet 401. The docs page answers 503 without its installed files.
LEFT_OUT = ["/api/auth/logout", "/web/auth/logout", "/web/auth/refresh", "/api/docs"]
# What a relay key opens; everything else gets an admin's session.
OF_KEYS = "^/(v1/|api/(chat|conversations|event_logging))"


def prepared(own):
    """One of each thing that an address can name, made for the calls to spoil; as settings of schemathesis."""
    login = {"email": "admin@example.com", "password": own.environment()["ADMIN_PASSWORD"]}
    session = "Bearer " + json.loads(far_side.call(own.url + "/api/auth/login", login, {"content-type": "application/json"})[2])["token"]

    def made(path, body, *name, token=session):
        status, _, answer = far_side.call(own.url + path, body, {"content-type": "application/json", "authorization": token})
        assert status in (200, 201), (path, status, answer)
        found = json.loads(answer)
        for part in name:
            found = found[part]
        return found

    def key_made():
        return made("/admin/api-keys", {"name": "spoilt"}, "data", "id")

    made("/auth/register", {"email": "subject@example.com", "password": "Correct-Horse-9"})
    users = json.loads(far_side.call(own.url + "/api/admin/users", headers={"authorization": session})[2])["users"]
    account = made("/api/admin/accounts", {"name": "spoilt", "secret": "sk-spoilt", "base_url": own.fake.url}, "id")
    # Accounts that the calls make or spoil lead nowhere, and would answer this key with 502, as they should.
    listed = json.loads(far_side.call(own.url + "/api/admin/accounts", headers={"authorization": session})[2])["accounts"]
    far = next(account["id"] for account in listed if account["name"] == "far")
    key = next(key["id"] for key in json.loads(own.command("key", "list", "--json")) if key["name"] == "end-to-end")
    bound = far_side.call(
        own.url + f"/api/admin/keys/{key}/binding", {"binding": far}, {"content-type": "application/json", "authorization": session}, method="PUT")
    assert bound[0] == 204, bound
    request = far_side.call(own.url + "/v1/messages", far_side.QUESTION, {"x-api-key": own.key, "content-type": "application/json"})[1]["x-relay-request-id"]
    tariff = made("/tariffs", {"name": "spoilt", "price": "1.00", "duration_days": 1, "service": "relay"}, "id")
    payment = made("/payments", {"tariff_id": tariff, "provider": "manual"}, "id")
    holder = "Bearer " + own.key
    # Deleting names nothing that exists: what is gone is no use to the calls behind it.
    named = "^(GET|POST|PUT|PATCH) "
    of_keys = {
        "/v1/request-history/": request, "/v1/models/": "claude-sonnet-5-5",
        "/v1/messages/batches/": made("/v1/messages/batches", {"requests": [{"custom_id": "a", "params": far_side.QUESTION}]}, "id", token=holder),
        "/api/conversations/": made("/api/chat", {"message": "Hi"}, "conversation_id", token=holder),
    }
    of_people = {
        "/api/admin/users/": next(user["id"] for user in users if user["email"] == "subject@example.com"),
        "(/admin/api-keys/|/admin/concurrency/|/api/admin/keys/)": made("/admin/api-keys", {"name": "spoilt"}, "data", "id"),
        "(/api/admin/accounts/|/admin/claude-accounts/|/admin/claude-console-accounts/|/admin/accounts/)": account,
        "(/payments/|/api/admin/payments/)": payment, "/tariffs/": tariff,
        "(/api)?/admin/account-groups/": made("/api/admin/account-groups", {"name": "spoilt"}, "id"),
    }
    as_holder = f"headers = {{ Authorization = {json.dumps(holder)} }}\n"
    lines = [f"headers = {{ Authorization = {json.dumps(session)} }}\n"]
    for patterns, headers in [(of_keys, as_holder), (of_people, "")]:
        for pattern, value in patterns.items():
            lines.append(f"[[operations]]\ninclude-name-regex = {json.dumps(named + pattern)}\n{headers}parameters = {{ \"path.id\" = {json.dumps(value)} }}\n")
    lines.append('[[operations]]\ninclude-path-regex = "^/hooks/payments/"\nparameters = { "path.provider" = "stripe" }\n')
    lines.append(f"[[operations]]\ninclude-path-regex = {json.dumps(OF_KEYS)}\n{as_holder}")
    return "".join(lines)


@pytest.mark.long(100)
@pytest.mark.parametrize("phase", ["coverage", "fuzzing"])
def test_generated_calls_find_no_server_error(server, fake_session, phase):  # `server`: not when the fake stands in its place
    """Bounded, with a fixed seed, as an admin and with a relay key; every way in has its secret, and most addresses name what exists."""
    with far_side.Gatehouse(
        fake_session, REGISTRATION="open", PAYMENT_WEBHOOK_SECRET="first-secret", TELEGRAM_WEBHOOK_SECRET_TOKEN="bot_token_1",
        STRIPE_WEBHOOK_SECRET="whsec_for_tests_only",
    ) as own:
        configuration = own.folder / "schemathesis.toml"
        configuration.write_text(prepared(own))
        program = str(pathlib.Path(sys.executable).parent / "schemathesis")
        left_out = [part for path in LEFT_OUT for part in ("--exclude-path", path)]
        done = subprocess.run(
            [program, "--config-file", str(configuration), "run", own.url + "/openapi.json", "--seed", "1", "--max-examples", "4", "--phases",
             phase, "--checks", "not_a_server_error", *left_out],
            cwd=own.folder, capture_output=True, text=True, timeout=900)
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
        assert "Tested:" in done.stdout, done.stdout[-4000:]
