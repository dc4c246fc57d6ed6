"""Bytes in, the same bytes out: request bodies by digest, streams at every split."""
import http.client, hashlib, json, random

import pytest

import far_side

COUNT = 1000
NUMBERS = ["0", "-0", "1.0", "1e5", "1E+5", "0.10", "12345678901234567890123", "1e-7", "-1.50e+02"]
TEXTS = ['"a"', '"\\u0061\\/\\n"', '"\\ud83c\\udf0d"', '"🌍 naïve"', '"x\\u0000y"', '""', '"\\"usage\\": 7"']


def value(dice, depth=0):
    kind = dice.randrange(6 if depth < 3 else 3)
    if kind == 0:
        return dice.choice(NUMBERS)
    if kind == 1:
        return dice.choice(TEXTS)
    if kind == 2:
        return dice.choice(["true", "false", "null"])
    space = dice.choice(["", " ", "\n  ", "\t", "\r\n"])
    parts = [value(dice, depth + 1) for _ in range(dice.randrange(4))]
    if kind == 3:
        return "[" + space + ("," + space).join(parts) + space + "]"
    # Few names, so that some repeat.
    return "{" + space + ("," + space).join(f'{dice.choice(TEXTS)}{space}:{space}{part}' for part in parts) + space + "}"


def body(dice):
    members = ['"model":"claude-sonnet-5-5"', f'"max_tokens" : {dice.choice([1, 64, 1024])}', '"messages":[{"role":"user","content":"hé"}]']
    members += [f'"x_{dice.randrange(5)}":{value(dice)}' for _ in range(dice.randrange(6))]
    if dice.random() < 0.3:
        members.append('"stream": true')
    dice.shuffle(members)
    return (dice.choice(["", " ", "\n"]) + "{" + ", ".join(members) + "}" + dice.choice(["", "\n"])).encode()


def test_acceptance_4_a_thousand_generated_bodies_pass_unchanged_both_ways(fake, relay):
    dice = random.Random(20261121)
    bodies = [body(dice) for _ in range(COUNT)]
    sides = [(fake.url, far_side.DIRECT_KEY, far_side.DIRECT_KEY), (relay.url, relay.key, far_side.RELAY_ACCOUNT)]
    answers, digests = [], []
    for url, key, credential in sides:
        connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)
        seen = []
        for sent in bodies:
            connection.request("POST", "/v1/messages?beta=true", sent, {"x-api-key": key, "anthropic-version": "2023-06-01", "content-type": "application/json"})
            reply = connection.getresponse()
            seen.append((reply.status, reply.read()))
        connection.close()
        answers.append(seen)
        digests.append([request["body_sha256"] for request in fake.requests(credential)])
    assert digests[0] == [hashlib.sha256(sent).hexdigest() for sent in bodies]
    assert digests[1][-COUNT:] == digests[0]
    assert all(status == 200 for status, _ in answers[0])
    assert answers[0] == answers[1]
    assert {request["query"] for request in fake.requests(far_side.RELAY_ACCOUNT)} == {"beta=true"}


STREAM = json.dumps({"model": "claude-sonnet-5-5", "stream": True, "max_tokens": 9, "messages": [{"role": "user", "content": "🌍"}]}).encode()


def read_stream(url, key, credential, fake, step):
    fake.script(credential, step)
    status, headers, text = far_side.call(
        url + "/v1/messages", STREAM, {"x-api-key": key, "anthropic-version": "2023-06-01", "content-type": "application/json"})
    return status, headers["content-type"], text


@pytest.mark.parametrize("size", range(1, 65))
def test_acceptance_5_a_stream_split_anywhere_arrives_whole(fake, relay, size):
    direct = read_stream(fake.url, far_side.DIRECT_KEY, far_side.DIRECT_KEY, fake, "tool")
    through = read_stream(relay.url, relay.key, far_side.RELAY_ACCOUNT, fake, f"tool|split={size}")
    assert direct == through and direct[0] == 200 and b"message_stop" in direct[2]


@pytest.mark.parametrize("step", ["frames=1MiB", "close-delimited", "no-usage", "thinking|multi-delta=4"])
def test_odd_streams_arrive_unchanged(fake, relay, step):
    direct = read_stream(fake.url, far_side.DIRECT_KEY, far_side.DIRECT_KEY, fake, step)
    assert direct == read_stream(relay.url, relay.key, far_side.RELAY_ACCOUNT, fake, step) and len(direct[2]) > 300
