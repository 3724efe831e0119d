#!/usr/bin/env bash
# Labels many real prompts three ways and prints what came of it: undisturbed, killed three times at random and resumed, and by
# the batched engine alone. It passes when the resumed output is the undisturbed one, the memory stays below 400 MB, and rows come at
# 0.85 of the engine's rate or more.
#
#     cargo build --release
#     scripts/bulk_at_scale.sh PROMPTS.jsonl.gz [ROWS] [THREADS]      # ROWS: 100000; rows of the file are repeated
#
# PROMPTS is JSON lines with `text`, such as `pointsman data fetch` makes. The machine should have nothing else to do.
set -euo pipefail

prompts=${1:?usage: scripts/bulk_at_scale.sh PROMPTS.jsonl.gz [ROWS] [THREADS]}
rows=${2:-100000}
threads=${3:-$(nproc)}
pointsman=${POINTSMAN_BIN:-$(dirname "$0")/../target/release/pointsman}
python=${PYTHON:-python3}
seed=${SEED:-20261121}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$python" - "$prompts" "$rows" >"$work/in.jsonl" <<'PY'
import gzip, itertools, json, sys
path, rows = sys.argv[1], int(sys.argv[2])
opened = gzip.open(path, "rt") if path.endswith(".gz") else open(path)
texts = [json.loads(line)["text"] for line in opened if line.strip()]
for at, text in enumerate(itertools.islice(itertools.cycle(texts), rows)):
    print(json.dumps({"id": at, "text": text}, ensure_ascii=False))
PY
echo "$(wc -l < <(zcat -f "$prompts")) prompts of $prompts, SHA-256 $(sha256sum "$prompts" | cut -d' ' -f1)"
echo "$rows rows, $(stat -c %s "$work/in.jsonl") bytes, $threads threads, $("$pointsman" --version)"

"$python" - "$pointsman" "$work" "$threads" "$rows" "$seed" <<'PY'
import hashlib, json, os, random, signal, subprocess, sys, time

program, work, threads, rows, seed = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
base = [program, "classify", "--input", f"{work}/in.jsonl", "--threads", threads]


def run(*more):
    """Standard output of the program, and the most memory it had."""
    process = subprocess.Popen([*base, *more], stdout=subprocess.PIPE, text=True)
    out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{' '.join(more)} failed")
    return out, usage.ru_maxrss << 10


def digest(name):
    with open(f"{work}/{name}", "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def engine_alone():
    """Tokens a second of the engine without reading, tokenising and writing, on a tenth of the prompts."""
    command = [program, "bench", "prompts", "--input", f"{work}/in.jsonl", "--threads", threads, "--rows", str(rows // 10)]
    return json.loads(subprocess.check_output([*command, "--json"], text=True))["tokens_per_s"]


# Before and after, so that what else the machine does meets both.
rates = [engine_alone()]
out, memory = run("--output", f"{work}/undisturbed.jsonl", "--json")
rates.append(engine_alone())
summary = json.loads(out)
print(json.dumps({"undisturbed": summary, "peak_memory_mb": memory / 1e6}))



def answered():
    """Rows that the resumed run has answered for certain."""
    try:
        return json.load(open(f"{work}/resumed.jsonl.progress"))["rows"]
    except FileNotFoundError:
        return 0


choose = random.Random(seed)
kills = 0
for share in sorted(choose.uniform(0.05, 0.9) for _ in range(3)):
    process = subprocess.Popen([*base, "--output", f"{work}/resumed.jsonl", "--resume"], stderr=subprocess.DEVNULL)
    while process.poll() is None and answered() < share * rows:
        time.sleep(0.01)
    process.kill()
    kills += process.wait() == -signal.SIGKILL
    print(f"killed after {answered()} rows")
out, resumed_memory = run("--output", f"{work}/resumed.jsonl", "--resume", "--json")
same = digest("undisturbed.jsonl") == digest("resumed.jsonl")
print(json.dumps({"resumed": json.loads(out), "identical": same}))

share = summary["tokens_per_s"] / (sum(rates) / len(rates))
print(json.dumps({"engine_alone_tokens_per_s": rates}))

memory_mb = max(memory, resumed_memory) / 1e6
passed = kills == 3 and same and memory_mb <= 400 and share >= 0.85
print(f"killed {kills} times, identical {same}, memory {memory_mb:.0f} MB, {share:.3f} of the engine's rate: {'passed' if passed else 'FAILED'}")
sys.exit(0 if passed else 1)
PY
