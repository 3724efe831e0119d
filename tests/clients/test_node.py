"""The official clients of npm against the built server. `just test-clients` installs them where there is node."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

MODULES = Path(os.environ.get("POINTSMAN_NODE_MODULES", Path(__file__).parents[2] / "target/node/node_modules"))
TESTS = Path(__file__).parent / "node" / "clients.test.cjs"


@pytest.mark.skipif(not shutil.which("node"), reason="there is no node")
@pytest.mark.skipif(not MODULES.is_dir(), reason=f"{MODULES} is not there: run `just test-clients`")
def test_the_clients_of_npm(both, fake, claude):
    environment = os.environ | {
        "NODE_PATH": str(MODULES),
        "POINTSMAN_URL": both.url,
        "FAKE_OPENAI_URL": f"http://127.0.0.1:{fake.port}",
        "FAKE_ANTHROPIC_URL": f"http://127.0.0.1:{claude.port}",
    }
    run = subprocess.run(["node", "--test", str(TESTS)], env=environment, capture_output=True, text=True, timeout=900)
    assert run.returncode == 0, run.stdout + run.stderr
