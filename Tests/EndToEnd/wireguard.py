"""Real WireGuard without a kernel module: wireguard-go in two network namespaces, one the host, one the customer's device."""
import contextlib, os, pathlib, re, secrets, shutil, subprocess, tempfile, time

import pytest

SCRIPTS = pathlib.Path(__file__).resolve().parents[2] / "share" / "wireguard"


def need_root():
    """Skips loudly where namespaces or TUN are missing; in CI they are there."""
    if os.geteuid() != 0 or not os.path.exists("/dev/net/tun"):
        pytest.skip("WIREGUARD NOT TESTED: needs root and /dev/net/tun")
    name = "gp" + secrets.token_hex(3)
    made = run("ip", "netns", "add", name, check=False)
    entered = run("ip", "netns", "exec", name, "true", check=False)
    run("ip", "netns", "del", name, check=False)
    if made.returncode or entered.returncode:
        pytest.skip(f"WIREGUARD NOT TESTED: no network namespaces here: {made.stderr}{entered.stderr}")


def run(*command, stdin=None, check=True, **more):
    done = subprocess.run([str(word) for word in command], input=stdin, capture_output=True, text=True, timeout=60, **more)
    assert not check or done.returncode == 0, (command, done.returncode, done.stdout, done.stderr)
    return done


def key_pair():
    private = run("wg", "genkey").stdout.strip()
    return private, run("wg", "pubkey", stdin=private + "\n").stdout.strip()


class Network:
    """A host with an interface at 10.8.0.1/24 and a device beside it. The control sockets are the machine's, so names are random."""

    def __enter__(self):
        self.stack = contextlib.ExitStack()
        with contextlib.ExitStack() as undo:
            mark = secrets.token_hex(3)
            self.folder = pathlib.Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="gatehouse-wg-")))
            self.host, self.device, self.interface, self.device_interface = f"gs{mark}", f"gc{mark}", f"gws{mark}", f"gwc{mark}"
            for name in (self.host, self.device):
                run("ip", "netns", "add", name)
                undo.callback(run, "ip", "netns", "del", name, check=False)
            run("ip", "link", "add", f"v0{mark}", "type", "veth", "peer", "name", f"v1{mark}")
            for name, link, address in ((self.host, f"v0{mark}", "192.0.2.1/30"), (self.device, f"v1{mark}", "192.0.2.2/30")):
                run("ip", "link", "set", link, "netns", name)
                run("ip", "-n", name, "addr", "add", address, "dev", link)
                run("ip", "-n", name, "link", "set", link, "up")
                run("ip", "-n", name, "link", "set", "lo", "up")
            self.private, self.public = key_pair()
            self.daemons = {}
            for name, interface in ((self.host, self.interface), (self.device, self.device_interface)):
                self.start_daemon(name, interface)
                undo.callback(self.stop_daemon, interface)
            self._configure_host()
            self.stack = undo.pop_all()
        return self

    def __exit__(self, *_):
        self.stack.close()

    def _configure_host(self):
        run("wg", "set", self.interface, "listen-port", "51820", "private-key", "/dev/stdin", stdin=self.private + "\n")
        run("ip", "-n", self.host, "addr", "add", "10.8.0.1/24", "dev", self.interface)
        run("ip", "-n", self.host, "link", "set", self.interface, "up")

    def start_daemon(self, namespace, interface):
        self.daemons[interface] = subprocess.Popen(
            ["ip", "netns", "exec", namespace, "wireguard-go", "-f", interface], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        limit = time.monotonic() + 20
        while interface not in run("wg", "show", "interfaces").stdout.split():
            assert time.monotonic() < limit and self.daemons[interface].poll() is None, "wireguard-go does not start"
            time.sleep(0.02)

    def stop_daemon(self, interface):
        process = self.daemons.pop(interface)
        process.terminate()
        process.wait(timeout=20)
        shutil.rmtree(f"/var/run/wireguard/{interface}.sock", ignore_errors=True)

    def restart_host(self):
        """The node's daemon dies and comes back with nothing but its own key: counters and peers are gone."""
        self.stop_daemon(self.interface)
        self.start_daemon(self.host, self.interface)
        self._configure_host()

    def connect(self, private, address, psk=None, server=None):
        """The device takes these values, with sessions begun anew."""
        server = server or self.public
        for peer in run("wg", "show", self.device_interface, "peers").stdout.split():
            run("wg", "set", self.device_interface, "peer", peer, "remove")
        secret = self.folder / "device"
        secret.write_text(f"{psk}\n" if psk else "")
        more = ["preshared-key", secret] if psk else []
        run("wg", "set", self.device_interface, "private-key", "/dev/stdin", "peer", server, *more, "allowed-ips", "10.8.0.0/24", "endpoint",
            "192.0.2.1:51820", stdin=private + "\n")
        run("ip", "-n", self.device, "addr", "flush", "dev", self.device_interface)
        run("ip", "-n", self.device, "addr", "add", address, "dev", self.device_interface)
        run("ip", "-n", self.device, "link", "set", self.device_interface, "up")
        run("ip", "-n", self.device, "route", "replace", "10.8.0.0/24", "dev", self.device_interface)

    def ping(self, count=1, size=56, seconds=2):
        """How many of the device's pings the host answered."""
        done = run("ip", "netns", "exec", self.device, "ping", "-c", count, "-i", "0.05", "-s", size, "-W", seconds, "10.8.0.1", check=False)
        return int(re.search(r"(\d+) received", done.stdout).group(1))

    def reaches(self, wanted=True, seconds=20):
        limit = time.monotonic() + seconds
        while (self.ping(seconds=1) > 0) != wanted:
            assert time.monotonic() < limit, f"ping {'never came through' if wanted else 'still comes through'}"

    def peers(self):
        """public key -> (allowed IPs, handshake, received, sent) as the host sees them."""
        rows = [line.split("\t") for line in run("wg", "show", self.interface, "dump").stdout.splitlines()[1:]]
        return {row[0]: (row[3], int(row[4]), int(row[5]), int(row[6])) for row in rows}
