"""The official `openai` client against the built server."""

import json
import signal
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import openai
import pytest

import fake_openai
from conftest import CONFIG, FakeOpenAI, Sidecar

MATH = "Prove that there are infinitely many primes"


def chat(client, text, model="auto", **options):
    return client.chat.completions.create(model=model, messages=[{"role": "user", "content": text}], **options)


def text_of(stream):
    return "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)


def post(sidecar, path, value):
    request = urllib.request.Request(sidecar.url + path, data=json.dumps(value).encode())
    with urllib.request.urlopen(request) as response:
        return json.load(response)


def get(sidecar, path):
    with urllib.request.urlopen(sidecar.url + path) as response:
        return response.read().decode()


# Without a configuration the demo provider answers.


def test_demo_answers_plain(demo):
    completion = chat(demo.client(), MATH)
    assert completion.object == "chat.completion"
    assert completion.choices[0].finish_reason == "stop"
    assert "labelled math" in completion.choices[0].message.content
    assert completion.usage.total_tokens == completion.usage.prompt_tokens + completion.usage.completion_tokens


def test_demo_answers_streaming(demo):
    chunks = list(chat(demo.client(), MATH, stream=True, stream_options={"include_usage": True}))
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].choices == [] and chunks[-1].usage.completion_tokens > 0
    assert text_of(chunks) == chat(demo.client(), MATH).choices[0].message.content


def test_headers_tell_of_the_decision(demo):
    response = demo.client().chat.completions.with_raw_response.create(
        model="auto", messages=[{"role": "user", "content": MATH}]
    )
    headers = response.headers
    assert headers["x-pointsman-task"] == "math"
    assert headers["x-pointsman-model"] in ("cheap", "mid", "strong")
    assert 0 <= float(headers["x-pointsman-difficulty"]) <= 1
    assert 0 <= float(headers["x-pointsman-confidence"]) <= 1
    assert headers["x-pointsman-rule"] and headers["x-pointsman-decision"]
    assert response.parse().choices[0].message.content


def test_models_are_listed(demo):
    models = [model.id for model in demo.client().models.list()]
    assert models == ["auto", "cheap", "mid", "strong"]
    assert demo.client().models.retrieve("strong").owned_by == "demo"


def test_a_wrong_model_is_named_with_what_there_is(demo):
    with pytest.raises(openai.NotFoundError) as error:
        chat(demo.client(), "hi", model="stong")
    assert error.value.code == "model_not_found" and error.value.param == "model"
    assert "did you mean `strong`" in error.value.message


def test_messages_that_are_wrong_are_refused(demo):
    for messages, said in [([], "empty"), ([{"role": "user", "content": 7}], "string or a list"), ("hi", "sequence")]:
        with pytest.raises(openai.BadRequestError, match=said):
            demo.client().chat.completions.create(model="auto", messages=messages)


def test_too_large_a_body_is_refused_with_the_reason(demo):
    with pytest.raises(openai.APIStatusError) as error:
        chat(demo.client(), "x" * (11 << 20))
    assert error.value.status_code == 413
    assert error.value.code == "request_too_large"


def test_a_body_just_below_the_limit_is_taken(demo):
    assert chat(demo.client(), "x" * ((10 << 20) - 1000)).choices[0].message.content


# With a provider of its own behind it.


def test_a_provider_answers_plain(routed):
    completion = chat(routed.client(), "hello there")
    assert completion.choices[0].message.content == "echo: hello there"
    assert completion.model == "small-1"


def test_a_provider_answers_streaming(routed):
    words = " ".join(f"wörd-{i}" for i in range(200))
    assert text_of(chat(routed.client(), words, stream=True)) == f"echo: {words}"


def test_the_table_chooses_the_model(routed):
    assert chat(routed.client(), MATH).model == "large-1"
    assert chat(routed.client(), MATH, model="cheap").model == "small-1"
    assert chat(routed.client(), MATH, model="fake/small-1").model == "small-1"


def test_a_model_that_cannot_be_reached_makes_way_for_the_next(routed):
    assert chat(routed.client(), "hi", model="offline").model == "local"


def test_errors_of_the_provider_come_as_they_are(routed):
    with pytest.raises(openai.NotFoundError, match="The model `nope` does not exist."):
        chat(routed.client(), "hi", model="fake/nope")
    with pytest.raises(openai.InternalServerError, match="The server had an error."):
        chat(routed.client(), "fail", model="cheap")


def test_a_provider_that_is_not_there_is_an_error(routed):
    with pytest.raises(openai.InternalServerError) as error:
        chat(routed.client(), "hi", model="gone/x")
    assert error.value.status_code == 502 and error.value.code == "upstream_unreachable"


def test_a_stream_that_the_provider_cuts_does_not_look_whole(routed):
    said = []
    with pytest.raises(Exception, match="(?i)incomplete|peer closed|connection"):
        for chunk in chat(routed.client(), "cut", stream=True):
            said.append(chunk.choices[0].delta.content)
    assert said == ["echo:"]


def test_a_provider_killed_within_its_reply_ends_the_stream_with_an_error(start, tmp_path):
    provider = start(FakeOpenAI)
    sidecar = start(Sidecar, tmp_path, CONFIG.format(port=provider.port))
    client = sidecar.client()
    stream = iter(chat(client, "hang", stream=True))
    assert next(stream).choices[0].delta.content == "echo:"
    provider.end(signal.SIGKILL)
    with pytest.raises(Exception, match="(?i)incomplete|peer closed|connection"):
        next(stream)
    with pytest.raises(openai.InternalServerError) as error:
        chat(client, "hello")
    assert error.value.code == "upstream_unreachable"
    assert chat(client, "hello", model="local").choices[0].message.content


def test_fifty_clients_at_once_each_get_their_own_reply(routed):
    client = routed.client()

    def ask(number):
        text = f"number {number}"
        if number % 2:
            return chat(client, text).choices[0].message.content == f"echo: {text}"
        return text_of(chat(client, text, stream=True)) == f"echo: {text}"

    with ThreadPoolExecutor(50) as pool:
        assert all(pool.map(ask, range(200)))


def test_told_to_end_it_does_not_wait_forever(start, tmp_path):
    provider = start(FakeOpenAI)
    config = CONFIG.format(port=provider.port).replace("[server]", "[server]\ndrain_timeout_ms = 500")
    sidecar = start(Sidecar, tmp_path, config)
    stream = iter(chat(sidecar.client(), "hang", stream=True))
    next(stream)
    assert sidecar.end() == 0


# Paths that are not OpenAI's.


def test_classify_labels_one_and_many(demo):
    row = post(demo, "/v1/classify", {"text": MATH})
    assert row["task"] == "math" and row["band"] in ("easy", "medium", "hard", "expert")
    rows = post(demo, "/v1/classify", {"input": [{"id": "a", "text": MATH}, "hi there", ""]})["data"]
    assert [row["task"] for row in rows[:2]] == ["math", "chat"]
    assert rows[0]["id"] == "a" and rows[2]["abstain_reason"] == "empty"


def test_route_decides_without_asking(routed):
    said = post(routed, "/v1/route", {"messages": [{"role": "user", "content": MATH}]})
    assert said["decision"]["model"] == "strong"
    assert said["decision"]["fallbacks"] in (["cheap"], [])
    assert said["labels"]["task"] == "math"
    assert said["explanation"]["rows"]


def test_health_and_metrics(routed):
    chat(routed.client(), "hello")
    assert get(routed, "/healthz") == "ok\n" and get(routed, "/readyz") == "ready\n"
    metrics = get(routed, "/metrics")
    for name in ["requests_total", "decisions_total", "classify_seconds_count", "upstream_seconds_count", "in_flight"]:
        assert f"pointsman_{name}" in metrics


def test_keys_and_prompts_do_not_reach_the_log(start, tmp_path):
    provider = start(FakeOpenAI)
    sidecar = start(Sidecar, tmp_path, CONFIG.format(port=provider.port))
    chat(sidecar.client(), "planted-prompt")
    with pytest.raises(openai.APIStatusError):
        chat(sidecar.client(), "planted-prompt", model="gone/x")
    with pytest.raises(openai.APIStatusError):
        chat(sidecar.client(), "planted-prompt", model="fake/nope")
    metrics = get(sidecar, "/metrics")
    sidecar.end()
    log = "".join(sidecar.lines)
    for secret in [fake_openai.KEY, "sk-planted-client-key", "planted-prompt"]:
        assert secret not in log and secret not in metrics
