"""Watch a judge drift: freeze some pairs with its verdicts, and ask about them again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from judge.certify.drift_report import SAMPLES, DriftReport, judges_of_then, report_drift
from judge.certify.prepared_again import OWN, PreparedAgain, check_askable, pairs_of_run
from judge.comparison.derive_report import read_verdicts
from judge.errors import RunError
from judge.files.files import write_lines
from judge.files.sampling import shuffled
from judge.judging.find_run import named_run, open_judges, start_run
from judge.judging.judge_run import judge_all, parts_of
from judge.outcomes.counted_items import fold_panel
from judge.outcomes.rates import Basis
from judge.runs.controls import filled
from judge.runs.run_folder import RunFolder
from judge.runs.run_names import find_run as find_folder

if TYPE_CHECKING:
    from judge.images.image_store import ImageStore
    from judge.judging.command_options import RejudgeOptions
    from judge.schema import Pair


def freeze_anchor(run: RunFolder, n: int, *, seed: int, name: str | None, command: Sequence[str]) -> RunFolder:
    """Freeze pairs of a run with their verdicts as a run of its own; return its folder.

    The sample is systematic in the order of the outcomes on the overall criterion: of each outcome as many as its share
    of the run, and each judged item with the same chance.

    Raises:
        RunError: nothing of the run is judged or could be asked again, or the folder is there already.
    """
    manifest = run.manifest()
    check_askable(run, manifest)
    latest, subject, *_ = read_verdicts(run, manifest)
    judged = list(fold_panel(latest, subject, Basis(manifest.method, 0)).together.values())[-1].judged.items
    if judged.is_empty():
        raise RunError(f"{run.path}: nothing is judged yet; `omr-judge resume {run.path}` first")
    chosen = frozenset(sample(dict(judged.select("item", "outcome").iter_rows()), n, seed=seed))
    folder = named_run(run.path.parent, name or f"{run.name}_anchor")
    with folder.created() as new:
        own = {**OWN, "created": datetime.now(UTC).isoformat(timespec="seconds"), "command": tuple(command)}
        own["identity"] = {**manifest.whole_identity, "anchor": f"{n} of {manifest.pairs_sha256}, seed {seed}"}
        pairs = (pair for pair in run.pairs() if pair.item.id in chosen)
        made = filled(manifest.model_copy(update=own), new, pairs)
        frozen = (judgment for judgment in run.judgments() if judgment.item in chosen)
        hashes = {new.judgments_path.name: write_lines(new.judgments_path, frozen)}
        new.write_manifest(made.model_copy(update={"files": made.files | hashes}))
    return folder


def sample(outcomes: dict[str, str], n: int, *, seed: int) -> list[str]:
    """Draw so many items, or all, spread evenly over the outcomes: each item with the same chance."""
    places = sorted(shuffled(outcomes, seed=f"{seed} anchor"), key=lambda item: outcomes[item])
    n = min(n, len(places))
    start = int(shuffled(map(str, range(1000)), seed=f"{seed} start")[0]) / 1000
    return [places[int((place + start) * len(places) / n)] for place in range(n)]


@dataclass(frozen=True)
class PreparedRejudging(PreparedAgain):
    """A run that need not exist yet: the anchors, asked about again."""

    options: RejudgeOptions
    anchor: RunFolder

    def name_parts(self) -> list[str]:
        """Return the anchors' name and the judge."""
        return [self.anchor.name, "rejudge", self.judges[0].model]

    def decided(self) -> dict[str, str]:
        """Name what decides the judgments: the day, too, for a judge may have changed since it was asked last."""
        return {**super().decided(), "rejudged": datetime.now(UTC).date().isoformat()}

    def subjects(self, store: ImageStore | None = None) -> Iterator[Pair]:
        """Yield the anchors."""
        return pairs_of_run(self.anchor, store)

    def changes(self) -> dict[str, Any]:
        """Return how many replies are asked for."""
        return {"samples": SAMPLES}


def rejudge(
    options: RejudgeOptions, *, command: Sequence[str], say: Callable[[str], None]
) -> tuple[RunFolder, DriftReport]:
    """Ask about frozen pairs again, by the same judges or by others, and report what changed.

    Raises:
        InputError, RunError, StopRunError, BudgetReachedError, InterruptedRunError: as for `compare`.
    """
    anchor = RunFolder(find_folder(options.anchor, options.runs))
    base = anchor.manifest()
    check_askable(anchor, base)
    judges, prices = base.judges, dict(base.prices)
    if options.judges:
        judges, given = open_judges(options.judges, options, say=say, needs_keys=True)
        prices |= given
    judges_of_then(base, [judge.name for judge in judges])
    prepared = PreparedRejudging(options, tuple(command), judges, prices, base, anchor)
    folder, judges = start_run(nullcontext(prepared), say=say)
    parts = parts_of(folder, folder.manifest().model_copy(update={"judges": judges}))
    judge_all(parts, options.judging, again="the same `omr-judge rejudge` command", say=say)
    later = None if options.against is None else RunFolder(find_folder(options.against, options.runs))
    return folder, report_drift(anchor, folder, later)
