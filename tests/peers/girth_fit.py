"""Holds a fit of `pointsman fit` against GIRTH's on the same matrix.

    pip install girth            # 0.8.0; needs numpy and scipy
    pointsman fit --outcomes zeroeval.jsonl.gz --out fit --keep-broken
    python tests/peers/girth_fit.py --outcomes zeroeval.jsonl.gz --fit fit

GIRTH (https://github.com/eribean/girth) fits the two-parameter logistic model to the matrix of models and prompts by marginal
maximum likelihood with priors (`twopl_mml_eap`), abilities as expectations a posteriori. Prompts that every or no model
solved are left out: without a prior on difficulty theirs is infinite. Shares of successes count as right from one half on.
Prints the correlations of abilities and difficulties, Pearson's and Spearman's. Run by hand; not part of CI.
"""

import argparse
import gzip
import json
import time
from pathlib import Path

import numpy as np
from girth import ability_eap, tag_missing_data, twopl_mml_eap
from scipy.stats import pearsonr, spearmanr


def rows(path):
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def score(outcome):
    value = outcome.get("score", outcome.get("correct"))
    return None if value is None else float(value)


def matrix(paths, canonical):
    """Scores by (source, id) and canonical name of the model."""
    scores = {}
    for path in paths:
        for row in rows(path):
            key = (row.get("source", path.name.split(".")[0]), str(row["id"]))
            answers = row.get("models") or {row["model"]: row}
            for name, outcome in answers.items():
                value = score(outcome) if outcome else None
                if value is not None:
                    name = canonical.get(name.lower(), name)
                    scores.setdefault(key, {}).setdefault(name, []).append(value)
    return scores


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--outcomes", type=Path, nargs="+", required=True)
    parser.add_argument("--fit", type=Path, required=True, help="folder that `pointsman fit` wrote")
    arguments = parser.parse_args()

    report = json.loads((arguments.fit / "report.json").read_text())
    abilities = {model["name"]: model["ability"] for model in report["models"]}
    canonical = {alias.lower(): model["name"] for model in report["models"] for alias in model["aliases"]}
    canonical |= {name.lower(): name for name in abilities}
    items = map(json.loads, (arguments.fit / "items.jsonl").read_text().splitlines())
    fitted = {(item["source"], item["id"]): item["b"] for item in items}

    scores = matrix(arguments.outcomes, canonical)
    difficulties = {key: b for key, b in fitted.items() if key in scores}
    models = sorted({name for key in difficulties for name in scores[key]} & set(abilities))
    place = {name: index for index, name in enumerate(models)}
    keys, data = [], []
    for key in sorted(difficulties):
        line = np.full(len(models), -1)
        for name in scores[key].keys() & place.keys():
            line[place[name]] = int(np.mean(scores[key][name]) >= 0.5)
        if {0, 1} <= set(line.tolist()):
            keys.append(key)
            data.append(line)
    data = tag_missing_data(np.array(data), [0, 1])
    print(f"{len(models)} models, {len(keys)} prompts that some solved and some did not (of {len(difficulties)})")

    start = time.perf_counter()
    found = twopl_mml_eap(data)
    theta = ability_eap(data, found["Difficulty"], found["Discrimination"])
    print(f"GIRTH: {time.perf_counter() - start:.0f} s")

    pairs = {
        "abilities": (theta, [abilities[name] for name in models]),
        "difficulties": (found["Difficulty"], [difficulties[key] for key in keys]),
    }
    for name, (theirs, ours) in pairs.items():
        linear, rank = pearsonr(theirs, ours)[0], spearmanr(theirs, ours)[0]
        print(f"{name}: Pearson {linear:.4f}, Spearman {rank:.4f}")


if __name__ == "__main__":
    main()
