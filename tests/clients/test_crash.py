"""SIGKILL under load: the file of records opens, is whole, and has lost no more than the last second.

POINTSMAN_CRASH_RATE (200) and POINTSMAN_CRASH_SECONDS (3) say how much load; the promise is for 500 a second.
"""

import json
import os
import signal
import sqlite3
import subprocess
import threading
import time

from conftest import DEFAULT_BIN, PATIENCE, Sidecar
from load import Load

RATE = float(os.environ.get("POINTSMAN_CRASH_RATE", "200"))
SECONDS = float(os.environ.get("POINTSMAN_CRASH_SECONDS", "3"))
CONFIG = '[models]\ncheap = "demo/small"\nstrong = "demo/large"\n[route]\ndefault = "cheap"\n"*.hard" = "strong"\n[record]\npath = "records.db"\n'


class Pulse:
    """Notes how long this process itself was kept waiting: a second in which the machine stood still is none."""

    def __init__(self):
        self.gaps = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat)
        self._thread.start()

    def _beat(self):
        last = time.monotonic()
        while not self._stop.wait(0.01):
            now = time.monotonic()
            self.gaps.append((now, now - last - 0.01))
            last = now

    def stop(self):
        self._stop.set()
        self._thread.join()

    def lost_since(self, moment):
        """Seconds of which this process got nothing, in gaps of at least 50 ms."""
        return sum(gap for at, gap in self.gaps if at > moment and gap > 0.05)


def test_a_killed_sidecar_loses_no_more_than_the_last_second(start, tmp_path):
    for attempt in range(4):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        stood_still = killed_under_load(start, folder)
        if stood_still < 0.3:
            return
        print(f"the machine stood still for {stood_still:.2f} s before the kill: once more")
    raise AssertionError("the machine stands still too often to measure a second")


def killed_under_load(start, tmp_path):
    """Checks all but what was lost, and that too where the machine ran. Returns how long it did not."""
    sidecar = start(Sidecar, tmp_path, CONFIG, {"RUST_LOG": "warn"})
    load, pulse = Load(sidecar.url, RATE).start(), Pulse()
    time.sleep(SECONDS)
    # A slow machine takes longer to have answered so many.
    until = time.monotonic() + PATIENCE
    while len([None for _, at, _ in list(load.answers) if at < time.monotonic() - 1]) <= 50:
        assert time.monotonic() < until, f"{len(load.answers)} answers"
        time.sleep(0.05)
    killed = time.monotonic()
    sidecar.end(signal.SIGKILL)
    load.stop()
    pulse.stop()
    stood_still = pulse.lost_since(killed - 2)
    early = {decision for decision, at, _ in load.answers if at < killed - 1}
    answered = {decision for decision, _, _ in load.answers}
    print(f"{len(answered)} answers in {SECONDS} s, {len(answered) / SECONDS:.0f} a second; {len(early)} before the last second")
    assert len(early) > 50

    again = start(Sidecar, tmp_path, CONFIG, {"RUST_LOG": "warn"})
    database = sqlite3.connect(tmp_path / "records.db")
    assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    rows = database.execute("SELECT id, decision, answered FROM records").fetchall()
    recorded = {id for id, _, _ in rows}
    for _, decision, answered_json in rows:
        json.loads(decision)
        json.loads(answered_json or "null")
    lost = early - recorded
    # What was recorded and has no answer was on its way when the process died: at most one for each client.
    print(f"{len(recorded)} records, {len(answered - recorded)} of the last second lost, {len(recorded - answered)} without an answer")
    assert lost == set() or stood_still >= 0.3, f"{len(lost)} of {len(early)} answers before the last second"
    assert len(recorded - answered) <= load.clients
    binary = os.environ.get("POINTSMAN_BIN", str(DEFAULT_BIN))
    replay = subprocess.run([binary, "replay", "--json"], cwd=tmp_path, capture_output=True, text=True, check=True)
    report = json.loads(replay.stdout)["report"]
    assert report["records"] >= len(recorded) and report["identical"] == report["records"]
    again.end()
    return stood_still
