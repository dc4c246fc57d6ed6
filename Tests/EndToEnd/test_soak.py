"""A minute of what `scripts/soak 30` does for half an hour."""
import json, os, pathlib, subprocess, sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
MINUTES = os.environ.get("SOAK_MINUTES", "1")


@pytest.mark.long(80)
def test_acceptance_14_memory_is_flat_and_nothing_leaks_beside_a_thousand_idle_streams():
    if os.environ.get("RELAY_DIRECT") == "1":
        pytest.skip("RELAY_DIRECT=1: this test needs the server")
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "soak", MINUTES, "--rate", "20"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=float(MINUTES) * 60 + 300)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["idle_streams"] == 1000 and told["left"] > 0 and not told["leaked"]
    for name in ("direct_ms", "through_ms", "overhead_header_ms"):
        assert 0 < told[name]["p50"] <= told[name]["p99"], told
