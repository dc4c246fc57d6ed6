"""The commands that the documents show are run, in order, and say what the documents say. In a `console` block a line that begins with
"$ " is a command, the lines after it must appear in its output in that order, and "…" stands for anything."""
import os
import pathlib
import re
import subprocess

import pytest

import far_side

ROOT = pathlib.Path(__file__).resolve().parents[2]


def blocks(page):
    text = (ROOT / page).read_text()
    for block in re.findall(r"^```console\n(.*?)^```", text, re.M | re.S):
        steps = []
        for line in block.splitlines():
            if line.startswith("$ "):
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
