"""The pool of accounts through the real server and commands: cooldowns over a restart, groups, explain, no secret shown."""
import itertools, json, subprocess, urllib.parse

import pytest

import far_side
from postgres import Database
from prepared import Prepared, until


@pytest.fixture(params=["sqlite", "postgres"])
def far(request):
    with far_side.Fake() as fake:
        if request.param == "sqlite":
            yield fake, None
        else:
            with Database() as postgres:
                yield fake, postgres


def accounts(relay):
    return {account["name"]: account for account in json.loads(relay.command("account", "list", "--json"))}


def test_cooldowns_survive_a_restart_and_a_kill_until_an_operator_resets_them(far):
    fake, postgres = far
    with Prepared(fake, postgres=postgres) as relay:
        fake.script(far_side.RELAY_ACCOUNT, "status=403")
        assert relay.send()[0] == 529
        until(lambda: relay.rows("SELECT COUNT(*) AS n FROM account_cooldowns")[0]["n"] == 1)
        for end in (relay.stop, relay.kill):
            end()
            relay.start()
            status, headers, body = relay.send()
            assert status == 529 and headers["retry-after"] == "60" and b"resets_at" in body
        far_account = accounts(relay)["far"]
        assert far_account["status"] == "cooling" and far_account["status_reason"] == "403" and far_account["until"]
        explained = json.loads(relay.command("account", "explain", "claude-sonnet-5-5", "--json"))
        assert explained["account"] is None and "cooling" in explained["accounts"][0]["why_not"]
        relay.command("account", "reset", far_account["id"])
        until(lambda: relay.send()[0] == 200)


def test_a_command_renews_a_token_and_the_running_server_uses_it(far, tmp_path):
    fake, postgres = far
    with Prepared(fake, postgres=postgres) as relay:
        refresh = tmp_path / "refresh.txt"
        refresh.write_text("refresh-of-the-test\n")
        made = json.loads(relay.command(
            "account", "add", "team", "--kind", "oauth", "--base-url", fake.url, "--token-url", fake.url + "/oauth/token", "--client-id", "mine",
            "--refresh-token-file", str(refresh), "--priority", "1", "--json"))

        def generation():
            return relay.rows("SELECT generation FROM account_tokens")[0]["generation"]

        before = generation()
        shown = json.loads(relay.command("account", "refresh", made["id"], "--json"))
        assert shown["status"] == "active" and shown["expires_at"] and generation() == before + 1
        # A session of its own each time: one that began before the token came stays where it is.
        sessions = itertools.count()

        def serves():
            status = relay.send(headers={"x-session-id": f"session-{next(sessions)}"})[0]
            return status == 200 and fake.requests()[-1]["credential"].startswith("sk-ant-oat")

        until(serves)
        with pytest.raises(AssertionError, match="no refresh token"):
            relay.command("account", "refresh", accounts(relay)["far"]["id"])
        relay.stop()
        assert all("refresh-of-the-test" not in line for lines in relay.output for line in lines.all)


def test_a_login_in_a_browser_gives_an_account_its_tokens_and_renews_them(far):
    fake, postgres = far

    def login(relay, *words):
        """Runs the command, with this function as the browser: the fake's code is the challenge it was asked for with."""
        process = subprocess.Popen(
            [far_side.program("GATEHOUSE_BIN", "gatehouse"), "account", "login", *words, "--authorize-url", fake.url + "/authorize", "--redirect-uri", "http://localhost:9/back", "--json"],
            env=relay.environment(), cwd=relay.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert "open this address" in process.stderr.readline()
        asked = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(process.stderr.readline().strip()).query))
        assert asked["code_challenge_method"] == "S256" and asked["client_id"] == "mine"
        back = urllib.parse.urlencode({"code": "code." + asked["code_challenge"], "state": asked["state"]})
        printed, told = process.communicate(f"http://localhost:9/back?{back}\n", timeout=60)
        assert process.returncode == 0 and "sk-ant" not in printed + told, told
        return json.loads(printed)

    with Prepared(fake, postgres=postgres) as relay:
        made = login(relay, "team", "--token-url", fake.url + "/oauth/token", "--client-id", "mine", "--base-url", fake.url, "--priority", "1")
        assert made["status"] == "active" and made["expires_at"]
        sessions = itertools.count()
        serves = lambda: relay.send(headers={"x-session-id": f"session-{next(sessions)}"})[0] == 200 and fake.requests()[-1]["credential"].startswith("sk-ant-oat")
        until(serves)
        before = relay.rows("SELECT refresh_sealed FROM account_tokens")[0]["refresh_sealed"]
        again = login(relay, made["id"])
        assert again["id"] == made["id"] and relay.rows("SELECT refresh_sealed FROM account_tokens")[0]["refresh_sealed"] != before
        with pytest.raises(AssertionError, match="no refresh token"):
            relay.command("account", "login", accounts(relay)["far"]["id"], "--authorize-url", fake.url, "--redirect-uri", "http://localhost:9/back")
        with pytest.raises(AssertionError, match="another login"):
            relay.command(
                "account", "login", made["id"], "--authorize-url", fake.url, "--redirect-uri", "http://localhost:9/back", stdin="code#of-another\n")


def test_accounts_of_commands_serve_a_running_server(far):
    fake, postgres = far
    with Prepared(fake, postgres=postgres) as relay:
        made = json.loads(relay.command(
            "account", "add", "second", "--base-url", fake.url, "--priority", "1", "--max-concurrency", "3", "--json", stdin="sk-account-second\n"))
        assert "sk-account-second" not in json.dumps(made)
        until(lambda: relay.send()[0] == 200 and fake.requests("sk-account-second"))
        tested = json.loads(relay.command("account", "test", made["id"], "--json"))
        assert tested["works"] and accounts(relay)["second"]["test_outcome"] == "works"
        group = json.loads(relay.command("account", "group", "add", "only-far", "--json"))
        relay.command("account", "group", "edit", "only-far", "--add", accounts(relay)["far"]["id"])
        key = json.loads(relay.command("key", "list", "--json"))[0]["id"]
        relay.command("account", "bind", key, "group:" + group["id"])
        until(lambda: relay.send()[0] == 200 and fake.requests()[-1]["credential"] == far_side.RELAY_ACCOUNT)
        relay.command("account", "bind", key, "pool")
        relay.command("account", "disable", made["id"])
        relay.command("account", "edit", accounts(relay)["far"]["id"], "--map", "opus=claude-opus-5-5", "--notes", "mapped")
        assert accounts(relay)["far"]["model_map"] == {"opus": "claude-opus-5-5"}
        relay.command("account", "delete", made["id"])
        assert "second" not in accounts(relay)


def test_what_tests_of_accounts_use_is_booked_and_charged_to_nobody(far):
    """By a command beside the server, by the page, and by the server itself for an account that idles: the ledger is the upstream's bill."""
    fake, postgres = far
    with Prepared(fake, postgres=postgres) as relay:
        account = accounts(relay)["far"]["id"]
        assert json.loads(relay.command("account", "test", account, "--model", "claude-opus-5-5", "--json"))["works"]
        login = {"email": "admin@example.com", "password": relay.environment()["ADMIN_PASSWORD"]}
        token = json.loads(far_side.call(relay.url + "/api/auth/login", login, {"content-type": "application/json"})[2])["token"]
        fields = {"content-type": "application/json", "authorization": "Bearer " + token}
        status, _, text = far_side.call(f"{relay.url}/api/admin/accounts/{account}/test", {}, fields)
        assert status == 200 and json.loads(text)["works"], text
        assert relay.send()[0] == 200
        rows = relay.settled(3)
        names = {"input_tokens": "input_tokens", "output_tokens": "output_tokens", "cache_read_input_tokens": "cache_read_tokens"}
        billed = sorted((one["model"], *(one["usage"].get(name) or 0 for name in names)) for one in fake.ledger(finished=3))
        assert sorted((row["model"], *(row[name] for name in names.values())) for row in rows) == billed
        tests = [row for row in rows if not row["charged"]]
        assert len(tests) == 2 and all(row["account_id"] == account and row["cost_micro_usd"] > 0 and row["price_micro_usd"] == 0 for row in tests)
        assert relay.rows("SELECT SUM(requests) AS n FROM usage_days")[0]["n"] == 1, "customers' statistics know nothing of it"
