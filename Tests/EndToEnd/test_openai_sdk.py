"""The official OpenAI SDK, sync and async: what it is told is what the upstream answered, what the upstream was asked is what it said, and
what is booked is what the upstream charged."""
import asyncio
import json

import openai
import pytest

import far_side

MODEL = "claude-sonnet-5-5"
QUESTION = {"model": MODEL, "max_tokens": 200, "messages": [{"role": "system", "content": "kurz"}, {"role": "user", "content": "Grüezi, 世界 🌍?"}]}
TOOLS = [{"type": "function", "function": {"name": "get_weather", "description": "Weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}]
PIXEL = "iVBORw0KGgo="


class Sync:
    def __init__(self, url, key, **more):
        self.settings = {"base_url": url, "api_key": key, "max_retries": 0, "timeout": 30, **more}

    def run(self, work):
        """`work` is one call of the SDK's; an answer of several pages or chunks comes as a list."""
        with openai.OpenAI(**self.settings) as client:
            made = work(client)
            return list(made) if isinstance(made, openai.Stream) or hasattr(made, "iter_pages") else made


class Async(Sync):
    def run(self, work):
        async def whole():
            async with openai.AsyncOpenAI(**self.settings) as client:
                made = work(client)
                if hasattr(made, "__await__"):
                    made = await made
                return [one async for one in made] if hasattr(made, "__aiter__") else made

        return asyncio.run(whole())


@pytest.fixture(params=[(kind, path) for kind in (Sync, Async) for path in ("/v1", "/openai/v1", "/openai/claude/v1")], ids=lambda p: p[0].__name__ + p[1])
def client(server, request):
    kind, path = request.param
    return kind(server.url + path, server.key)


@pytest.fixture(params=[Sync, Async], ids=lambda kind: kind.__name__)
def plain(server, request):
    return request.param(server.url + "/v1", server.key)


def chat(**more):
    return lambda sdk: sdk.chat.completions.create(**{**QUESTION, **more})


def asked(fake, count=1):
    """The last request that the upstream got, as JSON, and the answer it gave to it."""
    found = fake.requests(far_side.RELAY_ACCOUNT, finished=count, bodies=True)
    assert len(found) == count and fake.violations(far_side.RELAY_ACCOUNT) == []
    return json.loads(found[-1]["body"]), found[-1]["body"]


def usage_of(answered):
    """The SDK's usage for the upstream's."""
    usage = answered["usage"]
    written, read = usage["cache_creation_input_tokens"] or 0, usage["cache_read_input_tokens"] or 0
    prompt = usage["input_tokens"] + written + read
    return {"prompt_tokens": prompt, "completion_tokens": usage["output_tokens"], "total_tokens": prompt + usage["output_tokens"],
            "cached": read, "written": written, "reasoning": usage["output_tokens_details"]["thinking_tokens"]}


def shown_usage(usage):
    return {"prompt_tokens": usage.prompt_tokens, "completion_tokens": usage.completion_tokens, "total_tokens": usage.total_tokens,
            "cached": usage.prompt_tokens_details.cached_tokens, "written": usage.prompt_tokens_details.cache_creation_tokens,
            "reasoning": usage.completion_tokens_details.reasoning_tokens}


def text_of(answered):
    return "".join(block["text"] for block in answered["content"] if block["type"] == "text")


def booked(server, fake, before):
    """Every new row of the ledger is one bill of the upstream, to the token."""
    bills = fake.ledger(far_side.RELAY_ACCOUNT, finished=len(fake.requests()))
    rows = server.settled(before + len(bills))[before:]
    count = lambda usage, name: usage[name] or 0
    charged = sorted((bill["usage"]["input_tokens"], bill["usage"]["output_tokens"], count(bill["usage"], "cache_read_input_tokens"),
                      count(bill["usage"], "cache_creation_input_tokens")) for bill in bills)
    assert charged and charged == sorted((row["input_tokens"], row["output_tokens"], row["cache_read_tokens"],
                                          row["cache_write_5m_tokens"] + row["cache_write_1h_tokens"]) for row in rows)
    assert all(row["cost_micro_usd"] > 0 and row["usage_source"] == "final" for row in rows)


@pytest.fixture
def ledger(server, fake):
    """Checks the books when the test is over."""
    before = len(server.ledger())
    yield
    booked(server, fake, before)


def test_a_completion_is_whole(client, fake, ledger):
    answer = client.run(chat(temperature=0.5, stop=["Ω", " "], user="Ada Lovelace"))
    body, raw = asked(fake)
    answered = fake.answer_to(raw)
    assert body["model"] == MODEL and body["max_tokens"] == 200 and body["system"] == "kurz"
    assert body["messages"] == [{"role": "user", "content": "Grüezi, 世界 🌍?"}] and body["stop_sequences"] == ["Ω"]
    assert len(body["metadata"]["user_id"]) == 64 and "Lovelace" not in raw
    assert answer.id == "chatcmpl-" + answered["id"] and answer.object == "chat.completion" and answer.model == MODEL
    assert answer.choices[0].message.content == text_of(answered) and answer.choices[0].message.role == "assistant"
    assert answer.choices[0].finish_reason == "stop" and answer.choices[0].index == 0 and answer.choices[0].logprobs is None
    assert shown_usage(answer.usage) == usage_of(answered) and answer.service_tier == "standard"


def test_a_stream_says_the_same_and_ends_with_usage(client, fake, ledger):
    chunks = client.run(chat(stream=True, stream_options={"include_usage": True}))
    assert asked(fake)[0]["stream"] is True
    streamed = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
    assert streamed and len({(chunk.id, chunk.created, chunk.model, chunk.object) for chunk in chunks}) == 1
    assert chunks[0].choices[0].delta.role == "assistant" and chunks[0].object == "chat.completion.chunk"
    assert [choice.finish_reason for chunk in chunks for choice in chunk.choices if choice.finish_reason] == ["stop"]
    assert chunks[-1].choices == [] and all(chunk.usage is None for chunk in chunks[:-1])
    bill = fake.ledger(far_side.RELAY_ACCOUNT)[0]
    assert chunks[-1].id == "chatcmpl-" + bill["id"] and shown_usage(chunks[-1].usage) == usage_of(bill)


def test_without_the_option_no_chunk_has_usage(plain, fake, ledger):
    chunks = plain.run(chat(stream=True))
    assert chunks and all(chunk.usage is None and chunk.choices for chunk in chunks)


@pytest.mark.parametrize("step, reason", [("ok", "stop"), ("pause_turn", "stop"), ("max_tokens", "length"), ("refusal", "content_filter"), ("tool", "tool_calls")])
@pytest.mark.parametrize("stream", [False, True])
def test_every_end_has_its_reason(plain, fake, ledger, step, reason, stream):
    fake.script(far_side.RELAY_ACCOUNT, step)
    made = plain.run(chat(stream=stream, tools=TOOLS))
    choices = [choice for chunk in made for choice in chunk.choices] if stream else made.choices
    assert [choice.finish_reason for choice in choices if choice.finish_reason] == [reason]


@pytest.mark.parametrize("stream", [False, True])
def test_thinking_is_reasoning_content(plain, fake, ledger, stream):
    fake.script(far_side.RELAY_ACCOUNT, "thinking")
    made = plain.run(chat(stream=stream, model="claude-opus-5-5", reasoning_effort="minimal"))
    assert asked(fake)[0]["output_config"] == {"effort": "low"}
    parts = [getattr(choice.delta, "reasoning_content", None) or "" for chunk in made for choice in chunk.choices] if stream else [made.choices[0].message.reasoning_content]
    assert "".join(parts) == "Let me überlegen …"


@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_is_called_and_its_result_goes_back(client, fake, ledger, stream):
    fake.script(far_side.RELAY_ACCOUNT, "tool")
    choice = {"type": "function", "function": {"name": "get_weather"}}
    made = client.run(chat(stream=stream, tools=TOOLS, tool_choice=choice, parallel_tool_calls=False))
    body, _ = asked(fake)
    assert body["tools"] == [{"name": "get_weather", "description": "Weather", "input_schema": TOOLS[0]["function"]["parameters"]}]
    assert body["tool_choice"] == {"type": "tool", "name": "get_weather", "disable_parallel_tool_use": True}
    if stream:
        calls = {}
        for part in [part for chunk in made for choice in chunk.choices for part in choice.delta.tool_calls or []]:
            call = calls.setdefault(part.index, {"id": "", "name": "", "arguments": ""})
            call["id"] += part.id or ""
            call["name"] += part.function.name or ""
            call["arguments"] += part.function.arguments or ""
        assert list(calls) == [0]
        call = calls[0]
    else:
        assert made.choices[0].finish_reason == "tool_calls"
        tool = made.choices[0].message.tool_calls[0]
        call = {"id": tool.id, "name": tool.function.name, "arguments": tool.function.arguments}
    assert call["id"].startswith("toolu_") and call["name"] == "get_weather" and json.loads(call["arguments"]) == {"city": "Zürich", "days": 3}
    turns = QUESTION["messages"] + [
        {"role": "assistant", "content": None, "tool_calls": [{"id": call["id"], "type": "function", "function": {"name": call["name"], "arguments": call["arguments"]}}]},
        {"role": "tool", "tool_call_id": call["id"], "content": "12 °C"}, {"role": "user", "content": "And tomorrow?"}]
    assert client.run(chat(messages=turns, tools=TOOLS)).choices[0].message.content
    body, _ = asked(fake, 2)
    assert body["messages"][1:] == [
        {"role": "assistant", "content": [{"type": "tool_use", "id": call["id"], "name": "get_weather", "input": {"city": "Zürich", "days": 3}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call["id"], "content": "12 °C"}, {"type": "text", "text": "And tomorrow?"}]}]


def test_images_and_files_go_along(client, fake, ledger):
    content = [
        {"type": "text", "text": "what is this?"}, {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}}]
    assert client.run(chat(messages=[{"role": "user", "content": content}])).choices[0].message.content
    assert asked(fake)[0]["messages"][0]["content"] == [
        {"type": "text", "text": "what is this?"}, {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}},
        {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}}]


def test_a_schema_for_the_answer_goes_along(plain, fake, ledger):
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": False}
    plain.run(chat(response_format={"type": "json_schema", "json_schema": {"name": "a", "schema": schema, "strict": True}}))
    assert asked(fake)[0]["output_config"]["format"] == {"type": "json_schema", "schema": schema}


def test_what_means_nothing_here_is_named(server, fake, ledger):
    with openai.OpenAI(base_url=server.url + "/v1", api_key=server.key, max_retries=0) as client:
        raw = client.chat.completions.with_raw_response.create(**QUESTION, seed=1, frequency_penalty=0.5, logit_bias={"1": 1}, store=True)
    assert {name.strip() for name in raw.headers["x-relay-ignored"].split(",")} == {"seed", "frequency_penalty", "logit_bias", "store"}
    assert set(asked(fake)[0]) == {"model", "max_tokens", "system", "messages"}


def test_models_are_listed(client):
    models = {model.id: model for model in client.run(lambda sdk: sdk.models.list())}
    assert models[MODEL].object == "model" and models[MODEL].owned_by == "anthropic" and models[MODEL].created > 0
    assert client.run(lambda sdk: sdk.models.retrieve(MODEL)).id == MODEL
    with pytest.raises(openai.NotFoundError) as caught:
        client.run(lambda sdk: sdk.models.retrieve("no-such-model"))
    assert caught.value.status_code == 404


UPSTREAM_FAULTS = [
    ("status=400;type=invalid_request_error;message=so nicht", openai.BadRequestError, None),
    ("status=404;type=not_found_error", openai.NotFoundError, "model_not_found"),
    ("status=409;type=conflict_error", openai.ConflictError, None), ("status=422;type=invalid_request_error", openai.UnprocessableEntityError, None),
    ("status=500", openai.InternalServerError, "server_error"), ("status=529;type=overloaded_error", openai.InternalServerError, "server_error")]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("kind", [Sync, Async])
@pytest.mark.parametrize("step, error, code", UPSTREAM_FAULTS)
def test_upstream_faults_are_the_sdks_own(server, fake, step, error, code, kind, stream):
    """On a server of its own: an account rests after some of them."""
    with far_side.Gatehouse(fake) as own:
        fake.script(far_side.RELAY_ACCOUNT, default=step)
        with pytest.raises(error) as caught:
            kind(own.url + "/v1", own.key).run(chat(stream=stream))
        assert set(caught.value.body) == {"message", "type", "param", "code"} and caught.value.body["message"]
        assert caught.value.code == code and caught.value.response.headers["x-relay-request-id"]
        assert own.ledger() == []


OWN_FAULTS = {
    "no model": (dict(model=""), "model", None), "two answers": (dict(n=2), "n", "unsupported_parameter"),
    "probabilities": (dict(logprobs=True), "logprobs", "unsupported_parameter"),
    "audio": (dict(messages=[{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}]}]), "messages[0].content", "unsupported_parameter"),
    "arguments that are no JSON": (
        dict(messages=[{"role": "user", "content": "a"}, {"role": "assistant", "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{"}}]}]),
        "messages[1].tool_calls[0].function.arguments", None)}


@pytest.mark.parametrize("name", OWN_FAULTS)
def test_what_cannot_be_asked_names_its_place(plain, fake, name):
    change, param, code = OWN_FAULTS[name]
    with pytest.raises(openai.BadRequestError) as caught:
        plain.run(chat(**change))
    assert caught.value.param == param and caught.value.code == code and caught.value.type == "invalid_request_error"
    assert fake.requests() == []


def test_an_unknown_key_is_an_authentication_error(server, plain):
    with pytest.raises(openai.AuthenticationError) as caught:
        type(plain)(server.url + "/v1", "cr_" + "0" * 64, max_retries=2).run(chat())
    assert caught.value.code == "invalid_api_key"


KEYS = {"narrow": ["--models", "claude-haiku-*"], "slow": ["--requests-per-minute", "1"], "poor": ["--cost-per-day", "1"]}


@pytest.mark.parametrize("quota", [False, True])
def test_a_keys_own_limits_are_the_sdks_errors(server, fake, quota):
    from prepared import Prepared

    with Prepared(fake, KEYS, **({"OPENAI_QUOTA_AS_429": "true"} if quota else {})) as own:
        ask = lambda name: Sync(own.url + "/v1", own.keys[name]).run(chat())
        with pytest.raises(openai.PermissionDeniedError) as caught:
            ask("narrow")
        assert caught.value.body["message"]
        ask("slow")
        with pytest.raises(openai.RateLimitError) as caught:
            ask("slow")
        assert caught.value.code == "rate_limit_exceeded" and int(caught.value.response.headers["retry-after"]) > 0
        ask("poor")
        own.settled(2)
        with pytest.raises(openai.RateLimitError if quota else openai.APIStatusError) as caught:
            ask("poor")
        assert caught.value.code == "insufficient_quota" and caught.value.status_code == (429 if quota else 402)
        assert caught.value.response.headers["x-should-retry"] == "false"


@pytest.mark.parametrize("kind", [Sync, Async])
def test_a_stream_that_breaks_is_an_api_error(server, fake, kind):
    with far_side.Gatehouse(fake) as own:
        fake.script(far_side.RELAY_ACCOUNT, "error-event-after=content_block_delta#2;type=overloaded_error")
        with pytest.raises(openai.APIError) as caught:
            kind(own.url + "/v1", own.key).run(chat(stream=True))
        assert "verloaded" in caught.value.message
        fake.script(far_side.RELAY_ACCOUNT, "cut-after=content_block_delta#2")
        with pytest.raises(openai.APIError) as caught:
            kind(own.url + "/v1", own.key).run(chat(stream=True))
        assert caught.value.message


def test_a_server_that_is_gone_and_one_that_hangs(server, fake):
    with pytest.raises(openai.APIConnectionError):
        Sync("http://127.0.0.1:9/v1", server.key).run(chat())
    fake.script(far_side.RELAY_ACCOUNT, "hang-before-headers=20000")
    with pytest.raises(openai.APITimeoutError):
        Sync(server.url + "/v1", server.key, timeout=0.5).run(chat())
