"""Kept bodies as their owner, an operator and a thief of the database see them, over rotations, purges and a kill (relay contract, section 18)."""
import json

import pytest

import far_side
from postgres import Database
from prepared import Prepared, message, until

PROMPT = "a prompt about marmalade"


@pytest.fixture(params=["sqlite", "postgres"])
def keeping(request):
    """A server whose only key keeps bodies, and the session of an admin."""
    with far_side.Fake() as fake:
        if request.param == "sqlite":
            with Prepared(fake) as relay:
                yield ready(relay)
        else:
            with Database() as postgres, Prepared(fake, postgres=postgres) as relay:
                yield ready(relay)


def ready(relay):
    relay.key_id = json.loads(relay.command("key", "list", "--json"))[0]["id"]
    relay.command("key", "edit", relay.key_id, '{"store_bodies":true}')
    # The server reads changes of others within seconds.
    until(lambda: ask(relay, "/v1/messages", message(messages=[{"role": "user", "content": PROMPT}])) and kept(relay))
    return relay


def ask(relay, path, body=None, method=None, token=None):
    fields = {"content-type": "application/json", **({"authorization": "Bearer " + token} if token else {"x-api-key": relay.key})}
    status, headers, text = far_side.call(relay.url + path, body, fields, method)
    return status, json.loads(text) if text else None, headers


def admin(relay):
    login = {"email": "admin@example.com", "password": relay.environment()["ADMIN_PASSWORD"]}
    return json.loads(far_side.call(relay.url + "/api/auth/login", login, {"content-type": "application/json"})[2])["token"]


def kept(relay):
    return relay.rows("SELECT request_id, content_sealed FROM request_bodies ORDER BY request_id")


def test_an_operator_reads_them_also_after_new_data_keys_and_every_look_is_noted(keeping):
    relay = keeping
    token, one = admin(relay), kept(relay)[0]["request_id"]
    before = kept(relay)
    for key in range(2):
        status, shown, _ = ask(relay, f"/api/admin/requests/{one}/bodies", token=token)
        assert status == 200 and json.loads(shown["request_body"])["messages"][0]["content"] == PROMPT, shown
        assert json.loads(shown["response_body"])["type"] == "message" and shown["api_key_id"] == relay.key_id
        assert relay.key not in json.dumps(shown) and shown["response_bytes"] == len(shown["response_body"].encode())
        own = ask(relay, "/v1/request-history/" + one)[1]["request"]
        assert own["requestBody"] == shown["request_body"] and own["responseBody"] == shown["response_body"]
        if key == 0:
            relay.command("secrets", "rotate")
    changed = {row["request_id"]: row["content_sealed"] for row in kept(relay)}
    assert all(changed[row["request_id"]] != row["content_sealed"] for row in before), "sealed with the new data key"
    looks = relay.rows(f"SELECT actor FROM events WHERE action = 'bodies.view' AND subject = '{one}'")
    assert len(looks) == 4 and sum(row["actor"] == relay.key_id for row in looks) == 2, looks
    assert ask(relay, f"/api/admin/requests/{one}/bodies")[0] == 401, "a relay key is no admin's session"
    assert ask(relay, "/api/admin/requests/req_" + "0" * 32 + "/bodies", token=token)[0] == 404


def test_a_command_and_a_page_delete_all_of_a_key(keeping):
    relay = keeping
    token = admin(relay)
    said = relay.command("key", "purge-bodies", relay.key_id)
    assert any(word.isdigit() and int(word) > 0 for word in said.split()), said
    one = ask(relay, "/v1/messages", message())[2]["x-relay-request-id"]
    until(lambda: one in {row["request_id"] for row in kept(relay)})
    status, answer, _ = ask(relay, f"/api/admin/keys/{relay.key_id}/bodies", method="DELETE", token=token)
    assert status == 200 and answer["deleted"] >= 1 and not kept(relay)
    assert len(relay.rows("SELECT id FROM events WHERE action = 'bodies.purge'")) == 2
    assert relay.settled(2), "history and ledger keep their rows"
    assert ask(relay, "/api/admin/keys/key_" + "0" * 32 + "/bodies", method="DELETE", token=token)[0] == 404


def test_a_kill_loses_at_most_what_had_just_come_and_a_stop_nothing(keeping):
    relay = keeping

    def send_five():
        answers = [ask(relay, "/v1/messages", message()) for _ in range(5)]
        assert all(status == 200 for status, _, _ in answers)
        return {headers["x-relay-request-id"] for _, _, headers in answers}

    def ids():
        return {row["request_id"] for row in kept(relay)}

    written = send_five()
    until(lambda: written <= ids())
    # These may or may not be written yet; the ledger has them all the same.
    cut = send_five()
    relay.kill()
    relay.start()
    until(lambda: (written | cut) <= {row["request_id"] for row in relay.ledger()})
    assert written <= ids()
    token = admin(relay)
    assert all(ask(relay, f"/api/admin/requests/{one}/bodies", token=token)[0] == 200 for one in ids()), "each is whole"
    last = send_five()
    relay.stop()
    assert last <= ids(), "an orderly end writes what waits"
    relay.start()
