#!/usr/bin/env python3
"""Trains a recipe with one step left out at a time, and on more and more of its prompts, and tabulates what each was worth.

    python3 scripts/ablations.py target/release/pointsman --data DATA --out target/ablations \\
        [--recipe datasets/recipes/small.toml] [--backbone DIR] [--share 0.125] [--only NAME …] \\
        [--also real=prompts.jsonl.gz] [--also autoj=queries.jsonl.gz:datasets/mappings/autoj.toml]

It needs Python 3.11 and nothing else. Every run learns from the same share of the prompts (`--share`, chosen by the recipe's
seed) and is measured on the whole development split, on the prompts of `--also`, and on the development split with typing errors,
politeness and a system prompt added. Runs that are there already are not repeated. The table goes to OUT/table.md, the same as
TOML for a card to OUT/table.toml.
"""

import argparse
import json
import pathlib
import re
import subprocess
import tomllib

PROMPTS = 'files = "datasets/pointsman-prompts/*.jsonl"\n'
# Multiples of --share that make the learning curve.
CURVE = (0.5, 1, 2)


def without_difficulty(recipe):
    """Leaves out what is fitted once the encoder is done."""
    return re.sub(r"(?ms)^# Measured outcomes.*?(?=^\[split\])", "", recipe)


def with_share(recipe, share):
    recipe = recipe.replace(PROMPTS, f"{PROMPTS}share = {share}\n", 1)
    return re.sub(r"(?m)^per_label = (\d+)$", lambda found: f"per_label = {int(int(found[1]) * share)}", recipe)


def without_augment(recipe):
    return re.sub(r"(?m)^\[augment\]\n(?:[a-z_]+ = .*\n)+", "", recipe)


def setting(key, value):
    def change(recipe):
        assert re.search(rf"(?m)^{key} = ", recipe), key
        return re.sub(rf"(?m)^{key} = .*$", f"{key} = {value}", recipe)

    return change


def both(first, second):
    return lambda recipe: second(first(recipe))


def frozen(recipe):
    recipe = setting("epochs", 30)(setting("head_learning_rate", 0.01)(recipe))
    return without_augment(recipe).replace("[fit]\n", "[fit]\nfrozen = true\n", 1)


def consistent(recipe):
    """Half of the rows a step, each twice: as long a step."""
    recipe = setting("epochs", 2)(setting("batch", 16)(recipe))
    return recipe.replace("[fit]\n", "[fit]\nconsistency = 1.0\n", 1)


def without_public(recipe):
    return re.sub(r"(?ms)^# Public prompts.*?(?=^\[split\])", "", recipe)


VARIANTS = {
    "frozen": ("encoder frozen, heads alone", frozen),
    "no-augment": ("without variation of the texts", without_augment),
    "no-smoothing": ("without smoothing and second labels", both(setting("label_smoothing", 0.0), setting("second_label", 0.0))),
    "no-public": ("without public prompts", without_public),
    "no-balance": ("without weighing up rare labels", setting("balance", 0.0)),
    "no-decay": ("one learning rate for all layers", setting("layer_decay", 1.0)),
    "consistent": ("each prompt in two variations held together (2 epochs)", consistent),
}


def runs(share):
    """Name, what it is, share of the prompts, change to the recipe."""
    for factor in CURVE:
        yield f"share-{share * factor:g}", f"all steps, {share * factor:.1%} of the prompts", share * factor, lambda recipe: recipe
    for name, (text, change) in VARIANTS.items():
        yield name, text, share, change


def measure(args, model, out, name, arguments):
    """The report of `eval tasks`, computed once."""
    report = out / name / "report.json"
    if not report.exists():
        command = [args.program, "--model", model, "eval", "tasks", *arguments, "--report", report.parent]
        command += ["--engine", args.engine] if args.engine else []
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return json.loads(report.read_text())


def run(args, name, recipe):
    """Trains and measures one variant; gives its row of the table."""
    out = args.out.resolve() / name
    out.mkdir(parents=True, exist_ok=True)
    recipe = re.sub(r'(?m)^name = "[^"]*"$', f'name = "{name}"', recipe, count=1)
    (out / "recipe.toml").write_text(recipe)
    model = out / "model" / name
    if not (model / "card.toml").exists():
        command = [args.program, "train", "--recipe", out / "recipe.toml", "--data", args.data, "--out", out / "model"]
        command += ["--backbone", args.backbone] if args.backbone else []
        command += ["--engine", args.engine] if args.engine else []
        subprocess.run(command, check=True)
    own = sorted(pathlib.Path("datasets/pointsman-prompts").glob("*.jsonl"))
    dev = measure(args, model, out, "dev", ["--input", *own, "--split", "dev", "--perturb"])
    flips = [flip["rate"]["value"] for flip in dev["flips"] if flip["perturbation"] != "case"]
    row = {
        "rows": tomllib.loads((model / "card.toml").read_text())["data"]["train"],
        "dev": round(dev["accuracy"]["value"], 4),
        "flips": round(sum(flips) / len(flips), 4),
    }
    for also in args.also:
        key, _, rest = also.partition("=")
        file, _, mapping = rest.partition(":")
        arguments = ["--input", file] + (["--mapping", mapping] if mapping else [])
        row[key] = round(measure(args, model, out, key, arguments)["accuracy"]["value"], 4)
    return row


def tables(rows):
    keys = list(rows[0][1])
    shown = lambda key, value: str(value) if key == "rows" else f"{value:.1%}"
    lines = ["| step | " + " | ".join(keys) + " |", "|---|" + "---|" * len(keys)]
    toml = ""
    for text, row in rows:
        lines.append(f"| {text} | " + " | ".join(shown(key, row[key]) for key in keys) + " |")
        toml += f'[[scores.ablation]]\nstep = "{text}"\n' + "".join(f"{key} = {row[key]}\n" for key in keys) + "\n"
    return "\n".join(lines) + "\n", toml


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=pathlib.Path)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--recipe", type=pathlib.Path, default=pathlib.Path("datasets/recipes/small.toml"))
    parser.add_argument("--backbone")
    parser.add_argument("--engine", help="such as bf16, on processors that have it")
    parser.add_argument("--share", type=float, default=0.125)
    names = [name for name, *_ in runs(0.125)]
    parser.add_argument("--only", nargs="+", help=f"names of runs, such as {', '.join(names)}; all when left out")
    parser.add_argument("--also", action="append", default=[], metavar="NAME=FILE[:MAPPING]")
    args = parser.parse_args()
    args.program = args.program.resolve()
    base, rows = without_difficulty(args.recipe.read_text()), []
    for name, text, share, change in runs(args.share):
        if not args.only or name in args.only:
            rows.append((text, run(args, name, with_share(change(base), share))))
            markdown, toml = tables(rows)
            (args.out / "table.md").write_text(markdown)
            (args.out / "table.toml").write_text(toml)
    if not rows:
        parser.error(f"--only names no run; with this share they are {', '.join(name for name, *_ in runs(args.share))}")
    print(markdown)


if __name__ == "__main__":
    main()
