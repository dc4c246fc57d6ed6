"""Signals: SIGTERM lets streams come to their end, a second one does not wait, SIGHUP takes a new certificate and new log files."""
import contextlib, json, os, pathlib, signal, socket, ssl, subprocess, threading, time

import pytest

import far_side

BODY = json.dumps({"model": "claude-sonnet-5-5", "stream": True, "max_tokens": 64, "messages": [{"role": "user", "content": "hi"}]}).encode()


def read_until(connection, mark, limit=20):
    connection.settimeout(limit)
    text = b""
    while mark not in text:
        part = connection.recv(65536)
        if not part:
            raise AssertionError(f"closed before {mark}: {text[-300:]}")
        text += part
    return text


def until(condition, seconds=15):
    limit = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < limit, "it does not happen"
        time.sleep(0.02)
    return found


def is_refused(relay):
    """No new request is served: the port is closed, or the readiness answer sends load balancers elsewhere. Nothing here is billed."""
    try:
        return far_side.call(relay.url + "/health/ready", timeout=5)[0] == 503
    except OSError:
        return True


@pytest.fixture
def own(fake):
    """A server of this test's own, since it is going to be ended."""
    if os.environ.get("RELAY_DIRECT") == "1":
        pytest.skip("RELAY_DIRECT=1: this test needs the server")
    with far_side.Gatehouse(fake) as relay:
        yield relay


def test_sigterm_drains_running_streams_to_their_end(fake, own):
    fake.script(far_side.RELAY_ACCOUNT, "len=60|rate=60")
    with far_side.wire(own.url, "/v1/messages", BODY, own.key) as connection:
        read_until(connection, b"content_block_delta")
        own.process.send_signal(signal.SIGTERM)
        until(lambda: is_refused(own))
        assert own.process.poll() is None, "it waits for the stream"
        rest = read_until(connection, b"message_stop")
        assert b"event: error" not in rest
    assert own.process.wait(timeout=20) == 0
    rows = own.ledger()
    assert [row["usage_source"] for row in rows] == ["final"], rows


def test_a_second_sigterm_does_not_wait(fake, own):
    fake.script(far_side.RELAY_ACCOUNT, "len=2000|rate=20")
    with far_side.wire(own.url, "/v1/messages", BODY, own.key) as connection:
        read_until(connection, b"content_block_delta")
        own.process.send_signal(signal.SIGTERM)
        until(lambda: is_refused(own))
        own.process.send_signal(signal.SIGTERM)
        assert own.process.wait(timeout=5) == 1
    own.start()
    rows = own.settled(1)
    assert [row["usage_source"] for row in rows] == ["snapshot"], "what was under way is booked at the next start"


def test_the_drain_ends_at_its_deadline_and_books_what_it_cut(fake):
    if os.environ.get("RELAY_DIRECT") == "1":
        pytest.skip("RELAY_DIRECT=1: this test needs the server")
    fake.script(far_side.RELAY_ACCOUNT, "len=2000|rate=20")
    with far_side.Gatehouse(fake, DRAIN_TIMEOUT="1") as relay:
        with far_side.wire(relay.url, "/v1/messages", BODY, relay.key) as connection:
            read_until(connection, b"content_block_delta")
            relay.process.send_signal(signal.SIGTERM)
            assert relay.process.wait(timeout=10) == 0
        rows = relay.ledger()
        assert [row["usage_source"] for row in rows] == ["snapshot"], rows
        assert not list((relay.folder / "data" / "journal").iterdir())


def certificate(folder, name, common_name):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", f"/CN={common_name}",
         "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem"], check=True, capture_output=True, timeout=30)


def shown_certificate(port):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", port), timeout=10) as plain, context.wrap_socket(plain) as secure:
        return secure.getpeercert(binary_form=True)


def test_sighup_takes_a_new_certificate_and_new_log_files(fake, tmp_path):
    if os.environ.get("RELAY_DIRECT") == "1":
        pytest.skip("RELAY_DIRECT=1: this test needs the server")
    certificate(tmp_path, "first", "one.example.com")
    certificate(tmp_path, "second", "two.example.com")
    for kind in ("key", "pem"):
        (tmp_path / f"now.{kind}").write_bytes((tmp_path / f"first.{kind}").read_bytes())
    usual = far_side.Gatehouse(fake)
    usual.folder.rmdir()
    environment = {
        **usual.environment(), "DATA_DIR": str(tmp_path / "data"), "LOG_DIR": str(tmp_path / "log"), "TLS_CERT_FILE": str(tmp_path / "now.pem"),
        "TLS_KEY_FILE": str(tmp_path / "now.key")}
    server = subprocess.Popen(
        [far_side.program("GATEHOUSE_BIN", "gatehouse"), "serve"], env=environment, cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    try:
        port = int(far_side.Lines(server.stdout).wait(r"https://127\.0\.0\.1:(\d+)").group(1))
        before = shown_certificate(port)
        for kind in ("key", "pem"):
            (tmp_path / f"now.{kind}").write_bytes((tmp_path / f"second.{kind}").read_bytes())
        access = tmp_path / "log" / "access.log"
        main_log = tmp_path / "log" / "gatehouse.log"
        until(main_log.exists)
        main_log.rename(tmp_path / "log" / "moved.log")
        server.send_signal(signal.SIGHUP)
        until(lambda: shown_certificate(port) != before)
        until(main_log.exists)
        assert "server.reloaded" in until(main_log.read_text)
        assert not access.exists() or access.stat().st_mode & 0o007 == 0, "log files are not for every user"
        # A certificate that cannot be used leaves the one in use alone.
        good = shown_certificate(port)
        (tmp_path / "now.pem").write_text("not a certificate")
        server.send_signal(signal.SIGHUP)
        error_log = tmp_path / "log" / "error.log"
        until(lambda: error_log.exists() and "server.reload_failed" in error_log.read_text())
        assert shown_certificate(port) == good
    finally:
        server.terminate()
        assert server.wait(timeout=20) == 0
