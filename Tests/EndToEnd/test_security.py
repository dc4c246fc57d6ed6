"""The rules of the relay contract's section 18 as somebody outside meets them, a test for each. What has no outside is shown elsewhere:
sealing in SealingTests, redaction in RedactionTests, slow bodies and connections of one address in HTTPEngineTests, roles in
RoleTableTests, cookies and their token in SignInTests."""
import contextlib, http.client, http.server, json, os, socket, sqlite3, ssl, subprocess, threading

import pytest

import far_side
from prepared import Prepared, message, until

PROMPT = "a prompt about marmalade and périwinkles"
BROWSER = {"origin": "https://shop.example.com", "anthropic-dangerous-direct-browser-access": "true"}


@pytest.fixture(scope="module")
def standing():
    if os.environ.get("RELAY_DIRECT") == "1":
        pytest.skip("RELAY_DIRECT=1: these tests need the server")
    with far_side.Fake() as fake, Prepared(fake) as relay:
        yield fake, relay


@pytest.fixture
def far(standing):
    fake, relay = standing
    fake.reset()
    relay.quiet()
    return fake, relay


def admin(relay):
    body = {"email": "admin@example.com", "password": "only-For-Tests-8351"}
    status, _, text = far_side.call(relay.url + "/api/auth/login", body, {"content-type": "application/json"})
    assert status == 200, text
    token = next(value for value in json.loads(text).values() if isinstance(value, str) and value.count(".") == 2)
    return {"authorization": f"Bearer {token}", "content-type": "application/json"}


def account(relay, name, url, *more):
    return json.loads(relay.command("account", "add", name, "--base-url", url, "--priority", "1", *more, "--json", stdin=f"sk-account-{name}\n"))["id"]


@contextlib.contextmanager
def alone(relay, name, url):
    """One more account, preferred to all others, while it lasts."""
    made = account(relay, name, url)
    until(lambda: relay.metric(r'gatehouse_relay_accounts\{status="active"\}') == 2)
    try:
        yield made
    finally:
        relay.command("account", "delete", made)
        until(lambda: relay.metric(r'gatehouse_relay_accounts\{status="active"\}') == 1)


class Listener:
    """An http server that answers every request the same and keeps what it got."""

    def __init__(self, status, headers=(), tls=None):
        self.got = []
        listener = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                listener.got.append((self.path, dict(self.headers)))
                self.rfile.read(int(self.headers.get("content-length", 0)))
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def refused_start(relay, **settings):
    environment = {**relay.environment(), "ENVIRONMENT": "production", "DATA_DIR": str(relay.folder / "other"), **settings}
    done = subprocess.run(
        [far_side.program("GATEHOUSE_BIN", "gatehouse"), "serve"], env=environment, cwd=relay.folder, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0, done.stdout
    return done.stdout + done.stderr


GOOD = {"SECRET_KEY": "0f5a1c0e8d7b43a7be6f", "ENCRYPTION_KEY": "9b1d7c5e3f8a4b2c6d0e", "METRICS_TOKEN": "c3d4e5f60718293a4b5c"}


@pytest.mark.parametrize("name,value", [
    ("SECRET_KEY", ""), ("SECRET_KEY", "changeme"), ("SECRET_KEY", "your-secret-key-here"), ("ENCRYPTION_KEY", ""), ("ENCRYPTION_KEY", "short"),
    ("ADMIN_PASSWORD", "admin123456"), ("DEMO", "true")])
def test_production_does_not_start_with_missing_or_example_secrets(far, name, value):
    _, relay = far
    said = refused_start(relay, **{**GOOD, "ADMIN_PASSWORD": "Some-Other-Word-71", name: value})
    assert name in said and (len(value) < 6 or value not in said or value in ("true",)), said


def test_bodies_are_not_stored(far):
    fake, relay = far
    body = message(messages=[{"role": "user", "content": PROMPT}])
    status, _, text = relay.send(body=body)
    answer = json.loads(text)["content"][0]["text"].strip()
    streamed = relay.send(body=message(stream=True, messages=[{"role": "user", "content": PROMPT}]), stream=True)
    assert status == streamed[0] == 200 and len(answer) > 10
    relay.quiet()
    newest = json.loads(far_side.call(relay.url + "/v1/request-history?limit=1", headers={"x-api-key": relay.key})[2])["history"][0]
    detail = json.loads(far_side.call(relay.url + "/v1/request-history/" + newest["requestId"], headers={"x-api-key": relay.key})[2])["request"]
    assert not detail.get("requestBody") and not detail.get("responseBody")
    files = {str(path): path.read_bytes() for path in relay.folder.rglob("*") if path.is_file()}
    files["log"] = relay.printed().encode()
    assert not [name for name, content in files.items() for part in (PROMPT, answer) if part.encode() in content]
    assert not [name for name, content in files.items() if "périwinkles".encode("unicode-escape") in content]


def test_what_an_admin_does_is_audited_without_secrets_and_for_good(far):
    _, relay = far
    headers = admin(relay)
    before = len(relay.rows("SELECT id FROM events"))
    secret = "sk-ant-api03-" + "q" * 60
    made = {"name": "audited", "kind": "api_key", "base_url": "https://api.anthropic.com", "secret": secret}
    status, _, text = far_side.call(relay.url + "/api/admin/accounts", made, headers)
    assert status in (200, 201), text
    id = json.loads(text).get("id") or json.loads(text)["account"]["id"]
    assert far_side.call(relay.url + f"/api/admin/accounts/{id}", headers=headers, method="DELETE")[0] in (200, 204)
    events = relay.rows("SELECT * FROM events ORDER BY id")[before:]
    about = [event for event in events if event["subject"] == id]
    assert len(about) >= 2 and all(event["actor"] for event in about), events
    assert secret not in json.dumps(events, default=str) and "q" * 20 not in json.dumps(events, default=str)
    for statement in ("DELETE FROM events", "UPDATE events SET actor = 'nobody'"):
        with contextlib.closing(sqlite3.connect(relay.folder / "data/gatehouse.db", timeout=10)) as database, pytest.raises(sqlite3.DatabaseError):
            database.execute(statement)


def adding(relay, url, allows_loopback):
    """`gatehouse account add` with that base URL, in a folder of its own."""
    environment = {
        **relay.environment(), "ALLOW_LOOPBACK_UPSTREAM": allows_loopback, "DATA_DIR": str(relay.folder / "third"), "CLAUDE_ACCOUNTS": "[]"}
    (relay.folder / "third").mkdir(mode=0o700, exist_ok=True)
    subprocess.run([far_side.program("GATEHOUSE_BIN", "gatehouse"), "migrate"], env=environment, cwd=relay.folder, check=True, capture_output=True, timeout=60)
    done = subprocess.run(
        [far_side.program("GATEHOUSE_BIN", "gatehouse"), "account", "add", "near", "--base-url", url], env=environment, cwd=relay.folder,
        input="sk-account-near\n", capture_output=True, text=True, timeout=60)
    assert "sk-account-near" not in done.stdout + done.stderr
    return done.returncode


@pytest.mark.parametrize("url,code", [
    ("https://api.example.com", 0), ("http://api.example.com", 1), ("http://192.0.2.7", 1), ("https://169.254.169.254", 1), ("https://[fe80::1]", 1),
    ("https://[::ffff:169.254.169.254]", 1), ("https://user:word@api.example.com", 1), ("ftp://api.example.com", 1), ("file:///etc/passwd", 1),
    ("http://127.0.0.1:9", 1), ("https://127.0.0.1:9", 1), ("https://[::1]:9", 1)])
def test_an_upstream_is_https_elsewhere_and_no_metadata_address(far, url, code):
    """A name is judged by its addresses when it is connected to: AddressTests."""
    _, relay = far
    assert (adding(relay, url, "false") != 0) == (code != 0)


@pytest.mark.parametrize("url,code", [("http://127.0.0.1:9", 0), ("http://169.254.169.254", 1), ("https://169.254.169.254", 1), ("http://192.0.2.7", 1)])
def test_an_upstream_on_this_machine_needs_the_operators_word_and_opens_nothing_else(far, url, code):
    _, relay = far
    assert (adding(relay, url, "true") != 0) == (code != 0)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_no_redirect_of_an_upstream_is_followed(far, status):
    fake, relay = far
    with Listener(200) as other, Listener(status, [("location", f"http://127.0.0.1:{other.port}/v1/messages")]) as first:
        with alone(relay, f"redirects{status}", f"http://127.0.0.1:{first.port}"):
            relay.send()
            assert len(first.got) == 1 and other.got == [], "the credential goes nowhere else"


def test_tls_is_verified_whatever_the_address(far, tmp_path):
    _, relay = far
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", tmp_path / "key.pem", "-out", tmp_path / "cert.pem"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    with Listener(200, tls=context) as upstream, alone(relay, "self-signed", f"https://127.0.0.1:{upstream.port}"):
        assert relay.send()[0] == 200, "the next account serves"
        assert upstream.got == [], "not a byte of the request went there"


def test_other_origins_are_not_let_in_whatever_they_send(far):
    _, relay = far
    status, headers, _ = relay.send(headers=BROWSER)
    assert status == 200 and not [name for name in headers if name.lower().startswith("access-control-")]
    status, headers, _ = far_side.call(
        relay.url + "/v1/messages", headers={**BROWSER, "access-control-request-method": "POST", "access-control-request-headers": "x-api-key"},
        method="OPTIONS")
    assert not [name for name in headers if name.lower().startswith("access-control-")], headers


@pytest.mark.parametrize("trusted,forwarded,status", [
    ("192.0.2.1/32", "198.51.100.7", 403), ("192.0.2.1/32", None, 403), ("127.0.0.0/8", "198.51.100.7", 200), ("127.0.0.0/8", "198.51.100.8", 403),
    ("127.0.0.0/8", "198.51.100.7, 198.51.100.9", 403)])
def test_a_forwarded_address_counts_only_from_a_trusted_proxy(trusted, forwarded, status):
    if os.environ.get("RELAY_DIRECT") == "1":
        pytest.skip("RELAY_DIRECT=1: this test needs the server")
    with far_side.Fake() as fake, Prepared(fake, TRUSTED_PROXIES=trusted) as relay:
        key = json.loads(relay.command("key", "list", "--json"))[0]["id"]
        relay.command("key", "edit", key, '{"ip_allowlist":["198.51.100.7"]}')
        headers = {"x-forwarded-for": forwarded} if forwarded else {}
        # The running server hears of the change within seconds.
        until(lambda: relay.send(headers=headers)[0] == status)
        assert relay.send(headers=headers)[0] == status


def test_pages_run_no_script_of_others(far):
    _, relay = far
    for path in ("/api/docs",):
        _, headers, _ = far_side.call(relay.url + path)
        policy = headers["content-security-policy"]
        scripts = next((part for part in policy.split(";") if part.strip().startswith("script-src")), policy)
        assert "default-src" in policy and "unsafe-inline" not in scripts and "unsafe-eval" not in scripts, policy
        assert headers["x-frame-options"] == "DENY" and headers["referrer-policy"] == "no-referrer"


def test_json_nests_only_so_deep_and_a_head_is_only_so_long(far):
    fake, relay = far
    session = admin(relay)
    deep = b'{"name":' + b"[" * 600 + b"]" * 600 + b"}"
    assert far_side.call(relay.url + "/api/keys", deep, session)[0] in (400, 413, 422)
    assert relay.send(body=b'{"model":"claude-sonnet-5-5","max_tokens":1,"messages":' + b"[" * 600 + b"]" * 600 + b"}")[0] == 400
    host, port = relay.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        with contextlib.suppress(OSError):  # it may close before all is sent
            connection.sendall(b"GET /v1/models HTTP/1.1\r\nhost: a\r\n" + b"x-filler: " + b"a" * (70 << 10) + b"\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):
            assert b" 431 " in connection.recv(65536).split(b"\r\n")[0]
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        with contextlib.suppress(OSError):
            connection.sendall(b"GET /api/chat/stream?message=" + b"a" * (20 << 10) + b" HTTP/1.1\r\nhost: a\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):
            refused = connection.recv(65536)
            assert b" 431 " in refused.split(b"\r\n")[0] and b"POST /api/chat " in refused and b"POST /api/chat/tickets" in refused
    assert relay.send()[0] == 200, "and it goes on"
    assert len(fake.requests(finished=1)) == 1


def test_keys_are_shown_by_their_ends_only(far):
    _, relay = far
    listed = relay.command("key", "list", "--json") + relay.command("key", "list")
    assert relay.key not in listed and relay.key[:7] in listed and relay.key[-4:] in listed and relay.key[7:-4] not in listed
