"""A server that speaks Bedrock's Converse and ConverseStream, for tests: `python fake_bedrock.py` prints its port and serves.

botocore is the judge: requests must have the signature that it computes (or the API key below) and be valid by its model of
the service. What the server answers depends on the last text of the last message:

    "throttle"   status 429
    "model"      status 424, as when the model fails
    "exception"  within a stream: one piece, then a throttling exception
    "cut"        within a stream: one piece and half a message, then the connection is closed
    "hang"       within a stream: one piece, then pieces without a word until the client has gone, which is counted
    "look"       a thought with a signature and a call of the tool `look`
    others       "echo: " and the text, at once or in one message a word; as JSON if a schema asks for that

`GET /seen` tells how many streams were given up.
"""

import binascii
import json
import struct
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler

import botocore.session
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.validate import ParamValidator

from fake_openai import Server

ACCESS_KEY, SECRET_KEY, SESSION_TOKEN = "AKIDEXAMPLE", "planted-aws-secret", "planted-aws-session"
API_KEY = "planted-bedrock-key"
REGION = "eu-west-1"
USAGE = {"inputTokens": 3, "outputTokens": 5, "totalTokens": 12, "cacheReadInputTokens": 4}
SERVICE = botocore.session.Session().get_service_model("bedrock-runtime")


def signature(method, url, headers, body, signed_headers):
    """The signature that botocore gives a request with these headers."""
    kept = {name: headers[name] for name in signed_headers if name != "host"}
    request = AWSRequest(method, url, headers=kept, data=body)
    request.context["timestamp"] = headers["x-amz-date"]
    auth = SigV4Auth(Credentials(ACCESS_KEY, SECRET_KEY, SESSION_TOKEN), "bedrock", REGION)
    return auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)


def message(message_type, name, payload):
    """One message of an event stream."""
    fields = {":message-type": message_type, f":{message_type}-type": name, ":content-type": "application/json"}
    headers = b"".join(
        struct.pack("!B", len(key)) + key.encode() + struct.pack("!BH", 7, len(value)) + value.encode()
        for key, value in fields.items()
    )
    data = json.dumps(payload).encode()
    prelude = struct.pack("!II", 16 + len(headers) + len(data), len(headers))
    prelude += struct.pack("!I", binascii.crc32(prelude))
    whole = prelude + headers + data
    return whole + struct.pack("!I", binascii.crc32(whole))


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    seen = {"given_up": 0}

    def do_GET(self):
        self.json(200, self.seen)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if problem := self.refusal(body):
            return self.error(403, problem, "AccessDeniedException")
        model, operation = self.path.removeprefix("/model/").split("/")
        request = json.loads(body)
        shape = SERVICE.operation_model("Converse").input_shape
        report = ParamValidator().validate(request | {"modelId": urllib.parse.unquote(model)}, shape)
        if report.has_errors():
            return self.error(400, report.generate_report(), "ValidationException")
        texts = [block["text"] for block in request["messages"][-1]["content"] if "text" in block]
        text = texts[-1] if texts else ""
        if text == "throttle":
            return self.error(429, "Too many requests, please wait before trying again.", "ThrottlingException")
        if text == "model":
            return self.error(424, "The model failed.", "ModelErrorException")
        said = f"echo: {text}"
        if "textFormat" in request.get("outputConfig", {}):
            schema = request["outputConfig"]["textFormat"]["structure"]["jsonSchema"]["schema"]
            said = json.dumps({key: text for key in json.loads(schema)["properties"]})
        if operation == "converse-stream":
            return self.stream(text, said)
        if text == "look":
            thought = {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "sig"}}}
            content = [thought, {"toolUse": {"toolUseId": "tooluse_1", "name": "look", "input": {"where": "here"}}}]
        else:
            content = [{"text": said}]
        self.json(200, {
            "output": {"message": {"role": "assistant", "content": content}},
            "stopReason": "tool_use" if text == "look" else "end_turn",
            "usage": USAGE,
            "metrics": {"latencyMs": 1},
        })

    def refusal(self, body):
        """Why the request may not be answered, if so."""
        authorization = self.headers.get("authorization", "")
        if authorization == f"Bearer {API_KEY}":
            return None
        if not authorization.startswith("AWS4-HMAC-SHA256 "):
            return "Authorization header is missing."
        fields = dict(field.strip().split("=", 1) for field in authorization.removeprefix("AWS4-HMAC-SHA256 ").split(","))
        scope = f"{ACCESS_KEY}/{self.headers['x-amz-date'][:8]}/{REGION}/bedrock/aws4_request"
        if fields["Credential"] != scope:
            return f"The credential is not of {scope}."
        signed = fields["SignedHeaders"].split(";")
        if missing := {"host", "x-amz-date", "x-amz-security-token"} - set(signed):
            return f"Not signed: {missing}."
        headers = {name.lower(): value for name, value in self.headers.items()}
        expected = signature("POST", f"http://{headers['host']}{self.path}", headers, body, signed)
        return None if fields["Signature"] == expected else "The request signature we calculated does not match."

    def stream(self, text, said):
        self.send_response(200)
        self.send_header("content-type", "application/vnd.amazon.eventstream")
        self.send_header("x-amzn-requestid", "request-1")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        self.event("messageStart", {"role": "assistant"})
        if text == "look":
            self.event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"reasoningContent": {"text": "hm"}}})
            self.event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"reasoningContent": {"signature": "sig"}}})
            self.event("contentBlockStop", {"contentBlockIndex": 0})
            start = {"toolUse": {"toolUseId": "tooluse_1", "name": "look"}}
            self.event("contentBlockStart", {"contentBlockIndex": 1, "start": start})
            for piece in ('{"where"', ': "here"}'):
                self.event("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"toolUse": {"input": piece}}})
            self.event("contentBlockStop", {"contentBlockIndex": 1})
            self.event("messageStop", {"stopReason": "tool_use"})
        else:
            first, *others = said.split(" ")
            for word in [first, *(f" {word}" for word in others)]:
                self.event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": word}})
                if text == "hang":
                    return self.wait_for_the_client_to_go()
                if text == "exception":
                    self.chunk(message("exception", "throttlingException", {"message": "Slow down."}))
                    return self.chunk(b"")
                if text == "cut":
                    self.chunk(message("event", "contentBlockDelta", {})[:20])
                    self.close_connection = True
                    return self.connection.close()
            self.event("contentBlockStop", {"contentBlockIndex": 0})
            self.event("messageStop", {"stopReason": "end_turn"})
        self.event("metadata", {"usage": USAGE, "metrics": {"latencyMs": 1}})
        self.chunk(b"")

    def wait_for_the_client_to_go(self):
        self.close_connection = True
        try:
            while True:
                self.event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": ""}})
                time.sleep(0.02)
        except OSError:
            self.seen["given_up"] += 1

    def event(self, name, payload):
        self.chunk(message("event", name, payload))

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def error(self, status, text, kind):
        self.json(status, {"message": text}, {"x-amzn-errortype": kind})

    def json(self, status, value, headers=None):
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        for name, text in ({"x-amzn-requestid": "request-1"} | (headers or {})).items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    server = Server(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()
