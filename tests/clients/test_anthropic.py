"""The official `anthropic` client against the built server."""

import anthropic
import pytest

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
