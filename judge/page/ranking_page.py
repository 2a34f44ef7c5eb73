"""The page of a ranking: ranks, a heat map of win rates, and a page of each run behind its cells."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from judge.comparison.derive_report import make_report
from judge.files.files import replacing
from judge.page.assemble import assemble_plain
from judge.page.heat_map import square
from judge.page.make_page import read_page, write_page
from judge.page.plots import Forest, around_even, plotted
from judge.page.sections import parted
from judge.ranking import ranking_document, ranking_words
from judge.runs.run_folder import RunFolder

if TYPE_CHECKING:
    from judge.page.heat_map import Square
    from judge.ranking.ranking_report import CriterionRanking, RankingReport

Links = dict[str, tuple[str, str]]
"""by run folder: where its page is, and what it is called"""


def write_ranking(report: RankingReport, path: Path) -> None:
    """Write the page of a ranking, and beside it a folder with the page of every run; RunError where it cannot be."""
    beside = path.with_name(f"{path.stem}-runs")
    beside.mkdir(parents=True, exist_ok=True)
    links: Links = {}
    for number, run in enumerate(report.runs):
        folder = RunFolder(Path(run))
        name = folder.name if folder.name not in {own for _, own in links.values()} else f"{folder.name}-{number}"
        write_page(read_page(folder, make_report(folder)), beside / f"{name}.html")
        links[run] = (quote(f"{beside.name}/{name}.html"), name)
    with replacing(path) as file:
        file.write(ranking_page(report, links, title=path.stem).encode())


def ranking_page(report: RankingReport, links: Links, *, title: str) -> str:
    """Return the page as one HTML document that fetches nothing."""
    counts = {
        "models": len(report.models),
        "runs": len(report.runs),
        "items": report.n_items,
        "judgments": report.n_judgments,
        "failed": report.n_failed,
        "not asked": report.n_not_asked,
    }
    values = {
        "title": title,
        "report": report,
        "claim": [
            (text, "model" if side else "") for text, side in parted(ranking_words.conclusion(report), report.models)
        ],
        "counts": [(name, f"{count:,}") for name, count in counts.items()],
        "criteria": [_criterion(name, own, links) for name, own in reversed(report.criteria.items())],
        "heat_legend": ranking_words.MATRIX,
        "curve": ranking_document.curve_table(report.curve) if report.curve else None,
        "basis": ranking_words.basis(report),
    }
    return assemble_plain("ranking.html.j2", values)


def _criterion(name: str, found: CriterionRanking, links: Links) -> dict[str, Any]:
    """Return what the template shows of one criterion."""
    names = [model.model for model in found.models]
    squares: dict[tuple[str, str], Square] = {}
    for number, pair in enumerate(found.pairs):
        if (rate := pair.expected.estimate) is None:
            continue
        href = links[pair.runs[0]][0] if len(pair.runs) == 1 else f"#{name}-pair-{number}"
        for one, other, own in ((pair.a, pair.b, rate), (pair.b, pair.a, 1 - rate)):
            squares[one, other] = square(one, other, own, f"{pair.win_rate.n:,}", href)
    rows = [
        plotted(model.model, model.win_rate, f"rank {ranking_document.rank_text(model)}".replace(" ", "\u00a0"))
        for model in found.models
    ]
    return {
        "name": name,
        "plot": Forest(
            "rank and model", "Win rate against the mean of the others, %", rows, around_even(rows), "items"
        ),
        "ranking": ranking_document.ranking_table(found.models, key="ranking", title=f"Ranking on {name}"),
        "heat": {one: [squares.get((one, other)) for other in names] for one in names},
        "fit": ranking_words.fit_words(found),
        "pairs": ranking_document.pairs_table(found, name),
        "links": [[links[run] for run in pair.runs] for pair in found.pairs],
        "parts": [*ranking_document.part_tables(found, name), *ranking_document.moved_tables(found, name)],
    }
