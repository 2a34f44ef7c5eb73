"""What must be the same in all runs that are ranked together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from judge.errors import RunError

if TYPE_CHECKING:
    from judge.runs.manifest import Manifest
    from judge.runs.run_folder import RunFolder

Run = tuple["RunFolder", "Manifest"]


def refuse_unranked(folder: RunFolder, manifest: Manifest) -> None:
    """Refuse a run that no ranking can use (RunError)."""
    if manifest.control is not None:
        raise RunError(f"{folder.path}: a control of another run; name the run itself")
    if manifest.stopping is not None:
        raise RunError(
            f"{folder.path}: it could stop when it was decided, so that its rate has no interval to rank by; leave "
            "it out, or judge it without --stop-when-decided"
        )
    if manifest.model_a == manifest.model_b:
        raise RunError(f"{folder.path}: both models are called {manifest.model_a}; there is nothing to rank")


def refuse_otherwise_asked(run: Run, first: Run) -> None:
    """Refuse a run that asked otherwise than the first; RunError names what differs."""
    (folder, manifest), (first_folder, known) = run, first
    one, other = _asked(known), _asked(manifest)
    if changed := [what for what in one if one[what] != other[what]]:
        told = f"another {', another '.join(changed)} than {first_folder.path}"
        raise RunError(f"{folder.path}: judged with {told}; only runs that asked alike can be ranked together")


def refuse_other_judges(run: Run, first: Run, *, are_votes: bool) -> None:
    """Refuse a run of other judges than the first (RunError), but for votes, in which each judged some items only."""
    (folder, manifest), (first_folder, known) = run, first
    if not are_votes and _judges(known) != _judges(manifest):
        judges = f"judged by {', '.join(_names(manifest))}, and {first_folder.path} by {', '.join(_names(known))}"
        raise RunError(f"{folder.path}: {judges}, or with other settings; --allow-judges makes them a panel")


def _names(manifest: Manifest) -> list[str]:
    return sorted([judge.name for judge in manifest.asked_judges] or manifest.imported_judges)


def _judges(manifest: Manifest) -> list[Any]:
    specs = sorted(manifest.asked_judges, key=lambda judge: judge.name)
    rule = [manifest.escalation.rule] if manifest.escalation else []
    return [*rule, *(judge.decided.model_dump(mode="json") for judge in specs)] or _names(manifest)


def _asked(manifest: Manifest) -> dict[str, Any]:
    """Return by name what must be the same in all runs."""
    return {
        "rubric": manifest.rubric.model_dump(mode="json"),
        "prompt": manifest.prompt,
        "--show-reference": manifest.show_reference,
        "--hide-answers": manifest.hide_answers,
        "--show": manifest.show,
        "--max-image-side": manifest.identity.get("--max-image-side"),
    }
