"""The scripts that run on a WireGuard host, on real interfaces and behind a real sshd."""
import contextlib, os, pathlib, signal, socket, stat, subprocess, tempfile, time

import pytest

from wireguard import SCRIPTS, Network, key_pair, need_root, run

KEY = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="


@pytest.fixture(scope="module")
def network():
    need_root()
    with Network() as made:
        yield made


@pytest.fixture
def folders(network):
    """Where the interface's file and the lock are; the interface has no peers."""
    for peer in network.peers():
        run("wg", "set", network.interface, "peer", peer, "remove")
    with tempfile.TemporaryDirectory(prefix="gatehouse-wg-") as folder:
        yield pathlib.Path(folder)


def script(folder, name, *arguments, stdin=""):
    environment = {"WG_CONFIG_DIR": str(folder), "WG_LOCK_DIR": str(folder), "PATH": "/usr/bin:/bin"}
    return run(SCRIPTS / name, *arguments, stdin=stdin, check=False, env=environment)


def test_a_peer_is_applied_again_moved_and_removed(network, folders):
    private, public = key_pair()
    first = script(folders, "wg_apply.sh", network.interface, public, "10.8.0.2/32")
    assert (first.returncode, first.stdout, first.stderr) == (0, "applied\n", "")
    network.connect(private, "10.8.0.2/32")
    network.reaches()
    _, handshake, received, sent = network.peers()[public]
    assert handshake > 0 and network.ping(50, 1000) == 50
    again = script(folders, "wg_apply.sh", network.interface, public, "10.8.0.2/32")
    address, same, more_received, more_sent = network.peers()[public]
    assert again.returncode == 0 and (address, same) == ("10.8.0.2/32", handshake), "the session is kept"
    # 50 pings of 1,000 bytes: 1,072 bytes each way and each, to the byte (contract, 12.1), but for keepalives of 32.
    assert more_sent - sent == 53_600 and (more_received - received - 53_600) % 32 == 0 and more_received - received < 53_600 + 10 * 32
    moved = script(folders, "wg_apply.sh", network.interface, public, "10.8.0.9/32,fd00:8::9/128")
    assert moved.returncode == 0 and set(network.peers()[public][0].split(",")) == {"10.8.0.9/32", "fd00:8::9/128"}
    assert network.ping() == 0, "the old address is nobody's"
    assert script(folders, "wg_apply.sh", network.interface, public, "10.8.0.2/32").returncode == 0
    network.reaches()
    for _ in range(2):
        gone = script(folders, "wg_remove.sh", network.interface, public)
        assert (gone.returncode, gone.stdout) == (0, "removed\n"), "absent is fine"
    assert public not in network.peers() and network.ping() == 0


def test_the_preshared_key_comes_by_the_standard_input(network, folders):
    (private, public), psk = key_pair(), run("wg", "genpsk").stdout.strip()
    done = script(folders, "wg_apply.sh", network.interface, public, "10.8.0.3/32", "--psk-stdin", stdin=psk + "\n")
    assert done.returncode == 0 and psk not in done.stdout + done.stderr
    network.connect(private, "10.8.0.3/32", psk=run("wg", "genpsk").stdout.strip())
    assert network.ping(2) == 0 and network.peers()[public][1] == 0, "another preshared key shakes no hand"
    network.connect(private, "10.8.0.3/32", psk=psk)
    network.reaches()
    # An update without it keeps it.
    assert script(folders, "wg_apply.sh", network.interface, public, "10.8.0.3/32,fd00:8::3/128").returncode == 0
    network.connect(private, "10.8.0.3/32", psk=psk)
    network.reaches()
    shown = script(folders, "wg_show.sh", network.interface)
    fields = shown.stdout.split("\t")
    assert shown.returncode == 0 and fields[0] == public and int(fields[3]) > 0 and len(fields) == 7
    assert psk not in shown.stdout and network.private not in shown.stdout


BAD = [
    ("wg_apply.sh", ["{if}", KEY], 2), ("wg_apply.sh", ["{if}", KEY, ""], 2), ("wg_apply.sh", ["{if}", KEY, "0.0.0.0/0"], 2),
    ("wg_apply.sh", ["{if}", KEY, "10.8.0.2"], 2), ("wg_apply.sh", ["{if}", KEY, "10.8.0.2/24"], 2), ("wg_apply.sh", ["{if}", KEY, "10.8.0.256/32"], 2),
    ("wg_apply.sh", ["{if}", KEY, "10.8.0.2/32;id"], 2), ("wg_apply.sh", ["{if}", KEY, "10.8.0.2/32\n10.8.0.3/32"], 2),
    ("wg_apply.sh", ["{if}", "$(id)", "10.8.0.2/32"], 2), ("wg_apply.sh", ["{if}", KEY[:-2] + "h=", "10.8.0.2/32"], 2),
    ("wg_apply.sh", ["{if}", "A" * 43 + "=", "10.8.0.2/32"], 2), ("wg_apply.sh", ["{if}", KEY, "10.8.0.2/32", "--other"], 2),
    ("wg_apply.sh", ["{if}", KEY, "10.8.0.2/32", "--psk-stdin"], 2), ("wg_apply.sh", ["-x", KEY, "10.8.0.2/32"], 2),
    ("wg_apply.sh", ["../etc/x", KEY, "10.8.0.2/32"], 2), ("wg_apply.sh", ["a" * 16, KEY, "10.8.0.2/32"], 2),
    ("wg_apply.sh", ["nosuch0", KEY, "10.8.0.2/32"], 3), ("wg_remove.sh", ["nosuch0", KEY], 3), ("wg_show.sh", ["nosuch0"], 3),
    ("wg_remove.sh", ["{if}"], 2), ("wg_remove.sh", ["{if}", "x"], 2), ("wg_show.sh", [], 2), ("wg_gen_key.sh", ["relative", "x"], 2),
    ("wg_gen_key.sh", ["/tmp/../etc", "x"], 2), ("wg_gen_key.sh", ["/tmp", "../x"], 2), ("wg_gen_key.sh", ["/nosuchfolder", "x"], 5)]


@pytest.mark.parametrize("name,arguments,code", BAD)
def test_bad_arguments_change_nothing(network, folders, name, arguments, code):
    done = script(folders, name, *[word.replace("{if}", network.interface) for word in arguments])
    assert (done.returncode, done.stdout) == (code, "") and done.stderr.strip(), done
    assert network.peers() == {}


def test_an_address_is_not_taken_from_another_peer(network, folders):
    (_, one), (_, two) = key_pair(), key_pair()
    assert script(folders, "wg_apply.sh", network.interface, one, "10.8.0.4/32").returncode == 0
    refused = script(folders, "wg_apply.sh", network.interface, two, "10.8.0.5/32,10.8.0.4/32")
    assert refused.returncode == 4 and "10.8.0.4/32" in refused.stderr
    assert {key: row[0] for key, row in network.peers().items()} == {one: "10.8.0.4/32"}


def test_the_interfaces_file_keeps_step_and_nothing_else_in_it_changes(network, folders):
    (_, one), (_, two), psk = key_pair(), key_pair(), run("wg", "genpsk").stdout.strip()
    file = folders / f"{network.interface}.conf"
    head = f"# ours\n[Interface]\nPrivateKey = {network.private}\nListenPort = 51820\nPostUp = echo up # yes\n"
    other = f"[Peer] # bob\npublickey={two}\nAllowedIPs = 10.8.0.77/32\n"
    file.write_text(head + "\n" + other)
    assert script(folders, "wg_apply.sh", network.interface, one, "10.8.0.6/32", "--psk-stdin", stdin=psk).returncode == 0
    text = file.read_text()
    assert text.startswith(head) and other in text and f"PublicKey = {one}\nPresharedKey = {psk}\nAllowedIPs = 10.8.0.6/32\n" in text
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and not file.with_name(file.name + ".new").exists()
    assert script(folders, "wg_apply.sh", network.interface, one, "10.8.0.8/32").returncode == 0
    text = file.read_text()
    assert text.count(one) == 1 and psk in text and "10.8.0.8/32" in text and "10.8.0.6/32" not in text
    # What the file says is what the interface has, as a restart would find it.
    run("wg", "set", network.interface, "peer", two, "allowed-ips", "10.8.0.77/32")
    before = network.peers()
    stripped = folders / "stripped"
    stripped.write_text(run("wg-quick", "strip", file).stdout)
    run("wg", "syncconf", network.interface, stripped)
    assert {key: row[0] for key, row in network.peers().items()} == {key: row[0] for key, row in before.items()}
    assert script(folders, "wg_remove.sh", network.interface, one).returncode == 0
    assert one not in file.read_text() and file.read_text().startswith(head) and other in file.read_text()


def test_twenty_at_once_leave_twenty_peers_and_a_whole_file(network, folders):
    keys = [key_pair()[1] for _ in range(20)]
    file = folders / f"{network.interface}.conf"
    file.write_text(f"[Interface]\nPrivateKey = {network.private}\n")
    environment = {"WG_CONFIG_DIR": str(folders), "WG_LOCK_DIR": str(folders), "PATH": "/usr/bin:/bin"}
    running = [
        subprocess.Popen([str(SCRIPTS / "wg_apply.sh"), network.interface, key, f"10.8.0.{number + 20}/32"], env=environment, stdout=subprocess.DEVNULL)
        for number, key in enumerate(keys)]
    assert [process.wait(timeout=60) for process in running] == [0] * 20
    assert {key: row[0] for key, row in network.peers().items()} == {key: f"10.8.0.{number + 20}/32" for number, key in enumerate(keys)}
    assert sorted(line.split(" = ")[1] for line in file.read_text().splitlines() if line.startswith("PublicKey")) == sorted(keys)


def test_a_key_pair_is_made_once_and_for_its_owner_alone(network, folders):
    made = script(folders, "wg_gen_key.sh", folders, "alice-phone")
    words = dict(line.split("=", 1) for line in made.stdout.splitlines())
    private = pathlib.Path(words["PRIVATE"])
    assert made.returncode == 0 and stat.S_IMODE(private.stat().st_mode) == 0o600
    assert run("wg", "pubkey", stdin=private.read_text()).stdout.strip() == words["PUBLIC"]
    before = private.read_text()
    again = script(folders, "wg_gen_key.sh", folders, "alice-phone")
    assert (again.returncode, again.stdout) == (0, made.stdout) and private.read_text() == before, "the same key, not another"
    (folders / "broken.key").write_text("no key\n")
    broken = script(folders, "wg_gen_key.sh", folders, "broken")
    assert (broken.returncode, broken.stdout, (folders / "broken.key").read_text()) == (5, "", "no key\n")
    assert before.strip() not in made.stdout + made.stderr


class SSHServer:
    """sshd on loopback with one key that may only pass the gate."""

    def __init__(self, folder, network):
        self.folder = folder
        os.chmod(folder, 0o700)
        for name in ("hostkey", "id", "other", "otherhost"):
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name)
        with contextlib.closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        gate = folder / "gate"
        gate.write_text(f"#!/bin/sh\nexport WG_CONFIG_DIR={folder} WG_LOCK_DIR={folder}\nexec {SCRIPTS}/wg_gate.sh\n")
        gate.chmod(0o755)
        (folder / "keys").write_text(f'restrict,command="{gate}" {(folder / "id.pub").read_text()}')
        (folder / "config").write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {folder}/hostkey\nPidFile {folder}/pid\nAuthorizedKeysFile {folder}/keys\n"
            "StrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\n")
        self.know("hostkey")
        os.makedirs("/run/sshd", exist_ok=True)
        self.process = subprocess.Popen(["/usr/sbin/sshd", "-D", "-f", str(folder / "config"), "-E", str(folder / "log")])
        limit = time.monotonic() + 20
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            assert time.monotonic() < limit and self.process.poll() is None, "sshd does not start"
            time.sleep(0.02)

    def know(self, name):
        kind, key = (self.folder / f"{name}.pub").read_text().split()[:2]
        (self.folder / "known").write_text(f"[127.0.0.1]:{self.port} {kind} {key}\n")

    def call(self, command, identity="id", port=None, known="known", stdin=""):
        return run(
            "ssh", "-F", "none", "-T", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-o", f"UserKnownHostsFile={self.folder / known}",
            "-o", "GlobalKnownHostsFile=/dev/null", "-o", "IdentitiesOnly=yes", "-i", self.folder / identity, "-o", "PreferredAuthentications=publickey",
            "-o", "ConnectTimeout=5", "-o", "ControlMaster=no", "-o", "LogLevel=ERROR", "-p", port or self.port, "--", "root@127.0.0.1",
            *([command] if command else []), stdin=stdin, check=False)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=20)


@pytest.fixture
def ssh(network, folders):
    server = SSHServer(folders, network)
    yield server
    server.stop()


@pytest.mark.long(20)
def test_the_gate_lets_four_scripts_through_and_nothing_else(network, ssh):
    name, folder = network.interface, "/srv/vpn-api/scripts"
    expected = [
        (f"sudo {folder}/wg_apply.sh {name} {KEY} 10.8.0.2/32", 0), (f"{folder}/wg_apply.sh {name} {KEY} 10.8.0.2/32", 0),
        (f"sudo {folder}/wg_show.sh {name}", 0), (f"sudo {folder}/wg_remove.sh {name} {KEY}", 0), (f"sudo {folder}/wg_remove.sh {name} {KEY}", 0),
        (f"sudo {folder}/wg_apply.sh nosuch0 {KEY} 10.8.0.2/32", 3), (f"sudo {folder}/wg_apply.sh {name} {KEY} 10.8.0.2/24", 2),
        (f"sudo {folder}/wg_apply.sh {name} {KEY} 10.8.0.2/32;id", 126), (f"sudo {folder}/wg_apply.sh {name} $(id) 10.8.0.2/32", 126),
        (f"sudo {folder}/wg_apply.sh {name} {KEY}", 126), (f"sudo {folder}/wg_show.sh {name} {name}", 126),
        (f"sudo {folder}/wg_apply.sh {name} {KEY} 10.8.0.2/32 --other", 126), ("id", 126), ("sudo", 126), ("sudo sh", 126), ("sudo sudo wg_show.sh x", 126),
        ("wg_gate.sh", 126), ("wg_show.sh\n{name}", 126), (None, 126)]
    for command, code in expected:
        done = ssh.call(command)
        assert done.returncode == code, (command, done)
        assert "uid=" not in done.stdout + done.stderr, command
    assert network.peers() == {}
    psk = run("wg", "genpsk").stdout
    assert ssh.call(f"sudo {folder}/wg_apply.sh {name} {KEY} 10.8.0.2/32 --psk-stdin", stdin=psk).returncode == 0
    assert psk.strip() in run("wg", "show", name, "preshared-keys").stdout


def test_what_ssh_itself_refuses_is_255_with_the_words_that_tell_it_apart(network, ssh):
    command = f"sudo wg_show.sh {network.interface}"
    other_key = ssh.call(command, identity="other")
    assert other_key.returncode == 255 and "Permission denied" in other_key.stderr
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        closed = ssh.call(command, port=probe.getsockname()[1])
    assert closed.returncode == 255
    unknown = ssh.call(command, known="nothing")
    assert unknown.returncode == 255 and "Host key verification failed" in unknown.stderr
    ssh.know("otherhost")
    changed = ssh.call(command)
    assert changed.returncode == 255 and "REMOTE HOST IDENTIFICATION HAS CHANGED" in changed.stderr
    ssh.know("hostkey")
    assert ssh.call(command).returncode == 0
