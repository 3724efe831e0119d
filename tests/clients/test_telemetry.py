"""Traces as a collector gets them, and logs as programs read them."""

import http.server
import json
import threading
import urllib.request

import pytest

from conftest import Sidecar
from test_openai import chat


class Collector:
    """Takes what is sent to /v1/traces."""

    def __init__(self):
        self.got = []
        came = self.came = threading.Condition()
        got = self.got

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                with came:
                    got.append((self.path, dict(self.headers.items()), body))
                    came.notify_all()
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def wait(self, seconds=180):
        with self.came:
            assert self.came.wait_for(lambda: self.got, seconds), "nothing was sent"


@pytest.fixture
def collector():
    collector = Collector()
    yield collector
    collector.server.shutdown()


@pytest.mark.parametrize("by_file", [True, False])
def test_spans_reach_the_collector(start, tmp_path, collector, by_file):
    table = '[models]\ncheap = "demo/small"\n[route]\ndefault = "cheap"\n'
    config = f'{table}[telemetry]\notlp_endpoint = "{collector.url}"\n' if by_file else table
    environment = {"OTEL_BSP_SCHEDULE_DELAY": "200", "OTEL_EXPORTER_OTLP_HEADERS": "x-tenant=me"}
    environment |= {} if by_file else {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_SERVICE_NAME": "my-router"}
    sidecar = start(Sidecar, tmp_path, config, environment)
    chat(sidecar.client(default_headers={"traceparent": f"00-{'ab' * 16}-{'cd' * 8}-01"}), "planted-prompt")
    collector.wait()
    path, headers, body = collector.got[0]
    assert path == "/v1/traces" and headers["content-type"] == "application/x-protobuf"
    assert headers["x-tenant"] == "me"
    for text in [b"POST /v1/chat/completions", b"decide auto", b"chat small", b"gen_ai.usage.output_tokens", bytes.fromhex("ab" * 16)]:
        assert text in b"".join(body for _, _, body in collector.got), text
    assert (b"pointsman" if by_file else b"my-router") in body
    assert b"planted-prompt" not in b"".join(body for _, _, body in collector.got)


def test_a_collector_that_is_not_there_stops_nothing(start, tmp_path):
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_BSP_SCHEDULE_DELAY": "100"}
    sidecar = start(Sidecar, tmp_path, None, environment)
    for _ in range(3):
        assert chat(sidecar.client(), "hello").choices
    sidecar.wait_for("traces cannot be sent", seconds=20)
    assert sidecar.end() == 0
    assert sum("traces cannot be sent" in line for line in sidecar.lines) == 1, "said once a minute"


def test_the_log_can_be_json(start, tmp_path):
    sidecar = start(Sidecar, tmp_path, None, {"POINTSMAN_LOG_FORM": "json", "RUST_LOG": "info"})
    chat(sidecar.client(), "hello")
    with urllib.request.urlopen(f"{sidecar.url}/healthz") as response:
        assert response.status == 200
    sidecar.wait_for(r'"endpoint":"/healthz"')
    events = [json.loads(line) for line in sidecar.lines if line.startswith("{")]
    answered = [event for event in events if event.get("message") == "answered"]
    assert answered[0]["endpoint"] == "/v1/chat/completions" and answered[0]["status"] == 200
    assert answered[0]["level"] == "INFO" and answered[0]["request_id"]
