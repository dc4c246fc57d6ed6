"""The official OpenAI SDK against the relay: whole answers, streams, tools, images, models, errors."""
import openai
import pytest

import far_side

QUESTION = {"model": "claude-sonnet-5-5", "max_tokens": 200, "messages": [{"role": "system", "content": "kurz"}, {"role": "user", "content": "Grüezi, 世界 🌍?"}]}
TOOLS = [{"type": "function", "function": {"name": "get_weather", "description": "Weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}]
PIXEL = "data:image/png;base64,iVBORw0KGgo="


@pytest.fixture(params=["/v1", "/openai/v1", "/openai/claude/v1"])
def client(server, request):
    with openai.OpenAI(base_url=server.url + request.param, api_key=server.key, max_retries=0, timeout=30) as made:
        yield made


def test_a_completion_is_whole(client, fake):
    answer = client.chat.completions.create(**QUESTION)
    assert answer.choices[0].message.content and answer.choices[0].finish_reason == "stop" and answer.model == QUESTION["model"]
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0
    assert fake.violations(far_side.RELAY_ACCOUNT) == []


def test_a_stream_says_the_same_and_ends_with_usage(client, fake):
    chunks = list(client.chat.completions.create(stream=True, stream_options={"include_usage": True}, **QUESTION))
    text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
    assert text and len({chunk.id for chunk in chunks}) == 1
    assert [choice.finish_reason for chunk in chunks for choice in chunk.choices if choice.finish_reason] == ["stop"]
    assert chunks[-1].usage.completion_tokens > 0 and not chunks[-1].choices


@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_is_called_and_its_result_goes_back(client, fake, stream):
    fake.script(far_side.RELAY_ACCOUNT, "tool")
    if stream:
        calls = {}
        for chunk in client.chat.completions.create(stream=True, tools=TOOLS, **QUESTION):
            for choice in chunk.choices:
                for part in choice.delta.tool_calls or []:
                    call = calls.setdefault(part.index, {"id": "", "name": "", "arguments": ""})
                    call["id"] += part.id or ""
                    call["name"] += part.function.name or ""
                    call["arguments"] += part.function.arguments or ""
        call = calls[0]
    else:
        made = client.chat.completions.create(tools=TOOLS, **QUESTION)
        assert made.choices[0].finish_reason == "tool_calls"
        tool = made.choices[0].message.tool_calls[0]
        call = {"id": tool.id, "name": tool.function.name, "arguments": tool.function.arguments}
    assert call["id"].startswith("toolu_") and call["name"] and call["arguments"].startswith("{")
    turns = QUESTION["messages"] + [
        {"role": "assistant", "content": None, "tool_calls": [{"id": call["id"], "type": "function", "function": {"name": call["name"], "arguments": call["arguments"]}}]},
        {"role": "tool", "tool_call_id": call["id"], "content": "12 °C"}]
    assert client.chat.completions.create(**{**QUESTION, "messages": turns}, tools=TOOLS).choices[0].message.content


def test_images_go_along(client, fake):
    content = [{"type": "text", "text": "what is this?"}, {"type": "image_url", "image_url": {"url": PIXEL}}]
    assert client.chat.completions.create(model=QUESTION["model"], max_tokens=20, messages=[{"role": "user", "content": content}]).choices[0].message.content


def test_models_are_listed(client):
    models = {model.id for model in client.models.list()}
    assert "claude-sonnet-5-5" in models and client.models.retrieve("claude-sonnet-5-5").id == "claude-sonnet-5-5"


@pytest.mark.parametrize("step, error", [
    ("status=400;type=invalid_request_error", openai.BadRequestError), ("status=404;type=not_found_error", openai.NotFoundError),
    ("status=500", openai.InternalServerError)])
def test_errors_are_the_sdks_own(client, fake, step, error):
    fake.script(far_side.RELAY_ACCOUNT, step, step, step)
    with pytest.raises(error) as caught:
        client.chat.completions.create(**QUESTION)
    assert caught.value.body["message"]
    fake.reset()


def test_an_unknown_key_is_an_authentication_error(server):
    with openai.OpenAI(base_url=server.url + "/v1", api_key="cr_" + "0" * 64, max_retries=0) as stranger:
        with pytest.raises(openai.AuthenticationError) as caught:
            stranger.chat.completions.create(**QUESTION)
    assert caught.value.code == "invalid_api_key"
