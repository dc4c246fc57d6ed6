"""The commands that the documents show are run, in order, and say what the documents say. In a `console` block a line that begins with
"$ " is a command, the lines after it must appear in its output in that order, and "…" stands for anything."""
import json
import os
import pathlib
import re
import subprocess
import time

import pytest

import far_side

ROOT = pathlib.Path(__file__).resolve().parents[2]


def blocks(page):
    text = (ROOT / page).read_text()
    for block in re.findall(r"^```console\n(.*?)^```", text, re.M | re.S):
        steps = []
        for line in block.splitlines():
            if steps and steps[-1][0].endswith("\\") and not steps[-1][1]:
                steps[-1] = (steps[-1][0][:-1] + line.strip(), [])
            elif line.startswith("$ "):
                steps.append((line[2:], []))
            else:
                steps[-1][1].append(line)
        yield from steps


def as_pattern(line):
    return ".*".join(re.escape(part) for part in line.split("…"))


@pytest.mark.parametrize("page", ["README.md", "docs/install.md", "docs/mail.md", "docs/operations.md", "docs/relay.md"])
def test_commands_of_the_documents_do_what_they_say(page, server, tmp_path):
    (tmp_path / "upstream-key.txt").write_text("sk-upstream-of-the-docs\n")
    (tmp_path / "ann-password.txt").write_text("correct horse battery\n")
    program = pathlib.Path(far_side.program("GATEHOUSE_BIN", "gatehouse")).resolve()
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "DATA_DIR": str(tmp_path / "data"), "KEY": server.key, "ADMIN_PASSWORD": server.environment()["ADMIN_PASSWORD"], "HOME": str(tmp_path), "PORT": "0"}
    (tmp_path / "gatehouse").symlink_to(program)
    if page != "docs/install.md":  # which shows the very first look
        subprocess.run(["gatehouse", "migrate"], cwd=tmp_path, env=environment, capture_output=True, timeout=60, executable=program, check=True)
    steps = list(blocks(page))
    assert steps, f"{page} shows no command"
    for command, expected in steps:
        command = command.replace("http://127.0.0.1:8000", server.url)
        done = subprocess.run(["bash", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        pattern = r"[\s\S]*?".join(as_pattern(line) for line in expected)
        assert re.search(pattern, done.stdout), f"{command} printed:\n{done.stdout}"


VARIABLE = re.compile(r"(?:pln|svc|op)_[0-9a-f]{32}|\d{4}-\d\d-\d\d(?:T[0-9:.]+Z)?|http://127\.0\.0\.1:8000")
SHOP_SECRET, PASSWORD = "only-for-the-docs", "Correct-Horse-9"
# What a page shows of the workers' doing comes a moment after the command before it.
PATIENCE_SECONDS = 60


def test_the_page_about_payments_does_what_it_says(fake_session, tmp_path):
    """Ids and times of a run differ from those on the page: where one is first shown it is learned, and from then on it must be that one."""
    page = "docs/payments.md"
    body = re.search(r"^```json\n(.*?)^```", (ROOT / page).read_text(), re.M | re.S).group(1).strip()
    with far_side.Gatehouse(fake_session, PAYMENT_WEBHOOK_SECRET=SHOP_SECRET, REGISTRATION="open") as server:
        person = {"email": "ada@example.com", "password": PASSWORD}
        ask = lambda path: json_of(far_side.call(server.url + path, person, {"content-type": "application/json"}))
        number = ask("/auth/register")["id"]
        program = pathlib.Path(far_side.program("GATEHOUSE_BIN", "gatehouse")).resolve()
        (tmp_path / "gatehouse").symlink_to(program)
        environment = {**server.environment(), "PATH": f"{tmp_path}:{os.environ['PATH']}", "BODY": body}
        learned = {"http://127.0.0.1:8000": server.url}
        steps = list(blocks(page))
        assert len(steps) >= 12, "the page shows less than it did"
        for command, expected in steps:
            command = VARIABLE.sub(lambda found: learned.get(found[0], found[0]), command)
            expected = [line.replace('"user_id":2,', f'"user_id":{number},') for line in expected]
            pattern, names = pattern_of(expected, learned)
            limit = time.monotonic() + PATIENCE_SECONDS
            while True:
                done = subprocess.run(
                    ["bash", "-c", command], cwd=server.folder, env=environment, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
                if re.match(r"[A-Z]+=", command):
                    # What it sets is there for the commands after it.
                    words = subprocess.run(
                        ["bash", "-c", f"set -a; {command}; env -0"], cwd=server.folder, env=environment, capture_output=True, text=True, timeout=60, check=True)
                    environment = dict(word.split("=", 1) for word in words.stdout.split("\0") if "=" in word)
                assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
                found = re.search(pattern, done.stdout)
                if found:
                    break
                shows = any(word in command for word in (" list", " show ", " reconcile")) or ("curl" in command and " -d " not in command)
                assert shows and time.monotonic() < limit, f"{command} printed:\n{done.stdout}"
                time.sleep(0.1)
            learned.update({name: found.group(group) for group, name in names.items() if not re.match(r"\d", name)})


def json_of(answer):
    assert answer[0] == 200, answer
    return json.loads(answer[-1])


def pattern_of(expected, learned):
    """What the lines look like in this run, and which group of the pattern shows which id."""
    names = {}

    def part(text):
        if text.startswith("http"):
            return r"http://127\.0\.0\.1:\d+"
        if text in learned:
            return re.escape(learned[text])
        if re.match(r"\d", text):
            return r"[0-9T:.Z-]+"
        names[f"g{len(names)}"] = text
        return f"(?P<g{len(names) - 1}>{text.split('_')[0]}_[0-9a-f]{{32}})"

    def line(text):
        # Columns are as wide as what is in them.
        plain = lambda rest: r"\s+".join(re.escape(word) for word in re.split(r"\s+", rest))
        pieces, place = [], 0
        for found in VARIABLE.finditer(text):
            pieces += [plain(text[place:found.start()]), part(found[0])]
            place = found.end()
        return "".join(pieces) + plain(text[place:])

    return r"[\s\S]*?".join(line(text) for text in expected), names
