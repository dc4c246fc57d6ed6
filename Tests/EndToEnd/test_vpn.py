"""Peers sold and used from outside, over a fake wg-easy controller that runs as a program of its own: a payment becomes a config, usage is counted,
a full quota closes, a kill between the controller's create and our save makes nothing twice, and no key of a peer is ever written down."""
import contextlib
import json
import subprocess
import time

import far_side
import pytest
from postgres import Database

PASSWORD = "Correct-Horse-9"
CONTROLLER_PASSWORD = "only-for-this-controller"
# A lease of a process that was killed ends after a minute; this only ends a test that would wait for ever, also on a busy machine.
PATIENCE_SECONDS = 180


class Controller:
    """`FakeWgEasy` with its control port."""

    def __init__(self, mode):
        self.mode = mode

    def __enter__(self):
        self.process = subprocess.Popen(
            [far_side.program("FAKE_WG_EASY_BIN", "FakeWgEasy"), "--port", "0", "--mode", self.mode, "--password", CONTROLLER_PASSWORD], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)
        lines = far_side.Lines(self.process.stdout)
        self.url = "http://" + lines.wait(r"^listening (\S+)").group(1)
        self.control = "http://" + lines.wait(r"^control (\S+)").group(1)
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(timeout=10)

    def ask(self, path, body=None):
        status, _, text = far_side.call(self.control + path, body)
        assert status == 200, text
        return json.loads(text)

    def clients(self):
        return self.ask("/clients")

    def creates(self):
        return [call for call in self.ask("/calls") if call.startswith("POST") and call.split()[1].endswith("/client")]


class Customer:
    def __init__(self, server, email):
        self.server = server
        person = {"email": email, "password": PASSWORD}
        assert self.call("POST", "/auth/register", person)[0] == 200
        self.token = self.call("POST", "/auth/login", person)[1]["access_token"]

    def call(self, method, path, body=None):
        headers = {"content-type": "application/json"} | ({"authorization": "Bearer " + self.token} if hasattr(self, "token") else {})
        status, _, text = far_side.call(self.server.url + path, body, headers, method)
        return status, json.loads(text)

    def buy(self):
        payment = self.call("POST", "/payments", {"tariff_id": 1, "provider": "manual"})[1]["id"]
        self.server.command("payment", "confirm", str(payment))

    def peer(self):
        peers = self.call("GET", "/vpn_peers")[1]
        assert len(peers) <= 1, peers
        return peers[0] if peers else {}


def until(condition):
    limit = time.monotonic() + PATIENCE_SECONDS
    while not (value := condition()):
        assert time.monotonic() < limit, "it does not come to pass"
        time.sleep(0.1)
    return value


@pytest.fixture
def controller(request):
    with Controller(request.param) as controller:
        yield controller


@pytest.fixture(params=["sqlite", "postgres"])
def server(request, fake_session, controller):
    with contextlib.ExitStack() as stack:
        postgres = stack.enter_context(Database()) if request.param == "postgres" else None
        server = stack.enter_context(
            far_side.Gatehouse(
                fake_session, postgres=postgres, WG_EASY_URL=controller.url, WG_EASY_PASSWORD=CONTROLLER_PASSWORD, REGISTRATION="open"))
        server.command("plan", "create", "VPN", "--kind", "vpn", "--price", "5.00", "--days", "30", "--limits", '{"traffic_limit_bytes": 1000}')
        yield server


@pytest.mark.long(60)
@pytest.mark.parametrize("controller", ["v15.3"], indirect=True)
def test_a_payment_becomes_a_peer_that_is_counted_and_limited(controller, server):
    assert "0 peers" in server.command("vpn", "node", "test", "default")
    ada = Customer(server, "ada@example.com")
    ada.buy()
    peer = until(lambda: ada.peer().get("state") == "active" and ada.peer())
    [client] = controller.clients()
    assert client["publicKey"] == peer["wg_public_key"] and client["enabled"]
    status, config = ada.call("GET", "/vpn/config")
    keys = controller.ask("/secrets")
    assert status == 200 and any(key in config["wg_quick"] for key in keys)

    controller.ask("/counters", {"name": client["name"], "received": 564, "sent": 400})
    until(lambda: ada.call("GET", "/vpn/status")[1]["rx"] == 564)
    controller.ask("/counters", {"name": client["name"], "received": 600, "sent": 400})
    until(lambda: ada.peer()["state"] == "limited")
    until(lambda: not controller.clients()[0]["enabled"])
    ada.buy()
    until(lambda: ada.peer()["state"] == "active")
    assert controller.clients()[0]["publicKey"] == client["publicKey"] and len(controller.clients()) == 1

    written = server.printed() + "".join(str(row) for table in ("services", "backends", "events", "jobs", "outbox") for row in server.rows(f"SELECT * FROM {table}"))
    for secret in keys + [CONTROLLER_PASSWORD]:
        assert secret not in written


@pytest.mark.long(60)
@pytest.mark.parametrize("controller", ["v14"], indirect=True)
def test_a_kill_between_create_and_save_makes_nothing_twice(controller, server):
    ada = Customer(server, "ada@example.com")
    controller.ask("/faults", {"fault": "hang-after", "method": "POST", "path": "/client"})
    ada.buy()
    until(controller.clients)
    server.kill()
    server.start()
    until(lambda: ada.peer().get("state") == "active")
    assert len(controller.clients()) == 1 and len(controller.creates()) == 1
    assert controller.clients()[0]["publicKey"] == ada.peer()["wg_public_key"]
