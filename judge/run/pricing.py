"""Change the prices that a run has pinned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from judge.run.controls import controls_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from judge.io.journal import RunFolder
    from judge.schema import Price


def change_prices(folder: RunFolder, given: Mapping[str, Price]) -> None:
    """Pin prices that were given for a run that exists and for its controls; other prices stay as they are."""
    if not given:
        return
    for each in (folder, *controls_of(folder)):
        with each.locked():
            manifest = each.any_manifest()
            each.write_manifest(manifest.model_copy(update={"prices": manifest.prices | dict(given)}))
