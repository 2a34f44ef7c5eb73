"""Judge a run and its controls, one after the other, within one budget."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from judge.core.quote import added
from judge.io.manifest import Manifest
from judge.run.controls import controls_of
from judge.run.judging import judge_run
from judge.run.quote import confirm, quote_run
from judge.run.session import Closed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from judge.io.journal import RunFolder
    from judge.io.manifest import AnyManifest
    from judge.run.options import JudgingOptions


class Member(NamedTuple):
    """A run, or one of its controls."""

    folder: RunFolder
    manifest: AnyManifest
    only: frozenset[bytes] | None = None
    """keys of the requests to ask, where not all that have no verdict"""


def members_of(run: RunFolder, manifest: AnyManifest) -> list[Member]:
    """Return a run and its controls; they ask the judges that the manifest names, at their addresses there."""
    judges = {"judges": manifest.judges}
    controls = [Member(folder, folder.manifest().model_copy(update=judges)) for folder in controls_of(run)]
    return [Member(run, manifest), *controls]


def judge_all(
    members: Sequence[Member],
    options: JudgingOptions,
    *,
    beside: Sequence[RunFolder] = (),
    say: Callable[[str], None],
) -> None:
    """Ask every request of the members that has no verdict yet (raises as `judge_run`).

    Args:
        members: in the order in which they are judged.
        options: limits hold for all members together, and a person is asked once.
        beside: other folders of the same run, whose spending counts too.
        say: is told notes and warnings, a line each.
    """
    if len(members) > 1:
        options = _confirmed(members, options)
    folders = [*beside, *(member.folder for member in members)]
    for member in members:
        kind = member.manifest.control.kind if isinstance(member.manifest, Manifest) and member.manifest.control else ""
        if kind and _is_open(member):
            say(f"Control {kind}: {member.manifest.n_items} items")
        others = [folder for folder in folders if folder is not member.folder]
        judge_run(member.folder, member.manifest, options, only=member.only, beside=others, say=say)


def _is_open(member: Member) -> bool:
    judged = member.folder.judged_keys()
    return bool(member.only - judged) if member.only is not None else len(judged) < member.manifest.n_requests


def _confirmed(members: Sequence[Member], options: JudgingOptions) -> JudgingOptions:
    """Ask a person once about the cost of all members together."""
    if options.confirm_above is None:
        return options
    quotes = [
        quote_run(
            member.folder,
            member.manifest,
            done=Closed(member.folder.judged_keys(), member.only),
            batch=options.batch or member.folder.batches_path.exists(),
        )
        for member in members
        if _is_open(member)
    ]
    if quotes:
        confirm(added(quotes), above=options.confirm_above)
    return replace(options, confirm_above=None)
