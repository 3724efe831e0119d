"""Requests at a steady rate with faults on a fifth of upstream calls: `chaos.py --seconds 60 --rate 200 BINARY`.

Starts the server with two upstreams of its own behind it. A request carries its number, and the upstream's answer holds
that number in every piece, so that a reply that is lost, doubled, cut or mixed with another's is seen. What must hold:

  - each request ends in one of two ways: with its own whole reply, or with an error in the caller's dialect;
  - a stream that breaks off ends with an error event or a broken connection, never with its dialect's end;
  - no text comes twice, none is another request's;
  - the server's memory at the end is within 10 % of what it was after the first fifth of the run;
  - the server has no request in flight when all have ended, and counts as many requests as were sent;
  - each request that a table routed has exactly one record, under the decision that its response names, and the record says
    of the reply's end what the client saw.

The exit code is 0 if all holds. It needs nothing but Python's standard library.
"""

import argparse
import asyncio
import collections
import json
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

FAULTS = ("delay", "reset", "cut", "half", "junk", "500", "429", "error event", "stall")
WORDS = 12

CONFIG = """
[server]
listen = "127.0.0.1:0"
[failures]
first_byte_timeout_ms = 1500
idle_timeout_ms = 1500
total_timeout_ms = 6000
retry_delay_ms = 20
retry_delay_max_ms = 100
retry_percent = 50
breaker_pause_ms = 1000
[classifier]
timeout_ms = 100
[record]
path = "{records}"
[providers.first]
kind = "openai_compatible"
base_url = "http://127.0.0.1:{port}/v1"
[providers.second]
kind = "anthropic"
base_url = "http://127.0.0.1:{port}"
api_key_env = "PATH"
[models]
first = "first/m"
second = "second/m"
[route]
default = ["first", "second"]
[tables.other]
default = ["second", "first"]
"""


def words(number):
    """The pieces of the reply to request `number`."""
    return [f"<{number}:{index}>" for index in range(WORDS)]


class Upstream:
    """Answers chats and messages, whole and streamed, with faults on a share of calls."""

    def __init__(self, share, seed):
        self.share, self.random = share, random.Random(seed)
        self.calls, self.faults = 0, collections.Counter()

    async def start(self):
        server = await asyncio.start_server(self.connection, "127.0.0.1", 0, backlog=4096)
        return server.sockets[0].getsockname()[1]

    async def connection(self, reader, writer):
        try:
            while await self.request(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def request(self, reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(re.search(rb"(?i)content-length: (\d+)", head)[1])
        body = json.loads(await reader.readexactly(length))
        number = int(re.search(r"\[(\d+)\]", json.dumps(body["messages"]))[1])
        dialect = "messages" if b" /v1/messages " in head else "chat"
        self.calls += 1
        fault = self.random.choice(FAULTS) if self.random.random() < self.share else None
        self.faults[fault] += 1
        if fault == "delay":
            await asyncio.sleep(self.random.random() / 2)
        if fault == "reset":
            return False
        if fault in ("500", "429"):
            return await self.whole(writer, int(fault), {"error": {"message": fault, "type": "api_error"}})
        events = (chat_events if dialect == "chat" else message_events)(number)
        if body.get("stream"):
            return await self.stream(writer, events, fault, dialect)
        if fault in ("cut", "half", "stall", "error event"):
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 5000\r\n\r\n{\"id\":")
            await writer.drain()
            return False
        if fault == "junk":
            return await self.whole(writer, 200, "{ no JSON")
        reply = chat_reply(number) if dialect == "chat" else message_reply(number)
        return await self.whole(writer, 200, reply)

    async def whole(self, writer, status, value):
        data = (value if isinstance(value, str) else json.dumps(value)).encode()
        head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n"
        writer.write(head.encode() + data)
        await writer.drain()
        return True

    async def stream(self, writer, events, fault, dialect):
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        at = self.random.randrange(len(events)) if fault in ("cut", "half", "junk", "error event", "stall") else None
        for index, event in enumerate(events):
            if index == at:
                if fault == "half":
                    self.chunk(writer, event[: len(event) // 2])
                if fault == "junk":
                    self.chunk(writer, b"data: {no JSON\n\n")
                if fault == "error event":
                    error = {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}
                    self.chunk(writer, b"event: error\ndata: " + json.dumps(error).encode() + b"\n\n")
                if fault == "stall":
                    await asyncio.sleep(2)
                await writer.drain()
                return False
            self.chunk(writer, event)
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True

    def chunk(self, writer, data):
        writer.write(b"%x\r\n%s\r\n" % (len(data), data))


def sse(value, name=None):
    return (f"event: {name}\n" if name else "").encode() + b"data: " + json.dumps(value).encode() + b"\n\n"


def chat_events(number):
    chunk = lambda delta, reason=None: sse({"id": f"c{number}", "object": "chat.completion.chunk", "created": 1, "model": "m",
                                            "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})
    said = [chunk({"content": word}) for word in words(number)]
    return [chunk({"role": "assistant", "content": ""}), *said, chunk({}, "stop"), b"data: [DONE]\n\n"]


def chat_reply(number):
    message = {"role": "assistant", "content": "".join(words(number))}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    return {"id": f"c{number}", "object": "chat.completion", "created": 1, "model": "m", "usage": usage,
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}


def message_events(number):
    event = lambda kind, **fields: sse({"type": kind} | fields, kind)
    usage = {"input_tokens": 1, "output_tokens": 1}
    message = {"id": f"m{number}", "type": "message", "role": "assistant", "model": "m", "content": [], "usage": usage}
    said = [event("content_block_delta", index=0, delta={"type": "text_delta", "text": word}) for word in words(number)]
    return [event("message_start", message=message | {"stop_reason": None, "stop_sequence": None}),
            event("content_block_start", index=0, content_block={"type": "text", "text": ""}), *said,
            event("content_block_stop", index=0),
            event("message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}, usage=usage),
            event("message_stop")]


def message_reply(number):
    return {"id": f"m{number}", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
            "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 1},
            "content": [{"type": "text", "text": "".join(words(number))}]}


# What clients see.

APIS = ("chat", "responses", "messages")
PATHS = {"chat": "/v1/chat/completions", "responses": "/v1/responses", "messages": "/v1/messages"}
ENDS = {"chat": "[DONE]", "responses": "response.completed", "messages": "message_stop"}


def model_of(number):
    """Two tables, and a model that is asked by its name, which is not recorded."""
    return ("auto", "other", "first")[number // 6 % 3]


def request_of(number, api, stream, model):
    text = f"Tell me about [{number}], please."
    body = {"model": model, "stream": stream}
    if api == "responses":
        return body | {"input": text}
    return body | {"messages": [{"role": "user", "content": text}], "max_tokens": 50}


def texts_of_stream(api, data):
    """The texts of a stream's events, whether it says that it is whole, and whether it tells of an error."""
    texts, whole, failed = [], False, False
    for line in data.decode(errors="replace").splitlines():
        if not line.startswith("data: "):
            continue
        if line == "data: [DONE]":
            whole = api == "chat"
            continue
        try:
            event = json.loads(line[6:])
        except ValueError:
            continue
        kind = event.get("type", "")
        failed = failed or kind in ("error", "response.failed") or bool(event.get("error"))
        whole = whole or kind == ENDS[api]
        if api == "chat":
            texts += [choice["delta"].get("content") or "" for choice in event.get("choices", [])]
        elif kind == "response.output_text.delta":
            texts.append(event["delta"])
        elif kind == "content_block_delta":
            texts.append(event["delta"].get("text", ""))
    return "".join(texts), whole, failed


def text_of_reply(api, value):
    if api == "chat":
        return value["choices"][0]["message"]["content"]
    if api == "messages":
        return value["content"][0]["text"]
    return value["output"][0]["content"][0]["text"]


class Client:
    def __init__(self, port):
        self.port, self.idle, self.outcomes, self.wrong = port, [], collections.Counter(), []
        # Which decision the response to a request named, and how the request ended.
        self.decisions, self.ended = {}, {}

    async def ask(self, number):
        api, stream = APIS[number % 3], number % 2 == 0
        model = model_of(number)
        body = json.dumps(request_of(number, api, stream, model)).encode()
        try:
            head, data, is_whole = await asyncio.wait_for(self.exchange(PATHS[api], body), 30)
        except (OSError, asyncio.IncompleteReadError, EOFError) as error:
            return self.note(number, "no reply", f"{api} {stream} {error!r}")
        except asyncio.TimeoutError:
            return self.note(number, "hung", f"{api} {stream}")
        if match := re.search(r"x-pointsman-decision: (\S+)", head):
            self.decisions[number] = match[1]
        self.judge(number, api, stream, int(head.split(" ", 2)[1]), data, is_whole)

    def judge(self, number, api, stream, status, data, is_whole):
        expected = "".join(words(number))
        if status != 200:
            try:
                told = json.loads(data)["error"]["message"]
            except (ValueError, KeyError, TypeError):
                return self.note(number, "error in no dialect", f"{api} {status} {data[:200]}")
            return self.note(number, f"status {status}" if told else "error without words")
        if stream:
            text, says_whole, failed = texts_of_stream(api, data)
            if not expected.startswith(text):
                return self.note(number, "mixed or doubled", f"{api} {text!r}")
            if says_whole and (failed or text != expected):
                return self.note(number, "looks whole and is not", f"{api} {text!r}")
            if says_whole and is_whole:
                return self.note(number, "whole")
            if failed or not is_whole:
                return self.note(number, "stream ended early, and says so")
            # A chat whose stream passes through ends as its provider ended it.
            return self.note(number, "ends without a word", f"{api} {data[-200:]}")
        if not is_whole:
            return self.note(number, "reply cut, and seen to be")
        try:
            text = text_of_reply(api, json.loads(data))
        except (ValueError, KeyError, TypeError):
            # What a provider of the client's dialect says passes as it is, also when it is no JSON.
            return self.note(number, "junk of the provider" if data == b"{ no JSON" else "junk", f"{api} {data[:100]}")
        self.note(number, "whole" if text == expected else "mixed or doubled", f"{api} {text!r}")

    WRONG = ("no reply", "hung", "error in no dialect", "error without words", "mixed or doubled",
             "looks whole and is not", "ends without a word", "junk")

    def note(self, number, outcome, detail=""):
        self.outcomes[outcome] += 1
        self.ended[number] = outcome
        if outcome in self.WRONG:
            self.wrong.append(f"request {number}: {outcome} {detail}")

    async def exchange(self, path, body):
        """Head, body, and whether the body came to its end."""
        reader, writer = self.kept() or await asyncio.open_connection("127.0.0.1", self.port)
        head = f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        try:
            writer.write(head.encode() + body)
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            data, is_whole = await self.body(reader, head)
        except BaseException:
            writer.close()
            raise
        if is_whole and "connection: close" not in head:
            self.idle.append((reader, writer))
        else:
            writer.close()
        return head, data, is_whole

    def kept(self):
        """A kept connection that the server has not closed meanwhile: it waits 30 s for the next request."""
        while self.idle:
            reader, writer = self.idle.pop()
            if not (reader.at_eof() or writer.is_closing()):
                return reader, writer
            writer.close()
        return None

    async def body(self, reader, head):
        data = b""
        try:
            if match := re.search(r"content-length: (\d+)", head):
                return await reader.readexactly(int(match[1])), True
            while length := int((await reader.readuntil(b"\r\n")).strip(), 16):
                data += await reader.readexactly(length)
                await reader.readexactly(2)
            await reader.readexactly(2)
            return data, True
        except (OSError, asyncio.IncompleteReadError) as error:
            return data + (getattr(error, "partial", b"") or b""), False


def memory_kb(pid):
    with open(f"/proc/{pid}/status") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read())[1])


async def metrics(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    text = (await reader.read()).decode()
    writer.close()
    value = lambda pattern: sum(float(match) for match in re.findall(pattern, text, re.M))
    counted = value(r"^pointsman_requests_total\{endpoint=\"/v1/(?:chat/completions|responses|messages)\".*\} (\d+)")
    return counted, value(r"^pointsman_in_flight (\d+)")


async def run(arguments, folder):
    upstream = Upstream(arguments.faults, arguments.seed)
    port = await upstream.start()
    path = os.path.join(folder, "pointsman.toml")
    with open(path, "w") as file:
        file.write(CONFIG.format(port=port, records=os.path.join(folder, "records.db")))
    log = open(os.path.join(folder, "log"), "w+")
    environment = os.environ | {"RUST_LOG": "error"}
    server = subprocess.Popen([arguments.binary, "--config", path, "serve"], stderr=log, env=environment)
    try:
        return await load(arguments, upstream, server, log, os.path.join(folder, "records.db"))
    finally:
        server.send_signal(signal.SIGKILL)
        server.wait()


def unaccounted(path, client, total):
    """What the records do not say, or say otherwise than the clients saw it."""
    rows = sqlite3.connect(f"file:{path}?mode=ro", uri=True).execute("SELECT id, answered FROM records").fetchall()
    ends = {id: json.loads(answered)["end"] if answered else None for id, answered in rows}
    routed = [number for number in range(total) if model_of(number) != "first"]
    faults = []
    if len(rows) != len(routed):
        faults.append(f"{len(routed)} requests were routed, {len(rows)} are recorded")
    if len(set(client.decisions.values())) != len(client.decisions):
        faults.append("a decision is named by two responses")
    for number in routed:
        outcome, end = client.ended.get(number), ends.get(client.decisions.get(number), "no record")
        expected = {"whole": ("whole",), "reply cut, and seen to be": ("cut",), "junk of the provider": ("whole",),
                    # A stream that tells of its own error has ended as far as its bytes go.
                    "stream ended early, and says so": ("cut", "whole")}
        # A status other than 200 is a provider's own reply, passed on, or that there was none.
        if end not in expected.get(outcome, ("whole", "failed", "cut")):
            faults.append(f"request {number}: {outcome}, and its record says {end}")
    return faults, collections.Counter(map(str, ends.values()))


async def listening(server, log):
    for _ in range(600):
        log.seek(0)
        if match := re.search(r"listens on http://127\.0\.0\.1:(\d+)", log.read()):
            return int(match[1])
        assert server.poll() is None, "the server has ended"
        await asyncio.sleep(0.05)
    raise AssertionError("the server does not listen")


async def load(arguments, upstream, server, log, records):
    port = await listening(server, log)
    client, tasks, memory = Client(port), set(), []
    total = int(arguments.seconds * arguments.rate)
    begun = time.monotonic()
    for number in range(total):
        wait = begun + number / arguments.rate - time.monotonic()
        if wait > 0:
            await asyncio.sleep(wait)
        task = asyncio.create_task(client.ask(number))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        if number % arguments.rate == 0:
            memory.append(memory_kb(server.pid))
    await asyncio.gather(*tasks)
    took = time.monotonic() - begun
    await asyncio.sleep(3)
    assert server.poll() is None, "the server has ended"
    counted, in_flight = await metrics(port)
    memory.append(memory_kb(server.pid))
    return report(total, took, client, upstream, memory, counted, in_flight, unaccounted(records, client, total))


def report(total, took, client, upstream, memory, counted, in_flight, recorded):
    settled = memory[len(memory) // 5]
    last = sorted(memory[-5:])[len(memory[-5:]) // 2]
    ended = sum(client.outcomes.values())
    print(json.dumps({
        "requests": total, "ended": ended, "counted_by_server": counted, "in_flight_at_end": in_flight,
        "seconds": round(took, 1), "rate": round(total / took, 1), "outcomes": client.outcomes,
        "upstream_calls": upstream.calls, "upstream_faults": {str(k): v for k, v in upstream.faults.items() if k},
        "records": recorded[1],
        "memory_kb": {"after_first_fifth": settled, "end": last, "peak": max(memory)},
    }, indent=1))
    faults = list(client.wrong) + recorded[0]
    if ended != total or counted != total:
        faults.append(f"{total} requests were sent, {ended} ended, the server counts {counted}")
    # The request for the metrics is one itself.
    if in_flight > 1:
        faults.append(f"{in_flight - 1} requests are still in flight")
    if last > settled * 1.1:
        faults.append(f"memory grew from {settled} to {last} KB")
    for fault in faults[:20]:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary", help="the built pointsman")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rate", type=int, default=200, help="requests a second")
    parser.add_argument("--faults", type=float, default=0.2, help="share of upstream calls that fail")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    arguments.binary = os.path.abspath(arguments.binary)
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(asyncio.run(run(arguments, folder)))


if __name__ == "__main__":
    main()
