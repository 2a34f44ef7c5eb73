"""Options of reports: what is estimated, what is told of the judge, and the form of what is written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from judge.enums import ReportFormat

CertificateFile = Annotated[
    Path | None,
    typer.Option(
        "--certificate", metavar="FILE|RUN", help="The judge's certificate, where it was made by another run."
    ),
]


@dataclass(frozen=True)
class ExtraOptions:
    """Optional parts of a comparison's report."""

    length_control: Annotated[
        bool, typer.Option("--length-control", help="Estimate the win rate at equal length too.")
    ] = False
    difficulty: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="AlpacaEval's difficulties (CSV): its length-controlled win rate too."),
    ] = None
    majority: Annotated[
        bool, typer.Option("--majority", help="Let a panel speak by majority, not by the mean of its judges.")
    ] = False


@dataclass(frozen=True)
class TrustOptions:
    """What else tells of the judge."""

    certificate: CertificateFile = None
    accept_error: Annotated[
        float | None,
        typer.Option(
            "--accept-error",
            metavar="SHARE",
            help="By people's labels: which items to accept as judged with at most this error, e.g. 0.1.",
        ),
    ] = None


@dataclass(frozen=True)
class FormOptions:
    """The format that a report is printed in."""

    form: Annotated[ReportFormat, typer.Option("--format", help="Tables for a paper, a page or a program.")] = (
        ReportFormat.TERMINAL
    )
    json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False
    se: Annotated[bool, typer.Option("--se", help="Show the standard error of each rate in tables too.")] = False
    full: Annotated[
        bool, typer.Option("--full", help="On the terminal: everything, and not the first screen alone.")
    ] = False

    @property
    def chosen(self) -> ReportFormat:
        """The format that was asked for in either way."""
        return ReportFormat.JSON if self.json else self.form


@dataclass(frozen=True)
class PageOptions:
    """Where a page is written to."""

    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a page with the report and every pair or trace; of several runs one."),
    ] = None
    overwrite: Annotated[bool, typer.Option("--overwrite", help="With --html: replace a file that exists.")] = False
