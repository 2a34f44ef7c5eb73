"""Quote a comparison before anything is spent: nothing is asked, and nothing is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from judge.core.census import Census
from judge.core.quote import Quote, quote
from judge.run.draft import drafted
from judge.run.finding import find_run, refuse_changes
from judge.run.quote import pixels, quote_run
from judge.run.task import plan_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from judge.run.draft import CompareOptions


def dry_run(options: CompareOptions, *, say: Callable[[str], None], batch: bool = False) -> Quote:
    """Quote a comparison, or what is still open of it where its run exists; keys are not needed.

    Args:
        options: what to compare, and how.
        say: is told notes and warnings, a line each.
        batch: ask in batches, where the provider has them.

    Raises:
        InputError: something given cannot be used.
        RunError: the run folder is another comparison's, or damaged.
    """
    with drafted(options, command=(), say=say, needs_keys=False) as draft:
        folder = find_run(draft.sought(), say=say)
        if not folder.manifest_path.exists():
            # Which half of one order is swapped changes no count, and the manifest is not kept.
            manifest = draft.manifest(Census(answers=True), swapped=(), pairs_sha256="")
            pairs, known = draft.own_pairs(), manifest.prices
            return quote(plan_of(manifest), draft.judges, known, pairs, done=(), pixels=pixels, batch=batch)
        refuse_changes(folder, draft.identity())
        manifest = folder.manifest()
        manifest = manifest.model_copy(update={"prices": manifest.prices | draft.prices})
        return quote_run(folder, manifest, done=folder.judged_keys(), batch=batch)
