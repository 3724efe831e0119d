"""A server that speaks Anthropic's API, for tests: `python fake_anthropic.py` prints its port and serves.

It answers as `fake_openai` does, with a signed thought before each reply, and refuses requests that do not carry the key
`sk-planted-anthropic-key`, results of calls without the thought that led to them, and images that are no PNG.
"""

import json

import fake_openai

KEY = "sk-planted-anthropic-key"
USAGE = {"input_tokens": 1, "output_tokens": 2}
THOUGHT = {"type": "thinking", "thinking": "Let me see.", "signature": "c2lnbmVk"}


class Handler(fake_openai.Handler):
    def is_known(self):
        return self.headers.get("x-api-key") == KEY and "anthropic-version" in self.headers

    def asked(self, request):
        content = request["messages"][-1]["content"]
        if isinstance(content, str):
            return content
        results = [part["content"] for part in content if part["type"] == "tool_result"]
        self.seen["images"] += [part["source"]["media_type"] for part in content if part["type"] == "image"]
        return f"results {results}" if results else fake_openai.text_of(content)

    def message(self, request, text):
        if text.startswith("results") and THOUGHT not in request["messages"][-2]["content"]:
            return self.error(400, "the thought before the call is missing", None)
        if text == "look" and request.get("tools"):
            calls = 1 if (request.get("tool_choice") or {}).get("disable_parallel_tool_use") else 2
            arguments = json.loads(fake_openai.CALL["arguments"])
            blocks = [{"type": "tool_use", "id": f"toolu_{n}", "name": "look", "input": arguments} for n in range(calls)]
        else:
            as_json = "format" in (request.get("output_config") or {})
            blocks = [{"type": "text", "text": json.dumps({"echo": text}) if as_json else f"echo: {text}"}]
        reason = "tool_use" if blocks[0]["type"] == "tool_use" else "end_turn"
        message = {"id": "msg_fake", "type": "message", "role": "assistant", "model": request["model"]}
        message |= {"stop_sequence": None, "usage": USAGE}
        if not request.get("stream"):
            return self.json(200, message | {"content": [THOUGHT, *blocks], "stop_reason": reason})
        self.begin()
        self.say("message_start", message=message | {"content": [], "stop_reason": None})
        for index, block in enumerate([THOUGHT, *blocks]):
            self.block(index, block, text)
        self.say("message_delta", delta={"stop_reason": reason, "stop_sequence": None}, usage=USAGE)
        self.say("message_stop")
        self.chunk(b"")

    def block(self, index, block, text):
        empty = {"text": {"text": ""}, "thinking": {"thinking": "", "signature": ""}, "tool_use": {"input": {}}}
        self.say("content_block_start", index=index, content_block=block | empty[block["type"]])
        if block["type"] == "text":
            deltas = [{"type": "text_delta", "text": f"{word} "} for word in block["text"].split(" ")]
            deltas[-1]["text"] = deltas[-1]["text"][:-1]
        elif block["type"] == "thinking":
            deltas = [
                {"type": "thinking_delta", "thinking": block["thinking"]},
                {"type": "signature_delta", "signature": block["signature"]},
            ]
        else:
            written = json.dumps(block["input"])
            deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in (written[:5], written[5:])]
        for delta in deltas:
            self.say("content_block_delta", index=index, delta=delta)
            if block["type"] == "text" and text == "hang":
                self.wait_for_the_client_to_go()
            if block["type"] == "text" and text == "cut":
                self.close_connection = True
                raise BrokenPipeError
        self.say("content_block_stop", index=index)

    def say(self, kind, **fields):
        self.chunk(f"event: {kind}\ndata: {json.dumps({'type': kind} | fields)}\n\n".encode())

    def error(self, status, message, code, headers={}):
        kinds = {400: "invalid_request_error", 401: "authentication_error", 404: "not_found_error", 429: "rate_limit_error"}
        error = {"type": kinds.get(status, "api_error"), "message": message}
        self.json(status, {"type": "error", "error": error}, headers)


if __name__ == "__main__":
    fake_openai.serve(Handler)
