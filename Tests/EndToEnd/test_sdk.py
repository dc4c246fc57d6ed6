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


def test_models_are_listed_and_shown(relay):
    with anthropic.Anthropic(base_url=relay.url, api_key=relay.key, max_retries=0) as client:
        if not hasattr(client, "models"):
            pytest.skip(f"anthropic {anthropic.__version__} has no models")
        listed = {model.id for model in client.models.list(limit=100).data}
        assert "claude-sonnet-5-5" in listed
        assert client.models.retrieve("claude-sonnet-5-5").type == "model"
