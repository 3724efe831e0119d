"""What recording and an open dashboard cost: `python measure_overhead.py --rate 1000 --seconds 20 --rounds 3`, on an otherwise idle machine.

Three runs, each a sidecar of its own with the demo provider: without records, with records, with records and a dashboard that is looked
at. They take turns for so many rounds, so that what else the machine does meets all of them, and medians of the rounds are printed.
`until decided` is what the sidecar itself measures, from the arrival of a request to its decision; what recording adds comes after it,
in the client's times;
`processor` is processor time of the sidecar for each request.
"""

import argparse
import json
import os
import statistics
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

from conftest import Sidecar
from load import Load

TABLE = '[models]\ncheap = { use = "demo/small", price = { input = 1, output = 2 } }\n[route]\ndefault = "cheap"\n'
RUNS = [("without records", TABLE, False), ("with records", TABLE + "[record]\n", False), ("and a dashboard", TABLE + "[record]\n", True)]


def get(url):
    with urllib.request.urlopen(url) as response:
        return json.load(response)


def look(url, stop):
    """Asks for what the page asks for, as often."""
    while not stop.wait(2):
        get(f"{url}/dashboard/api/traffic?window=15m")
        get(f"{url}/dashboard/api/decisions?limit=25")
        get(f"{url}/dashboard/api/table?name=auto")


def processor_s(pid):
    """User and system time of a process (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(config, is_looked_at, rate, seconds):
    with tempfile.TemporaryDirectory() as folder:
        sidecar = Sidecar(Path(folder), config, {"RUST_LOG": "error"})
        stop = threading.Event()
        watcher = threading.Thread(target=look, args=(sidecar.url, stop))
        before = processor_s(sidecar.child.pid)
        load = Load(sidecar.url, rate, clients=32, prompt="hi {number}").start()
        if is_looked_at:
            watcher.start()
        time.sleep(seconds)
        load.stop()
        stop.set()
        if is_looked_at:
            watcher.join()
        used = processor_s(sidecar.child.pid) - before
        times = get(f"{sidecar.url}/dashboard/api/traffic?window=1h")["times"]
        sidecar.end()
        took = sorted(answer[2] for answer in load.answers)
        return {
            "requests a second": len(took) / seconds,
            "until decided, µs": times["overhead"]["p50_us"],
            "of that labelled, µs": times["queue"]["p50_us"] + times["classify"]["p50_us"],
            "client's median, µs": 1e6 * statistics.median(took),
            "client's 95th, µs": 1e6 * took[int(0.95 * len(took))],
            "processor, µs a request": 1e6 * used / len(took),
        }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=1000)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    measured = {name: [] for name, _, _ in RUNS}
    for _ in range(arguments.rounds):
        for name, config, is_looked_at in RUNS:
            measured[name].append(measure(config, is_looked_at, arguments.rate, arguments.seconds))
    print(f"{'':26}" + "".join(f"{name:>18}" for name in measured))
    for row in measured["without records"][0]:
        medians = [statistics.median(figures[row] for figures in rounds) for rounds in measured.values()]
        print(f"{row:26}" + "".join(f"{median:18.0f}" for median in medians))
    print(f"{'throughput lost, %':26}" + "".join(f"{lost:18.1f}" for lost in losses(measured)))


def losses(measured):
    """Of each run the median share of throughput lost against the run without records in the same round, in percent."""
    rate = "requests a second"
    without = [figures[rate] for figures in measured["without records"]]
    for rounds in measured.values():
        yield statistics.median(100 * (1 - figures[rate] / before) for figures, before in zip(rounds, without, strict=True))


if __name__ == "__main__":
    main()
