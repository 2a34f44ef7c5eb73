"""Quote a comparison before anything is spent: nothing is asked, and nothing is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from judge.core.census import Census
from judge.core.controls.sample import Source, control_pairs
from judge.core.quote import Quote, added, quote
from judge.run.controls import as_control, missing_controls
from judge.run.draft import drafted
from judge.run.finding import find_run, refuse_changes
from judge.run.judging_all import members_of
from judge.run.quote import pixels, quote_run
from judge.run.task import plan_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from judge.core.controls.kinds import Control
    from judge.io.manifest import Manifest
    from judge.run.options import CompareOptions
    from judge.schema import Pair


def dry_run(options: CompareOptions, *, say: Callable[[str], None]) -> Quote:
    """Quote a comparison with its controls, or what is still open of it where its run exists; keys are not needed.

    Args:
        options: what to compare, and how.
        say: is told notes and warnings, a line each.

    Raises:
        InputError: something given cannot be used.
        RunError: the run folder is another comparison's, or damaged.
    """
    batch = options.judging.batch
    with drafted(options, command=(), say=say, needs_keys=False) as draft:
        folder = find_run(draft.sought(), say=say)
        wanted = options.controls.wanted()
        if not folder.manifest_path.exists():
            # Which half of one order is swapped changes no count, and the manifest is not kept.
            manifest = draft.manifest(Census(answers=True), swapped=(), pairs_sha256="")
            own = quote(
                plan_of(manifest), draft.judges, manifest.prices, draft.own_pairs(), done=(), pixels=pixels, batch=batch
            )
            return _with_controls(own, _quoted(wanted, manifest, draft.own_pairs, batch=batch))
        refuse_changes(folder, draft.identity())
        manifest = folder.manifest()
        manifest = manifest.model_copy(update={"prices": manifest.prices | draft.prices})
        own = quote_run(folder, manifest, done=folder.judged_keys(), batch=batch)
        there = {
            member.folder.name: quote_run(
                member.folder,
                member.manifest.model_copy(update={"prices": manifest.prices}),
                done=member.folder.judged_keys(),
                batch=batch,
            )
            for member in members_of(folder, manifest)[1:]
        }
        new = _quoted(missing_controls(folder, wanted), manifest, folder.pairs, batch=batch)
        return _with_controls(own, there | new)


def _quoted(
    controls: Iterable[Control], manifest: Manifest, pairs: Callable[[], Iterable[Pair]], *, batch: bool
) -> dict[str, Quote]:
    """Quote controls that are not drawn yet."""
    source = Source(pairs, manifest.seed, answers=not manifest.hide_answers)
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


def _with_controls(own: Quote, controls: Mapping[str, Quote]) -> Quote:
    together = added([own, *controls.values()])
    return together.model_copy(update={"controls": {kind: one.calls for kind, one in controls.items()}})
