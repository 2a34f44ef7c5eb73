"""The command that proves a run: verify."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Annotated

import typer

from judge.cli.named_runs import find_run
from judge.cli.options import AsJson, RunPath
from judge.cli.output import Exit, print_json
from judge.files.terminal import say
from judge.judging.options import DEFAULT_RUNS, Runs

if TYPE_CHECKING:
    from judge.verification.findings import Verification

SHOWN = 20


def verify(
    run: RunPath,
    *,
    against: Annotated[
        str | None,
        typer.Option(
            metavar="HASH",
            help="The SHA-256 of manifest.json, or a fingerprint of `report` or `agreement`: 12 digits or more.",
        ),
    ] = None,
    runs: Runs = DEFAULT_RUNS,
    json: AsJson = False,
) -> None:
    """Prove a run from its folder: every checksum, every request rendered anew, every reply read again.

    Exit code 0: nothing in it contradicts anything else in it; 3: something does, named by file, line and field. Of a
    tournament, every run in it, one after the other.
    """
    from judge.ranking.tournament import read_plan
    from judge.runs.run_folder import RunFolder
    from judge.runs.run_names import run_folders
    from judge.verification.findings import TournamentVerification
    from judge.verification.verify_run import verify_run

    folder = find_run(run, runs)
    if is_tournament := against is None and read_plan(folder.path) is not None:
        found = [verify_run(RunFolder(path)) for path in run_folders(folder.path)]
    else:
        found = [verify_run(folder, against=against)]
    proven = all(each.proven for each in found)
    if json:
        print_json(TournamentVerification(proven=proven, runs=tuple(found)) if is_tournament else found[0])
    else:
        for line in chain.from_iterable(map(_lines, found)):
            say(line)
    if not proven:
        raise typer.Exit(Exit.INPUT)


def _lines(found: Verification) -> list[str]:
    """Return what was found: problems, notes, and the outcome last."""
    from judge.files.safe_text import safe

    told = [str(problem) for problem in found.problems[:SHOWN]]
    if found.n_problems > len(told):
        told.append(f"... and {found.n_problems - len(told):,} more (--json tells up to a thousand)")
    told += [f"Note: {note}" for note in found.notes]
    if found.n_images_absent:
        told.append(f"Note: {found.n_images_absent} images lie elsewhere and are not here: their bytes are not checked")
    if found.n_not_asked:
        told.append(f"Note: {found.n_not_asked} of {found.n_requests} requests have no judgment")
    if found.n_older_reader:
        told.append(f"Note: {found.n_older_reader} replies were read by an older reader: not held against it")
    return [safe(" ".join(line.split())) for line in [*told, _outcome(found)]]


def _outcome(found: Verification) -> str:
    if not found.proven:
        things = "1 thing does" if found.n_problems == 1 else f"{found.n_problems:,} things do"
        return f"{found.run}: not proven: {things} not fit"
    checked = f"{found.n_judgments:,} judgments, {found.n_requests:,} requests, {found.n_images:,} images"
    if not found.sealed:
        return (
            f"{found.run}: no contradiction in {checked}; its lines have no checksums, as it was made before there were"
        )
    quoted = f", fingerprint {found.fingerprint}" if found.fingerprint else ""
    quoted += f", with its labels {found.labels_fingerprint}" if found.labels_fingerprint else ""
    return f"{found.run}: proven: {checked}; manifest {found.manifest_sha256}{quoted}"
