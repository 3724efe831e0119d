"""Draws a matrix of answers, fits it with GIRTH, and writes both for the test `girth_finds_the_same` of `pointsman-eval`.

    pip install girth            # 0.8.0; needs numpy and scipy
    python tests/peers/girth_fixture.py crates/pointsman-eval/tests/girth.json

Answers are drawn from the two-parameter logistic model with abilities and difficulties N(0, 1) and discriminations whose logarithm
is N(0.2, 0.3²). Prompts that every or no model solved are not drawn: GIRTH has no difficulty for them.
"""

import json
import sys
from pathlib import Path

import numpy as np
from girth import ability_eap, tag_missing_data, twopl_mml_eap

MODELS, PROMPTS, SEED = 60, 120, 20260

random = np.random.default_rng(SEED)
theta = random.normal(size=MODELS)
rows = []
while len(rows) < PROMPTS:
    chance = 1 / (1 + np.exp(-np.exp(random.normal(0.2, 0.3)) * (theta - random.normal())))
    answers = (random.random(MODELS) < chance).astype(int)
    if 0 < answers.sum() < MODELS:
        rows.append(answers)
data = tag_missing_data(np.array(rows), [0, 1])
found = twopl_mml_eap(data)
abilities = ability_eap(data, found["Difficulty"], found["Discrimination"])
fixture = {
    "origin": "tests/peers/girth_fixture.py, GIRTH 0.8.0",
    "answers": ["".join(map(str, row)) for row in rows],
    "abilities": [round(float(value), 5) for value in abilities],
    "difficulties": [round(float(value), 5) for value in found["Difficulty"]],
}
Path(sys.argv[1]).write_text(json.dumps(fixture, indent=1) + "\n")
