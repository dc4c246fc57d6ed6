"""The LiteLLM proxy as a peer: one worker, no database, one model at the same upstream. It meters nothing here, Gatehouse does."""
import os, pathlib, subprocess, tempfile

import relays

PROGRAM = relays.ROOT / ".tools" / "litellm" / "bin" / "litellm"
CONFIGURATION = """
model_list:
  - model_name: "claude-sonnet-5-5"
    litellm_params:
      model: "anthropic/claude-sonnet-5-5"
      api_base: "{url}"
      api_key: "{upstream_key}"
general_settings:
  master_key: "{key}"
litellm_settings:
  telemetry: false
"""


class LiteLLM(relays.Process):
    key = "sk-bench-litellm"

    def __init__(self, upstream):
        self.upstream = upstream

    def start(self):
        if not PROGRAM.exists():
            raise SystemExit(f"bench: {PROGRAM} is missing: scripts/setup bench")
        self.folder = tempfile.mkdtemp(prefix="bench-litellm-")
        self.port = relays.free_port()
        configuration = pathlib.Path(self.folder, "config.yaml")
        configuration.write_text(CONFIGURATION.format(url=self.upstream.url, upstream_key=relays.UPSTREAM_KEY, key=self.key))
        # It may ask nobody for prices or news.
        environment = {
            "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}", "HOME": self.folder, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_TELEMETRY": "False", "NO_PROXY": "*"}
        output = open(pathlib.Path(self.folder, "output"), "wb")
        self.process = subprocess.Popen(
            ["taskset", "-c", relays.RELAY_CORE, str(PROGRAM), "--config", str(configuration), "--host", "127.0.0.1", "--port", str(self.port), "--num_workers", "1"],
            env=environment, cwd=self.folder, stdout=output, stderr=output)
        output.close()
        relays.wait_for(self.port, self.process, 120)
