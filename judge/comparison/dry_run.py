"""Quote a comparison before anything is spent: nothing is asked, and nothing is written."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from typing import TYPE_CHECKING

from judge.comparison.prepared_run import prepared_comparison
from judge.costs.quote import Quote, added, quote
from judge.judging.find_run import find_run
from judge.judging.judge_run import parts_of
from judge.judging.quote_run import pixels, quote_run
from judge.judging.run_kinds import plan_of
from judge.runs.control_sample import ControlSource, control_pairs
from judge.runs.controls import as_control, missing_controls

if TYPE_CHECKING:
    from judge.judging.command_options import CompareOptions
    from judge.judging.judge_run import RunPart
    from judge.runs.control_kinds import Control
    from judge.runs.manifest import Manifest
    from judge.schema import Pair, Price


def dry_run(options: CompareOptions, *, say: Callable[[str], None]) -> Quote:
    """Quote a comparison with its controls, or what is still open of it where its run exists; keys are not needed.

    Args:
        options: what to compare, and how.
        say: is told notes and warnings, a line each.

    Raises:
        InputError: something given cannot be used.
        RunError: the run folder is another comparison's, or damaged.
    """
    with prepared_comparison(options, command=(), say=say, needs_keys=False) as run:
        folder = find_run(run, say=say)
        if run.escalation is not None:
            say(f"Note: {run.escalation.judge.name} is asked about doubtful items too, which only the run can count")
        own, batch, wanted = run.quote(folder), options.judging.batch, options.controls.wanted()
        if not folder.manifest_path.exists():
            manifest = run.manifest(run.counts(), sha256="")
            return with_controls(own, quoted_controls(wanted, manifest, run.own_subjects, batch=batch))
        manifest = folder.manifest()
        manifest = manifest.model_copy(update={"prices": manifest.prices | run.prices})
        there = quoted_parts(parts_of(folder, manifest)[1:], manifest.prices, batch=batch)
        new = quoted_controls(missing_controls(folder, wanted), manifest, folder.pairs, batch=batch)
        return with_controls(own, there | new)


def quoted_parts(parts: Iterable[RunPart], prices: dict[str, Price], *, batch: bool) -> dict[str, Quote]:
    """Quote what is open of the runs within a run, by the names of their folders."""
    return {
        part.folder.name: quote_run(
            part.folder,
            part.manifest.model_copy(update={"prices": prices}),
            done=part.folder.judged_keys(),
            batch=batch,
        )
        for part in parts
    }


def quoted_controls(
    controls: Iterable[Control],
    manifest: Manifest,
    pairs: Callable[[], Iterable[Pair]],
    *,
    judged: Container[str] | None = None,
    batch: bool,
) -> dict[str, Quote]:
    """Quote controls that are not drawn yet; `judged` as for `make_controls`."""
    source = ControlSource(pairs, manifest.seed, answers=not manifest.hide_answers, show=manifest.show, judged=judged)
    return {
        str(control.kind): quote(
            plan_of(as_control(manifest, control, command=())),
            manifest.judges,
            manifest.prices,
            control_pairs(control, source),
            done=(),
            pixels=pixels,
            batch=batch,
        )
        for control in controls
    }


def with_controls(own: Quote, controls: Mapping[str, Quote], *, beside: bool = True) -> Quote:
    """Name the calls of each control in a quote, to which they are added unless they are in it already."""
    together = added([own, *controls.values()]) if beside else own
    return together.model_copy(update={"controls": {kind: one.calls for kind, one in controls.items()}})
