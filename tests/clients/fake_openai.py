"""A server that speaks OpenAI's chat API, for tests: `python fake_openai.py` prints its port and serves.

What it answers depends on the last message:

    "hang"   one event of a stream, then silence
    "cut"    one event of a stream, then the connection is closed
    "fail"   status 500
    others   "echo: " and the message, at once or in one event a word

It refuses requests that do not carry the key `sk-planted-upstream-key`, and any model but those in MODELS.
"""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = "sk-planted-upstream-key"
MODELS = ("small-1", "large-1")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.headers.get("authorization") != f"Bearer {KEY}":
            return self.error(401, "Incorrect API key provided.", "invalid_api_key")
        if request["model"] not in MODELS:
            return self.error(404, f"The model `{request['model']}` does not exist.", "model_not_found")
        text = request["messages"][-1]["content"]
        if text == "fail":
            return self.error(500, "The server had an error.", None)
        if request.get("stream"):
            return self.stream(request, text)
        choice = {"index": 0, "message": {"role": "assistant", "content": f"echo: {text}"}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
        self.json(200, self.object(request, "chat.completion", [choice]) | {"usage": usage})

    def stream(self, request, text):
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for word in ["echo:", *(f" {word}" for word in text.split())]:
            self.event(request, {"content": word}, None)
            if text == "hang":
                threading.Event().wait()
            if text == "cut":
                self.close_connection = True
                return self.connection.close()
        self.event(request, {}, "stop")
        self.chunk(b"data: [DONE]\n\n")
        self.chunk(b"")

    def event(self, request, delta, finish_reason):
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        event = self.object(request, "chat.completion.chunk", [choice])
        self.chunk(f"data: {json.dumps(event)}\n\n".encode())

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def object(self, request, kind, choices):
        return {"id": "chatcmpl-fake", "object": kind, "created": 1, "model": request["model"], "choices": choices}

    def error(self, status, message, code):
        self.json(status, {"error": {"message": message, "type": "fake", "param": None, "code": code}})

    def json(self, status, value):
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


if __name__ == "__main__":
    server = Server(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()
