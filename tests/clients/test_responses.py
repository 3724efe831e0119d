"""OpenAI's Responses and its other APIs, by the official client, at providers of every dialect."""

import json
import signal
import time
import urllib.request

import openai
import pytest

import fake_anthropic
import fake_openai
from conftest import BOTH, PATIENCE, FakeAnthropic, FakeOpenAI, Sidecar

TOOL = {
    "type": "function",
    "name": "look",
    "description": "Looks.",
    "parameters": {"type": "object", "properties": {"where": {"type": "string"}}},
    "strict": False,
}
SCHEMA = {"type": "object", "properties": {"echo": {"type": "string"}}, "required": ["echo"], "additionalProperties": False}
PNG = "data:image/png;base64,iVBORw0KGgo="
TRANSLATED = ["gpt", "claude"]


def seen(server):
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/seen") as response:
        return json.load(response)


@pytest.mark.parametrize("model", TRANSLATED)
def test_a_response_is_given(both, model):
    response = both.client().responses.create(model=model, input="hello there", instructions="be brief")
    assert response.output_text == "echo: hello there"
    assert (response.status, response.store if hasattr(response, "store") else False) == ("completed", False)
    assert response.instructions == "be brief"
    assert (response.usage.input_tokens, response.usage.output_tokens, response.usage.total_tokens) == (1, 2, 3)


@pytest.mark.parametrize("model", TRANSLATED)
def test_a_response_is_streamed(both, model):
    words = " ".join(f"wörd-{i}" for i in range(50))
    with both.client().responses.stream(model=model, input=words) as stream:
        events = list(stream)
        final = stream.get_final_response()
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert "".join(deltas) == f"echo: {words}" == final.output_text
    assert [event.type for event in events[:2]] == ["response.created", "response.in_progress"]
    assert events[-1].type == "response.completed"
    assert [event.sequence_number for event in events] == list(range(len(events)))


@pytest.mark.parametrize("model", TRANSLATED)
@pytest.mark.parametrize("stream", [False, True])
def test_tools_are_called_and_their_results_taken(both, model, stream):
    client = both.client()

    def ask(**options):
        if not stream:
            return client.responses.create(model=model, tools=[TOOL], **options)
        with client.responses.stream(model=model, tools=[TOOL], **options) as events:
            list(events)
            return events.get_final_response()

    asked = [{"role": "user", "content": "look"}]
    response = ask(input=asked)
    calls = [item for item in response.output if item.type == "function_call"]
    assert [(call.name, json.loads(call.arguments)) for call in calls] == [("look", {"where": "here"})] * 2
    assert len({call.call_id for call in calls}) == 2
    assert len([item for item in ask(input=asked, parallel_tool_calls=False).output if item.type == "function_call"]) == 1
    said = [item.model_dump(exclude_none=True) for item in response.output]
    results = [{"type": "function_call_output", "call_id": call.call_id, "output": "a cat"} for call in calls]
    # Claude's fake refuses results without the signed thought that the items carry.
    answer = ask(input=[*asked, *said, *results])
    expected = "echo: results ['a cat', 'a cat']" if model == "claude" else "echo: a cat"
    assert answer.output_text == expected


@pytest.mark.parametrize("model", TRANSLATED)
def test_structured_output_is_given(both, model):
    form = {"type": "json_schema", "name": "answer", "schema": SCHEMA, "strict": True}
    response = both.client().responses.create(model=model, input="hi", text={"format": form})
    assert json.loads(response.output_text) == {"echo": "hi"}


@pytest.mark.parametrize("model", TRANSLATED)
def test_images_are_carried(both, model, fake, claude):
    content = [{"type": "input_text", "text": "what"}, {"type": "input_image", "image_url": PNG, "detail": "auto"}]
    response = both.client().responses.create(model=model, input=[{"role": "user", "content": content}])
    assert response.output_text.strip() == "echo: what"
    image = seen(claude)["images"][-1] if model == "claude" else seen(fake)["images"][-1]
    assert image == ("image/png" if model == "claude" else PNG)


def test_a_provider_that_responds_is_passed_through(both):
    client = both.client()
    response = client.responses.create(model="native", input="hi", previous_response_id="resp_1", store=True)
    assert (response.output_text, response.id) == ("native: hi", "resp_fake")
    assert response.previous_response_id == "resp_1"


def test_what_is_stored_is_refused_elsewhere(both):
    client = both.client()
    for options in [{"previous_response_id": "resp_1"}, {"store": True}, {"background": True}]:
        with pytest.raises(openai.BadRequestError, match=next(iter(options))):
            client.responses.create(model="gpt", input="hi", **options)
    with pytest.raises(openai.NotFoundError, match="not stored here"):
        client.responses.retrieve("resp_1")


def test_errors_have_their_class(both):
    client = both.client()
    for text, error in [("fail", openai.InternalServerError), ("busy", openai.RateLimitError)]:
        for model in TRANSLATED:
            with pytest.raises(error):
                client.responses.create(model=model, input=text)
    for text in ["reset", "bad json"]:
        with pytest.raises(openai.InternalServerError) as error:
            client.responses.create(model="claude", input=text)
        assert error.value.status_code == 502
    with pytest.raises(openai.NotFoundError, match="did you mean `gpt`"):
        client.responses.create(model="gtp", input="hi")


@pytest.mark.parametrize("model", TRANSLATED)
def test_a_stream_that_is_cut_fails(both, model):
    events = list(both.client().responses.create(model=model, input="cut", stream=True))
    assert events[-1].type == "response.failed" and events[-1].response.status == "failed"
    assert not any(event.type == "response.completed" for event in events)


def test_a_failed_model_makes_way_for_the_next(both, fake, claude):
    before = seen(fake)["asked"], seen(claude)["asked"]
    with pytest.raises(openai.InternalServerError):
        both.client().responses.create(model="auto", input="reset")
    assert (seen(fake)["asked"], seen(claude)["asked"]) == (before[0] + 1, before[1] + 1)


def test_texts_are_completed(both):
    client = both.client()
    assert client.completions.create(model="gpt", prompt="Once").choices[0].text == " after Once"
    completion = client.completions.create(model="claude", prompt="Once", max_tokens=5)
    assert (completion.object, completion.choices[0].text) == ("text_completion", "echo: Once")
    chunks = list(client.completions.create(model="claude", prompt="Once upon", stream=True))
    assert "".join(chunk.choices[0].text for chunk in chunks) == "echo: Once upon"
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_embeddings_come_from_the_model_that_is_named(both):
    client = both.client()
    vectors = client.embeddings.create(model="gpt", input=["a", "b"], encoding_format="float").data
    assert [vector.embedding for vector in vectors] == [[0.5, 0.0], [0.5, 1.0]]
    with pytest.raises(openai.BadRequestError, match="not routed"):
        client.embeddings.create(model="auto", input="a")
    with pytest.raises(openai.BadRequestError, match="no embeddings"):
        client.embeddings.create(model="claude", input="a")


@pytest.mark.parametrize("model,name", [("gpt", "fake"), ("claude", "claude")])
@pytest.mark.parametrize("api", ["chat", "responses", "messages"])
def test_who_goes_away_ends_the_call(both, fake, claude, model, name, api):
    server = fake if model == "gpt" else claude
    before = seen(server)["given_up"]
    if api == "messages":
        stream = both.anthropic().messages.create(
            model=model, max_tokens=9, messages=[{"role": "user", "content": "hang"}], stream=True
        )
    elif api == "chat":
        stream = both.client().chat.completions.create(
            model=model, messages=[{"role": "user", "content": "hang"}], stream=True
        )
    else:
        stream = both.client().responses.create(model=model, input="hang", stream=True)
    next(iter(stream))
    stream.close()
    end = time.monotonic() + PATIENCE
    while seen(server)["given_up"] == before:
        assert time.monotonic() < end, "the provider goes on"
        time.sleep(0.01)


def test_a_request_that_is_given_up_before_its_reply_ends_the_call(both):
    with pytest.raises(openai.APITimeoutError):
        both.client(timeout=0.1).responses.create(model="gpt", input="slow")
    assert both.client().responses.create(model="gpt", input="hi").output_text == "echo: hi"


# Keys, and what must not be seen.


def test_secrets_are_nowhere(start, tmp_path):
    made = Sidecar.make_key("ann")
    servers = start(FakeOpenAI), start(FakeAnthropic)
    config = BOTH.format(openai=servers[0].port, anthropic=servers[1].port)
    config += '[record]\npath = "records.db"\nprompts = "none"\n' + made.section
    sidecar = start(Sidecar, tmp_path, config)
    client = openai.OpenAI(base_url=f"{sidecar.url}/v1", api_key=made.key, max_retries=0)
    said = []
    for model in ["auto", "gpt", "claude", "native"]:
        for text in ["planted-prompt", "fail", "reset", "bad json", "cut"]:
            for call in [
                lambda: client.chat.completions.with_raw_response.create(model=model, messages=[{"role": "user", "content": text}]),
                lambda: client.responses.with_raw_response.create(model=model, input=text),
            ]:
                try:
                    response = call()
                    said.append(f"{dict(response.headers)}")
                except openai.APIStatusError as error:
                    said.append(f"{dict(error.response.headers)} {error.response.text}")
    with pytest.raises(openai.AuthenticationError):
        sidecar.client().models.list()
    sidecar.end()
    said.append("".join(sidecar.lines))
    said += [path.read_bytes().decode("latin-1") for path in tmp_path.iterdir() if path.name.startswith("records")]
    assert len(said) > 40 and any("SQLite" in text for text in said)
    for secret in [fake_openai.KEY, fake_anthropic.KEY, made.key, "sk-planted-client-key"]:
        assert not [text for text in said if secret in text], secret
    assert not [text for text in said[-3:] if "planted-prompt" in text]


def test_keys_limit_what_may_be_asked(start, tmp_path, fake, claude):
    made = Sidecar.make_key("ann")
    config = BOTH.format(openai=fake.port, anthropic=claude.port) + made.section
    config += 'models = ["gpt"]\nrequests_per_minute = 3\n'
    sidecar = start(Sidecar, tmp_path, config)
    with pytest.raises(openai.AuthenticationError):
        sidecar.client().responses.create(model="gpt", input="hi")
    client = openai.OpenAI(base_url=f"{sidecar.url}/v1", api_key=made.key, max_retries=0)
    assert client.responses.create(model="gpt", input="hi").output_text == "echo: hi"
    with pytest.raises(openai.PermissionDeniedError, match="not for the model `claude`"):
        client.responses.create(model="claude", input="hi")
    assert [model.id for model in client.models.list()] == ["gpt"]
    with pytest.raises(openai.RateLimitError) as error:
        client.models.list()
    assert 1 <= int(error.value.response.headers["retry-after"]) <= 20
    sidecar.end(signal.SIGTERM)
