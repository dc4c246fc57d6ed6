"""A server with keys of several kinds, and small readings of it, for the tests of faults."""
import json

import far_side
from far_side import until  # noqa: F401 (many take it from here)

MODEL = "claude-sonnet-5-5"


class Prepared(far_side.Gatehouse):
    """A server whose keys are made before it starts: `keys` maps a name to the options of `gatehouse key create`."""

    def __init__(self, fake, keys=None, **settings):
        super().__init__(fake, **settings)
        self.wanted, self.keys = keys or {}, {}

    def create_key(self, name):
        for other, options in self.wanted.items():
            made = json.loads(self.command("key", "create", other, *options, "--json"))
            self.keys[other] = made["key"]
        return super().create_key(name)

    def send(self, key=None, stream=False, body=None, path="/v1/messages", headers=None, method=None):
        """(status, headers, bytes) of one Messages request; `key=None` is the ordinary key, `key=\"\"` sends none."""
        sent = message(stream=stream) if body is None else body
        fields = {"content-type": "application/json", "anthropic-version": "2023-06-01", **(headers or {})}
        if key != "":
            fields["x-api-key"] = key or self.key
        return far_side.call(self.url + path, sent, fields, method)


def message(**more):
    return json.dumps({"model": MODEL, "max_tokens": 64, "messages": [{"role": "user", "content": "hi"}], **more}).encode()


def read_until(connection, part, seconds=20):
    """What arrived on a raw connection up to and with those bytes."""
    connection.settimeout(seconds)
    seen = b""
    while part not in seen:
        more = connection.recv(65536)
        assert more, f"closed before {part}: {seen[-400:]}"
        seen += more
    return seen
