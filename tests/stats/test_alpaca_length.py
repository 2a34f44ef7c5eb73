"""AlpacaEval's length-controlled win rate, held against scikit-learn, by which it is published."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from command import omr_judge, report_of, write_jsonl
from comparison.test_import_soft import annotation
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]
from sklearn.model_selection import GroupKFold  # type: ignore[import-untyped]

from judge.errors import InputError
from judge.inputs.difficulties import read_difficulties
from judge.stats.alpaca_length import alpaca_length_controlled

Floats = NDArray[np.float64]
PUBLISHED_TOL = 1e-4
"""at which scikit-learn stops by default, as it did for the leaderboard"""


def made_up(n: int = 300, seed: int = 1) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    rng = np.random.default_rng(seed)
    difficulty = rng.normal(0, 1, n)
    length_a, length_b = rng.integers(200, 3000, n).astype(float), rng.integers(500, 2500, n).astype(float)
    shift = np.tanh((length_b - length_a) / (length_b - length_a).std(ddof=1))
    credit = expit(0.4 - 0.9 * shift + 0.6 * difficulty + rng.normal(0, 2, n))
    gamed = np.column_stack([expit(rng.normal(0, 2, 2 * n)), rng.normal(0, 1, 2 * n), np.tile(difficulty, 2)])
    return credit, length_a, length_b, difficulty, gamed


def by_sklearn(
    credit: Floats, length_a: Floats, length_b: Floats, difficulty: Floats, gamed: Floats, *, tol: float
) -> float:
    """The published procedure: every row twice, won with its credit as weight and lost with the rest."""
    delta = length_b - length_a
    x = np.vstack(
        [
            np.column_stack([np.tanh(gamed[:, 1]), gamed[:, 2], np.zeros(len(gamed))]),
            np.column_stack([np.tanh(delta / delta.std(ddof=1)), difficulty, np.ones(len(credit))]),
        ]
    )
    y, weight = np.append(gamed[:, 0], credit), np.repeat([0.2 / 2, 1.0], [len(gamed), len(credit)])
    twice, won = np.vstack([x, x]), np.repeat([1, 0], len(y))
    chance, weights, group = np.append(y, 1 - y), np.tile(weight, 2), np.tile(np.arange(len(y)), 2)

    def fitted(strength: float, rows: slice | Floats) -> LogisticRegression:
        model = LogisticRegression(C=strength, l1_ratio=1, solver="liblinear", fit_intercept=False, tol=tol)
        return model.fit(twice[rows], won[rows], sample_weight=(chance * weights)[rows])

    strengths = np.logspace(-4, 4, 10)
    losses = np.zeros((5, 10))
    for fold, (train, test) in enumerate(GroupKFold(5).split(twice, won, group)):
        for index, strength in enumerate(strengths):
            p = fitted(strength, train).predict_proba(twice[test])[:, 1]
            target = np.where(won[test] == 1, chance[test], 1 - chance[test])
            losses[fold, index] = -np.mean(weights[test] * (target * np.log(p) + (1 - target) * np.log(1 - p)))
    model = fitted(strengths[losses.mean(axis=0).argmin()], slice(None))
    level = np.column_stack([np.zeros(len(credit)), difficulty, np.ones(len(credit))])
    return float(model.predict_proba(level)[:, 1].mean())


@pytest.mark.parametrize("with_gamed", [True, False])
@pytest.mark.parametrize("seed", [1, 2])
def test_the_rate_is_that_of_the_published_procedure(seed: int, with_gamed: bool) -> None:  # noqa: FBT001
    credit, length_a, length_b, difficulty, gamed = made_up(seed=seed)
    given = (credit, length_a, length_b, difficulty, gamed if with_gamed else gamed[:0])
    found = alpaca_length_controlled(*given)
    assert found is not None
    assert found.win_rate == pytest.approx(by_sklearn(*given, tol=1e-8), abs=0.0001)
    assert found.win_rate == pytest.approx(by_sklearn(*given, tol=PUBLISHED_TOL), abs=0.002)
    assert found.length_effect < 0 < found.difficulty_effect


def test_lengths_that_all_differ_alike_have_no_such_rate() -> None:
    credit, length_a, _, difficulty, gamed = made_up(50)
    assert alpaca_length_controlled(credit, length_a, length_a + 5, difficulty, gamed) is None


def test_annotations_and_difficulties_make_the_rate_under_the_name_that_they_earn(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    outputs = rng.integers(100, 900, size=(60, 2))
    rows = [
        annotation(n, 1 + round(rng.random(), 6), output_1="x" * int(one), output_2="y" * int(other))
        for n, (one, other) in enumerate(outputs)
    ]
    write_jsonl(tmp_path / "annotations.jsonl", rows)
    omr_judge("import", "annotations.jsonl", "--name", "r", cwd=tmp_path)
    hard = rng.normal(0, 1, 60).round(4)
    gamed = np.column_stack([rng.random(60), rng.normal(0, 1, 60), hard]).round(4)
    head = "model,index,preference,std_delta_len,instruction_difficulty,not_gamed_baseline\n"
    lines = [f"verbose,{n},{p},{d},{h},False\n" for n, (p, d, h) in enumerate(gamed)]
    (tmp_path / "df_gamed.csv").write_text(head + "".join(lines))
    (tmp_path / "plain.csv").write_text("id,difficulty\n" + "".join(f"{n},{h}\n" for n, h in enumerate(hard)))
    report = json.loads(omr_judge("report", "r", "--json", "--difficulty", "df_gamed.csv", cwd=tmp_path).stdout)
    found = report["length"]["overall"]["alpaca_eval"]
    credit = np.array([row["preference"] - 1 for row in rows])
    assert (found["name"], found["n"]) == ("length-controlled win rate (AlpacaEval 2)", 60)
    own = by_sklearn(credit, outputs[:, 1].astype(float), outputs[:, 0].astype(float), hard, gamed, tol=PUBLISHED_TOL)
    assert found["win_rate"] == pytest.approx(own, abs=0.003)
    text = omr_judge("report", "r", "--difficulty", "plain.csv", cwd=tmp_path).stdout
    assert "without its gamed baselines" in " ".join(text.split())
    assert "alpaca_eval" not in report_of(tmp_path / "runs/r")["length"]["overall"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a,b\n1,2\n", "has the columns a, b"),
        ("id,difficulty\n1,high\n", "d.csv:2: difficulty: 'high' is no number"),
        ("id,difficulty\n1,2\n1,3\n", "d.csv:3: a second difficulty of 1"),
        ("id,difficulty\n1,nan\n", "is no number"),
    ],
)
def test_a_file_that_holds_no_difficulties_is_refused_by_its_line(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "d.csv").write_text(text)
    with pytest.raises(InputError) as refused:
        read_difficulties(tmp_path / "d.csv")
    assert told in str(refused.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_difficulties(tmp_path / "none.csv")
