"""The official SDK gives the same objects through the relay as directly. Runs under a current and an old major."""
import asyncio

import anthropic
import pytest

import far_side

OLD = int(anthropic.__version__.split(".")[0]) == 0
QUESTION = {"model": "claude-sonnet-5-5", "max_tokens": 200, "messages": [{"role": "user", "content": "Grüezi, 世界 🌍?"}]}
TOOLS = [{"name": "get_weather", "description": "Weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}]
THINKING = {"type": "adaptive"} if not OLD else {"type": "enabled", "budget_tokens": 1024}
CALLS = {
    "plain": ("ok", {}), "system and stop": ("len=3", {"system": "kurz", "stop_sequences": ["Ω"]}),
    "tool": ("tool", {"tools": TOOLS, "tool_choice": {"type": "auto"}}), "thinking": ("thinking", {"extra_body": {"thinking": THINKING}}),
    "refusal": ("refusal", {}), "pause": ("pause_turn", {}), "cut short": ("max_tokens", {}), "no cache numbers": ("cache-null", {}),
    "late input": ("input-late|multi-delta=3", {}), "other model": ("fallback-model=claude-opus-5", {}),
    "iterations": ('iterations=[{"type":"message","input_tokens":5,"output_tokens":6}]', {}), "bytes apart": ("split=1|tool", {"tools": TOOLS}),
}


def settings(fake, relay, side):
    url, key = (fake.url, far_side.DIRECT_KEY) if side == "direct" else (relay.url, relay.key)
    return {"base_url": url, "api_key": key, "max_retries": 0, "timeout": 30}


def both(fake, relay, step, action):
    """Does the same on both sides, with the same step, and answers both results."""
    results = []
    for side, credential in (("direct", far_side.DIRECT_KEY), ("relay", far_side.RELAY_ACCOUNT)):
        fake.script(credential, step)
        results.append(action(settings(fake, relay, side)))
    return results


def clean(fake):
    """What the relay sent upstream broke no rule; the SDK's own headers only count when they came through the relay."""
    import os

    if os.environ.get("RELAY_DIRECT") != "1":
        assert fake.violations(far_side.RELAY_ACCOUNT) == []


def create(options, arguments):
    with anthropic.Anthropic(**options) as client:
        return client.messages.create(**arguments).to_dict()


def stream_events(options, arguments):
    with anthropic.Anthropic(**options) as client:
        with client.messages.create(stream=True, **arguments) as events:
            return [event.to_dict() for event in events]


def stream_whole(options, arguments):
    with anthropic.Anthropic(**options) as client:
        with client.messages.stream(**arguments) as stream:
            text = "".join(stream.text_stream)
            return text, stream.get_final_message().to_dict()


def create_async(options, arguments):
    async def run():
        async with anthropic.AsyncAnthropic(**options) as client:
            return (await client.messages.create(**arguments)).to_dict()

    return asyncio.run(run())


def stream_async(options, arguments):
    async def run():
        async with anthropic.AsyncAnthropic(**options) as client:
            async with client.messages.stream(**arguments) as stream:
                return (await stream.get_final_message()).to_dict()

    return asyncio.run(run())


@pytest.mark.parametrize("action", [create, stream_events, stream_whole, create_async, stream_async], ids=lambda action: action.__name__)
@pytest.mark.parametrize("name", CALLS)
def test_same_objects(fake, relay, name, action):
    step, extra = CALLS[name]
    direct, through = both(fake, relay, step, lambda options: action(options, QUESTION | extra))
    assert direct == through
    assert direct, "an empty result compares nothing"
    digests = {request["credential"]: request["body_sha256"] for request in fake.requests()}
    assert digests[far_side.DIRECT_KEY] == digests[far_side.RELAY_ACCOUNT], "the body changed on the way"
    clean(fake)


ERRORS = [
    (400, "invalid_request_error", "BadRequestError"), (404, "not_found_error", "NotFoundError"), (409, "conflict_error", "ConflictError"),
    (413, "request_too_large", "APIStatusError"), (422, "invalid_request_error", "UnprocessableEntityError"),
]


def failure(options, arguments):
    try:
        create(options, arguments)
    except anthropic.APIStatusError as error:
        body = dict(error.body)
        body.pop("request_id", None)
        return type(error).__name__, error.status_code, body
    raise AssertionError("the call succeeded")


@pytest.mark.parametrize("status,kind,name", ERRORS)
def test_request_faults_look_the_same(fake, relay, status, kind, name):
    direct, through = both(fake, relay, f"status={status};type={kind};message=so nicht, 世界", lambda options: failure(options, QUESTION))
    assert direct == through
    assert direct[1] == status and direct[2]["error"]["type"] == kind and (name in direct[0] or status == 413)


@pytest.mark.parametrize("status,shown", [(500, 500), (529, 529), (401, (502, 503, 529)), (403, (502, 503, 529))])
def test_account_faults_never_look_like_the_customers(server, fake, status, shown):
    """A 5xx of the only account arrives as one; 401 and 403 are the account's, so the customer sees a server's fault."""
    fake.script(far_side.RELAY_ACCOUNT, default=f"status={status}")
    with far_side.Gatehouse(fake) as own:
        with anthropic.Anthropic(base_url=own.url, api_key=own.key, max_retries=0) as client, pytest.raises(anthropic.APIStatusError) as raised:
            client.messages.create(**QUESTION)
    assert raised.value.status_code in (shown if isinstance(shown, tuple) else (shown,))


def test_stream_error_event_looks_the_same(fake, relay):
    def broken(options):
        try:
            stream_events(options, QUESTION)
        except anthropic.APIError as error:
            return type(error).__name__, {name: value for name, value in dict(error.body).items() if name != "request_id"}
        raise AssertionError("the stream ended well")

    direct, through = both(fake, relay, "error-event-after=content_block_delta#2;type=overloaded_error", broken)
    assert direct == through and direct[1]["error"]["type"] == "overloaded_error"


def test_unknown_key_is_an_authentication_error(server):
    with anthropic.Anthropic(base_url=server.url, api_key="cr_" + "0" * 64, max_retries=2) as client:
        with pytest.raises(anthropic.AuthenticationError) as raised:
            client.messages.create(**QUESTION)
    assert raised.value.response.headers["x-should-retry"] == "false" and raised.value.body["type"] == "error"


class Sync:
    """The plain client; an iterator of the SDK's comes as a list."""

    @staticmethod
    def run(options, work):
        with anthropic.Anthropic(**options) as client:
            made = work(client)
            return list(made) if hasattr(made, "__iter__") and not hasattr(made, "to_dict") or hasattr(made, "iter_pages") else made


class Async:
    @staticmethod
    def run(options, work):
        async def whole():
            async with anthropic.AsyncAnthropic(**options) as client:
                made = work(client)
                if hasattr(made, "__await__"):
                    made = await made
                return [one async for one in made] if hasattr(made, "__aiter__") else made

        return asyncio.run(whole())


KINDS = pytest.mark.parametrize("kind", [Sync, Async], ids=lambda kind: kind.__name__)


def beside(client):
    """Where this major keeps batches and token counts."""
    return client.beta.messages if OLD else client.messages


def plain(made):
    return [one.to_dict() for one in made] if isinstance(made, list) else made.to_dict()


@KINDS
@pytest.mark.parametrize("extra", [{}, {"tools": TOOLS}, {"system": "kurz"}], ids=["plain", "tools", "system"])
def test_tokens_are_counted_alike_and_never_billed(fake, relay, kind, extra):
    before = len(relay.ledger()) if hasattr(relay, "ledger") else 0
    question = {name: value for name, value in (QUESTION | extra).items() if name != "max_tokens"}
    direct, through = both(fake, relay, "ok", lambda options: kind.run(options, lambda client: beside(client).count_tokens(**question)).input_tokens)
    assert direct == through > 0
    clean(fake)
    assert not hasattr(relay, "ledger") or len(relay.ledger()) == before and fake.ledger() == []


@KINDS
def test_models_are_listed_and_shown(relay, kind):
    options = {"base_url": relay.url, "api_key": relay.key, "max_retries": 0, "timeout": 30}
    if not hasattr(anthropic.Anthropic(**options), "models"):
        pytest.skip(f"anthropic {anthropic.__version__} has no models")
    # Three a page: the SDK turns the pages itself.
    listed = kind.run(options, lambda client: client.models.list(limit=3))
    ids = [model.id for model in listed]
    assert "claude-sonnet-5-5" in ids and len(set(ids)) == len(ids)
    shown = kind.run(options, lambda client: client.models.retrieve("claude-sonnet-5-5"))
    assert shown.type == "model" and shown.lifecycle == "active" and shown.display_name == "Claude Sonnet 5.5" and shown.max_input_tokens > 0
    with pytest.raises(anthropic.NotFoundError):
        kind.run(options, lambda client: client.models.retrieve("no-such-model"))


@KINDS
def test_a_batch_runs_from_its_making_to_its_end(fake, relay, kind):
    """Made, polled, read, listed, deleted: the same on both sides, and each succeeded message is billed once however often it is read."""
    before = len(relay.ledger()) if hasattr(relay, "ledger") else 0
    requests = [{"custom_id": f"{kind.__name__}-{number}", "params": QUESTION | {"max_tokens": 20 + number}} for number in range(5)]
    seen = []

    def life(options):
        def do(work):
            return plain(kind.run(options, work))

        made = do(lambda client: beside(client).batches.create(requests=requests))
        found = do(lambda client: beside(client).batches.retrieve(made["id"]))
        assert found["processing_status"] == "ended"
        results = do(lambda client: beside(client).batches.results(made["id"]))
        assert results == do(lambda client: beside(client).batches.results(made["id"]))
        listed = do(lambda client: beside(client).batches.list(limit=1))
        assert made["id"] in [one["id"] for one in listed]
        cancelled = do(lambda client: beside(client).batches.cancel(made["id"]))
        seen.append(found["results_url"])
        gone = None if OLD else do(lambda client: client.messages.batches.delete(made["id"]))
        different = ("results_url",)
        return [{name: value for name, value in one.items() if name not in different} for one in (made, found, cancelled)], results, gone

    direct, through = both(fake, relay, "ok", life)
    assert direct == through and [one["custom_id"] for one in direct[1]] == [one["custom_id"] for one in requests]
    assert {one["result"]["type"] for one in direct[1]} == {"succeeded"}
    clean(fake)
    if hasattr(relay, "ledger"):
        assert seen[1].startswith(relay.url + "/v1/messages/batches/"), "results are fetched from the relay"
        rows = relay.settled(before + 5)[before:]
        used = sorted((one["result"]["message"]["usage"]["input_tokens"], one["result"]["message"]["usage"]["output_tokens"]) for one in through[1])
        assert used == sorted((row["input_tokens"], row["output_tokens"]) for row in rows)
        missing = pytest.raises(anthropic.NotFoundError)
        if not OLD:
            with missing:
                kind.run(settings(fake, relay, "relay"), lambda client: client.messages.batches.retrieve(direct[0][0]["id"]))


@KINDS
def test_a_tool_turn_goes_there_and_back(fake, relay, kind):
    def turn(options):
        first = kind.run(options, lambda client: client.messages.create(tools=TOOLS, **QUESTION))
        call = next(block for block in first.content if block.type == "tool_use")
        messages = QUESTION["messages"] + [
            {"role": "assistant", "content": [block.to_dict() for block in first.content]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call.id, "content": "12 °C"}]}]
        return first.to_dict(), kind.run(options, lambda client: client.messages.create(tools=TOOLS, **QUESTION | {"messages": messages})).to_dict()

    direct, through = both(fake, relay, "tool", turn)
    assert direct == through and direct[0]["stop_reason"] == "tool_use" and direct[1]["stop_reason"] == "end_turn"
    clean(fake)


@KINDS
def test_thinking_goes_back_with_its_signature(fake, relay, kind):
    extra = {"extra_body": {"thinking": THINKING}, "max_tokens": 2048}

    def turn(options):
        first = kind.run(options, lambda client: client.messages.create(**QUESTION | extra)).to_dict()
        assert first["content"][0]["type"] == "thinking" and first["content"][0]["signature"]
        messages = QUESTION["messages"] + [{"role": "assistant", "content": first["content"]}, {"role": "user", "content": "weiter"}]
        return first, kind.run(options, lambda client: client.messages.create(**QUESTION | extra | {"messages": messages})).to_dict()

    direct, through = both(fake, relay, "thinking", turn)
    assert direct == through
    digests = {}
    for request in fake.requests():
        digests.setdefault(request["credential"], []).append(request["body_sha256"])
    assert digests[far_side.DIRECT_KEY] == digests[far_side.RELAY_ACCOUNT], "thinking blocks change on the way"
    clean(fake)


@KINDS
def test_the_version_of_this_major_goes_upstream_and_no_key_does(fake, relay, kind):
    kind.run(settings(fake, relay, "relay"), lambda client: client.messages.create(**QUESTION))
    asked = dict(fake.requests(far_side.RELAY_ACCOUNT)[-1]["headers"])
    fields = {name.lower(): value for name, value in asked.items()}
    assert fields["anthropic-version"] == ("2023-06-01" if OLD else "2026-10-21")
    assert fields["x-stainless-lang"] == "python" and relay.key not in str(asked) or relay.key == far_side.RELAY_ACCOUNT
    clean(fake)
