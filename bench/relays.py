"""The processes of a measurement: upstream, nginx, gatehouse; how they are started, pinned, read and ended."""
import contextlib, json, os, pathlib, platform, shutil, signal, socket, subprocess, tempfile, time, urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "bench"
CORES = sorted(os.sched_getaffinity(0))
RELAY_CORE = str(CORES[0])
LOAD_CORES = ",".join(map(str, CORES[1:])) or RELAY_CORE
TICKS = os.sysconf("SC_CLK_TCK")
UPSTREAM_KEY = "sk-bench-upstream"


def prepare():
    """Compiles the two C programs and makes a certificate for 127.0.0.1."""
    BUILD.mkdir(parents=True, exist_ok=True)
    compiler = shutil.which("clang") or shutil.which("gcc")
    for name in ("upstream", "load"):
        libraries = ["-lssl", "-lcrypto"] if name == "upstream" else []
        subprocess.run([compiler, "-O2", "-Wall", "-Wextra", "-Werror", str(ROOT / "bench" / f"{name}.c"), "-o", str(BUILD / name), *libraries], check=True)
    if not (BUILD / "cert.pem").exists():
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30", "-subj", "/CN=localhost",
             "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", str(BUILD / "key.pem"), "-out", str(BUILD / "cert.pem")],
            check=True, capture_output=True)
    if len(CORES) < 2:
        print("bench: only one core; relay and load share it, the ratios still mean something")


def free_port():
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port, process, seconds=15):
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        if process.poll() is not None:
            raise SystemExit(f"bench: {process.args} ended with {process.returncode}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.001)
    raise SystemExit(f"bench: nothing listens on {port}")


class Process:
    """A relay under measurement: `pids` are its processes, `key` what its clients send."""

    key = UPSTREAM_KEY
    process = None
    folder = None

    def pids(self):
        return [self.process.pid]

    def cpu_seconds(self):
        total = 0
        for pid in self.pids():
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
        return total / TICKS

    def resident_bytes(self):
        total = 0
        for pid in self.pids():
            for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith("VmRSS:"):
                    total += int(line.split()[1]) * 1024
        return total

    def settle(self):
        """Waits until closed streams are off its descriptors."""
        limit = time.monotonic() + 20
        while time.monotonic() < limit and sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in self.pids()) > 400:
            time.sleep(0.1)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)


class Upstream(Process):
    def __init__(self, is_tls):
        self.is_tls = is_tls

    def start(self):
        files = [str(BUILD / "cert.pem"), str(BUILD / "key.pem")] if self.is_tls else []
        self.process = subprocess.Popen(["taskset", "-c", LOAD_CORES, str(BUILD / "upstream"), *files], stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline().split()[1])
        # By name, so that both relays verify the same thing.
        self.url = f"https://localhost:{self.port}" if self.is_tls else f"http://127.0.0.1:{self.port}"


NGINX = """
worker_processes 1;
daemon off;
master_process on;
pid {folder}/pid;
error_log {folder}/error.log;
worker_rlimit_nofile 65536;
events {{ worker_connections 32000; }}
http {{
  access_log {folder}/access.log combined;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  keepalive_requests 100000000;
  client_body_buffer_size 64k;
  upstream far {{ server {far}; keepalive 1024; keepalive_requests 100000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      proxy_pass {scheme}://far;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_set_header x-api-key "{key}";
      proxy_buffering off;
      proxy_read_timeout 900s;
      proxy_ssl_verify on;
      proxy_ssl_trusted_certificate {certificate};
      proxy_ssl_name localhost;
      proxy_ssl_server_name on;
    }}
  }}
}}
"""


class Nginx(Process):
    """One worker, no reply buffering because streams must flow, access log to a file as ours writes one."""

    def __init__(self, upstream):
        self.upstream = upstream

    def start(self):
        self.folder = tempfile.mkdtemp(prefix="bench-nginx-")
        self.port = free_port()
        far = f"127.0.0.1:{self.upstream.port}"
        text = NGINX.format(
            folder=self.folder, far=far, port=self.port, scheme="https" if self.upstream.is_tls else "http", key=UPSTREAM_KEY, certificate=BUILD / "cert.pem")
        if os.geteuid() == 0:
            text = "user root;\n" + text
        configuration = pathlib.Path(self.folder, "nginx.conf")
        configuration.write_text(text)
        program = shutil.which("nginx") or "/usr/sbin/nginx"
        self.process = subprocess.Popen(
            ["taskset", "-c", RELAY_CORE, program, "-p", self.folder, "-c", str(configuration), "-e", f"{self.folder}/error.log"])
        wait_for(self.port, self.process)

    def pids(self):
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [self.process.pid, *map(int, children)]


def binary():
    """GATEHOUSE_BIN, or the release build of this checkout."""
    path = os.environ.get("GATEHOUSE_BIN")
    if path:
        return path
    built = ROOT / ".build" / "release" / "gatehouse"
    if built.exists():
        return str(built)
    raise SystemExit("bench: build the release binary first: make bench does")


class Gatehouse(Process):
    """One reactor, SQLite, access log to files, a real key with limits."""

    def __init__(self, upstream):
        self.upstream = upstream

    def start(self):
        self.folder = tempfile.mkdtemp(prefix="bench-gatehouse-")
        self.port = free_port()
        log = pathlib.Path(self.folder, "log")
        log.mkdir()
        account = {"email": "bench@example.com", "apiKey": UPSTREAM_KEY, "baseUrl": self.upstream.url}
        environment = {
            "PATH": os.environ["PATH"], "HOST": "127.0.0.1", "PORT": str(self.port), "DATA_DIR": f"{self.folder}/data", "LOG_DIR": str(log),
            "DATABASE_URL": f"sqlite://{self.folder}/data/gatehouse.db",
            "ALLOW_LOOPBACK_UPSTREAM": "true", "WORKERS_PER_CORE": "1", "MAX_WORKERS": "1", "MAX_CONNECTIONS_PER_ADDRESS": "0", "CLAUDE_ACCOUNTS": json.dumps([account]),
            "SSL_CERT_FILE": str(BUILD / "cert.pem"), "ADMIN_PASSWORD": "bench-only-Passw0rd-7261",
        }
        os.makedirs(f"{self.folder}/data", mode=0o700)
        created = subprocess.run([binary(), "migrate"], env=environment, cwd=self.folder, capture_output=True, text=True)
        if created.returncode != 0:
            raise SystemExit(f"bench: gatehouse migrate failed: {created.stdout}{created.stderr}")
        command = [binary(), "key", "create", "bench", "--json", "--requests-per-minute", "1000000", "--concurrent", "100000"]
        created = subprocess.run(command, env=environment, cwd=self.folder, capture_output=True, text=True)
        if created.returncode != 0:
            raise SystemExit(f"bench: gatehouse key create failed: {created.stdout}{created.stderr}")
        self.key = json.loads(created.stdout)["key"]
        begin = time.monotonic()
        output = open(pathlib.Path(self.folder, "output"), "wb")
        self.process = subprocess.Popen(["taskset", "-c", RELAY_CORE, binary(), "serve"], env=environment, cwd=self.folder, stdout=output, stderr=output)
        output.close()
        wait_for(self.port, self.process)
        self.start_ms = (time.monotonic() - begin) * 1000
        self.wait_ready()

    def wait_ready(self):
        limit = time.monotonic() + 15
        while time.monotonic() < limit:
            with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health/ready", timeout=2) as reply:
                if reply.status == 200:
                    return
            time.sleep(0.02)
        raise SystemExit("bench: gatehouse does not become ready: " + pathlib.Path(self.folder, "output").read_text()[-2000:])


def stripped_megabytes():
    with tempfile.NamedTemporaryFile() as copy:
        subprocess.run(["strip", "-o", copy.name, binary()], check=True)
        return os.path.getsize(copy.name) / 1e6


def hardware():
    model = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    return f"{model}, {os.cpu_count()} cores, Linux {platform.release()}"
