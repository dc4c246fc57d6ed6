"""Second factors with an authenticator of others (pyotp), on a running server."""
import json, subprocess, time, urllib.parse

import far_side
import pyotp
import pytest

PASSWORD = "Correct-Horse-9"
JSON_TYPE = {"content-type": "application/json"}


def ask(server, method, path, body=None, token=None):
    headers = JSON_TYPE | ({"authorization": f"Bearer {token}"} if token else {})
    status, _, text = far_side.call(server.url + path, body, headers, method=method)
    return status, json.loads(text) if text else None


def login(server, email, path="/api/auth/login", **more):
    name = "username" if path.startswith("/web") else "email"
    return ask(server, "POST", path, {name: email, "password": PASSWORD} | more)


def fresh(otp, used):
    """A code of a step after `used`, waiting for its time: one 30 s step ahead is taken already."""
    now = int(time.time()) // 30
    for step in (now, now + 1):
        if step > used:
            return step, otp.generate_otp(step)
    time.sleep((used + 1) * 30 - 30 - time.time() + 0.5)
    return used + 1, otp.generate_otp(used + 1)


@pytest.fixture
def ann(server):
    email = f"ann{time.monotonic_ns()}@example.com"
    server.command("user", "create", email, "--role", "admin", stdin=PASSWORD + "\n")
    yield email
    # Other tests count the admins of this server.
    server.command("user", "promote", email, "--role", "customer")


def test_a_second_factor_from_begin_to_end(server, ann):
    token = login(server, ann)[1]["token"]
    other = login(server, ann)[1]["token"]
    assert ask(server, "GET", "/api/auth/second-factor", token=token) == (200, {"on": False, "recovery_codes_left": 0})
    status, begun = ask(server, "POST", "/api/auth/second-factor", token=token)
    assert status == 201
    address = urllib.parse.urlparse(begun["address"])
    otp = pyotp.parse_uri(begun["address"])
    assert (otp.secret, otp.name, otp.issuer, otp.digits, otp.interval) == (begun["secret"], ann, "Gatehouse", 6, 30) and address.scheme == "otpauth"
    assert login(server, ann)[0] == 200, "what is only begun asks for nothing"
    assert ask(server, "POST", "/api/auth/second-factor/confirm", {"code": "nothing"}, token)[1]["error"]["code"] == "wrong_code"
    used, code = fresh(otp, 0)
    status, answer = ask(server, "POST", "/api/auth/second-factor/confirm", {"code": code}, token)
    assert status == 200 and len(set(answer["recovery_codes"])) == 10
    assert ask(server, "GET", "/api/auth/me", token=other)[0] == 401, "who had shown no code is signed out"
    assert ask(server, "POST", "/api/auth/second-factor", token=token)[1]["error"]["code"] == "second_factor_on"

    for path in ("/api/auth/login", "/web/auth/login"):
        assert login(server, ann, path)[0] == 401 and login(server, ann, path, code="000000x")[0] == 403
    status, answer_older = login(server, ann, "/auth/login", code="wrong1")
    assert status == 403, answer_older
    assert "second_factor_required" in json.dumps(login(server, ann)[1])
    assert login(server, ann, code=code)[1]["error"]["code"] == "wrong_code", "a code works once"
    used, code = fresh(otp, used)
    assert login(server, ann, code=code)[0] == 200

    paper = answer["recovery_codes"]
    assert login(server, ann, code=paper[0].upper().replace("-", " "))[0] == 200
    assert login(server, ann, code=paper[0])[0] == 403, "once"
    assert ask(server, "GET", "/api/auth/second-factor", token=token)[1] == {"on": True, "recovery_codes_left": 9}
    status, renewed = ask(server, "POST", "/api/auth/second-factor/recovery-codes", {"code": paper[1]}, token)
    assert status == 200 and not set(renewed["recovery_codes"]) & set(paper)
    assert login(server, ann, code=paper[2])[0] == 403, "the old ones have ended"
    assert ask(server, "POST", "/api/auth/second-factor/end", {"code": renewed["recovery_codes"][0]}, token)[0] == 204
    assert login(server, ann)[0] == 200
    kept = json.dumps(server.rows("SELECT * FROM events")) + server.printed()
    for secret in [begun["secret"], *paper, *renewed["recovery_codes"], PASSWORD]:
        assert secret not in kept
    actions = {row["action"] for row in server.rows("SELECT action FROM events")}
    assert {"second_factor.begin", "second_factor.confirm", "second_factor.use_recovery_code", "second_factor.renew_codes", "second_factor.end"} <= actions


def test_five_wrong_codes_close_the_door_and_the_password_alone_opens_nothing(server, ann):
    begun = json.loads(server.command("user", "totp", "begin", ann, "--json"))
    otp = pyotp.TOTP(begun["secret"])
    _, code = fresh(otp, 0)
    paper = json.loads(server.command("user", "totp", "confirm", ann, "--json", stdin=code + "\n"))["recovery_codes"]
    assert [login(server, ann, code=f"wrong{n}")[0] for n in range(5)] == [403] * 5
    status, answer = login(server, ann, code=paper[0])
    assert status == 429 and answer["error"]["code"] == "too_many_attempts"
    assert login(server, ann)[0] == 401


def test_the_commands_show_turn_on_and_take_away(server, ann):
    def refused(*arguments, stdin=""):
        done = subprocess.run(
            [far_side.program("GATEHOUSE_BIN", "gatehouse"), *arguments], env=server.environment(), cwd=server.folder, input=stdin, capture_output=True,
            text=True, timeout=60)
        assert done.returncode == 1, done.stdout
        return done.stderr

    assert server.command("user", "totp", "show", ann).strip() == "off"
    assert "nothing was begun" in refused("user", "totp", "confirm", ann, stdin="123456\n")
    begun = json.loads(server.command("user", "totp", "begin", ann, "--json"))
    assert "is wrong" in refused("user", "totp", "confirm", ann, stdin="nothing\n")
    otp = pyotp.TOTP(begun["secret"])
    used, code = fresh(otp, 0)
    assert "these codes are shown once" in server.command("user", "totp", "confirm", ann, stdin=code + "\n")
    assert server.command("user", "totp", "show", ann).strip() == "on, 10 recovery codes left"
    before = server.rows("SELECT secret_sealed FROM second_factors")
    assert begun["secret"].encode() not in bytes(before[0]["secret_sealed"])
    server.command("secrets", "rotate")
    assert server.rows("SELECT secret_sealed FROM second_factors") != before
    assert login(server, ann)[0] == 401
    _, code = fresh(otp, used)
    assert login(server, ann, code=code)[0] == 200, "the running server learns the new data key"
    server.command("user", "totp", "end", ann)
    assert login(server, ann)[0] == 200
    assert "no second factor" in refused("user", "totp", "end", ann)
