"""Change the prices that a run has pinned."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from judge.io.journal import RunFolder
    from judge.schema import Price


def change_prices(folder: RunFolder, given: dict[str, Price]) -> None:
    """Pin prices that were given for a run that exists; its other prices stay as they are."""
    if not given:
        return
    with folder.locked():
        manifest = folder.any_manifest()
        folder.write_manifest(manifest.model_copy(update={"prices": manifest.prices | given}))
