"""Amazon Bedrock behind the built server: signed as botocore signs, streamed as botocore reads."""

import json
import signal
import time
import urllib.request

import anthropic
import boto3
import openai
import pytest

import fake_bedrock
from conftest import PATIENCE, FakeBedrock, Sidecar

CONFIG = """
[providers.bedrock]
region = "{region}"
base_url = "http://127.0.0.1:{port}"

[models]
claude = "bedrock/eu.anthropic.claude-sonnet-4-5-20250929-v1:0"
nova   = "bedrock/arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.amazon.nova-pro-v1:0"

[route]
default = "claude"
"""
SIGNED = {
    "AWS_ACCESS_KEY_ID": fake_bedrock.ACCESS_KEY,
    "AWS_SECRET_ACCESS_KEY": fake_bedrock.SECRET_KEY,
    "AWS_SESSION_TOKEN": fake_bedrock.SESSION_TOKEN,
}
KEYED = {"AWS_BEARER_TOKEN_BEDROCK": fake_bedrock.API_KEY}
TOOL = {"name": "look", "description": "looks", "input_schema": {"type": "object", "properties": {"where": {"type": "string"}}}}

SCHEMA = {"type": "object", "properties": {"echo": {"type": "string"}}, "required": ["echo"], "additionalProperties": False}


@pytest.fixture(scope="module")
def fake():
    server = FakeBedrock()
    yield server
    server.end(signal.SIGKILL)


def sidecar(folder, fake, environment):
    return Sidecar(folder, CONFIG.format(region=fake_bedrock.REGION, port=fake.port), environment | {"RUST_LOG": "trace"})


@pytest.fixture(scope="module", params=[SIGNED, KEYED], ids=["signed", "keyed"])
def server(tmp_path_factory, fake, request):
    server = sidecar(tmp_path_factory.mktemp("bedrock"), fake, request.param)
    yield server
    server.end()
    for line in server.lines:
        assert "planted" not in line, "a credential in the log"


def user(text):
    return [{"role": "user", "content": text}]


def test_the_fake_is_what_boto3_expects(fake):
    client = boto3.client(
        "bedrock-runtime",
        endpoint_url=f"http://127.0.0.1:{fake.port}",
        region_name=fake_bedrock.REGION,
        aws_access_key_id=fake_bedrock.ACCESS_KEY,
        aws_secret_access_key=fake_bedrock.SECRET_KEY,
        aws_session_token=fake_bedrock.SESSION_TOKEN,
    )
    ask = {"modelId": "anthropic.claude-v2:1", "messages": [{"role": "user", "content": [{"text": "hello there"}]}]}
    assert client.converse(**ask)["output"]["message"]["content"] == [{"text": "echo: hello there"}]
    events = list(client.converse_stream(**ask)["stream"])
    deltas = [event["contentBlockDelta"]["delta"]["text"] for event in events if "contentBlockDelta" in event]
    assert "".join(deltas) == "echo: hello there"
    assert events[-1]["metadata"]["usage"] == fake_bedrock.USAGE


@pytest.mark.parametrize("model", ["claude", "nova"])
def test_openais_client_is_answered(server, model):
    chat = server.client().chat.completions.create(model=model, messages=user("hello there"), max_tokens=50)
    assert (chat.choices[0].message.content, chat.choices[0].finish_reason) == ("echo: hello there", "stop")
    assert (chat.usage.prompt_tokens, chat.usage.completion_tokens) == (7, 5)
    assert chat.id == "request-1"


def test_openais_client_is_streamed_to(server):
    options = {"include_usage": True}
    stream = server.client().chat.completions.create(
        model="claude", messages=user("hello there"), stream=True, stream_options=options
    )
    chunks = list(stream)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "echo: hello there"
    assert chunks[-1].usage.prompt_tokens == 7 and chunks[-1].usage.prompt_tokens_details.cached_tokens == 4


def test_anthropics_client_is_answered_with_thoughts_and_calls(server):
    options = {"model": "claude", "max_tokens": 2000, "messages": user("look"), "tools": [TOOL]}
    plain = server.anthropic().messages.create(**options)
    with server.anthropic().messages.stream(**options) as stream:
        streamed = stream.get_final_message()
    for message in (plain, streamed):
        thought, call = message.content
        assert (thought.thinking, thought.signature) == ("hm", "sig")
        assert (call.id, call.name, call.input) == ("tooluse_1", "look", {"where": "here"})
        assert message.stop_reason == "tool_use"
        assert (message.usage.input_tokens, message.usage.cache_read_input_tokens, message.usage.output_tokens) == (3, 4, 5)
    results = [
        *user("look"),
        {"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in plain.content]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": call.id, "content": "a cat"},
            {"type": "text", "text": "and now?"},
        ]},
    ]
    again = server.anthropic().messages.create(**options | {"messages": results})
    assert again.content[0].text == "echo: and now?"


def test_structured_output_is_given(server):
    form = {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True}}
    options = {"model": "claude", "messages": user("hello there"), "response_format": form}
    plain = server.client().chat.completions.create(**options).choices[0].message.content
    chunks = server.client().chat.completions.create(**options, stream=True)
    streamed = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    output = {"format": {"type": "json_schema", "schema": SCHEMA}}
    message = server.anthropic().messages.create(
        model="claude", max_tokens=50, messages=user("hello there"), output_config=output
    )
    for text in (plain, streamed, message.content[0].text):
        assert json.loads(text) == {"echo": "hello there"}


@pytest.mark.parametrize("api", ["chat", "messages"])
def test_who_goes_away_ends_the_call(server, fake, api):
    before = given_up(fake)
    if api == "chat":
        stream = server.client().chat.completions.create(model="claude", messages=user("hang"), stream=True)
    else:
        stream = server.anthropic().messages.create(model="claude", max_tokens=9, messages=user("hang"), stream=True)
    next(iter(stream))
    stream.close()
    end = time.monotonic() + PATIENCE
    while given_up(fake) == before:
        assert time.monotonic() < end, "Bedrock goes on"
        time.sleep(0.01)


def given_up(fake):
    with urllib.request.urlopen(f"http://127.0.0.1:{fake.port}/seen") as response:
        return json.load(response)["given_up"]


def test_errors_have_their_class(server):
    with pytest.raises(openai.RateLimitError, match="Too many requests"):
        server.client().chat.completions.create(model="claude", messages=user("throttle"))
    with pytest.raises(anthropic.RateLimitError, match="Too many requests"):
        server.anthropic().messages.create(model="claude", max_tokens=5, messages=user("throttle"))
    with pytest.raises(openai.InternalServerError, match="The model failed"):
        server.client().chat.completions.create(model="claude", messages=user("model"))
    image = [{"type": "image_url", "image_url": {"url": "https://example.com/x.png"}}]
    with pytest.raises(openai.BadRequestError, match="send its bytes"):
        server.client().chat.completions.create(model="claude", messages=user(image))


@pytest.mark.parametrize("text", ["exception", "cut"])
def test_a_stream_that_fails_is_an_error(server, text):
    with pytest.raises(openai.APIError):
        for _ in server.client().chat.completions.create(model="claude", messages=user(text), stream=True):
            pass
    with pytest.raises(anthropic.APIError):
        for _ in server.anthropic().messages.create(model="claude", max_tokens=50, messages=user(text), stream=True):
            pass


def test_a_wrong_secret_is_refused_by_bedrock(start, tmp_path, fake):
    server = start(sidecar, tmp_path, fake, SIGNED | {"AWS_SECRET_ACCESS_KEY": "another"})
    with pytest.raises(openai.PermissionDeniedError, match="signature"):
        server.client().chat.completions.create(model="claude", messages=user("hi"))


def test_missing_credentials_are_told_with_the_remedy(start, tmp_path, fake):
    server = start(sidecar, tmp_path, fake, {"AWS_EC2_METADATA_DISABLED": "true"})
    server.wait_for(r"models at `bedrock` cannot answer: no credentials: set AWS_BEARER_TOKEN_BEDROCK")
    with pytest.raises(openai.AuthenticationError, match="AWS_ACCESS_KEY_ID"):
        server.client().chat.completions.create(model="claude", messages=user("hi"))
