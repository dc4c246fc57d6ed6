"""The fake upstream and the server under test as processes, for the black-box tests. Standard library only."""
import contextlib, json, os, pathlib, queue, re, shutil, signal, sqlite3, subprocess, tempfile, threading, time, urllib.error, urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
DIRECT_KEY = "sk-direct-0001"
RELAY_ACCOUNT = "sk-account-0001"
START_SECONDS = 30
QUESTION = {"model": "claude-sonnet-5-5", "max_tokens": 64, "messages": [{"role": "user", "content": "Hello"}]}


def program(variable, name):
    """The path in that environment variable, else the newest build of this checkout."""
    if os.environ.get(variable):
        return os.environ[variable]
    built = [path for kind in ("release", "debug") for path in [ROOT / ".build" / kind / name] if path.exists()]
    if not built:
        raise RuntimeError(f"{name} is not built; build it or set {variable}")
    return str(max(built, key=lambda path: path.stat().st_mtime))


class Lines:
    """Collects what a process prints, and lets a test wait for a line."""

    def __init__(self, stream):
        self.all, self.fresh = [], queue.Queue()
        self.thread = threading.Thread(target=self._read, args=(stream,), daemon=True)
        self.thread.start()

    def _read(self, stream):
        for line in stream:
            self.all.append(line)
            self.fresh.put(line)
        self.fresh.put(None)

    def wait(self, pattern, seconds=START_SECONDS):
        limit = time.monotonic() + seconds
        while True:
            try:
                line = self.fresh.get(timeout=max(0.01, limit - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no line like {pattern} in {seconds} s; so far: {''.join(self.all[-30:])}") from None
            if line is None:
                raise AssertionError(f"the process ended: {''.join(self.all[-30:])}")
            found = re.search(pattern, line)
            if found:
                return found


def call(url, body=None, headers=None, method=None, timeout=30):
    """(status, headers, bytes); an HTTP error is an answer, not an exception."""
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers=headers or {}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as reply:
            return reply.status, reply.headers, reply.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


def until(condition, seconds=20):
    """The first true value of the condition; fails when there is none in time."""
    limit = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < limit, f"it does not happen within {seconds} s"
        time.sleep(0.02)
    return found


class Fake:
    def __enter__(self):
        self.process = subprocess.Popen(
            [program("FAKE_UPSTREAM_BIN", "FakeUpstream"), "--port", "0", "--end-with-input"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.lines = Lines(self.process.stdout)
        self.url = "http://" + self.lines.wait(r"^listening (\S+)").group(1)
        self.control = "http://" + self.lines.wait(r"^control (\S+)").group(1)
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(timeout=10)

    def _control(self, path, body=None):
        status, _, text = call(f"{self.control}/__fake/{path}", body)
        assert status == 200, text
        return json.loads(text)

    def script(self, credential, *steps, default=None):
        order = {"credential": credential, "steps": list(steps)}
        if default:
            order["default"] = default
        self._control("script", order)

    def requests(self, credential=None, finished=0, started=0, bodies=False):
        query = f"?wait_ms=10000&finished={finished}&started={started}" + (f"&credential={credential}" if credential else "") + ("&bodies=1" if bodies else "")
        return self._control("requests" + query)["requests"]

    def ledger(self, credential=None, finished=0):
        return self._control(f"ledger?wait_ms=10000&finished={finished}" + (f"&credential={credential}" if credential else ""))["ledger"]

    def answer_to(self, body):
        """What it answers to exactly these bytes when asked directly: the same that it answered to the relay."""
        status, _, text = call(self.url + "/v1/messages", body.encode(), {"x-api-key": DIRECT_KEY, "anthropic-version": "2023-06-01"})
        assert status == 200, text
        return json.loads(text)

    def violations(self, credential=None):
        return self._control("violations" + (f"?credential={credential}" if credential else ""))["violations"]

    def reset(self):
        self._control("reset", {})


class Gatehouse:
    """`gatehouse serve` in a folder of its own, with one account at the fake upstream, on SQLite or on the given PostgreSQL database."""

    heard = []  # servers whose output belongs to the test that runs

    def __init__(self, fake, postgres=None, **settings):
        self.fake, self.postgres, self.settings = fake, postgres, settings
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="gatehouse-test-"))
        self.process, self.output = None, []

    def __enter__(self):
        (self.folder / "data").mkdir(mode=0o700)
        self.key = self.create_key("end-to-end")
        self.start()
        return self

    def __exit__(self, *_):
        try:
            self.stop()
        finally:
            shutil.rmtree(self.folder)

    def environment(self):
        account = {"email": "far@example.com", "name": "far", "apiKey": RELAY_ACCOUNT, "baseUrl": self.fake.url}
        return {
            "PATH": os.environ["PATH"], "HOST": "127.0.0.1", "PORT": "0", "ALLOW_LOOPBACK_UPSTREAM": "true", "DATA_DIR": str(self.folder / "data"), "LOG_LEVEL": "debug",
            "CLAUDE_ACCOUNTS": json.dumps([account]), "ADMIN_PASSWORD": "only-For-Tests-8351",
            **({"DATABASE_URL": self.postgres.url} if self.postgres else {}), **self.settings}

    def command(self, *arguments, stdin=""):
        done = subprocess.run(
            [program("GATEHOUSE_BIN", "gatehouse"), *arguments], env=self.environment(), cwd=self.folder, input=stdin, capture_output=True, text=True,
            timeout=60)
        assert done.returncode == 0, f"gatehouse {' '.join(arguments)}: {done.returncode} {done.stdout} {done.stderr}"
        return done.stdout

    def create_key(self, name):
        return json.loads(self.command("key", "create", name, "--json"))["key"]

    def start(self):
        self.process = subprocess.Popen(
            [program("GATEHOUSE_BIN", "gatehouse"), "serve"], env=self.environment(), cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True)
        self.lines = Lines(self.process.stdout)
        self.output.append(self.lines)
        if self not in Gatehouse.heard:
            Gatehouse.heard.append(self)
        self.url = self.lines.wait(r"(http://127\.0\.0\.1:[1-9]\d*)").group(1)
        limit = time.monotonic() + START_SECONDS
        while call(self.url + "/health/ready")[0] != 200:
            assert time.monotonic() < limit, "the server does not become ready"
            time.sleep(0.02)

    def kill(self):
        self.process.kill()
        self.process.wait(timeout=10)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=40)

    def printed(self):
        return "".join(line for lines in self.output for line in lines.all)

    def rows(self, query):
        """What the query selects from the server's database, as dictionaries."""
        if self.postgres:
            return self.postgres.rows(query)
        with contextlib.closing(sqlite3.connect(f"file:{self.folder}/data/gatehouse.db?mode=ro", uri=True, timeout=10)) as database:
            database.row_factory = sqlite3.Row
            return [dict(row) for row in database.execute(query)]

    def metric(self, name):
        status, _, text = call(self.url + "/metrics")
        assert status == 200, text
        found = re.search(rf"^{name} (\S+)$", text.decode(), re.M)
        assert found, f"no metric {name}"
        return float(found.group(1))

    def quiet(self):
        """Waits until nothing is under way, nothing pends in history and the journal is in the ledger."""
        until(lambda: self.metric("gatehouse_relay_in_flight") == 0 and self.metric("gatehouse_journal_pending_records") == 0)
        until(lambda: not self.rows("SELECT id FROM requests WHERE status = 'pending'"))

    def ledger(self):
        return self.rows("SELECT * FROM ledger ORDER BY at, request_id, attempt")

    def settled(self, count, seconds=20):
        """The ledger once it has that many rows; the journal reaches it a moment after the reply."""
        limit = time.monotonic() + seconds
        while len(rows := self.ledger()) < count and time.monotonic() < limit:
            time.sleep(0.05)
        return rows


@contextlib.contextmanager
def wire(url, path, body, key, extra=""):
    """A raw connection that has sent one request; closing it early is the test's business."""
    import socket

    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        head = f"POST {path} HTTP/1.1\r\nhost: {host}\r\nx-api-key: {key}\r\nanthropic-version: 2023-06-01\r\ncontent-type: application/json\r\n"
        connection.sendall((head + extra + f"content-length: {len(body)}\r\n\r\n").encode() + body)
        yield connection
