"""Add controls to a run that is judged already: quoted first, then all of them drawn or none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from judge.comparison.compare import unchanged_manifest
from judge.comparison.dry_run import quoted_controls, quoted_parts, with_controls
from judge.costs.prices import parse_prices
from judge.costs.quote import added
from judge.errors import RunError
from judge.judging.find_run import change_prices
from judge.judging.judge_run import RunPart, judge_all, parts_of
from judge.judging.quote_run import confirm
from judge.runs.controls import (
    escalated_folder,
    judged_items,
    make_controls,
    missing_controls,
    refuse_contradictions,
)

if TYPE_CHECKING:
    from judge.costs.quote import Quote
    from judge.judging.options import JudgingOptions
    from judge.runs.control_kinds import ControlOptions
    from judge.runs.manifest import Manifest
    from judge.runs.run_folder import RunFolder


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

    A person who is to confirm the cost does so before anything is drawn.

    Raises:
        InputError: a control cannot be had, or as `judge_all`.
        RunError: the run is no comparison, is itself a control, has changed, or has no verdict yet.
    """
    manifest, judged = _checked(folder, options, judging)
    change_prices(folder, parse_prices(prices, manifest.judges))
    if judging.confirm_above is not None:
        manifest = folder.manifest()
        confirm(_quote(folder, manifest, options, judged, batch=judging.batch), above=judging.confirm_above)
        judging = replace(judging, confirm_above=None)
    make_controls(folder, folder.manifest(), options.wanted(), judged=judged, command=command)
    judge_all(_controls(folder, folder.manifest()), judging, beside=[folder], say=say)


def quote_controls(
    folder: RunFolder, options: ControlOptions, judging: JudgingOptions, *, prices: Sequence[str] = ()
) -> Quote:
    """Quote what is open of the controls that a run has, and those that are wanted; nothing is drawn or asked.

    Raises:
        InputError: as `add_controls`.
        RunError: as `add_controls`.
    """
    manifest, judged = _checked(folder, options, judging)
    manifest = manifest.model_copy(update={"prices": manifest.prices | parse_prices(prices, manifest.judges)})
    return _quote(folder, manifest, options, judged, batch=judging.batch)


def _controls(folder: RunFolder, manifest: Manifest) -> list[RunPart]:
    """Return the controls that a run has, without what it asks a second judge."""
    escalated = escalated_folder(folder).path
    return [part for part in parts_of(folder, manifest)[1:] if part.folder.path != escalated]


def _checked(folder: RunFolder, options: ControlOptions, judging: JudgingOptions) -> tuple[Manifest, set[str]]:
    """Return the manifest of a run that can have controls, and the items on which its judges said something."""
    manifest = folder.manifest()
    judging.reach.check(manifest.judges)
    if manifest.control is not None:
        raise RunError(f"{folder.path}: a control itself; name the run that it belongs to")
    unchanged_manifest(folder)
    refuse_contradictions(options, hide_answers=manifest.hide_answers, is_shard=manifest.shard is not None)
    judged = judged_items(folder)
    if not judged:
        raise RunError(f"{folder.path}: nothing is judged yet; `omr-judge resume {folder.path}` first")
    return manifest, judged


def _quote(folder: RunFolder, manifest: Manifest, options: ControlOptions, judged: set[str], *, batch: bool) -> Quote:
    batch = batch or folder.batches_path.exists()
    there = quoted_parts(_controls(folder, manifest), manifest.prices, batch=batch)
    new = quoted_controls(
        missing_controls(folder, options.wanted()), manifest, folder.pairs, judged=judged, batch=batch
    )
    return with_controls(added([*there.values(), *new.values()]), there | new, beside=False)
