"""What a key's holder and an operator read and change about keys, over HTTP as scripts of the older relay do it (relay contract, section 11)."""
import csv, datetime, io, json, zoneinfo

import pytest
import standardwebhooks

import far_side
from prepared import until
from test_payments import Receiver

JSON = {"content-type": "application/json"}


def ask(relay, path, body=None, method=None, token=None, key=None, **headers):
    """(status, answer) with a session, with a relay key, or with neither."""
    fields = dict(JSON, **headers)
    if token:
        fields["authorization"] = f"Bearer {token}"
    if key:
        fields["x-api-key"] = key
    status, _, text = far_side.call(relay.url + path, body, fields, method)
    return status, json.loads(text) if text[:1] in (b"{", b"[") else text


def admin(relay):
    status, answer = ask(relay, "/web/auth/login", {"username": "admin", "password": relay.environment()["ADMIN_PASSWORD"]})
    assert status == 200 and answer["success"] and answer["expiresIn"] > 0, answer
    return answer["token"]


def message(relay, key, **more):
    status, answer = ask(relay, "/v1/messages", far_side.QUESTION | more, key=key)
    assert status == 200, answer
    return answer


@pytest.fixture(params=["Pacific/Kiritimati", "Pacific/Pago_Pago"])
def elsewhere(server, fake, request):
    """Fourteen hours before and eleven behind UTC: at any moment one of the two has another day."""
    with far_side.Gatehouse(fake, TIME_ZONE=request.param) as own:
        own.zone = zoneinfo.ZoneInfo(request.param)
        yield own


def test_days_are_those_of_the_time_zone(elsewhere, fake):
    def day():
        return datetime.datetime.now(elsewhere.zone).date().isoformat()

    begun = day()
    answer = message(elsewhere, elsewhere.key)
    used = answer["usage"]["input_tokens"] + answer["usage"]["output_tokens"]
    rows = elsewhere.settled(1)
    if day() != begun:
        pytest.skip("midnight fell into this test")
    assert rows[0]["day"] == begun
    for path, found in {"/v1/usage": lambda found: found["usage"]["daily"], "/v1/key-info": lambda found: found["keyInfo"]["usage"]["daily"]}.items():
        status, answer = ask(elsewhere, path, key=elsewhere.key)
        assert status == 200 and found(answer)["requests"] == 1 and found(answer)["inputTokens"] + found(answer)["outputTokens"] == used
    status, stats = ask(elsewhere, "/v1/request-stats", key=elsewhere.key)
    assert stats["date"] == begun and stats["stats"]["totalRequests"] == 1
    for date, count in [(begun, 1), ((datetime.date.fromisoformat(begun) - datetime.timedelta(days=1)).isoformat(), 0)]:
        assert ask(elsewhere, f"/v1/request-stats?date={date}", key=elsewhere.key)[1]["stats"]["totalRequests"] == count
        history = ask(elsewhere, f"/v1/request-history?date={date}", key=elsewhere.key)[1]
        assert len(history["history"]) == count and history["date"] == date
    token = admin(elsewhere)
    dashboard = ask(elsewhere, "/admin/dashboard", token=token)[1]["data"]
    assert dashboard["recentActivity"]["requestsToday"] == 1
    trend = ask(elsewhere, "/admin/usage-trend?days=2", token=token)[1]["data"]
    assert [bucket["date"] for bucket in trend] == [begun]
    assert ask(elsewhere, "/admin/usage-costs?period=today", token=token)[1]["data"]["totalCosts"]["requests"] == 1
    series = ask(elsewhere, f"/api/stats?from={begun}&group_by=day", token=token)[1]
    assert [bucket["bucket"] for bucket in series["series"]] == [begun] and series["totals"]["requests"] == 1


def test_history_pages_filters_and_exports_the_same_requests(server, fake):
    with far_side.Gatehouse(fake) as own:
        other = own.create_key("other")
        until(lambda: ask(own, "/v1/me", key=other)[0] == 200)
        for number in range(7):
            message(own, own.key, model="claude-haiku-5-5" if number % 2 else "claude-sonnet-5-5", stream=False)
        message(own, other)
        assert ask(own, "/v1/messages", {"model": "claude-sonnet-5-5"}, key=own.key)[0] == 400
        own.settled(8)
        whole = until(lambda: (found := ask(own, "/v1/request-history?limit=500", key=own.key)[1]["history"]) and all(row["status"] != "pending" for row in found) and found)
        assert len([row for row in whole if row["status"] == "success"]) == 7
        assert [row["timestamp"] for row in whole] == sorted((row["timestamp"] for row in whole), reverse=True)
        paged, cursor = [], ""
        while True:
            part = ask(own, f"/v1/request-history?limit=3{cursor}", key=own.key)[1]
            paged += part["history"]
            if not part["pagination"]["hasMore"]:
                break
            cursor = "&cursor=" + part["pagination"]["cursor"]
        assert paged == whole
        offset = ask(own, "/v1/request-history?limit=3&offset=3", key=own.key)[1]
        assert offset["history"] == whole[3:6] and offset["pagination"]["offset"] == 3
        haiku = ask(own, "/v1/request-history?model=claude-haiku-5-5&status=success", key=own.key)[1]["history"]
        assert haiku == [row for row in whole if row["model"] == "claude-haiku-5-5"] and len(haiku) == 3
        middle = whole[4]["timestamp"]
        since = ask(own, f"/v1/request-history?from={middle}", key=own.key)[1]["history"]
        assert since == [row for row in whole if row["timestamp"] >= middle]
        status, _, text = far_side.call(own.url + "/v1/request-history/export?format=csv", headers={"x-api-key": own.key})
        rows = list(csv.DictReader(io.StringIO(text.decode())))
        assert status == 200 and [row["requestId"] for row in rows] == [row["requestId"] for row in whole]
        status, _, text = far_side.call(own.url + "/v1/request-history/export?format=jsonl&status=success", headers={"x-api-key": own.key})
        assert [json.loads(line) for line in text.splitlines()] == [row for row in whole if row["status"] == "success"]
        one = whole[0]["requestId"]
        status, shown = ask(own, f"/v1/request-history/{one}", key=own.key)
        assert status == 200 and shown["request"]["requestId"] == one and shown["request"]["statusCode"]
        status, refused = ask(own, f"/v1/request-history/{one}", key=other)
        assert status == 404 and set(refused) >= {"error", "message"}
        priced = sum(row["costMicroUsd"] for row in whole)
        assert priced == sum(row["price_micro_usd"] for row in own.ledger()) - ask(own, "/v1/usage", key=other)[1]["usage"]["total"]["costMicroUsd"]
        token = admin(own)
        dry = ask(own, "/api/admin/history/cleanup", {"dry_run": True, "older_than_days": 1}, token=token)[1]
        assert dry["deleted"] == 0 and dry["remaining"] == 0 and dry["dry_run"] is True


def test_a_key_gets_a_new_secret_and_the_old_one_a_grace(server, fake):
    with far_side.Gatehouse(fake) as own:
        token = admin(own)
        made = ask(own, "/admin/api-keys", {"name": "turned", "tags": ["a"]}, token=token)[1]["data"]
        works = lambda secret: ask(own, "/v1/me", key=secret)[0]
        assert works(made["apiKey"]) == 200
        status, turned = ask(own, f"/api/admin/keys/{made['id']}/rotate", {"grace_seconds": 3600}, token=token)
        assert status == 200 and turned["key"] != made["apiKey"] and turned["previous_until"] and turned["tags"] == ["a"]
        assert works(turned["key"]) == 200 and works(made["apiKey"]) == 200
        message(own, made["apiKey"])
        status, again = ask(own, f"/api/admin/keys/{made['id']}/rotate", {}, token=token)
        assert works(again["key"]) == 200 and works(turned["key"]) == 401 and works(made["apiKey"]) == 401
        status, explained = ask(own, f"/api/admin/keys/{made['id']}/explain?model=claude-sonnet-5-5", token=token)
        assert status == 200 and explained["admitted"] is True and explained["refused_by"] is None
        changed = ask(own, f"/api/admin/keys/{made['id']}", {"status": "disabled", "limits": {"tokens_per_day": 5}}, method="PATCH", token=token)[1]
        assert changed["status"] == "disabled" and changed["limits"] == {"tokens_per_day": 5}
        assert ask(own, f"/api/admin/keys/{made['id']}/explain", token=token)[1]["refused_by"] == "key_disabled" and works(again["key"]) == 403
        status, many = ask(own, "/api/admin/keys", {"ids": [made["id"], "key_0193c0de8a7b7f3e9d2c4b5a69788796"], "change": {"status": "active"}}, method="PATCH", token=token)
        assert status == 200 and many["changed"] == 1 and len(many["missing"]) == 1 and works(again["key"]) == 200


def test_a_person_renames_and_turns_their_own_key_only(server, fake):
    with far_side.Gatehouse(fake, REGISTRATION="open") as own:
        def person(name):
            body = {"email": f"{name}@example.com", "password": "Correct-Horse-9", "name": name}
            status, answer = ask(own, "/api/auth/register", body)
            assert status == 201 and answer["user"]["role"] in ("user", "customer"), answer
            return answer["token"]

        ada, bob = person("ada"), person("bob")
        made = ask(own, "/api/keys", {"name": "mine"}, token=ada)[1]
        assert ask(own, f"/api/keys/{made['id']}", {"name": "stolen"}, method="PATCH", token=bob)[0] == 404
        assert ask(own, f"/api/keys/{made['id']}/rotate", {}, token=bob)[0] == 404
        renamed = ask(own, f"/api/keys/{made['id']}", {"name": "laptop", "tags": ["home"]}, method="PATCH", token=ada)[1]
        assert renamed["name"] == "laptop" and renamed["tags"] == ["home"] and "key" not in renamed
        turned = ask(own, f"/api/keys/{made['id']}/rotate", {"grace_seconds": 60}, token=ada)[1]
        assert {ask(own, "/v1/me", key=secret)[0] for secret in (made["key"], turned["key"])} == {200}


def test_statistics_show_the_limits_and_the_open_window(server, fake):
    with far_side.Gatehouse(fake) as own:
        token = admin(own)
        wish = {"name": "seen", "rateLimitWindow": 60, "rateLimitRequests": 5, "rateLimitCost": 2, "tokenLimit": 100000, "dailyCostLimit": 3,
                "enableModelRestriction": True, "restrictedModels": ["claude-opus-*"]}
        made = ask(own, "/admin/api-keys", wish, token=token)[1]["data"]
        read = lambda: ask(own, "/apiStats/api/user-stats", {"apiKey": made["apiKey"]})[1]["data"]
        assert read()["limits"]["windowStartTime"] is None and read()["limits"]["currentWindowRequests"] == 0
        answer = message(own, made["apiKey"])
        own.settled(1)
        shown = until(lambda: (found := read())["usage"]["total"]["requests"] == 1 and found)
        limits = shown["limits"]
        assert (limits["rateLimitWindow"], limits["rateLimitRequests"], limits["tokenLimit"]) == (60, 5, 100000)
        assert float(limits["rateLimitCost"]) == 2 and float(limits["dailyCostLimit"]) == 3
        assert limits["currentWindowRequests"] == 1 and limits["currentWindowTokens"] > 0
        assert limits["currentWindowCost"] == limits["currentDailyCost"] == limits["currentTotalCost"] == shown["usage"]["total"]["cost"] > 0
        assert limits["windowEndTime"] - limits["windowStartTime"] == 3600_000 and 3500 < limits["windowRemainingSeconds"] <= 3600
        assert shown["restrictions"]["restrictedModels"] == ["claude-opus-*"] and shown["restrictions"]["enableModelRestriction"] is True
        assert shown["usage"]["total"]["inputTokens"] == answer["usage"]["input_tokens"]
        info = ask(own, "/v1/key-info", key=made["apiKey"])[1]["keyInfo"]
        assert info["tokenLimit"] == 100000 and info["id"] == made["id"] and info["usage"]["daily"]["requests"] == 1
        left = ask(own, "/v1/organizations/any/usage", key=made["apiKey"])[1]["data"][0]
        assert left["type"] == "credit_balance" and 0 < left["credit_balance"] < 100000


def test_a_test_message_reaches_the_operators_system(server, fake):
    receiver = Receiver()
    try:
        targets = [{"name": "ops", "url": receiver.url + "?token=hidden", "secret": "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3", "events": ["webhook.*"]}]
        with far_side.Gatehouse(fake, EVENT_WEBHOOKS=json.dumps(targets)) as own:
            token = admin(own)
            config = ask(own, "/admin/webhook/config", token=token)[1]["data"]
            assert config["enabled"] and config["platforms"][0]["name"] == "ops" and config["platforms"][0]["events"] == ["webhook.*"]
            assert config["platforms"][0]["url"] == receiver.url.removesuffix("/events") and "hidden" not in json.dumps(config)
            assert ask(own, "/admin/webhook/test", method="POST", token=token)[1]["data"]["platforms"] == ["ops"]
            until(lambda: receiver.got, 60)
            assert json.loads(receiver.got[0][1])["type"] == "webhook.test"
            sent = until(lambda: [one for one in ask(own, "/admin/webhook/history", token=token)[1]["data"] if one["state"] == "sent"], 60)
            assert sent[0]["type"] == "webhook.test" and sent[0]["attempts"] == 1
            listed = json.loads(own.command("webhook", "events", "--state", "sent", "--json"))
            assert [one["id"] for one in listed] == [sent[0]["id"]] and listed[0]["told"] == ["ops"]
            assert "is waiting" in own.command("webhook", "replay", sent[0]["id"])
            until(lambda: len(receiver.got) == 2, 60)
            assert {name.lower(): value for name, value in dict(receiver.got[1][0]).items()}["webhook-id"] == sent[0]["id"]
            receiver.status = 410
            status, event = ask(own, f"/api/admin/webhooks/events/{sent[0]['id']}/replay", method="POST", token=token)
            assert status == 200 and event["state"] == "waiting"
            until(lambda: not ask(own, "/admin/webhook/config", token=token)[1]["data"]["enabled"], 60)
            place = ask(own, "/admin/webhook/config", token=token)[1]["data"]["platforms"][0]
            assert place["disabledReason"] == "status 410" and place["disabledAt"] and "webhook enable" not in own.command("webhook", "list")
            dead = ask(own, "/api/admin/webhooks/events?state=dead", token=token)[1]["events"]
            assert [one["id"] for one in dead] == [sent[0]["id"]] and dead[0]["failure"] == "ops: status 410"
    finally:
        receiver.server.shutdown()
        receiver.server.server_close()


def test_places_that_a_dashboard_adds_are_told_kept_sealed_and_survive_a_restart(fake):
    receiver = Receiver()
    try:
        with far_side.Gatehouse(fake) as own:
            token = admin(own)
            assert ask(own, "/admin/webhook/test", method="POST", token=token)[0] == 409, "nobody is told of anything"
            wish = {"type": "custom", "name": "dash", "url": receiver.url + "?token=hidden", "events": ["webhook.*"]}
            made = ask(own, "/admin/webhook/platforms", wish, token=token)[1]["data"]
            assert made["secret"].startswith("whsec_") and made["source"] == "stored" and "hidden" not in json.dumps(made)
            assert ask(own, "/admin/webhook/platforms", wish, token=token)[0] == 409, "a name is there once"
            status, refusal = ask(own, "/admin/webhook/platforms", {**wish, "name": "other", "type": "slack"}, token=token)
            assert status == 422 and "type" in json.dumps(refusal)
            own.stop()
            own.start()
            token = admin(own)
            assert ask(own, "/admin/webhook/test", method="POST", token=token)[1]["data"]["platforms"] == ["dash"]
            until(lambda: receiver.got, 60)
            headers, body = receiver.got[0]
            standardwebhooks.Webhook(made["secret"]).verify(body, {name.lower(): value for name, value in dict(headers).items()})
            kept = b"".join(path.read_bytes() for path in (own.folder / "data").glob("gatehouse.db*"))
            assert b"hidden" not in kept and made["secret"].encode() not in kept
            own.command("secrets", "rotate")
            path = "/admin/webhook/platforms/" + made["id"]
            assert ask(own, path + "/toggle", method="POST", token=token)[1]["data"]["enabled"] is False
            assert ask(own, "/admin/webhook/test", method="POST", token=token)[0] == 409
            assert ask(own, "/admin/webhook/config", {"enabled": True}, token=token)[1]["data"]["platforms"][0]["enabled"] is True
            changed = ask(own, path, {"name": "renamed", "events": ["relay.*"]}, method="PUT", token=token)[1]["data"]
            assert (changed["name"], changed["events"], changed["url"]) == ("renamed", ["relay.*"], receiver.url.removesuffix("/events"))
            assert ask(own, path, method="DELETE", token=token)[0] == 200 and ask(own, path, method="DELETE", token=token)[0] == 404
            assert ask(own, "/admin/webhook/config", token=token)[1]["data"] == {"enabled": False, "platforms": []}
    finally:
        receiver.server.shutdown()
        receiver.server.server_close()


def test_a_dashboard_renews_the_token_of_an_oauth_account():
    with far_side.Fake() as fake, far_side.Gatehouse(fake) as own:
        token = admin(own)
        (own.folder / "refresh").write_text("rt-dashboard-0001\n")
        fake.script("*", default="rotate-refresh")
        made = json.loads(own.command(
            "account", "add", "renewed", "--kind", "oauth", "--base-url", fake.url, "--token-url", fake.url + "/oauth/token", "--client-id", "client-1",
            "--refresh-token-file", "refresh", "--priority", "2", "--json"))
        path = f"/admin/claude-accounts/{made['id']}/refresh"
        generation = lambda: own.rows("SELECT generation FROM account_tokens")[0]["generation"]  # noqa: E731
        until(lambda: generation() == 2)
        status, answer = ask(own, path, method="POST", token=token)
        assert status == 200 and answer["data"]["status"] == "active" and answer["data"]["expiresAt"], answer
        assert generation() == 3 and "sk-ant" not in json.dumps(answer)
        fake.script("*", default="refresh-fail=500")
        status, answer = ask(own, path, method="POST", token=token)
        assert status == 502 and "token endpoint" in answer["message"], answer
        console = ask(own, "/admin/claude-accounts", {"name": "static", "accessToken": "sk-static-0001"}, token=token)[1]["data"]["id"]
        status, answer = ask(own, f"/admin/claude-accounts/{console}/refresh", method="POST", token=token)
        assert status == 409 and "oauth" in answer["message"], answer


def test_a_price_and_a_models_limits_count_once_they_are_added_over_http(fake):
    with far_side.Gatehouse(fake) as own:
        token = admin(own)
        model = far_side.QUESTION["model"]
        row = {"model": model, "input": 1000, "output": 7000, "cache_write_5m": 1, "cache_write_1h": 1, "cache_read": 1}
        for added in (1, 0):
            status, answer = ask(own, "/api/admin/prices", {"prices": [{**row, "effective_from": "2026-11-01T00:00:00Z"}]}, token=token)
            assert status == 200 and answer == {"added": added, "read": 1}, answer
        usage = message(own, own.key)["usage"]
        cached = (usage.get("cache_creation_input_tokens") or 0) + (usage.get("cache_read_input_tokens") or 0)
        nano = usage["input_tokens"] * 1000 + usage["output_tokens"] * 7000 + cached
        assert own.settled(1)[0]["cost_micro_usd"] == (nano + 500) // 1000
        rows = ask(own, "/api/admin/prices", token=token)[1]["prices"]
        assert rows[-1]["output"] == 7000 and sum(one["model"] == model for one in rows) > 1, "the older rows are still there"
        assert ask(own, "/api/admin/prices", {"prices": [{**row, "input": -1}]}, token=token)[0] == 422
        status, shown = ask(own, f"/api/admin/models/{model}", {"max_input_tokens": 1000000, "lifecycle": "deprecated"}, method="PUT", token=token)
        assert status == 200 and shown["max_input_tokens"] == 1000000, shown
        listed = ask(own, f"/v1/models/{model}", key=own.key)[1]
        assert listed["max_input_tokens"] == 1000000 and listed["lifecycle"] == "deprecated"
