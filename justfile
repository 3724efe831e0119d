# What a developer types and what CI runs. `just` lists the recipes.

python := env("PYTHON", "python3")
test_items := "models/pointsman-small/test-items.csv"
venv := justfile_directory() / "target/venv"

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

# All tests that need nothing but Rust
test:
    cargo test --workspace --locked

# Property tests with many cases of their own
test-random:
    PROPTEST_RNG_SEED="$(date +%s)" PROPTEST_CASES=3000 cargo test --workspace --locked

# Tests with the official clients, in a virtual environment of their own
test-clients: _venv
    cargo build --release --locked
    POINTSMAN_BIN="{{justfile_directory()}}/target/release/pointsman" {{venv}}/bin/python -m pytest -q tests/clients

_venv:
    test -x {{venv}}/bin/pytest || ({{python}} -m venv {{venv}} && {{venv}}/bin/pip install -q -r tests/clients/requirements.txt)

# Label quality on the project's own test split, with a floor, and which labels moved since the file in git
eval:
    cargo run --release --locked -- eval tasks --input datasets/pointsman-prompts/*.jsonl --split test --floor 0.82 --against {{test_items}}

# Write the label of each test prompt anew, after a change that should move some
eval-update:
    cargo run --release --locked -- eval tasks --input datasets/pointsman-prompts/*.jsonl --split test --report target/eval
    cp target/eval/items.csv {{test_items}}

# Prices of well-known models, from the newest litellm on PyPI
catalogue:
    {{python}} scripts/make_catalogue.py

# Benchmarks of the encoder and the training step
bench:
    cargo bench --workspace --locked

# Train the embedded model: `just train ../data path/to/all-MiniLM-L6-v2`
train data backbone:
    cargo run --release --locked -- train --recipe datasets/recipes/small.toml --data {{data}} --backbone {{backbone}}

# Everything that CI checks
ci: fmt-check lint doc deny unused test test-clients
