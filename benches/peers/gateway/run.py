"""Gateways side by side: added latency, time to the first token, memory, start-up.

    python benches/peers/gateway/run.py [--rate 1000] [--seconds 20] [--rounds 3] [--only pointsman,litellm,portkey]

Everything runs on this machine, over loopback: an upstream that answers at once, the load, and one gateway at a time,
with one model and no classification. In each round every gateway is started anew, in another order. What is added is the
difference to the same load sent to the upstream itself in the same round; figures are medians over the rounds.

LiteLLM comes from PyPI into a virtual environment, Portkey's gateway from npm, both under target/peers. The table is
printed and, with everything measured, written to target/peers/gateway.json.
"""

import argparse
import json
import math
import os
import pathlib
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[3]
HERE = pathlib.Path(__file__).resolve().parent
PEERS = ROOT / "target" / "peers"
LOAD = PEERS / "load" / "release" / "gateway-load"
LITELLM = "litellm[proxy]==1.106.0"
PORTKEY = "@portkey-ai/gateway@1.15.2"
#: A request of 1 KB.
PROMPT = "Say a word. " * 70


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Gateway:
    """A gateway before an upstream. `command` starts it."""

    model, headers, environment = "m", [], {}

    def __init__(self, folder, upstream):
        self.folder, self.upstream, self.port = pathlib.Path(folder), upstream, free_port()
        self.url = f"http://127.0.0.1:{self.port}/v1/chat/completions"

    @staticmethod
    def install():
        pass

    def start(self):
        """Starts it and returns how long it took to its first answer, in seconds."""
        log = open(self.folder / f"{type(self).__name__}.log", "w")
        begun = time.monotonic()
        environment = os.environ | self.environment
        self.process = subprocess.Popen(
            self.command(), stdout=log, stderr=log, cwd=self.folder, env=environment, start_new_session=True
        )
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() - begun > 180:
                sys.exit(f"{type(self).__name__} does not answer: {(self.folder / log.name).read_text()[-2000:]}")
            time.sleep(0.005)
        return time.monotonic() - begun

    def answers(self):
        request = urllib.request.Request(self.url, json.dumps(body(self.model)).encode(), self.all_headers())
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return "choices" in json.load(response)
        except (OSError, ValueError):
            return False

    def all_headers(self):
        return {"content-type": "application/json"} | dict(header.split(": ", 1) for header in self.headers)

    def stop(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def memory_mb(self):
        """What all its processes hold."""
        return sum(rss_kb(pid) for pid in family(self.process.pid)) / 1024


class Pointsman(Gateway):
    def command(self):
        config = self.folder / "pointsman.toml"
        config.write_text(
            f'[providers.up]\nkind = "openai_compatible"\nbase_url = "http://127.0.0.1:{self.upstream}/v1"\n'
            '[models]\nm = "up/m"\n[route]\ndefault = "m"\n'
        )
        binary = os.environ.get("POINTSMAN_BIN", ROOT / "target" / "release" / "pointsman")
        return [str(binary), "--config", str(config), "serve", "--listen", f"127.0.0.1:{self.port}"]

    @staticmethod
    def install():
        if "POINTSMAN_BIN" not in os.environ:
            subprocess.run(["cargo", "build", "--release", "--locked"], cwd=ROOT, check=True)


class LiteLlm(Gateway):
    headers = ["authorization: Bearer sk-x"]
    # Without a key, as the others: what a key costs is not compared.
    environment = {
        "LITELLM_LOG": "ERROR",
        "LITELLM_TELEMETRY": "False",
        "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",
    }

    def command(self):
        config = self.folder / "litellm.yaml"
        base = f"http://127.0.0.1:{self.upstream}/v1"
        config.write_text(
            "model_list:\n  - model_name: m\n    litellm_params:\n"
            f"      model: openai/m\n      api_base: {base}\n      api_key: sk-x\n"
        )
        binary = PEERS / "litellm" / "bin" / "litellm"
        return [str(binary), "--config", str(config), "--host", "127.0.0.1", "--port", str(self.port)]

    @staticmethod
    def install():
        folder = PEERS / "litellm"
        if not (folder / "bin" / "litellm").exists():
            subprocess.run([sys.executable, "-m", "venv", folder], check=True)
            subprocess.run([folder / "bin" / "pip", "install", "-q", LITELLM], check=True)


class Portkey(Gateway):
    def __init__(self, folder, upstream):
        super().__init__(folder, upstream)
        host = f"x-portkey-custom-host: http://127.0.0.1:{upstream}/v1"
        self.headers = ["authorization: Bearer sk-x", "x-portkey-provider: openai", host]
        self.environment = {"TRUSTED_CUSTOM_HOSTS": "127.0.0.1,localhost", "NODE_ENV": "production"}

    def command(self):
        script = PEERS / "portkey" / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js"
        return ["node", str(script), "--headless", f"--port={self.port}"]

    @staticmethod
    def install():
        folder = PEERS / "portkey"
        if not (folder / "node_modules").exists():
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "package.json").write_text("{}")
            command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", PORTKEY]
            subprocess.run(command, cwd=folder, check=True)


GATEWAYS = {"pointsman": Pointsman, "litellm": LiteLlm, "portkey": Portkey}


def rss_kb(pid):
    try:
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    match = re.search(r"VmRSS:\s+(\d+)", status)
    return int(match[1]) if match else 0


def family(pid):
    """A process and those below it."""
    members = [pid]
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rsplit(") ", 1)[1].split()
        except OSError:
            continue
        if int(fields[2]) == pid and int(path.parent.name) != pid:
            # Its process group is led by the gateway.
            members.append(int(path.parent.name))
    return members


def body(model, stream=False, text=PROMPT):
    return {"model": model, "stream": stream, "messages": [{"role": "user", "content": text}]}


def load(folder, url, headers, model, arguments, form):
    path = pathlib.Path(folder) / "body.json"
    path.write_text(json.dumps(body(model, form == "stream"), separators=(",", ":")))
    rate = arguments.rate if form == "plain" else arguments.stream_rate
    command = [LOAD, "load", url, str(rate), str(arguments.seconds), form, path, *headers]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def hold(gateway, folder, streams):
    """Memory a stream that is open, in KB."""
    before = gateway.memory_mb()
    path = pathlib.Path(folder) / "hold.json"
    path.write_text(json.dumps(body(gateway.model, True, "hold"), separators=(",", ":")))
    command = [LOAD, "hold", gateway.url, str(streams), "3", path, *gateway.headers]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    held = int(process.stderr.readline() or 0)
    during = gateway.memory_mb()
    process.communicate()
    return {"held": held, "kb_per_stream": (during - before) * 1024 / max(held, 1)}


def measure(kind, folder, upstream, arguments):
    gateway = kind(folder, upstream)
    startup_s = gateway.start()
    try:
        idle_mb = gateway.memory_mb()
        warm = argparse.Namespace(**vars(arguments) | {"rate": 100, "stream_rate": 50, "seconds": 3})
        for form in ("plain", "stream"):
            load(folder, gateway.url, gateway.headers, gateway.model, warm, form)
        plain = load(folder, gateway.url, gateway.headers, gateway.model, arguments, "plain")
        stream = load(folder, gateway.url, gateway.headers, gateway.model, arguments, "stream")
        loaded_mb = gateway.memory_mb()
        streams = hold(gateway, folder, arguments.streams)
        return {"startup_s": startup_s, "idle_mb": idle_mb, "loaded_mb": loaded_mb, "plain": plain, "stream": stream} | streams
    finally:
        gateway.stop()


def a_round(names, folder, arguments):
    upstream = subprocess.Popen([LOAD, "upstream", "0"], stdout=subprocess.PIPE, text=True)
    try:
        port = int(upstream.stdout.readline())
        direct = f"http://127.0.0.1:{port}/v1/chat/completions"
        measured = {"direct": {form: load(folder, direct, [], "m", arguments, form) for form in ("plain", "stream")}}
        for name in names:
            measured[name] = measure(GATEWAYS[name], folder, port, arguments)
            print(f"{name}: {json.dumps(measured[name])}", file=sys.stderr)
        return measured
    finally:
        upstream.kill()


def table(names, rounds):
    def median(name, read):
        return statistics.median(read(measured[name], measured["direct"]) for measured in rounds)

    def added(form, part, at):
        # Of a gateway that answered nothing there is nothing to tell.
        return lambda own, direct: (own[form][part][at] or math.nan) - (direct[form][part][at] or math.nan)

    rows = [
        ("added p50, ms", added("plain", "whole_ms", "p50")),
        ("added p99, ms", added("plain", "whole_ms", "p99")),
        ("added to first token p50, ms", added("stream", "first_ms", "p50")),
        ("added to first token p99, ms", added("stream", "first_ms", "p99")),
        ("requests/s reached", lambda own, _: own["plain"]["rate"]),
        ("failed requests", lambda own, _: own["plain"]["failed"] + own["stream"]["failed"]),
        ("start to first answer, s", lambda own, _: own["startup_s"]),
        ("memory idle, MB", lambda own, _: own["idle_mb"]),
        ("memory after the load, MB", lambda own, _: own["loaded_mb"]),
        ("open streams held", lambda own, _: own["held"]),
        ("memory an open stream, KB", lambda own, _: own["kb_per_stream"]),
    ]
    lines = [f"| | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    lines += [f"| {title} | {' | '.join(f'{median(name, read):.2f}' for name in names)} |" for title, read in rows]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rate", type=int, default=1000, help="requests a second that are not streamed")
    parser.add_argument("--stream-rate", type=int, default=200, help="streams a second")
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--streams", type=int, default=2000, help="streams that are kept open at once")
    parser.add_argument("--only", default=",".join(GATEWAYS))
    arguments = parser.parse_args()
    names = arguments.only.split(",")
    PEERS.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {"CARGO_TARGET_DIR": str(PEERS / "load")}
    subprocess.run(["cargo", "build", "--release"], cwd=HERE / "load", check=True, env=environment)
    for name in names:
        GATEWAYS[name].install()
    with tempfile.TemporaryDirectory() as folder:
        turned = [names[n % len(names):] + names[: n % len(names)] for n in range(arguments.rounds)]
        rounds = [a_round(order, folder, arguments) for order in turned]
    print(table(names, rounds))
    (PEERS / "gateway.json").write_text(json.dumps({"arguments": vars(arguments), "rounds": rounds}, indent=1))


if __name__ == "__main__":
    main()
