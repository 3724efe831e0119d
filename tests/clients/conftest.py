"""The built server, and a provider for it, each in a process of its own."""

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import anthropic
import openai
import pytest

import fake_anthropic
import fake_openai

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
DEFAULT_BIN = ROOT / "target" / "release" / "pointsman"

# How long anything may take here, in seconds: a test that needs it has failed, however slow the machine.
PATIENCE = 180

# On a busy machine the labels of a prompt may take longer than a server would wait for them.
PATIENT_CLASSIFIER = f"""
[classifier]
timeout_ms = {PATIENCE * 1000}
"""

# A row of its own for each provider; `retries` keeps a provider that fails from being waited for.
BOTH = """
[failures]
retries = 0
breaker_failures = 0

[providers.fake]
kind = "openai_compatible"
base_url = "http://127.0.0.1:{openai}/v1"
api_key_env = "FAKE_OPENAI_KEY"

[providers.responder]
kind = "openai_compatible"
base_url = "http://127.0.0.1:{openai}/v1"
api_key_env = "FAKE_OPENAI_KEY"
responses = true

[providers.claude]
kind = "anthropic"
base_url = "http://127.0.0.1:{anthropic}"
api_key_env = "FAKE_ANTHROPIC_KEY"

[models]
gpt    = "fake/small-1"
native = "responder/small-1"
claude = "claude/small-1"

[route]
default = ["gpt", "claude"]
""" + PATIENT_CLASSIFIER

CONFIG = """
[server]
body_limit_bytes = 1_000_000

[providers.fake]
kind = "openai_compatible"
base_url = "http://127.0.0.1:{port}/v1"
api_key_env = "FAKE_OPENAI_KEY"

[providers.gone]
kind = "openai_compatible"
base_url = "http://127.0.0.1:1/v1"

[models]
cheap  = "fake/small-1"
strong = "fake/large-1"
local  = "demo/local"

[route]
default    = "cheap"
unsure     = "cheap"
math       = ["strong", "cheap"]
"*.expert" = "strong"

[tables.offline]
default = ["gone/anything", "local"]
""" + PATIENT_CLASSIFIER


class Process:
    """A child that is ended with the test, and whose standard error is kept."""

    def __init__(self, command, **options):
        self.child = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, **options)
        self.lines = []
        self._ready = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.child.stderr:
            with self._ready:
                self.lines.append(line)
                self._ready.notify_all()
        with self._ready:
            self.lines.append("")
            self._ready.notify_all()

    def wait_for(self, pattern, seconds=PATIENCE):
        """The first match of `pattern` in a line of standard error."""
        found = lambda: next((m for m in (re.search(pattern, line) for line in self.lines) if m), None)
        ended = lambda: self.lines and self.lines[-1] == ""
        with self._ready:
            self._ready.wait_for(lambda: found() or ended(), seconds)
            assert found(), f"{pattern!r} is not in: {''.join(self.lines)}"
            return found()

    def end(self, with_signal=signal.SIGTERM):
        if self.child.poll() is None:
            self.child.send_signal(with_signal)
        return self.child.wait(timeout=PATIENCE)


class FakeOpenAI(Process):
    def __init__(self):
        super().__init__([sys.executable, str(HERE / "fake_openai.py")], stdout=subprocess.PIPE)
        self.port = int(self.child.stdout.readline())


class FakeAnthropic(Process):
    def __init__(self):
        super().__init__([sys.executable, str(HERE / "fake_anthropic.py")], stdout=subprocess.PIPE)
        self.port = int(self.child.stdout.readline())


class FakeAzure(Process):
    def __init__(self):
        super().__init__([sys.executable, str(HERE / "fake_azure.py")], stdout=subprocess.PIPE)
        self.port = int(self.child.stdout.readline())


class FakeBedrock(Process):
    def __init__(self):
        super().__init__([sys.executable, str(HERE / "fake_bedrock.py")], stdout=subprocess.PIPE)
        self.port = int(self.child.stdout.readline())


class Sidecar(Process):
    def __init__(self, folder, config=None, environment=None):
        binary = os.environ.get("POINTSMAN_BIN", str(DEFAULT_BIN))
        assert Path(binary).is_file(), f"{binary} is not there: build it, or set POINTSMAN_BIN"
        command = [binary, "serve", "--listen", "127.0.0.1:0"]
        if config is not None:
            (folder / "pointsman.toml").write_text(config)
        usual = {"PATH": os.environ["PATH"], "RUST_LOG": "debug"}
        usual |= {"FAKE_OPENAI_KEY": fake_openai.KEY, "FAKE_ANTHROPIC_KEY": fake_anthropic.KEY}
        super().__init__(command, cwd=folder, env=usual | (environment or {}))
        self.url = self.wait_for(r"listens on (http://127\.0\.0\.1:\d+)")[1]

    @staticmethod
    def make_key(name):
        """A key by `pointsman key`, with its section of the configuration."""
        binary = os.environ.get("POINTSMAN_BIN", str(DEFAULT_BIN))
        printed = subprocess.run([binary, "key", name], check=True, capture_output=True, text=True).stdout
        key, section = printed.split("\n", 1)
        return SimpleNamespace(key=key, section=section)

    def client(self, **options):
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key="sk-planted-client-key", max_retries=0, **options)

    def anthropic(self, **options):
        return anthropic.Anthropic(base_url=self.url, api_key="sk-planted-client-key", max_retries=0, **options)


@pytest.fixture
def start(tmp_path):
    """Starts processes that are ended after the test: `start(Sidecar, …)`."""
    running = []

    def begin(kind, *arguments):
        process = kind(*arguments)
        running.append(process)
        return process

    yield begin
    for process in running:
        process.end(signal.SIGKILL)


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """A sidecar with the configuration that is built in, but for its patience: the demo provider answers."""
    built_in = (ROOT / "crates/pointsman/src/default.toml").read_text()
    sidecar = Sidecar(tmp_path_factory.mktemp("demo"), built_in + PATIENT_CLASSIFIER)
    yield sidecar
    sidecar.end()


@pytest.fixture(scope="module")
def fake():
    server = FakeOpenAI()
    yield server
    server.end(signal.SIGKILL)


@pytest.fixture(scope="module")
def claude():
    server = FakeAnthropic()
    yield server
    server.end(signal.SIGKILL)


@pytest.fixture(scope="module")
def both(tmp_path_factory, fake, claude):
    """A sidecar with fakes of OpenAI and Anthropic behind it."""
    sidecar = Sidecar(tmp_path_factory.mktemp("both"), BOTH.format(openai=fake.port, anthropic=claude.port))
    yield sidecar
    sidecar.end()


@pytest.fixture(scope="module")
def routed(tmp_path_factory, fake):
    """A sidecar with the fake provider behind it."""
    sidecar = Sidecar(tmp_path_factory.mktemp("routed"), CONFIG.format(port=fake.port))
    yield sidecar
    sidecar.end()
