"""The official `anthropic` client against the built server."""

import json
import urllib.request

import anthropic
import pytest

TOOL = {"name": "look", "description": "Looks.", "input_schema": {"type": "object", "properties": {"where": {"type": "string"}}}}
SCHEMA = {"type": "object", "properties": {"echo": {"type": "string"}}, "required": ["echo"], "additionalProperties": False}
PNG = "iVBORw0KGgo="
MATH = "Prove that there are infinitely many primes"


def ask(client, text, model="auto", **options):
    return client.messages.create(model=model, max_tokens=200, messages=[{"role": "user", "content": text}], **options)


def test_demo_answers_plain(demo):
    message = ask(demo.anthropic(), MATH, system="be brief")
    assert (message.type, message.role, message.stop_reason) == ("message", "assistant", "end_turn")
    assert "labelled math" in message.content[0].text
    assert message.usage.input_tokens > 0 and message.usage.output_tokens > 0


def test_demo_answers_streaming(demo):
    client = demo.anthropic()
    with client.messages.stream(model="auto", max_tokens=200, messages=[{"role": "user", "content": MATH}]) as stream:
        text = "".join(stream.text_stream)
        message = stream.get_final_message()
    assert text == message.content[0].text == ask(client, MATH).content[0].text
    assert message.stop_reason == "end_turn" and message.usage.output_tokens > 0


def test_headers_tell_of_the_decision_and_of_what_is_lost(demo):
    response = demo.anthropic().messages.with_raw_response.create(
        model="auto",
        max_tokens=200,
        system=[{"type": "text", "text": "be brief", "cache_control": {"type": "ephemeral"}}],
        messages=[{"role": "user", "content": MATH}],
    )
    assert response.headers["x-pointsman-task"] == "math"
    assert response.headers["x-pointsman-lossy"] == "system.content[0].cache_control"
    assert response.headers["request-id"]


def test_tokens_are_counted(demo):
    count = demo.anthropic().messages.count_tokens(model="auto", messages=[{"role": "user", "content": MATH}])
    assert count.input_tokens > 5


def test_openais_api_answers(routed):
    message = ask(routed.anthropic(), "hello there", model="cheap")
    assert message.content[0].text == "echo: hello there"
    assert (message.model, message.usage.input_tokens, message.usage.output_tokens) == ("small-1", 1, 2)


def both_ways(client, **options):
    """The message of a plain reply, and that of a streamed one."""
    plain = client.messages.create(max_tokens=200, **options)
    with client.messages.stream(max_tokens=200, **options) as stream:
        return plain, stream.get_final_message()


def seen(server):
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/seen") as response:
        return json.load(response)


def test_images_are_carried_to_openais_api(both, fake):
    source = {"type": "base64", "media_type": "image/png", "data": PNG}
    content = [{"type": "text", "text": "what"}, {"type": "image", "source": source}]
    before = len(seen(fake)["images"])
    for message in both_ways(both.anthropic(), model="gpt", messages=[{"role": "user", "content": content}]):
        assert message.content[0].text.strip() == "echo: what"
    assert seen(fake)["images"][before:] == [f"data:image/png;base64,{PNG}"] * 2


def test_structured_output_is_given_by_openais_api(both):
    output = {"format": {"type": "json_schema", "schema": SCHEMA}}
    messages = [{"role": "user", "content": "hi"}]
    plain = both.anthropic().messages.create(model="gpt", max_tokens=200, messages=messages, output_config=output)
    assert json.loads(plain.content[0].text) == {"echo": "hi"}


def test_a_tool_is_forced_at_openais_api(both, fake):
    options = {"model": "gpt", "messages": [{"role": "user", "content": "look"}], "tools": [TOOL]}
    choice = {"type": "tool", "name": "look", "disable_parallel_tool_use": True}
    for message in both_ways(both.anthropic(), tool_choice=choice, **options):
        (call,) = message.content
        assert (call.type, call.name, call.input) == ("tool_use", "look", {"where": "here"})
        assert message.stop_reason == "tool_use"
    assert seen(fake)["tool_choice"] == {"type": "function", "function": {"name": "look"}}


def test_paths_below_messages_that_are_not_there_have_anthropics_errors(routed):
    with pytest.raises(anthropic.NotFoundError) as error:
        routed.anthropic().messages.batches.list()
    assert error.value.body["error"]["type"] == "not_found_error"


def test_errors_have_their_class(routed):
    client = routed.anthropic()
    with pytest.raises(anthropic.NotFoundError) as error:
        ask(client, "hi", model="stong")
    assert error.value.body["error"]["type"] == "not_found_error"
    assert "did you mean `strong`" in str(error.value)
    with pytest.raises(anthropic.InternalServerError):
        ask(client, "fail", model="cheap")
    with pytest.raises(anthropic.BadRequestError, match="`tools\\[0\\].type` is `web_search_20250305`"):
        ask(client, "hi", model="cheap", tools=[{"type": "web_search_20250305", "name": "web_search"}])


def test_a_stream_that_is_cut_is_an_error(routed):
    with pytest.raises(anthropic.APIError) as error:
        for _ in ask(routed.anthropic(), "cut", model="cheap", stream=True):
            pass
    assert "within its reply" in str(error.value)
