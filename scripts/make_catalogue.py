#!/usr/bin/env python3
"""Makes crates/pointsman-policy/catalogue.tsv from the price file inside the PyPI package `litellm` (MIT).

    python3 scripts/make_catalogue.py                       # downloads the newest litellm with pip
    python3 scripts/make_catalogue.py --version 1.109.1     # or this one
    python3 scripts/make_catalogue.py --wheel litellm-1.109.1-….whl --date 2026-11-21

It needs Python 3.10 and pip, and nothing else. The same wheel and date give the same bytes.

Kept are chat, responses and embedding models with a price per token, of the providers in PROVIDERS. Prices are those of
the shortest prompts and of the standard tier. A model is named as its provider's API names it.
"""

import argparse
import datetime
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import zipfile

PRICES = "litellm/model_prices_and_context_window_backup.json"
OUT = pathlib.Path(__file__).resolve().parent.parent / "crates/pointsman-policy/catalogue.tsv"

# `litellm_provider` there, and the provider's name here.
PROVIDERS = {
    "anthropic": "anthropic",
    "azure": "azure",
    "bedrock": "bedrock",
    "bedrock_converse": "bedrock",
    "cerebras": "cerebras",
    "cohere": "cohere",
    "cohere_chat": "cohere",
    "deepseek": "deepseek",
    "gemini": "gemini",
    "groq": "groq",
    "mistral": "mistral",
    "moonshot": "moonshot",
    "openai": "openai",
    "voyage": "voyage",
    "xai": "xai",
    "zai": "zai",
}
MODES = {"chat": "chat", "responses": "chat", "embedding": "embedding"}

# Letters of the column `can`; the upper-case letter says that it is stated that the model cannot.
CAPABILITIES = {
    "t": "supports_function_calling",
    "v": "supports_vision",
    "s": "supports_response_schema",
    "r": "supports_reasoning",
}

# US dollars per million tokens.
PRICE_COLUMNS = {
    "input": "input_cost_per_token",
    "output": "output_cost_per_token",
    "cache_read": "cache_read_input_token_cost",
    "cache_write": "cache_creation_input_token_cost",
    "batch_input": "input_cost_per_token_batches",
    "batch_output": "output_cost_per_token_batches",
}

COLUMNS = ["provider", "model", "kind", *PRICE_COLUMNS, "max_input", "max_output", "can", "retires"]


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--wheel", type=pathlib.Path, help="a wheel of litellm that is there already")
    arguments.add_argument("--version", help="the version to download [default: the newest]")
    arguments.add_argument("--date", default=datetime.date.today().isoformat(), help="day of the prices [default: today]")
    arguments.add_argument("--out", type=pathlib.Path, default=OUT)
    args = arguments.parse_args()
    datetime.date.fromisoformat(args.date)
    with tempfile.TemporaryDirectory() as folder:
        wheel = args.wheel or download(args.version, pathlib.Path(folder))
        with zipfile.ZipFile(wheel) as archive:
            entries = json.loads(archive.read(PRICES))
    version = wheel.name.split("-")[1]
    rows = models(entries)
    lines = [f"# pointsman-catalogue 1\t{args.date}\tlitellm {version}", "\t".join(COLUMNS)]
    lines += ["\t".join(row) for row in rows]
    args.out.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    print(f"{len(rows)} models written to {args.out}")


def download(version, folder):
    package = f"litellm=={version}" if version else "litellm"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    subprocess.run([*command, "--dest", str(folder), package], check=True)
    return next(folder.glob("litellm-*.whl"))


def models(entries):
    """One row a model, sorted by provider and name."""
    found = {}
    for key, entry in entries.items():
        provider = PROVIDERS.get(entry.get("litellm_provider"))
        kind = MODES.get(entry.get("mode"))
        if provider is None or kind is None or entry.get("input_cost_per_token") is None:
            continue
        name = api_name(key, provider)
        if name is None:
            continue
        # A name that is listed with and without its provider: the one with it is the provider's own list.
        if (provider, name) not in found or key.startswith(f"{provider}/"):
            found[provider, name] = row(provider, name, kind, entry)
    return [found[key] for key in sorted(found)]


def api_name(key, provider):
    """The model's name at the provider; None for what has none, such as prices of a region or of a fine-tuned model."""
    name = key.removeprefix(f"{provider}/")
    if re.search(r"[\s#*]", name) or name.startswith(("ft:", "container")):
        return None
    # Groq's and others' models have a slash in their own names; at Azure and Bedrock it sets a region apart.
    if "/" in name and provider not in {"groq"}:
        return None
    return name


def row(provider, name, kind, entry):
    prices = [price(entry.get(column)) for column in PRICE_COLUMNS.values()]
    if not prices[1]:
        prices[1] = "0"
    can = "".join(
        letter if entry[key] else letter.upper()
        for letter, key in CAPABILITIES.items()
        if isinstance(entry.get(key), bool)
    )
    tokens = [count(entry.get(key)) for key in ("max_input_tokens", "max_output_tokens")]
    retires = entry.get("deprecation_date", "")
    retires = retires if re.fullmatch(r"\d{4}-\d{2}-\d{2}", retires) else ""
    return [provider, name, kind, *prices, *tokens, can, retires]


def price(per_token):
    """Dollars per million tokens, without what floating point adds."""
    if per_token is None:
        return ""
    return f"{float(per_token) * 1e6:.6f}".rstrip("0").rstrip(".")


def count(tokens):
    try:
        return str(int(tokens)) if int(tokens) > 0 else ""
    except (TypeError, ValueError):
        return ""


if __name__ == "__main__":
    main()
