"""List the runs of a folder: what each is, how far it is, what it found and what it cost."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from pathlib import Path

from msgspec import DecodeError, Struct
from msgspec.json import decode
from msgspec.structs import asdict

from judge.costs.spending import Spending, Usd, total
from judge.errors import InputError, RunError
from judge.files.folders import is_locked
from judge.files.limits import read_whole
from judge.outcomes.interim_looks import Evidence
from judge.outcomes.rates import Estimate
from judge.report import report
from judge.runs.controls import controls_of, escalated_folder, folders_within
from judge.runs.manifest import AnyManifest, Manifest, ScoreManifest
from judge.runs.run_folder import RunFolder
from judge.runs.run_names import TOURNAMENT, newest_first, run_folders
from judge.schema import Failed, Frozen
from judge.scoring import score_report

SCHEMA_VERSIONS = {"comparison": report.SCHEMA_VERSION, "score": score_report.SCHEMA_VERSION}
"""of the reports whose figures can be taken; those of older versions may mean something else"""

ASKED_AGAIN = {"operators": "certify", "rejudged": "rejudge", "anchor": "anchor"}
"""what the identity of a run names that was made of the pairs of another one, by the command that makes it"""


class RunState(StrEnum):
    """How far a run is."""

    RUNNING = "running"
    """a process is working on it"""
    DECIDED = "decided"
    """it stopped early, as `--stop-when-decided` says"""
    DONE = "done"
    """every request has a judgment, a verdict or a failure"""
    PARTIAL = "partial"
    """some requests have none; `resume` goes on"""


class ListedRun(Frozen):
    """A run of the folder, as `omr-judge runs` tells of it."""

    name: str
    """of its folder"""
    kind: str
    """`compare`, `import`, `merge`, `shard I/N`, `control KIND`,
    `score`, `checklist`, `certify`, `anchor` or `rejudge`"""
    models: tuple[str, ...]
    """a, then b; of a score, its one; of a run that writes checklists, none"""
    judges: tuple[str, ...]
    """their names"""
    created: str
    """UTC, ISO 8601"""
    state: RunState
    """how far it is"""
    n_items: int
    """items asked about, or planned to be"""
    n_requests: int
    """of the run and its controls; 0 of an imported run"""
    n_judged: int
    """among them: have a judgment, a verdict or a failure"""
    n_failed: int
    """among the judged: without verdicts"""
    win_rate: Estimate | None
    """of a on the overall criterion; null where the run is no comparison, or report.json is absent or out of date"""
    trace_score: Estimate | None
    """of a score; null as for the win rate"""
    usd: Usd | None
    """what the replies cost, those of its controls included; null where a price is unknown, and for imported runs"""
    controls: tuple[str, ...]
    """kinds of its controls"""


class DamagedRun(Frozen):
    """A folder that cannot be listed."""

    name: str
    """of the folder"""
    problem: str
    """what is wrong with it, and where"""


class RunListing(Frozen):
    """The runs of a folder, the newest first, and the folders in it that are no whole runs."""

    runs: tuple[ListedRun, ...]
    """the newest first"""
    damaged: tuple[DamagedRun, ...]
    """by name"""
    n_runs: int
    """runs and damaged folders in the folder of runs, whether or not they are listed"""


class _Rate(Struct):
    estimate: float | None
    low: float | None
    high: float | None
    n: int
    numerator: float | None = None
    se: float | None = None

    def known(self) -> Estimate:
        """Return it as reports have it."""
        return Estimate(**asdict(self))


class _Criterion(Struct):
    win_rate: _Rate


class _Looks(Struct):
    decided: bool
    low: float
    high: float
    evidence: Evidence = Evidence.SIGNS


class _Counts(Struct):
    """Requests of a run or of one of its controls, as a report or the journal counts them."""

    n_judgments: int
    n_failed: int
    n_not_asked: int
    usd: float | None


class _Kept(_Counts, kw_only=True):
    """The fields of a comparison's or a score's report.json that are listed; the rest is not read."""

    schema_version: int
    criteria: dict[str, _Criterion] = {}
    trace_score: _Rate | None = None
    sequential: _Looks | None = None
    controls: dict[str, _Counts] | None = None


def list_runs(runs: Path, *, most: int | None = None) -> RunListing:
    """Read the newest runs of a folder. Nothing is written, and nobody is kept from working on a run.

    Args:
        runs: the folder; where there is none, there are no runs.
        most: how many to read; None: all.
    """
    folders = newest_first(run_folders(runs))
    listed: list[ListedRun] = []
    damaged: list[DamagedRun] = []
    for folder in map(RunFolder, folders[:most]):
        if (folder.path / TOURNAMENT).exists():
            n = len(run_folders(folder.path))
            damaged.append(
                _damaged(folder, f"a tournament of {n} runs; `omr-judge rank {folder.path}` ranks its models")
            )
            continue
        try:
            listed.append(_listed(folder))
        except OSError as error:
            damaged.append(_damaged(folder, f"{error.filename}: {error.strerror}"))
        except (RunError, InputError) as error:
            damaged.append(_damaged(folder, str(error)))
    damaged.sort(key=lambda one: one.name)
    return RunListing(runs=tuple(listed), damaged=tuple(damaged), n_runs=len(folders))


def _damaged(folder: RunFolder, problem: str) -> DamagedRun:
    return DamagedRun(name=_readable(folder.name), problem=_readable(problem))


def _listed(folder: RunFolder) -> ListedRun:
    manifest = folder.any_manifest()
    parts = {control.name: control for control in folders_within(folder)}
    kept = _kept_report(folder, manifest, parts)
    is_escalated = escalated_folder(folder).name in parts  # a report counts the judgments that stand, not all of them
    counted = (
        [kept, *(kept.controls or {}).values()]
        if kept and not is_escalated
        else [_counted(part, part.any_manifest()) for part in (folder, *parts.values())]
    )
    n_judged = sum(counts.n_judgments for counts in counted)
    n_open = sum(counts.n_not_asked for counts in counted) if manifest.judges else 0
    if any(is_locked(part.path) for part in (folder, *parts.values())):
        state = RunState.RUNNING
    elif kept and kept.sequential and kept.sequential.decided:
        state = RunState.DECIDED
    else:
        state = RunState.PARTIAL if n_open else RunState.DONE
    return ListedRun(
        name=_readable(folder.name),
        kind=_kind(manifest),
        models=_models(manifest),
        judges=_judges(manifest),
        created=manifest.created,
        state=state,
        n_items=manifest.n_items,
        n_requests=n_judged + n_open if manifest.judges else 0,
        n_judged=n_judged,
        n_failed=sum(counts.n_failed for counts in counted),
        win_rate=_win_rate(kept, manifest) if kept and isinstance(manifest, Manifest) else None,
        trace_score=kept.trace_score.known() if kept and kept.trace_score else None,
        usd=total(_dollars(counts.usd) for counts in counted) if manifest.judges else None,
        controls=tuple(part.name for part in controls_of(folder)),
    )


def _kind(manifest: AnyManifest) -> str:
    """Name the kind of a run by the command that made it."""
    if manifest.shard:
        return f"shard {manifest.shard}"
    if manifest.merged:
        return "merge"
    if not isinstance(manifest, Manifest):
        return manifest.kind
    if manifest.control:
        return f"control {manifest.control.kind}"
    asked_again = (kind for name, kind in ASKED_AGAIN.items() if name in manifest.identity)
    return next(asked_again, "compare") if manifest.prompt else "import"


def _models(manifest: AnyManifest) -> tuple[str, ...]:
    if isinstance(manifest, Manifest):
        return manifest.model_a, manifest.model_b
    return (manifest.model,) if isinstance(manifest, ScoreManifest) else ()


def _judges(manifest: AnyManifest) -> tuple[str, ...]:
    asked = tuple(judge.name for judge in manifest.judges)
    return asked or (manifest.imported_judges if isinstance(manifest, Manifest) else ())


def _kept_report(folder: RunFolder, manifest: AnyManifest, parts: dict[str, RunFolder]) -> _Kept | None:
    """Return what report.json tells; None where it is absent, of another version, or older than what it is made from.

    That saves reading every judgment of every run.
    """
    try:
        made = folder.report_path.stat().st_mtime_ns
        sources = [path for part in (folder, *parts.values()) for path in (part.manifest_path, part.judgments_path)]
        if any(path.exists() and path.stat().st_mtime_ns > made for path in sources):
            return None
        kept = decode(read_whole(folder.report_path), type=_Kept)
    except (OSError, InputError, DecodeError, RecursionError):
        return None
    controls = parts.keys() - {escalated_folder(folder).name}
    fits = kept.schema_version == SCHEMA_VERSIONS.get(manifest.kind) and controls == (kept.controls or {}).keys()
    return kept if fits else None


def _counted(folder: RunFolder, manifest: AnyManifest) -> _Counts:
    """Count the judgments of a run, and what its replies cost, from its journal."""
    spending, has_verdicts = Spending(manifest.prices), dict[str, bool]()
    for judgment in folder.judgments():
        spending.add(judgment)
        failed = isinstance(judgment.result, Failed)
        has_verdicts[judgment.key] = has_verdicts.get(judgment.key, False) or not failed
    n_open = max(0, manifest.n_requests - len(has_verdicts))
    return _Counts(
        len(has_verdicts),
        list(has_verdicts.values()).count(False),
        n_open,
        None if spending.usd is None else float(spending.usd),
    )


def _dollars(amount: float | None) -> Decimal | None:
    return None if amount is None else Decimal(str(amount))


def _readable(name: str) -> str:
    """Return a name, or what holds one, with a question mark for each byte that is no text."""
    return name.encode(errors="replace").decode()


def _win_rate(kept: _Kept, manifest: Manifest) -> Estimate | None:
    """Return the win rate on the overall criterion; of a run that may stop early, with the interval of its looks."""
    overall = kept.criteria.get(manifest.rubric.criteria[-1].name)
    if overall is None:
        return None
    rate = overall.win_rate.known()
    looks = kept.sequential
    if looks is None:
        return rate
    is_of_rate = looks.evidence is Evidence.CREDITS
    return rate.model_copy(update={"low": looks.low, "high": looks.high} if is_of_rate else {"low": None, "high": None})
