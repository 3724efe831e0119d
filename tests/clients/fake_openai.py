"""A server that speaks OpenAI's API, for tests: `python fake_openai.py` prints its port and serves.

What it answers depends on the last message, or `input`, or `prompt`:

    "hang"      one event of a stream, then comments until the client has gone, which is counted
    "cut"       one event of a stream, then the connection is closed
    "reset"     the connection is closed before any reply
    "fail"      status 500
    "busy"      status 429, to be asked again at once
    "bad json"  status 200 and half an object
    "slow"      the echo, half a second later
    "look"      a call of the first tool with {"where": "here"}; two of them if parallel calls are not off
    others      "echo: " and the message, at once or in one event a word; as JSON if a schema asks for that

It refuses requests that do not carry the key `sk-planted-upstream-key`, and any model but those in MODELS.
`GET /seen` tells how many requests have come and how many were given up, which images were sent, and the last choice of
a tool.
"""

import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = "sk-planted-upstream-key"
MODELS = ("small-1", "large-1")
USAGE = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
CALL = {"name": "look", "arguments": json.dumps({"where": "here"})}


def text_of(content):
    """The text of a message, whatever its form."""
    if isinstance(content, str):
        return content
    return " ".join(part.get("text", "") for part in content or [])


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    seen = {"asked": 0, "given_up": 0, "images": [], "tool_choice": None}

    def do_GET(self):
        self.json(200, self.seen)

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.seen["asked"] += 1
        self.seen["tool_choice"] = request.get("tool_choice")
        if not self.is_known():
            return self.error(401, "Incorrect API key provided.", "invalid_api_key")
        if request["model"] not in MODELS:
            return self.error(404, f"The model `{request['model']}` does not exist.", "model_not_found")
        answer = {
            "/v1/chat/completions": self.chat,
            "/v1/responses": self.respond,
            "/v1/completions": self.complete,
            "/v1/embeddings": self.embed,
            "/v1/messages": self.message,
        }
        text = self.asked(request)
        if not self.fault(text):
            answer[self.path](request, text)

    def is_known(self):
        return self.headers.get("authorization") == f"Bearer {KEY}"

    def asked(self, request):
        if "messages" in request:
            content = request["messages"][-1]["content"]
            parts = content if isinstance(content, list) else []
            self.seen["images"] += [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
            return text_of(content)
        given = request.get("input", request.get("prompt"))
        return given if isinstance(given, str) else text_of(given[-1].get("content")) if isinstance(given[-1], dict) else ""

    def fault(self, text):
        """Fails as the text says; whether it did."""
        if text == "fail":
            self.error(500, "The server had an error.", None)
        elif text == "busy":
            self.error(429, "Slow down.", "rate_limit_exceeded", {"retry-after": "0"})
        elif text == "reset":
            self.close_connection = True
            self.connection.close()
        elif text == "bad json":
            self.body(200, b'{"id": "chatcmpl-fake", "choices": [', "application/json")
        elif text == "slow":
            time.sleep(0.5)
            return False
        else:
            return False
        return True

    # Chat Completions.

    def chat(self, request, text):
        if request.get("stream"):
            return self.stream(request, text)
        message, reason = {"role": "assistant", "content": self.said(request, text)}, "stop"
        if text == "look" and request.get("tools"):
            calls = [{"id": f"call_{n}", "type": "function", "function": CALL} for n in range(self.calls(request))]
            message, reason = {"role": "assistant", "content": None, "tool_calls": calls}, "tool_calls"
        choice = {"index": 0, "message": message, "finish_reason": reason}
        self.json(200, self.object(request, "chat.completion", [choice]) | {"usage": USAGE})

    def said(self, request, text):
        return json.dumps({"echo": text}) if request.get("response_format") else f"echo: {text}"

    def calls(self, request):
        return 1 if request.get("parallel_tool_calls") is False else 2

    def stream(self, request, text):
        self.begin()
        if text == "look" and request.get("tools"):
            for n in range(self.calls(request)):
                call = {"index": n, "id": f"call_{n}", "type": "function", "function": CALL | {"arguments": ""}}
                self.event(request, {"role": "assistant", "tool_calls": [call]}, None)
                for piece in (CALL["arguments"][:5], CALL["arguments"][5:]):
                    self.event(request, {"tool_calls": [{"index": n, "function": {"arguments": piece}}]}, None)
            self.event(request, {}, "tool_calls")
        else:
            self.stream_words(request, text)
        if (request.get("stream_options") or {}).get("include_usage"):
            self.chunk(f"data: {json.dumps(self.object(request, 'chat.completion.chunk', []) | {'usage': USAGE})}\n\n".encode())
        self.chunk(b"data: [DONE]\n\n")
        self.chunk(b"")

    def stream_words(self, request, text):
        for word in ["echo:", *(f" {word}" for word in text.split())]:
            self.event(request, {"content": word}, None)
            if text == "hang":
                self.wait_for_the_client_to_go()
            if text == "cut":
                self.close_connection = True
                raise BrokenPipeError
        self.event(request, {}, "stop")

    def wait_for_the_client_to_go(self):
        try:
            while True:
                self.chunk(b": alive\n\n")
                time.sleep(0.02)
        except OSError:
            self.seen["given_up"] += 1
            raise

    # The others.

    def respond(self, request, text):
        part = {"type": "output_text", "text": f"native: {text}", "annotations": []}
        item = {"id": "msg_fake", "type": "message", "role": "assistant", "status": "completed", "content": [part]}
        usage = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
        usage |= {"input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}
        response = {"id": "resp_fake", "object": "response", "created_at": 1, "status": "completed", "output": [item]}
        response |= {"model": request["model"], "usage": usage, "tools": [], "tool_choice": "auto", "error": None}
        response |= {"parallel_tool_calls": True, "incomplete_details": None, "instructions": None, "metadata": {}}
        response |= {"temperature": 1.0, "top_p": 1.0, "previous_response_id": request.get("previous_response_id")}
        self.json(200, response)

    def complete(self, request, text):
        choice = {"index": 0, "text": f" after {text}", "finish_reason": "stop", "logprobs": None}
        self.json(200, self.object(request, "text_completion", [choice]) | {"usage": USAGE})

    def embed(self, request, _):
        texts = request["input"] if isinstance(request["input"], list) else [request["input"]]
        data = [{"object": "embedding", "index": n, "embedding": [0.5, float(n)]} for n in range(len(texts))]
        usage = {"prompt_tokens": 1, "total_tokens": 1}
        self.json(200, {"object": "list", "model": request["model"], "data": data, "usage": usage})

    def message(self, request, text):
        self.error(404, "There is no such path.", None)

    # HTTP.

    def begin(self):
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()

    def event(self, request, delta, finish_reason):
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        event = self.object(request, "chat.completion.chunk", [choice])
        self.chunk(f"data: {json.dumps(event)}\n\n".encode())

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def object(self, request, kind, choices):
        return {"id": "chatcmpl-fake", "object": kind, "created": 1, "model": request["model"], "choices": choices}

    def error(self, status, message, code, headers={}):
        error = {"message": message, "type": "fake", "param": None, "code": code}
        self.json(status, {"error": error}, headers)

    def json(self, status, value, headers={}):
        self.body(status, json.dumps(value).encode(), "application/json", headers)

    def body(self, status, data, content_type, headers={}):
        self.send_response(status)
        self.send_header("content-type", content_type)
        self.send_header("content-length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def handle(self):
        try:
            super().handle()
        except OSError:
            # The client has gone.
            self.close_connection = True

    def finish(self):
        try:
            super().finish()
        except OSError:
            pass

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


def serve(handler):
    server = Server(("127.0.0.1", 0), handler)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    serve(Handler)
