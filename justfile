# What a developer types and what CI runs. `just` lists the recipes.

python := env("PYTHON", "python3")
venv := justfile_directory() / "target/venv"
# The program that is tried by clients and evaluated; built for release unless one is named
program := env("POINTSMAN_BIN", justfile_directory() / "target/release/pointsman")

_default:
    @just --list

# Format all code
fmt:
    cargo fmt --all

# Fail on unformatted code
fmt-check:
    cargo fmt --all --check

# Lints, warnings denied
lint:
    cargo clippy --workspace --all-targets --locked -- -D warnings

# Documentation, warnings denied
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked

# Licences, sources and banned crates (advisories need a database from the network and are checked apart)
deny:
    cargo deny --locked check licenses bans sources

# Dependencies that no code uses
unused:
    cargo shear

# Whether the program still compiles with Metal; needs `rustup target add aarch64-apple-darwin`, and on other systems than a Mac's a
# C compiler for it in CC_aarch64_apple_darwin (clang with Apple's headers), since dependencies compile C
check-metal:
    #!/usr/bin/env bash
    set -euo pipefail
    if ! ls "$(rustc --print sysroot)"/lib/rustlib/aarch64-apple-darwin/lib/libcore-*.rlib >/dev/null 2>&1; then
        echo "SKIPPED: the target aarch64-apple-darwin is not installed; rustup target add aarch64-apple-darwin"
    elif [ "$(uname)" != Darwin ] && [ -z "${CC_aarch64_apple_darwin:-}" ]; then
        echo "SKIPPED: no C compiler for aarch64-apple-darwin; name one in CC_aarch64_apple_darwin"
    else
        cargo check -p pointsman --target aarch64-apple-darwin --features metal --locked
    fi

# A CUDA toolkit in target/cuda, and the program with CUDA in target/with-cuda; needs no GPU
build-cuda:
    test -f target/cuda/env.sh || scripts/cuda_toolkit.sh target/cuda
    . target/cuda/env.sh && cargo build --release --locked --features cuda --target-dir target/with-cuda

# All tests that need nothing but Rust
test:
    cargo test --workspace --locked

# Property tests with many cases of their own
test-random:
    PROPTEST_RNG_SEED="$(date +%s)" PROPTEST_CASES=3000 cargo test --workspace --locked

# The kernels' unit tests under AddressSanitizer, an option of a nightly compiler: `just sanitize`, `just sanitize thread`
sanitize kind="address":
    RUSTFLAGS="-Zsanitizer={{kind}}" cargo +nightly test -p pointsman-kernels --lib --release --locked \
        --target "$(rustc --print host-tuple)" --target-dir target/sanitize

# The kernels' portable tier under Miri (`rustup component add --toolchain nightly miri`), or other tiers with `features`, as docs/engines.md says
miri features="" tests="":
    #!/usr/bin/env bash
    set -euo pipefail
    export MIRIFLAGS=-Zmiri-disable-isolation RUSTFLAGS="{{ if features == "" { "" } else { "-Ctarget-feature=" + features } }}"
    cargo +nightly miri test -p pointsman-kernels --lib --locked --target-dir target/miri -- {{tests}}

# Tests with the official clients, in a virtual environment of their own
test-clients: _venv _node _program
    POINTSMAN_BIN="{{program}}" {{venv}}/bin/python -m pytest -q tests/clients

# The dashboard in Chromium while requests come for so many seconds: its figures keep up, its console stays silent
test-dashboard seconds="60": _venv _program
    POINTSMAN_DASHBOARD_SECONDS={{seconds}} POINTSMAN_BIN="{{program}}" {{venv}}/bin/python -m pytest -q -rs tests/clients/test_dashboard.py

_program:
    test -n "${POINTSMAN_BIN:-}" || cargo build --release --locked

_venv:
    test -x {{venv}}/bin/pytest || ({{python}} -m venv {{venv}} && {{venv}}/bin/pip install -q -r tests/clients/requirements.txt)

# The clients of npm, where there is node; without it their tests are skipped
_node:
    #!/usr/bin/env bash
    set -euo pipefail
    command -v npm >/dev/null || { echo "no npm: the clients of npm are not tested"; exit 0; }
    test -d target/node/node_modules/openai && cmp -s tests/clients/node/package-lock.json target/node/package-lock.json && exit 0
    mkdir -p target/node
    cp tests/clients/node/package*.json target/node/
    npm ci --prefix target/node --no-audit --no-fund --ignore-scripts

# Fuzz each target for so many seconds (needs cargo-fuzz). What libFuzzer instruments with are options of a nightly compiler;
# RUSTC_BOOTSTRAP lets a stable one take them, and changes nothing for a nightly one. Finds go to target/fuzz, not into fuzz/corpus
fuzz seconds="60" targets="sse event_stream body config":
    #!/usr/bin/env bash
    set -euo pipefail
    export RUSTC_BOOTSTRAP=1
    for target in {{targets}}; do
        mkdir -p "target/fuzz/found/$target"
        cargo fuzz run --target-dir target/fuzz "$target" "target/fuzz/found/$target" "fuzz/corpus/$target" -- \
            -max_total_time={{seconds}} -max_len=4096 -rss_limit_mb=2048 -timeout=10
    done

# Faults on 20 % of upstream calls, for so many seconds: every request accounted for, memory flat
chaos seconds="60" rate="200":
    cargo build --release --locked
    {{python}} tests/clients/chaos.py --seconds {{seconds}} --rate {{rate}} target/release/pointsman

# Label quality on the project's own test split, with a floor, and which labels moved since the file in git
eval: _program
    {{program}} eval tasks --input datasets/pointsman-prompts/*.jsonl --split test --floor 0.85 --against models/pointsman-small/test-items.csv
    {{program}} --model models/pointsman-multi eval tasks --input datasets/pointsman-prompts/*.jsonl --split test --floor 0.925 --against models/pointsman-multi/test-items.csv

# Write the label of each test prompt anew (of `small` or `multi`), after a change that should move some
eval-update model="small": _program
    {{program}} --model models/pointsman-{{model}} eval tasks --input datasets/pointsman-prompts/*.jsonl --split test --report target/eval
    cp target/eval/items.csv models/pointsman-{{model}}/test-items.csv

# How far each faster arithmetic is from f32 on the development split, onto the card of `small` or `multi`: `auto` goes by it
gates model="small": _program
    {{program}} --model models/pointsman-{{model}} eval engines --input datasets/pointsman-prompts/*.jsonl --split dev --write-card

# The reference and the schema of the configuration, from the comments in the code
config-docs:
    cargo run --locked -- config schema > docs/pointsman.schema.json
    cargo run --locked -- config reference > docs/configuration-reference.md

# Prices of well-known models, from the newest litellm on PyPI
catalogue:
    {{python}} scripts/make_catalogue.py

# Benchmarks of the encoder and the training step
bench:
    cargo bench --workspace --locked

# What recording costs a request, and how fast 100,000 records are replayed
bench-records:
    cargo bench -p pointsman-eval --bench replay --locked

# What recording and an open dashboard cost at 1,000 requests a second
measure-overhead: _venv
    cargo build --release --locked
    cd tests/clients && POINTSMAN_BIN="{{justfile_directory()}}/target/release/pointsman" {{venv}}/bin/python measure_overhead.py

# SIGKILL at 500 requests a second
test-crash: _venv
    cargo build --release --locked
    POINTSMAN_CRASH_RATE=500 POINTSMAN_CRASH_SECONDS=10 POINTSMAN_BIN="{{justfile_directory()}}/target/release/pointsman" {{venv}}/bin/python -m pytest -q -s tests/clients/test_crash.py

# Train the embedded model, both stages: `just train ../data path/to/all-MiniLM-L6-v2`
train data backbone:
    cargo run --release --locked -- train --recipe datasets/recipes/small.toml --data {{data}} --backbone {{backbone}} --out target/first
    cargo run --release --locked -- train --recipe datasets/recipes/small-steady.toml --data {{data}} --backbone target/first/pointsman-small

# Everything that CI checks
ci: fmt-check lint doc deny unused check-metal test-clients eval test
