"""Services sold over the API while the server is killed at random and everything is asked for again: nothing lost, nothing doubled, and what
stands at the controllers is what shall be.

In CI a few dozen on SQLite, and on PostgreSQL with two servers that are both killed. The whole run: SERVICE_KILLS_SERVICES=1000
SERVICE_KILLS=60 Tests/EndToEnd/run test_service_kills.py"""
import contextlib, http.client, json, os, pathlib, random, threading, time

import pytest

import far_side
from postgres import Database
from test_two_servers import SHARED
from test_vpn import CONTROLLER_PASSWORD, PASSWORD, Controller

pytestmark = pytest.mark.skipif(os.environ.get("RELAY_DIRECT") == "1", reason="RELAY_DIRECT=1: these tests need the server")
SERVICES = int(os.environ.get("SERVICE_KILLS_SERVICES", "60"))
KILLS = int(os.environ.get("SERVICE_KILLS", "10"))
# What one controller has room for.
ROOM = 250
CLIENTS = 6
SEED = 20261121
# Leases of a process that was killed end after a minute, and retries wait.
PATIENCE_SECONDS = 600
FAULTS = [
    {"fault": "reset-after", "method": "POST", "path": "/client"}, {"fault": "reset-after", "method": "DELETE", "path": "/client"},
    {"fault": "502", "method": "POST", "path": "/client"}, {"fault": "500", "method": "GET", "path": "/client"},
]


class Shop:
    """Servers on one database that are killed and started again, and a customer who asks whichever is there until there is an answer."""

    def __init__(self, servers):
        self.servers, self.gates, self.dice = servers, [threading.Lock() for _ in servers], random.Random(SEED)
        # Each comes back at the same address, as a service of a machine does.
        for server in servers:
            server.settings["PORT"] = server.url.rsplit(":", 1)[1]

    def call(self, method, path, body=None, token=None, once=False):
        """(status, answer) of whichever server answers; None for a call that was cut off, with `once`."""
        limit = time.monotonic() + PATIENCE_SECONDS
        while True:
            server = random.choice(self.servers)
            headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
            try:
                status, _, text = far_side.call(server.url + path, body, headers, method)
                if status != 503:
                    return status, json.loads(text) if text else None
            except (OSError, http.client.HTTPException, ValueError):
                if once:
                    return None
            assert time.monotonic() < limit, "nobody answers"
            time.sleep(0.05)

    def kill_some(self, count):
        for _ in range(count):
            time.sleep(self.dice.uniform(0.3, 1.2))
            server = self.dice.choice(self.servers)
            server.kill()
            time.sleep(self.dice.uniform(0, 0.3))
            server.start()


@contextlib.contextmanager
def shop(fake, database, controllers):
    with contextlib.ExitStack() as stack:
        postgres = stack.enter_context(Database()) if database == "postgres" else None
        settings = {"REGISTRATION": "open", "postgres": postgres, **(SHARED if postgres else {})}
        servers = [stack.enter_context(far_side.Gatehouse(fake, **settings)) for _ in range(2 if postgres else 1)]
        first = servers[0]
        pathlib.Path(first.folder, "password").write_text(CONTROLLER_PASSWORD)
        for number, controller in enumerate(controllers):
            settings = json.dumps({"driver": "wg-easy", "interface": f"wg{number}"})
            first.command(
                "vpn", "node", "add", f"node-{number}", "--settings", settings, "--address", controller.url, "--secret-file", "password", "--capacity",
                str(ROOM))
        yield Shop(servers)


def customer(shop):
    """A token, and a subscription that holds as many services as are wanted."""
    person = {"email": "ada@example.com", "password": PASSWORD}
    assert shop.call("POST", "/auth/register", person)[0] == 200
    token = shop.call("POST", "/auth/login", person)[1]["access_token"]
    admin = shop.call("POST", "/api/auth/login", {"email": "admin@example.com", "password": "only-For-Tests-8351"})[1]["token"]
    plan = {"kind": "vpn", "name": "VPN", "price": "5.00", "duration_days": 30, "max_services": SERVICES, "makes_service": False}
    assert shop.call("POST", "/api/admin/plans", plan, admin)[0] == 201
    payment = shop.call("POST", "/payments", {"tariff_id": 1, "provider": "manual"}, token)[1]["id"]
    assert shop.call("POST", f"/api/admin/payments/{payment}/confirm", None, admin)[0] == 200
    return token, admin, shop.servers[0].rows("SELECT id FROM subscriptions")[0]["id"]


def asked(shop, token, subscription, labels, failures):
    """Orders one service for each label. After a call that was cut off the customer looks whether it took effect, and asks again if not."""
    try:
        for label in labels:
            while True:
                done = shop.call("POST", "/api/portal/services", {"subscription_id": subscription, "label": label}, token, once=True)
                if done is not None:
                    assert done[0] in (201, 202), done
                    break
                services = shop.call("GET", "/api/portal/services", None, token)[1]["services"]
                if label in {service["label"] for service in services}:
                    break
    except BaseException as error:
        failures.append(error)
        raise


def commanded(shop, admin, ids, dice):
    """Commands at random, some of them repeated; what was cut off is asked again, which is harmless."""
    for identifier in ids:
        for verb in dice.choice([["suspend"], ["suspend", "resume"], ["terminate"], ["retry"], ["suspend", "suspend", "resume", "resume"], []]):
            status, answer = shop.call("POST", f"/api/admin/services/{identifier}/{verb}", {}, admin)
            assert status in (200, 202, 409), (verb, answer)


def in_threads(works):
    threads = [threading.Thread(target=work, daemon=True) for work in works]
    for thread in threads:
        thread.start()
    return threads


def settled(shop):
    limit = time.monotonic() + PATIENCE_SECONDS
    while True:
        rows = shop.servers[0].rows("SELECT id, label, desired, actual, choices, failure FROM services")
        behind = [row for row in rows if (row["desired"], row["actual"]) not in (
            ("active", "active"), ("suspended", "suspended"), ("suspended", "absent"), ("terminated", "gone"), ("terminated", "absent"))]
        if not behind:
            return rows
        assert time.monotonic() < limit, behind[:5]
        time.sleep(0.5)


@pytest.mark.long(90)
@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_services_through_random_kills_and_repeats_end_as_they_shall_be(fake, database):
    with contextlib.ExitStack() as stack:
        controllers = [stack.enter_context(Controller("v15.3")) for _ in range(-(-SERVICES // (ROOM - 20)))]
        shop_ = stack.enter_context(shop(fake, database, controllers))
        began = time.monotonic()
        token, admin, subscription = customer(shop_)
        labels, failures, dice = [f"device-{number}" for number in range(SERVICES)], [], random.Random(SEED)
        orders = in_threads([
            lambda part=labels[number::CLIENTS]: asked(shop_, token, subscription, part, failures) for number in range(CLIENTS)])
        for controller in controllers:
            for fault in FAULTS:
                controller.ask("/faults", fault | {"times": 3})
        shop_.kill_some(KILLS)
        for thread in orders:
            thread.join(PATIENCE_SECONDS)
            assert not thread.is_alive(), "a customer hangs"
        assert not failures, failures
        rows = shop_.servers[0].rows("SELECT id, label FROM services")
        assert sorted(row["label"] for row in rows) == sorted(labels), "one for each that was asked for"

        ids = [row["id"] for row in rows]
        dice.shuffle(ids)
        commands = in_threads([
            lambda part=ids[number::CLIENTS], seed=number: commanded(shop_, admin, part, random.Random(SEED + seed)) for number in range(CLIENTS)])
        shop_.kill_some(KILLS)
        for thread in commands:
            thread.join(PATIENCE_SECONDS)
            assert not thread.is_alive(), "an operator hangs"
        for controller in controllers:
            with contextlib.suppress(AssertionError):
                far_side.call(controller.control + "/faults", None, {}, "DELETE")

        rows = settled(shop_)
        assert len(rows) == SERVICES and {row["failure"] for row in rows} == {None}
        wanted = {}
        for row in rows:
            name = (row["choices"] if isinstance(row["choices"], dict) else json.loads(row["choices"]))["peer_name"]
            if row["desired"] != "terminated" and row["actual"] != "absent":
                wanted[name] = row["desired"] == "active"
        there = [client for controller in controllers for client in controller.clients()]
        assert len({client["name"] for client in there}) == len(there), "nothing twice"
        assert {client["name"]: client["enabled"] for client in there} == wanted, "the controllers hold what shall be there, and nothing else"
        assert len({client["publicKey"] for client in there}) == len(there)
        jobs = shop_.servers[0].rows("SELECT COUNT(*) AS count FROM jobs WHERE state IN ('queued', 'running')")
        assert jobs[0]["count"] == 0
        print(f"{database}: {SERVICES} services, {2 * KILLS} kills, {time.monotonic() - began:.0f} s")
