"""Derive the report of a ranking from run folders alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from judge.errors import InputError, RunError
from judge.files.fields import show
from judge.flags.flags import flags_of_run
from judge.inputs.families import kinship_warnings
from judge.outcomes.rates import LEVEL, Basis, Figure, rounded
from judge.ranking.fitted_models import Settings, fit_table
from judge.ranking.joined_runs import JoinedRuns, Wanted, join_runs
from judge.ranking.rank_models import rank_part, rank_parts, rank_strata, rank_table
from judge.ranking.ranking_report import SCHEMA_VERSION, Curve, CurveStep, RankingReport
from judge.report.build_report import SOFT
from judge.report.report import clusters_of
from judge.stats.clusters import FEW_UNITS
from judge.stats.davidson import expected
from judge.stats.rating_errors import critical_value

if TYPE_CHECKING:
    import polars as pl

    from judge.enums import Method
    from judge.ranking.ranking_report import CriterionRanking
    from judge.stats.davidson import Davidson

POOR_FIT = 1 - LEVEL


def make_ranking(
    paths: Sequence[Path],
    wanted: Wanted,
    *,
    method: Method | None = None,
    n_resamples: int = 0,
    added: Sequence[str] = (),
    design: str | None = None,
) -> RankingReport:
    """Rank the models of runs; the same folders give the same report.

    Args:
        paths: runs, or folders of them.
        wanted: what else was asked for.
        method: how the win rates of pairs get intervals; None takes the first run's choice.
        n_resamples: how often to fit again for the errors; 0: in closed form.
        added: models whose effect on the others is to be told.
        design: how a tournament chose what to judge.

    Raises:
        InputError: no item has a wanted field, or there is no such model.
        RunError: the runs cannot be ranked together; the message says why.
    """
    joined = join_runs(paths, wanted)
    first, models = joined.manifests[0], joined.models
    for name in added:
        if name not in models:
            raise InputError(f"--added {show(name)}", "no such model", f"there are {', '.join(models)}")
    settings = Settings(Basis(method or first.method, first.seed), n_resamples)
    tables = {name: joined.table(name) for name in joined.criteria}
    criteria: dict[str, CriterionRanking] = {}
    for name, table in tables.items():
        if table.is_empty():
            raise RunError(f"{joined.folders[0].path}: no item has a verdict on {name} yet")
        ranking = rank_table(table, joined.pairs, settings, added=added)
        alone = joined.judges if len(joined.judges) > 1 else ()
        parts = {
            "subgroups": rank_parts(table, wanted.fields, settings),
            "strata": rank_strata(table, settings),
            "by_judge": {judge: rank_part(joined.table(name, judge), settings) for judge in alone},
        }
        criteria[name] = ranking.model_copy(update=parts)
    overall = tables[joined.criteria[-1]]
    items = overall.unique("item", maintain_order=True)
    rubric = first.rubric
    return RankingReport(
        schema_version=SCHEMA_VERSION,
        models=tuple(models),
        judges=tuple(joined.judges),
        prompt=joined.prompt,
        rubric=f"{rubric.name}.v{rubric.version}",
        runs=tuple(str(folder.path) for folder in joined.folders),
        design=design,
        n_items=len(items),
        n_judgments=joined.n_judgments,
        n_failed=joined.failures.total(),
        n_not_asked=joined.n_not_asked,
        failures=dict(sorted(joined.failures.items())),
        usd=joined.spent(),
        errors=settings.told(),
        clusters=clusters_of(items, joined.cluster_field),
        criteria=criteria,
        curve=_curve(joined, overall, settings, wanted.step) if wanted.step else None,
        warnings=(
            *joined.warnings,
            *([SOFT.format(n=joined.n_soft)] if joined.n_soft else []),
            *_warnings(criteria, models),
            *kinship_warnings(
                joined.judges,
                {name: name for name in models},
                asked={judge.name: judge.model for manifest in joined.manifests for judge in manifest.judges},
            ),
        ),
    )


def _warnings(criteria: dict[str, CriterionRanking], models: Sequence[str]) -> list[str]:
    texts = []
    for name, found in criteria.items():
        ranked = {model.model for model in found.models}
        texts += [f"On {name} {model} has no rank: it has no verdict." for model in models if model not in ranked]
        if found.fit.held:
            texts.append(
                f"On {name} the verdicts alone leave a rating infinite: the ratings are held by half a win and half a "
                "loss of each model against the average one."
            )
        if found.fit.p_value is not None and found.fit.p_value < POOR_FIT:
            texts.append(
                f"On {name} one strength a model does not explain the pairs (p = {found.fit.p_value:.2g}): read the "
                "pairs, and the circles among them, beside the ranks."
            )
        if found.slot is None:
            texts.append(f"On {name} position bias cannot be told from the models: no pairs were shown in both orders.")
        if found.n_units < FEW_UNITS:
            units = f"only {found.n_units} items or clusters"
            texts.append(
                f"On {name}: {units}, too few for reliable intervals."
                if found.n_units > 1
                else f"On {name} there is one item or cluster alone: there are no intervals."
            )
    return texts


def _curve(joined: JoinedRuns, table: pl.DataFrame, settings: Settings, field: str) -> Curve:
    """Return the checkpoints in order with a simultaneous band of their differences from the first (max-T)."""
    found = fit_table(table, settings)
    steps = {name: step for name in found.models if (step := _step(joined, name, field)) is not None}
    if len(steps) < 2:  # noqa: PLR2004 - a curve has two points
        hint = "give each record the field, or name the models as in step-1000"
        raise InputError(f"--curve {field}", "fewer than two models have a step", hint)
    order = sorted(steps, key=lambda name: (steps[name], name))
    codes = [found.models.index(name) for name in order]
    base, covariance = codes[0], found.errors.covariance
    critical = critical_value(found.errors.draws, covariance, [(base, code) for code in codes[1:]])
    flagged = _flagged(joined)
    told = []
    for name, code in zip(order, codes, strict=True):
        gradient = np.zeros(len(covariance))
        gradient[code] += 1
        gradient[base] -= 1
        se = max(float(gradient @ covariance @ gradient), 0.0) ** 0.5
        difference = float(found.fit.ratings[code] - found.fit.ratings[base])
        ends = (difference, difference - critical * se, difference + critical * se)
        chars, names = joined.items.chars.get(name, {}), ("estimate", "low", "high")
        told.append(
            CurveStep(
                model=name,
                step=steps[name],
                difference=Figure(**{key: rounded(end) for key, end in zip(names, ends, strict=True)}, se=rounded(se)),
                win_rate=Figure(
                    **{key: rounded(_against(found.fit, end)) for key, end in zip(names, ends, strict=True)}
                ),
                differs=code != base and not ends[1] <= 0 <= ends[2],
                mean_chars=round(sum(chars.values()) / len(chars), 1) if chars else None,
                flagged=round(len(flagged.get(name, ())) / len(chars), 6) if chars else None,
            )
        )
    return Curve(
        field=field,
        base=order[0],
        first_different=next((step.model for step in told if step.differs), None),
        steps=tuple(told),
        left_out=tuple(name for name in found.models if name not in steps),
    )


def _against(fit: Davidson, difference: float) -> float:
    """Return the expected credit at a difference of ratings, both orders alike."""
    slot = fit.slot or 0.0
    return float(expected(np.array([difference + slot, difference - slot]), fit.log_tie).credit.mean())


def _step(joined: JoinedRuns, model: str, field: str) -> float | None:
    """Return a model's step: as its traces state it, else the number after the field's name in its own."""
    named = re.search(rf"{re.escape(field)}[-_=]?([0-9]+(?:\.[0-9]+)?)", model)
    return joined.items.steps.get(model, float(named[1]) if named else None)


def _flagged(joined: JoinedRuns) -> dict[str, set[str]]:
    """Return the items whose trace is flagged, by model."""
    found: dict[str, set[str]] = {}
    for folder, manifest in zip(joined.folders, joined.manifests, strict=True):
        for flag in flags_of_run(folder):
            found.setdefault(manifest.model_a if flag.side == "a" else manifest.model_b, set()).add(flag.item)
    return found
