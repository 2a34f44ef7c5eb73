"""Add controls to a run that is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from judge.errors import RunError
from judge.io.prices import parse_prices
from judge.run.compare import unchanged_manifest
from judge.run.controls import judged_items, make_controls, refuse_contradictions
from judge.run.judging_all import judge_all, members_of
from judge.run.pricing import change_prices

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from judge.io.journal import RunFolder
    from judge.run.options import ControlOptions, JudgingOptions


def add_controls(
    folder: RunFolder,
    options: ControlOptions,
    judging: JudgingOptions,
    *,
    prices: Sequence[str] = (),
    command: Sequence[str],
    say: Callable[[str], None],
) -> None:
    """Draw controls from what a run has judged so far, and judge them; the run itself is asked nothing.

    Raises:
        InputError: a control cannot be had, or as `judge_run`.
        RunError: the run is no comparison, is itself a control, has changed, or has no verdict yet.
    """
    manifest = folder.manifest()
    if manifest.control is not None:
        raise RunError(f"{folder.path}: a control itself; name the run that it belongs to")
    unchanged_manifest(folder)
    refuse_contradictions(options, hide_answers=manifest.hide_answers, is_shard=manifest.shard is not None)
    judged = judged_items(folder)
    if not judged:
        raise RunError(f"{folder.path}: nothing is judged yet; `omr-judge resume {folder.path}` first")
    make_controls(folder, manifest, options.wanted(), judged=judged, command=command)
    change_prices(folder, parse_prices(prices, manifest.judges))
    judge_all(members_of(folder, folder.manifest())[1:], judging, beside=[folder], say=say)
