"""Drift: anchors, flips beyond a judge's own noise, and the parting of a change into judge and models."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from builders import make_judge
from command import omr_judge, read_jsonl
from hypothesis import given
from hypothesis import strategies as st
from planted_items import write_items
from provider_server import Answer, Call, ProviderServer, traces_of, verdicts_for
from run_builder import A_WINS, make_run

from judge.certify.drift import sample
from judge.certify.drift_report import DriftReport, DriftWord, drift_lines, drift_on, judges_of_then
from judge.enums import Method
from judge.errors import InputError
from judge.outcomes.counted_items import CriterionItems
from judge.outcomes.rates import Basis

STATES, CREDITS = np.array(["a", "b", "tie"]), {"a": 1.0, "b": 0.0, "tie": 0.5}


def drifted(rng: np.random.Generator, *, n: int, noise: float, flipping: float) -> bool:
    """Tell whether a judge that redraws some verdicts, and has changed others for good, is found to have drifted."""

    def asked(true: np.ndarray) -> np.ndarray:
        return np.where(rng.random(n) < noise, rng.choice(STATES, n), true)

    true = rng.choice(STATES, n)
    turned = {"a": "b", "b": "a", "tie": "a"}
    changed = np.where(rng.random(n) < flipping, [turned[one] for one in true], true)
    then, now, again = asked(true), asked(changed), asked(changed)
    credit = np.vectorize(CREDITS.get)
    flips, repeats = (now != then).astype(float), (now != again).astype(float)
    columns = {"flips": flips, "repeats": repeats, "beyond": flips - repeats, "shift": credit(now) - credit(then)}
    frame = pl.DataFrame({"item": [f"q{place}" for place in range(n)], **columns})
    return drift_on(CriterionItems.of(frame, None, Basis(Method.WILSON, 0))).word is DriftWord.DRIFTED


@pytest.mark.parametrize("noise", [0.0, pytest.param(0.15, marks=pytest.mark.slow)])
def test_a_judge_that_stays_the_same_is_alarmed_about_in_at_most_five_percent(noise: float) -> None:
    rng = np.random.default_rng(5)
    runs = 200 if noise else 20
    alarms = sum(drifted(rng, n=200, noise=noise, flipping=0.0) for _ in range(runs))
    print("alarms", noise, alarms / runs)  # noqa: T201 - the figure is told on closing
    assert alarms <= runs * 0.05 + 2 * (runs * 0.05) ** 0.5
    assert noise or not alarms


@pytest.mark.slow
def test_a_judge_that_flips_ten_percent_is_found_with_200_anchors_in_four_of_five() -> None:
    rng = np.random.default_rng(6)
    found = sum(drifted(rng, n=200, noise=0.04, flipping=0.1) for _ in range(100))
    print("found", found / 100)  # noqa: T201 - the figure is told on closing
    assert found >= 80


@given(st.lists(st.sampled_from("abts"), min_size=1, max_size=80), st.integers(1, 90), st.integers(0, 3))
def test_anchors_are_drawn_in_proportion_to_their_outcomes(kinds: list[str], n: int, seed: int) -> None:
    outcomes = {f"q{place}": kind for place, kind in enumerate(kinds)}
    drawn = sample(outcomes, n, seed=seed)
    assert len(set(drawn)) == len(drawn) == min(n, len(kinds))
    counts = Counter(outcomes[item] for item in drawn)
    for kind, size in Counter(kinds).items():
        assert abs(counts[kind] - size * len(drawn) / len(kinds)) <= 1


def original_wins(call: Call) -> Answer:
    first, second = (text.strip() for text in traces_of(call))
    return Answer(verdicts_for(call.schema or {}, "first" if len(first) < len(second) else "second"))


def longer_wins(call: Call) -> Answer:
    first, second = (text.strip() for text in traces_of(call))
    return Answer(verdicts_for(call.schema or {}, "second" if len(first) < len(second) else "first"))


def test_anchors_are_asked_again_and_a_change_is_parted_into_judge_and_models(tmp_path: Path) -> None:
    write_items(tmp_path, 24, images=False)
    with ProviderServer(original_wins) as server, ProviderServer(longer_wins) as other:
        then, now = (f"openai:{name}@{one.url}/v1" for name, one in (("m", server), ("new", other)))
        priced = ("--price", "m=1/2")
        omr_judge("compare", "a.jsonl", "b.jsonl", "--judge", then, *priced, "--name", "r", cwd=tmp_path)
        omr_judge("anchor", "r", "--n", "20", cwd=tmp_path)
        same = json.loads(omr_judge("rejudge", "r_anchor", "--json", cwd=tmp_path).stdout)
        new = ("--judge", now, "--price", "new=1/2")
        again = omr_judge("rejudge", "r_anchor", *new, "--against", "r", "--json", cwd=tmp_path)
        told = omr_judge("rejudge", "r_anchor", *new, "--against", "r", cwd=tmp_path).stdout
        omr_judge("verify", "r_anchor", cwd=tmp_path)
        frozen = tmp_path / "runs/r_anchor/judgments.jsonl"
        kept = frozen.read_bytes()
        frozen.write_bytes(b"".join(kept.splitlines(keepends=True)[:-1]))
        cut = omr_judge("verify", "r_anchor", cwd=tmp_path, code=3).stdout
        assert "judgments.jsonl: changed since the run began" in cut
        frozen.write_bytes(kept)
        omr_judge("verify", same["run"], cwd=tmp_path)
        omr_judge("anchor", "r", "--n", "20", cwd=tmp_path, code=3)
    assert same["criteria"]["openai:m"]["overall"]["word"] == "no drift shown"
    assert same["criteria"]["openai:m"]["overall"]["flips"]["estimate"] == 0
    changed = json.loads(again.stdout)
    own = changed["criteria"]["openai:new"]["overall"]
    assert (own["n"], own["flips"]["estimate"], own["repeats"]["estimate"], own["word"]) == (20, 1, 0, "drifted")
    part = changed["parted"]["openai:new"]
    assert [part[name]["estimate"] for name in ("total", "judge", "models")] == [0, -1, 1]
    assert "was not judged by openai:new" in changed["notes"][-1]
    assert "openai:new in place of openai:m: drifted on overall" in told
    assert "win rate of a changed by -100.0" in told  # the model's name
    anchor = tmp_path / "runs" / "r_anchor"
    assert len(read_jsonl(anchor / "judgments.jsonl")) == 40


def test_what_cannot_be_anchored_or_compared_is_refused(tmp_path: Path) -> None:
    (tmp_path / "v.jsonl").write_text('{"item": "q0", "order": "forward", "verdict": "first"}\n', encoding="utf-8")
    omr_judge("import", "v.jsonl", "--name", "imported", cwd=tmp_path)
    assert "no judge to ask" in omr_judge("anchor", "imported", cwd=tmp_path, code=3).stderr
    assert "no judge to ask" in omr_judge("rejudge", "imported", cwd=tmp_path, code=3).stderr


def test_the_judge_of_then_is_the_one_of_the_same_name_or_the_only_one(tmp_path: Path) -> None:
    manifest = make_run(tmp_path / "r", {"q": A_WINS}).manifest()
    one, two = make_judge(model="x"), make_judge(model="y")
    alone, panel = (manifest.model_copy(update={"judges": judges}) for judges in ((one,), (one, two)))
    assert judges_of_then(alone, ["openai:new"]) == {"openai:new": "openai:x"}
    assert judges_of_then(panel, ["openai:y", "openai:x"]) == {"openai:y": "openai:y", "openai:x": "openai:x"}
    with pytest.raises(InputError, match="none is the one to be replaced"):
        judges_of_then(panel, ["openai:new"])


def test_a_sentence_of_a_figure_without_items_has_a_dash() -> None:
    columns = dict.fromkeys(("flips", "repeats", "beyond", "shift"), pl.Float64)
    empty = pl.DataFrame(schema={"item": pl.String, **columns})
    found = drift_on(CriterionItems.of(empty, None, Basis(Method.JEFFREYS, 0)))
    assert (found.n, found.word, found.beyond_p, found.shift_p) == (0, DriftWord.NO_DRIFT, 1, 1)
    made = DriftReport(
        anchor="a", run="r", model="m", judges={"j": "j"}, criteria={"j": {"overall": found}}, parted=None, notes=()
    )
    assert next(drift_lines(made)).startswith("overall: flips - %, its own repeats - %, beyond them - (p = 1)")
