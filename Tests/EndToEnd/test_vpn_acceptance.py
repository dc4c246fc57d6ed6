"""The end-to-end acceptance of VPN access (contract, section 12.4), each case on a real interface: a webhook delivered fifty times at once, a server
killed ten times at random moments, a quota that fills, and two servers on one database that apply everything once."""
import contextlib, hashlib, hmac, json, pathlib, random, tempfile, threading, time

import far_side
import pytest
from postgres import Database
from test_vpn import Customer, until
from test_wireguard import config_of, sold, use
from wireguard import SCRIPTS, Network, need_root

WEBHOOK_SECRET = "only-for-tests-webhook"
SHARED = {"ENCRYPTION_KEY": "only-for-tests-encryption-key-of-two-servers", "SECRET_KEY": "only-for-tests-secret-key-of-two-servers"}


@pytest.fixture
def network():
    need_root()
    with Network() as made:
        yield made


@contextlib.contextmanager
def database(name):
    if name == "sqlite":
        yield {}
    else:
        with Database() as postgres:
            yield {"postgres": postgres}


def sell(server, *more):
    server.command("plan", "create", "VPN", "--kind", "vpn", "--price", "5.00", "--days", "30", *more)


def webhook(server, word):
    body, now = json.dumps(word).encode(), str(int(time.time()))
    sign = hmac.new(WEBHOOK_SECRET.encode(), now.encode() + b"." + body, hashlib.sha256).hexdigest()
    status, _, text = far_side.call(
        server.url + "/payments/webhook", body, {"content-type": "application/json", "x-webhook-signature": f"t={now},v1={sign}"})
    return status, json.loads(text)


@pytest.mark.parametrize("where", ["sqlite", "postgres"])
def test_fifty_copies_of_a_webhook_make_one_peer_that_works(network, fake_session, where):
    with database(where) as kept, sold(network, fake_session, PAYMENT_WEBHOOK_SECRET=WEBHOOK_SECRET, **kept) as server:
        sell(server)
        ada = Customer(server, "ada@example.com")
        payment = ada.call("POST", "/payments/create", {"tariff_id": 1, "provider": "shop", "provider_payment_id": "p-1"})[1]["id"]
        word = {"provider": "shop", "provider_payment_id": "p-1", "payment_id": payment, "status": "completed", "amount": "5.00", "currency": "USD"}
        answers, gate = [], threading.Barrier(50)

        def send():
            gate.wait(timeout=60)
            # A store that is busy says so, and the provider sends again.
            answers.append(until(lambda: (got := webhook(server, word))[0] != 503 and got))

        threads = [threading.Thread(target=send) for _ in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=120)
        assert [status for status, _ in answers] == [200] * 50
        assert sorted(answer["duplicate"] for _, answer in answers) == [False] + [True] * 49
        peer = until(lambda: ada.peer().get("state") == "active" and ada.peer())
        assert list(network.peers()) == [peer["wg_public_key"]]
        assert server.rows("SELECT COUNT(*) AS n FROM services")[0]["n"] == 1 and server.rows("SELECT COUNT(*) AS n FROM subscriptions")[0]["n"] == 1
        use(network, config_of(ada)[0])
        network.reaches()


@pytest.mark.long(60)
@pytest.mark.parametrize("where", ["sqlite", "postgres"])
def test_a_server_killed_ten_times_at_random_moments_ends_with_what_was_bought(network, fake_session, where):
    dice = random.Random(20261121)
    with database(where) as kept, sold(network, fake_session, **kept) as server:
        sell(server, "--services", "3")
        ada = Customer(server, "ada@example.com")
        ada.buy()
        for number in range(10):
            peers = ada.call("GET", "/vpn_peers")[1]
            act = dice.choice(["make", "delete", "close", "open"])
            victim = dice.choice(peers)["id"] if peers else None

            def order():
                # The server goes away under it; what became of it is seen afterwards.
                with contextlib.suppress(OSError, ValueError, AssertionError):
                    if act == "make" or victim is None:
                        ada.call("POST", "/vpn_peers/self", {"device_name": f"device {number}"})
                    elif act == "delete":
                        ada.call("DELETE", f"/vpn_peers/{victim}")
                    else:
                        ada.call("POST", f"/vpn_peers/{victim}/{'deactivate' if act == 'close' else 'activate'}")

            thread = threading.Thread(target=order)
            thread.start()
            time.sleep(dice.uniform(0, 0.4))
            server.kill()
            thread.join(timeout=60)
            server.start()
        until(lambda: server.rows("SELECT COUNT(*) AS n FROM services WHERE NOT converged")[0]["n"] == 0)
        peers = {peer["wg_public_key"]: peer for peer in ada.call("GET", "/vpn_peers")[1]}
        wanted = {key: peer["wg_ip"] for key, peer in peers.items() if peer["active"]}
        assert {key: row[0] for key, row in network.peers().items()} == wanted
        assert len({peer["wg_ip"] for peer in peers.values()}) == len(peers) <= 3
        assert server.rows("SELECT COUNT(*) AS n FROM subscriptions")[0]["n"] == 1


@pytest.mark.long(30)
def test_a_full_quota_closes_the_peer_on_the_interface_and_a_renewal_opens_it(network, fake_session):
    with sold(network, fake_session) as server:
        sell(server, "--limits", '{"traffic_limit_bytes": 100000}')
        ada = Customer(server, "ada@example.com")
        ada.buy()
        peer = until(lambda: ada.peer().get("state") == "active" and ada.peer())
        config, text = config_of(ada)
        use(network, config)
        network.reaches()
        assert network.ping(50, 1000) == 50, "53,600 bytes each way"
        until(lambda: ada.peer()["state"] == "limited")
        until(lambda: peer["wg_public_key"] not in network.peers())
        assert network.ping() == 0
        used = ada.call("GET", "/vpn/status")[1]
        assert used["rx"] + used["tx"] >= 107_200
        ada.buy()
        until(lambda: ada.peer()["state"] == "active")
        assert config_of(ada)[1] == text, "the same file works again"
        use(network, config)
        network.reaches()
        assert ada.call("GET", "/vpn/status")[1]["rx"] >= used["rx"], "totals do not shrink"


def test_two_servers_on_one_database_apply_everything_once(network, fake_session):
    with tempfile.TemporaryDirectory(prefix="gatehouse-wg-") as folder, Database() as postgres:
        log = pathlib.Path(folder, "applied")
        counting = pathlib.Path(folder, "wg_apply.sh")
        counting.write_text(f'#!/bin/sh\necho "$2" >> {log}\nexec {SCRIPTS}/wg_apply.sh "$@"\n')
        counting.chmod(0o755)
        settings = {"postgres": postgres, **SHARED}
        with sold(network, fake_session, **settings) as first:
            sell(first)
            with sold(network, fake_session, **settings) as second:
                for server in (first, second):
                    # What the settings describe is one node; both count what is applied.
                    server.settings["WG_APPLY_SCRIPT"] = str(counting)
                    server.stop()
                    server.start()
                people = [Customer((first, second)[number % 2], f"person{number}@example.com") for number in range(4)]
                for person in people:
                    person.buy()
                keys = [until(lambda: person.peer().get("state") == "active" and person.peer())["wg_public_key"] for person in people]
                assert sorted(network.peers()) == sorted(keys) and len(set(keys)) == 4
                for server in (first, second):
                    server.command("service", "reconcile")
                until(lambda: first.rows("SELECT COUNT(*) AS n FROM services WHERE NOT converged")[0]["n"] == 0)
                assert sorted(log.read_text().split()) == sorted(keys), "each was applied exactly once"
                assert first.rows("SELECT COUNT(*) AS n FROM backends")[0]["n"] == 1
