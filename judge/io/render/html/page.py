"""Make the page of a comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from judge.io.render.html.sections import sections
from judge.io.render.html.shell import Parts, assemble, browser_key

if TYPE_CHECKING:
    from judge.core.report import Report
    from judge.io.manifest import Manifest
    from judge.io.render.html.pair_contents import PairContents


class Page(NamedTuple):
    """What the page of a comparison is made of."""

    run: str
    """the run's name"""
    manifest: Manifest
    report: Report
    contents: PairContents


def build(page: Page, *, served: bool) -> str:
    """Return the page as one HTML document (see `assemble`)."""
    shown = {"noun": "pairs", "run": page.run, "report": page.report, "manifest": page.manifest}
    values = shown | sections(page.report, page.manifest)
    return assemble(Parts("comparison.html.j2", "pairs", _head(page), page.contents, values), served=served)


def _head(page: Page) -> dict[str, Any]:
    manifest = page.manifest
    return {
        "run": page.run,
        "pairs_sha256": manifest.pairs_sha256,
        "key": browser_key(page.run, manifest.created),
        "models": page.report.models.model_dump(),
        "judges": page.report.judges,
        "criteria": [criterion.model_dump() for criterion in manifest.rubric.criteria],
        "orders": manifest.orders.value,
        "seed": manifest.seed,
    }
