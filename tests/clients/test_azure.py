"""Azure OpenAI behind the built server: at the address of a deployment, and in the v1 API."""

import json
import signal
import urllib.request

import openai
import pytest

import fake_azure
from conftest import PATIENT_CLASSIFIER, FakeAzure, Sidecar

CONFIG = """
[providers.dated]
kind = "azure"
base_url = "http://127.0.0.1:{port}"
api_version = "{version}"

[providers.undated]
kind = "azure"
base_url = "http://127.0.0.1:{port}"

[models]
dated   = "dated/small-1"
undated = "undated/small-1"

[route]
default = "dated"
""" + PATIENT_CLASSIFIER
PATHS = {
    "dated": f"/openai/deployments/small-1/chat/completions?api-version={fake_azure.VERSION}",
    "undated": "/openai/v1/chat/completions",
}


@pytest.fixture(scope="module")
def fake():
    server = FakeAzure()
    yield server
    server.end(signal.SIGKILL)


def sidecar(folder, fake, key):
    config = CONFIG.format(port=fake.port, version=fake_azure.VERSION)
    return Sidecar(folder, config, {"AZURE_OPENAI_API_KEY": key})


@pytest.fixture(scope="module")
def server(tmp_path_factory, fake):
    server = sidecar(tmp_path_factory.mktemp("azure"), fake, fake_azure.KEY)
    yield server
    server.end()
    for line in server.lines:
        assert fake_azure.KEY not in line, "the key in the log"


def user(text):
    return [{"role": "user", "content": text}]


def last_path(fake):
    with urllib.request.urlopen(f"http://127.0.0.1:{fake.port}/seen") as response:
        return json.load(response)["paths"][-1]


def text_of(stream):
    return "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)


def test_the_fake_is_what_azures_client_expects(fake):
    options = {"azure_endpoint": f"http://127.0.0.1:{fake.port}", "api_key": fake_azure.KEY, "max_retries": 0}
    client = openai.AzureOpenAI(api_version=fake_azure.VERSION, **options)
    ask = {"model": "small-1", "messages": user("hello there")}
    assert client.chat.completions.create(**ask).choices[0].message.content == "echo: hello there"
    assert last_path(fake) == PATHS["dated"]
    assert text_of(client.chat.completions.create(**ask, stream=True)) == "echo: hello there"
    with pytest.raises(openai.NotFoundError):
        openai.AzureOpenAI(api_version="2020-01-01", **options).chat.completions.create(**ask)
    with pytest.raises(openai.AuthenticationError):
        openai.AzureOpenAI(api_version=fake_azure.VERSION, **options | {"api_key": "x"}).chat.completions.create(**ask)


@pytest.mark.parametrize("model", PATHS)
def test_openais_client_is_answered(server, fake, model):
    chat = server.client().chat.completions.create(model=model, messages=user("hello there"))
    assert (chat.choices[0].message.content, chat.model) == ("echo: hello there", "small-1")
    assert last_path(fake) == PATHS[model]


@pytest.mark.parametrize("model", PATHS)
def test_openais_client_is_streamed_to(server, fake, model):
    chunks = server.client().chat.completions.create(model=model, messages=user("hello there"), stream=True)
    assert text_of(chunks) == "echo: hello there"
    assert last_path(fake) == PATHS[model]


@pytest.mark.parametrize("model", PATHS)
def test_anthropics_client_is_answered(server, fake, model):
    options = {"model": model, "max_tokens": 50, "messages": user("hello there")}
    plain = server.anthropic().messages.create(**options)
    with server.anthropic().messages.stream(**options) as stream:
        streamed = stream.get_final_message()
    for message in (plain, streamed):
        assert (message.content[0].text, message.stop_reason) == ("echo: hello there", "end_turn")
    assert last_path(fake) == PATHS[model]


def test_what_a_stream_loses_is_said_before_its_end(server):
    body = {"model": "dated", "max_tokens": 50, "messages": user("hi"), "stream": True}
    request = urllib.request.Request(f"{server.url}/v1/messages", data=json.dumps(body).encode())
    with urllib.request.urlopen(request) as response:
        text = response.read().decode()
    comment = text.index(": x-pointsman-lossy: prompt_filter_results\n\n")
    assert comment < text.index("event: message_stop")


def test_a_wrong_key_is_refused_by_azure(start, tmp_path, fake):
    server = start(sidecar, tmp_path, fake, "another")
    for model in PATHS:
        with pytest.raises(openai.AuthenticationError, match="Incorrect API key"):
            server.client().chat.completions.create(model=model, messages=user("hi"))
