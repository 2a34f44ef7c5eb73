"""Rank named runs, as the command and the library do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from judge.outcomes.item_features import WantedFields
from judge.ranking.joined_runs import Wanted
from judge.ranking.make_ranking import make_ranking
from judge.ranking.tournament import read_plan
from judge.runs.run_names import find_run

if TYPE_CHECKING:
    from judge.ranking.options import RankOptions
    from judge.ranking.ranking_report import RankingReport


def rank(run: Sequence[str], options: RankOptions) -> RankingReport:
    """Rank the models of runs, without network; the same folders give the same report.

    Args:
        run: runs, by folder or name, or folders that hold them.
        options: what is asked.

    Raises:
        InputError, RunError: as `make_ranking`; or there is no such run.
    """
    paths = [path if (path := Path(name)).is_dir() else find_run(name, options.runs) for name in run]
    plan = read_plan(paths[0]) if len(paths) == 1 else None
    return make_ranking(
        paths,
        Wanted(WantedFields(options.cluster, tuple(dict.fromkeys(options.by))), options.curve, options.allow_judges),
        method=options.ci,
        n_resamples=options.bootstrap,
        added=options.added,
        design=plan.told() if plan else None,
    )
