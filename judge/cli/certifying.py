"""The commands that test a judge and hold a run against conditions: certify, anchor, rejudge, gate."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from judge.cli.named_runs import find_certificate, find_run
from judge.cli.options import AsJson, DryRun, OutputOptions, RunPath
from judge.cli.output import Exit, print_json, print_quote, teller
from judge.cli.report_options import CertificateFile
from judge.errors import InputError
from judge.files.terminal import console, say, tell
from judge.judging.command_options import CertifyOptions, RejudgeOptions
from judge.judging.options import DEFAULT_RUNS, Cluster, RunName, Runs

MAX_MARGIN = 0.5


def _share(given: str | float) -> float:
    """Read a share in [0, 1], as a number or in percent; InputError where it is none."""
    text = str(given)  # the default is a number already
    try:
        value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise InputError("--max-missing", f"{text!r} is no share", "give a number from 0 to 1, or percent, such as 2%")
    return value


def certify(options: CertifyOptions, *, dry_run: DryRun = False, output: OutputOptions) -> None:
    """Test a judge by errors planted in your own traces, criterion by criterion, and write its certificate.

    Repeating the command goes on with what it began; what was judged is never asked again.
    """
    from judge.certify import certify as use_case

    note = teller(quiet=options.judging.quiet)
    if dry_run:
        print_quote(use_case.quote_certification(options, say=note), as_json=output.json)
        return
    if options.packet is not None:
        folder = use_case.write_packet(options, options.packet, command=sys.argv, say=note)
        say(f"{options.packet}: when it comes back: omr-judge labels import {folder.path} FILE.json")
        return
    folder, made = use_case.certify(options, command=sys.argv, say=note)
    if output.json:
        print_json(made)
    else:
        from judge.certify.certificate_tables import render_certificate

        render_certificate(made, console())
    if not options.judging.quiet:
        tell(f"Run folder: {folder.path}")
    failures = sum(row.missing for judge in made.judges.values() for row in judge.rows.values())
    asked = sum(row.n + row.missing for judge in made.judges.values() for row in judge.rows.values())
    if failures > output.max_failures * asked:
        tell(f"{failures} of {asked} planted pairs have no verdict: `omr-judge retry {folder.path}` asks them again")
        raise typer.Exit(Exit.FAILURES)


def anchor(
    run: RunPath,
    *,
    n: Annotated[int, typer.Option("--n", min=1, help="How many pairs to freeze.")] = 100,
    seed: Annotated[int, typer.Option(help="Decides which pairs.")] = 0,
    name: RunName = None,
    runs: Runs = DEFAULT_RUNS,
) -> None:
    """Freeze pairs of a run with their verdicts, to see later whether a judge has drifted: see rejudge."""
    from judge.certify.drift import freeze_anchor

    folder = freeze_anchor(find_run(run, runs), n, seed=seed, name=name, command=sys.argv)
    say(f"{folder.path}: {folder.manifest().n_items} pairs\nLater: omr-judge rejudge {folder.path}")


def rejudge(options: RejudgeOptions, *, json: AsJson = False) -> None:
    """Ask about frozen pairs again, and tell flips and a changed win rate from a judge's own noise.

    On one day the command goes on with what it began; on another it asks anew.
    """
    from judge.certify.drift import rejudge
    from judge.certify.drift_report import drift_lines

    folder, found = rejudge(options, command=sys.argv, say=teller(quiet=options.judging.quiet))
    if json:
        print_json(found)
    else:
        for line in drift_lines(found):
            say(line)
    if not options.judging.quiet:
        tell(f"Run folder: {folder.path}")


def gate(
    run: RunPath,
    *,
    not_worse_than: Annotated[
        float | None,
        typer.Option(metavar="MARGIN", help="Model a's win rate is above 0.5 less this margin, e.g. 0.05."),
    ] = None,
    better: Annotated[bool, typer.Option("--better", help="Model a's win rate is above 0.5.")] = False,
    criterion: Annotated[
        tuple[str, ...],
        typer.Option("--criterion", metavar="NAME", help="On this criterion (default overall); repeatable: on each."),
    ] = (),
    require_certificate: Annotated[
        bool, typer.Option("--require-certificate", help="The judge is certified: see certify.")
    ] = False,
    certificate: CertificateFile = None,
    max_missing: Annotated[
        float,
        typer.Option(parser=_share, metavar="SHARE", help="Most of the asked items that may lack a verdict, e.g. 2%."),
    ] = 0.02,
    cluster: Cluster = None,
    junit: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the outcome as JUnit's XML too.")] = None,
    runs: Runs = DEFAULT_RUNS,
    json: AsJson = False,
) -> None:
    """Hold a run against conditions, for CI: exit code 0: pass, 5: fail, 7: not enough evidence.

    The conditions hold at 5 % however often a growing run is looked at. Where GITHUB_STEP_SUMMARY names a file, a
    summary is appended to it.
    """
    from judge.certify.gate import GateOptions, GateWord, check_gate, gate_lines
    from judge.certify.gate_files import junit as as_junit
    from judge.certify.gate_files import markdown, write_gate_file

    if not_worse_than is not None and not 0 < not_worse_than < MAX_MARGIN:
        raise InputError("--not-worse-than", f"{not_worse_than:g} is no margin", "give a number above 0, below 0.5")
    if not_worse_than is None and not better and not require_certificate:
        raise InputError("gate", "no condition", "give --not-worse-than MARGIN, --better or --require-certificate")
    options = GateOptions(not_worse_than, better, criterion, require_certificate, max_missing, cluster)
    found = check_gate(find_run(run, runs), options, find_certificate(certificate))
    if junit is not None:
        write_gate_file(junit, as_junit(found))
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        write_gate_file(Path(summary), markdown(found).encode(), append=True)
    if json:
        print_json(found)
    else:
        for line in gate_lines(found):
            say(line)
    codes = {GateWord.FAIL: Exit.GATE, GateWord.UNKNOWN: Exit.EVIDENCE}
    if code := codes.get(found.word):
        raise typer.Exit(code)
