"""Print the report of a score, and the difference of two."""

from __future__ import annotations

from typing import TYPE_CHECKING

from judge.cli.printing import print_form

if TYPE_CHECKING:
    from pathlib import Path

    from judge.cli import options as o
    from judge.core.facts import WantedFields
    from judge.core.pkr.report import ScoreReport
    from judge.core.stats.intervals import Method
    from judge.io.journal import RunFolder


def print_score(folder: RunFolder, form: o.FormOption) -> ScoreReport:
    """Save and print the report of a score that was just judged."""
    from judge.run.score_report import save_score_report  # noqa: PLC0415 - `--help` starts without numpy

    made = save_score_report(folder)
    _print(made, form)
    return made


def report_score(
    folder: RunFolder, against: RunFolder | None, *, method: Method | None, wanted: WantedFields, form: o.FormOption
) -> None:
    """Print the report of a score, or how far it is from another."""
    from judge.core.pkr.figures import SCORE_METHOD  # noqa: PLC0415 - `--help` starts without numpy
    from judge.io.render.scored import difference_document, render_difference  # noqa: PLC0415
    from judge.run.score_report import make_difference, make_score_report  # noqa: PLC0415

    method = method or SCORE_METHOD
    if against is None:
        _print(make_score_report(folder, method=method, wanted=wanted).report, form)
        return
    found = make_difference(folder, against, method=method, wanted=wanted)
    print_form(
        form, document=lambda: difference_document(found), draw=lambda console: render_difference(found, console)
    )


def write_score_page(folder: RunFolder, path: Path, *, method: Method | None, wanted: WantedFields) -> None:
    """Write the page of a score."""
    from judge.core.pkr.figures import SCORE_METHOD  # noqa: PLC0415 - `--help` starts without numpy
    from judge.run.score_page import write_score_page as use_case  # noqa: PLC0415 - only a page needs it
    from judge.run.score_report import make_score_report  # noqa: PLC0415

    use_case(folder, make_score_report(folder, method=method or SCORE_METHOD, wanted=wanted), path)


def _print(made: ScoreReport, form: o.FormOption) -> None:
    from judge.io.render.scored import render_scores, score_document  # noqa: PLC0415 - `--help` starts without numpy

    print_form(form, document=lambda: score_document(made), draw=lambda console: render_scores(made, console))
