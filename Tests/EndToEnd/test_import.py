"""What another VPN API has sold, taken over by the command: its database on a real PostgreSQL server, its peers on a fake controller of a program of
its own. People log in with their old passwords, and their peers stay as they are."""
import hashlib, json, subprocess

import far_side
import pytest
from postgres import Database
from test_vpn import CONTROLLER_PASSWORD, Controller, until

# bcrypt of "password123".
HASH = "$2b$04$abcdefghijklmnopqrstuuK7Sjs7rFYArh/ytIZsOeM/z4RV2Fw2i"
SCHEMA = f"""
CREATE TABLE users (id serial PRIMARY KEY, email varchar, hashed_password varchar, status varchar, is_admin boolean, created_at timestamp);
CREATE TABLE tariffs (id serial PRIMARY KEY, name varchar, description varchar, duration_days integer, price numeric(10, 2), created_at timestamp);
CREATE TABLE user_tariffs (id serial PRIMARY KEY, user_id integer, tariff_id integer, started_at timestamp, ended_at timestamp);
CREATE TABLE vpn_peers (id serial PRIMARY KEY, user_id integer, wg_public_key varchar, wg_private_key varchar, wg_ip varchar, active boolean, wg_client_id varchar);
CREATE TABLE payments (id serial PRIMARY KEY, user_id integer, tariff_id integer, amount numeric(10, 2), currency varchar, status varchar, provider varchar, provider_payment_id varchar, created_at timestamp);
INSERT INTO users VALUES (7, 'ada@example.com', '{HASH}', 'active', false, now());
INSERT INTO tariffs VALUES (4, 'Month', 'a month', 30, 9.90, now());
INSERT INTO user_tariffs VALUES (1, 7, 4, now(), now() + interval '20 days');
INSERT INTO payments VALUES (3, 7, 4, 9.90, 'USD', 'completed', 'telegram', 'tg-1', now());
"""


@pytest.mark.parametrize("mode", ["v14", "v15.3"])
@pytest.mark.parametrize("where", ["sqlite", "postgres"])
def test_people_log_in_and_their_peers_stay(fake_session, mode, where):
    with Controller(mode) as controller, Database() as postgres:
        source = postgres.create_database()
        settings = {"WG_EASY_URL": controller.url, "WG_EASY_PASSWORD": CONTROLLER_PASSWORD}
        with far_side.Gatehouse(fake_session, postgres=postgres if where == "postgres" else None, **settings) as server:
            controller.ask("/add", {"name": "ada phone"})
            [client] = controller.clients()
            row = f"INSERT INTO vpn_peers VALUES (5, 7, '{client['publicKey']}', NULL, '10.8.0.2/32', true, '{client['id']}');"
            done = subprocess.run(
                [postgres.programs / "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", source], input=SCHEMA + row, capture_output=True, text=True, timeout=60)
            assert done.returncode == 0, done.stderr
            (server.folder / "source").write_text(source + "\n")

            def run(*more):
                return json.loads(server.command("import", "vpn-api", "--from-file", "source", "--json", *more))

            would = run("--dry-run")
            assert would["dry_run"] and [(table["name"], table["taken"]) for table in would["tables"]] == [
                ("users", 1), ("tariffs", 1), ("user_tariffs", 1), ("vpn_peers", 1), ("payments", 1)]
            assert not server.rows("SELECT id FROM users WHERE email = 'ada@example.com'")
            assert run()["tables"] == would["tables"]
            assert all(table["taken"] == 0 for table in run()["tables"])

            status, _, text = far_side.call(
                server.url + "/auth/login", {"email": "ada@example.com", "password": "password123"}, {"content-type": "application/json"})
            assert status == 200, text
            headers = {"authorization": "Bearer " + json.loads(text)["access_token"]}

            def get(path):
                status, _, text = far_side.call(server.url + path, None, headers, "GET")
                assert status == 200, text
                return json.loads(text)

            assert get("/auth/me")["id"] == 7
            peer = until(lambda: (now := get("/vpn_peers/5"))["state"] == "active" and now)
            assert peer["wg_public_key"] == client["publicKey"] and peer["expires_at"]
            assert client["publicKey"] in [one["publicKey"] for one in controller.clients()] and len(controller.clients()) == 1
            assert not controller.creates()
            assert "PrivateKey" in get("/vpn/config")["wg_quick"]
            assert get("/payments/status/3")["status"] == "completed"
            written = server.printed() + json.dumps(would)
            assert HASH not in written and "password123" not in written and "only-for-tests@" not in written


def test_a_password_in_the_arguments_is_warned_of_and_never_shown(fake_session):
    with far_side.Gatehouse(fake_session) as server:
        done = subprocess.run(
            [far_side.program("GATEHOUSE_BIN", "gatehouse"), "import", "vpn-api", "--from", "postgresql://u:only-secret@127.0.0.1:1/older", "--dry-run"],
            env=server.environment(), cwd=server.folder, capture_output=True, text=True, timeout=60)
        assert done.returncode == 1 and "--from-file" in done.stderr and "cannot be read" in done.stderr
        assert "only-secret" not in done.stdout + done.stderr


def test_keys_of_the_older_relay_work_on_and_show_their_ends_after_their_first_use(fake_session, tmp_path):
    salt, secret = "0f5b9f0c2d8e4a61b7c3d9e8f0a1b2c3", "cr_" + "ab12" * 16
    (tmp_path / "salt.txt").write_text(salt + "\n")
    row = {"id": "1", "name": "old customer", "apiKey": hashlib.sha256((secret + salt).encode()).hexdigest(), "tokenLimit": "0", "isActive": "true",
           "concurrencyLimit": "3", "permissions": "all", "enableModelRestriction": "true", "restrictedModels": '["claude-opus-*"]', "createdAt": "2025-01-01T00:00:00Z"}
    (tmp_path / "export.json").write_text(json.dumps({"data": {"apiKeys": [row]}}))

    class Taking(far_side.Gatehouse):
        def create_key(self, name):
            done = json.loads(self.command("import", "relay-keys", str(tmp_path / "export.json"), "--encryption-key-file", str(tmp_path / "salt.txt"), "--json"))
            assert (done["found"], done["taken"], done["left_out"]) == (1, 1, [])
            return super().create_key(name)

    with Taking(fake_session) as relay:
        headers = {"x-api-key": secret, "content-type": "application/json"}
        assert far_side.call(relay.url + "/v1/messages", far_side.QUESTION, headers)[0] == 200
        assert far_side.call(relay.url + "/v1/messages", {**far_side.QUESTION, "model": "claude-opus-5-5"}, headers)[0] == 403
        kept = far_side.until(lambda: [row for row in relay.rows("SELECT * FROM api_keys WHERE name = 'old customer'") if row["hash_alg"] == "hmac-sha256"])[0]
        assert (kept["shown_prefix"], kept["shown_suffix"], kept["concurrency"]) == ("cr_ab12", "ab12", 3)
        assert far_side.call(relay.url + "/v1/key-info", None, headers)[0] == 200
        assert salt not in relay.printed() and salt.encode() not in (relay.folder / "data/gatehouse.db").read_bytes()
