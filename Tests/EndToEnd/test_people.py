"""The user commands beside a running server, which has to notice what they change in its database."""
import json
import subprocess
import time

import far_side
import pytest

PASSWORD = "Correct-Horse-9"
# Another process's change is known within five seconds (relay contract, section 2).
NOTICED_SECONDS = 5


def refused(server, *arguments):
    done = subprocess.run(
        [far_side.program("GATEHOUSE_BIN", "gatehouse"), *arguments], env=server.environment(), cwd=server.folder, capture_output=True, text=True,
        timeout=60)
    assert done.returncode == 1, f"{arguments}: {done.returncode} {done.stdout}"
    return done.stderr


def models(server, key):
    return far_side.call(server.url + "/v1/models", headers={"x-api-key": key})[0]


def becomes(status, ask):
    limit = time.monotonic() + NOTICED_SECONDS + 1
    while (seen := ask()) != status:
        assert time.monotonic() < limit, f"still {seen}, not {status}"
        time.sleep(0.1)


@pytest.fixture
def ann(server):
    email = f"ann{time.monotonic_ns()}@example.com"
    server.command("user", "create", email, stdin=PASSWORD + "\n")
    return email


def test_blocking_stops_the_key_in_the_running_server(server, ann):
    key = json.loads(server.command("key", "create", "ann's", "--owner", ann, "--json"))["key"]
    becomes(200, lambda: models(server, key))
    assert json.loads(server.command("user", "block", ann, "--json"))["status"] == "blocked"
    becomes(403, lambda: models(server, key))
    server.command("user", "unblock", ann)
    becomes(200, lambda: models(server, key))


def test_a_key_keeps_to_the_limits_of_its_owner(server, ann):
    limits = json.loads(server.command("user", "limits", ann, "--requests-per-minute", "10", "--keys", "1", "--json"))["limits"]
    assert limits["requests_per_minute"] == 10 and limits["keys"] == 1
    assert "must be at most 10" in refused(server, "key", "create", "k", "--owner", ann, "--requests-per-minute", "11")
    made = json.loads(server.command("key", "create", "k", "--owner", ann, "--json"))
    assert made["limits"]["requests_per_minute"] == 10
    assert "one key too many" in refused(server, "key", "create", "k", "--owner", ann)
    lifted = json.loads(server.command("user", "limits", ann, "--requests-per-minute", "none", "--json"))["limits"]
    assert lifted["requests_per_minute"] is None and lifted["keys"] == 1


def message(server, key):
    body = {"model": "claude-sonnet-5-5", "max_tokens": 16, "messages": [{"role": "user", "content": "hi"}]}
    status, _, text = far_side.call(server.url + "/v1/messages", body, {"x-api-key": key, "content-type": "application/json"})
    return status, json.loads(text).get("error", {}).get("details", {})


def test_a_team_and_a_person_share_limits_over_keys(server, ann):
    """Of a key's own limits, its owner's shared ones and its team's the tightest holds, and is named."""
    bob = ann.replace("ann", "bob")
    server.command("user", "create", bob, stdin=PASSWORD + "\n")
    keys = [json.loads(server.command("key", "create", "k", "--owner", who, "--json"))["key"] for who in (ann, ann, bob)]
    becomes(200, lambda: models(server, keys[2]))
    shared = json.loads(server.command("user", "shared-limits", ann, "--limits", '{"tokens_per_day":1,"hard_stop":true}', "--json"))
    assert shared["limits"]["tokens_per_day"] == 1
    becomes(402, lambda: message(server, keys[0])[0])
    status, details = message(server, keys[1])
    assert status == 402 and details["scope"] == "user" and details["error_code"] == "daily_token_limit_exceeded", details
    assert message(server, keys[2])[0] == 200, "another person's key"
    server.command("user", "shared-limits", ann, "--limits", '{"tokens_per_day":null,"hard_stop":null}')
    becomes(200, lambda: message(server, keys[1])[0])

    name = "team of " + ann
    team = json.loads(server.command("team", "add", name, "--limits", '{"cost_per_day_micro_usd":1,"hard_stop":true}', "--json"))["id"]
    for who in (ann, bob):
        server.command("user", "team", who, team)
    for key in keys:
        becomes(402, lambda: message(server, key)[0])
        assert message(server, key)[1]["scope"] == "team"
    assert "move them first" in refused(server, "team", "delete", team)
    assert "there already" in refused(server, "team", "add", name)
    server.command("team", "edit", team, "--limits", '{"cost_per_day_micro_usd":null}')
    becomes(200, lambda: message(server, keys[0])[0])
    for who in (ann, bob):
        server.command("user", "team", who, "none")
    server.command("team", "delete", team)
    assert team not in server.command("team", "list")


def test_the_last_admin_stays(server):
    assert "the last admin" in refused(server, "user", "block", "admin@example.com")
    assert "the last admin" in refused(server, "user", "promote", "admin@example.com", "--role", "customer")


def test_an_invitation_names_its_address(server, ann):
    made = json.loads(server.command("user", "invite", "bob@example.com", "--json"))
    assert made["email"] == "bob@example.com" and made["invitation"].startswith("inv_")


def test_a_token_that_a_command_made_works_until_a_command_ends_it(server, ann):
    made = json.loads(server.command("user", "token", "create", ann, "--name", "nightly report", "--scopes", "read", "--expires-in-days", "30", "--json"))
    assert made["token"].startswith("pat_") and made["scopes"] == ["read"] and made["last_used_at"] is None
    bearer = {"authorization": "Bearer " + made["token"], "content-type": "application/json"}

    def asked(path, body=None):
        return far_side.call(server.url + path, body, bearer)[0]

    assert asked("/api/auth/me") == 200
    assert asked("/api/keys", {"name": "not with a token that reads"}) == 403
    assert asked("/api/auth/tokens") == 403, "no token sees or makes tokens"
    listed = server.command("user", "token", "list", ann)
    assert made["id"] in listed and made["token"] not in listed and made["ends_in"] == made["token"][-4:]
    assert json.loads(server.command("user", "token", "list", ann, "--json"))[0]["last_used_at"]
    assert server.command("user", "token", "revoke", made["id"]).strip() == f"{made['id']} is revoked"
    assert asked("/api/auth/me") == 401
    assert "there is no token" in refused(server, "user", "token", "revoke", made["id"])
    assert "operators only" in refused(server, "user", "token", "create", ann, "--name", "n", "--scopes", "admin:read")


def test_a_new_password_and_a_block_end_what_tokens_open(server, ann):
    made = json.loads(server.command("user", "token", "create", ann, "--name", "n", "--scopes", "read,write", "--json"))
    bearer = {"authorization": "Bearer " + made["token"]}

    def opens():
        return far_side.call(server.url + "/api/auth/me", headers=bearer)[0]

    assert opens() == 200
    server.command("user", "block", ann)
    becomes(401, opens)
    server.command("user", "unblock", ann)
    becomes(200, opens)
    server.command("user", "passwd", ann, stdin="Correct-Horse-10\n")
    becomes(401, opens)
