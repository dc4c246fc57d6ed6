"""A paid peer on a real interface, from the payment to the end of its time: the delivered config is fed to a real device and pinged through.

The node is wireguard-go in a network namespace, written by the shipped scripts; the device is another namespace (contract, 12.1 and 12.4)."""
import contextlib, pathlib, sqlite3, tempfile, time

import far_side
import pytest

from test_vpn import Customer, until
from test_wireguard_scripts import SSHServer
from wireguard import SCRIPTS, Network, need_root, run

# From the end of its time to the last ping that comes through (contract, section 10).
END_SECONDS = 5


@pytest.fixture
def network():
    need_root()
    with Network() as made:
        yield made


def sold(network, fake, **settings):
    """A server that sells peers of the network's host."""
    scripts = {f"WG_{name}_SCRIPT": f"{SCRIPTS}/{file}" for name, file in (
        ("APPLY", "wg_apply.sh"), ("REMOVE", "wg_remove.sh"), ("GEN", "wg_gen_key.sh"), ("SHOW", "wg_show.sh"))}
    return far_side.Gatehouse(
        fake, WG_SERVER_PUBLIC_KEY=network.public, WG_ENDPOINT="192.0.2.1:51820", WG_INTERFACE=network.interface, WG_APPLY_ENABLED="true",
        WG_DNS="[]", REGISTRATION="open", **scripts, **settings)


def config_of(person):
    status, answer = person.call("GET", "/vpn/config")
    assert status == 200, answer
    lines = [line.split(" = ", 1) for line in answer["wg_quick"].splitlines() if " = " in line]
    return dict(lines), answer["wg_quick"]


def use(network, config):
    """What an app does with the file."""
    assert config["Endpoint"] == "192.0.2.1:51820" and config["PublicKey"] == network.public
    network.connect(config["PrivateKey"], config["Address"].split(",")[0], psk=config.get("PresharedKey"), server=config["PublicKey"])


@pytest.mark.long(65)
def test_from_the_payment_to_a_ping_and_to_its_end(network, fake_session):
    with sold(network, fake_session) as server:
        server.command("plan", "create", "VPN", "--kind", "vpn", "--price", "5.00", "--days", "30")
        assert "0 peers" in server.command("vpn", "node", "test", "default")
        ada = Customer(server, "ada@example.com")
        ada.buy()
        peer = until(lambda: ada.peer().get("state") == "active" and ada.peer())
        assert peer["applied"] and peer["active"]
        config, text = config_of(ada)
        use(network, config)
        network.reaches()
        assert network.peers()[peer["wg_public_key"]][0] == peer["wg_ip"]

        # Usage is that of the interface.
        assert network.ping(50, 1000) == 50
        def counted():
            told, (_, _, received, sent) = ada.call("GET", "/vpn/status")[1], network.peers()[peer["wg_public_key"]]
            return told["rx"] == received and told["tx"] == sent and sent > 53_600
        until(counted)

        # Killed and the time moved: what is over is closed before the server says that it is ready, what is not a little later by the timer.
        server.kill()
        end = int(time.time() * 1000) + 15_000
        with contextlib.closing(sqlite3.connect(server.folder / "data" / "gatehouse.db", isolation_level=None, timeout=10)) as database:
            database.execute("UPDATE subscriptions SET ends_at = ?", (end,))
        server.start()
        assert network.ping() == 1
        until(lambda: time.time() * 1000 > end)
        network.reaches(False, seconds=END_SECONDS)
        until(lambda: ada.peer()["state"] == "expired")
        assert peer["wg_public_key"] not in network.peers()

        # Paid for again the same file works.
        ada.buy()
        until(lambda: ada.peer()["state"] == "active")
        assert config_of(ada)[1] == text
        use(network, config)
        network.reaches()

        # The node's daemon dies: counters begin anew, totals do not shrink, peers are put back.
        before = ada.call("GET", "/vpn/status")[1]
        network.restart_host()
        server.command("service", "reconcile")  # as happens every minute
        until(lambda: peer["wg_public_key"] in network.peers())
        use(network, config)
        network.reaches()
        after = until(lambda: (now := ada.call("GET", "/vpn/status")[1])["rx"] > before["rx"] and now)
        assert after["tx"] >= before["tx"]

        assert ada.call("DELETE", f"/vpn_peers/{peer['id']}")[0] == 200
        until(lambda: peer["wg_public_key"] not in network.peers())
        assert network.ping() == 0
        for secret in (config["PrivateKey"], config.get("PresharedKey") or config["PrivateKey"], network.private):
            assert secret not in server.printed()


def test_a_host_over_ssh_and_keys_that_it_makes_itself(network, fake_session):
    with tempfile.TemporaryDirectory(prefix="gatehouse-wg-") as folder:
        ssh = SSHServer(pathlib.Path(folder), network)
        try:
            keys = pathlib.Path(folder, "made")
            keys.mkdir(mode=0o700)
            settings = {
                "WG_HOST_SSH": "root@127.0.0.1", "WG_SSH_PORT": str(ssh.port), "WG_SSH_KEY": f"{folder}/id", "WG_SSH_KNOWN_HOSTS": f"{folder}/known",
                "WG_KEY_POLICY": "host", "WG_KEY_FOLDER": str(keys)}
            with sold(network, fake_session, **settings) as server:
                server.command("plan", "create", "VPN", "--kind", "vpn", "--price", "5.00", "--days", "30")
                assert "0 peers" in server.command("vpn", "node", "test", "default")
                ada = Customer(server, "ada@example.com")
                ada.buy()
                peer = until(lambda: ada.peer().get("state") == "active" and ada.peer())
                [private] = keys.glob("*.key")
                assert run("wg", "pubkey", stdin=private.read_text()).stdout.strip() == peer["wg_public_key"]
                status, answer = ada.call("GET", "/vpn/config")
                assert status == 409 and "private key is held on the host" in str(answer)
                assert network.peers()[peer["wg_public_key"]][0] == peer["wg_ip"]
                # A host that is somebody else is not written to, and that is said.
                ssh.know("otherhost")
                assert ada.call("DELETE", f"/vpn_peers/{peer['id']}")[0] in (200, 502)
                until(lambda: "not the pinned one" in server.printed() or "key has changed" in server.printed())
                assert peer["wg_public_key"] in network.peers()
                ssh.know("hostkey")
                assert private.read_text().strip() not in server.printed()
        finally:
            ssh.stop()
