"""Check every line of a journal: its checksum, the request that it is about, and what its reply says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from msgspec.json import encode

from judge.comparison.import_judgments import imported_key
from judge.errors import RunError
from judge.files.fields import show
from judge.files.sealed_lines import decoded, sealed_lines
from judge.judging.run_kinds import any_plan_of
from judge.prompting.pairwise_reply import READER
from judge.runs.manifest import Manifest
from judge.runs.members import JUDGMENT, misfit
from judge.schema import Failed, Judged, Judgment, Scored
from judge.verification.findings import is_time

if TYPE_CHECKING:
    from judge.runs.manifest import AnyManifest
    from judge.runs.members import RunMembers
    from judge.runs.run_folder import RunFolder
    from judge.schema import Result
    from judge.verification.check_requests import ExpectedRequest
    from judge.verification.findings import Findings

FIRST_READER = 1
"""that runs were sealed with, before manifests stated the reader with which a run began"""


class JudgmentChecks:
    """Checks the journal of a run, line by line.

    Args:
        folder: the run.
        manifest: of the run.
        members: what its judgments can be about.
        expected: its requests by key.
        found: takes what does not fit.
    """

    def __init__(
        self,
        folder: RunFolder,
        manifest: AnyManifest,
        members: RunMembers,
        expected: Mapping[bytes, ExpectedRequest],
        found: Findings,
    ) -> None:
        self._folder, self._members, self._expected, self._found = folder, members, expected, found
        self._imported = isinstance(manifest, Manifest) and manifest.prompt is None
        plan = None if self._imported else any_plan_of(manifest)
        self._readers: dict[str, Callable[[Any, Any], Result]] = (
            {judge.name: plan.reader(judge) for judge in manifest.judges} if plan else {}
        )
        """what reads the replies of each judge"""
        self._said: dict[bytes, int] = {}
        """hash of the verdicts of each request that has some"""
        self._asked: set[bytes] = set()
        self._replies: set[int] = set()
        """hashes of the replies that their servers named, with their times"""
        self._items: set[str] = set()
        self._n_items = manifest.n_items if self._imported else None
        oldest = FIRST_READER if folder.is_sealed and not manifest.merged else 0
        self._least_reader = manifest.first_reader or oldest
        self._differs: list[str] = []
        """where an older reader read something else than this one does"""

    def judgments(self) -> Iterator[Judgment]:
        """Yield the judgments of lines that nobody changed, and that are about what the run has, each checked."""
        path = self._folder.judgments_path
        for line in sealed_lines(path, sealed=self._folder.is_sealed, appended=True):
            where = f"{path}:{line.number}"
            self._found.n_judgments += 1
            if line.problem:
                self._found.add(where, line.problem)
            try:
                judgment = decoded(path, line._replace(problem=""), JUDGMENT)
            except RunError as error:
                if not line.problem:
                    self._found.add(where, str(error).removeprefix(f"{where}: "))
                continue
            if not line.problem and self._fits(where, judgment):
                yield judgment
        if self._n_items is not None and len(self._items) != self._n_items:
            told = f"is {self._n_items}, where {path.name} is about {len(self._items)}"
            self._found.add(self._folder.manifest_path, told, "n_items")
        self._found.n_not_asked += len(self._expected.keys() - self._asked)
        if self._differs:
            n = len(self._differs)
            what = "reply was" if n == 1 else "replies were"
            self._found.notes.append(
                f"{n} {what} read by an older reader otherwise than today, and not held against it: first "
                f"{self._differs[0]}"
            )

    def _fits(self, where: str, judgment: Judgment) -> bool:
        """Check a judgment, and tell whether the run has what it is about."""
        if problem := misfit(judgment, self._members):
            field, _, told = problem.rpartition(": ")
            self._found.add(where, told, field)
            return False
        self._items.add(judgment.item)
        if judgment.time is not None and not is_time(judgment.time):
            self._found.add(where, f"no time with a zone: {show(judgment.time)}", "time")
        if judgment.latency_s is not None and judgment.latency_s < 0:
            self._found.add(where, f"is {judgment.latency_s:g}: no time is below zero", "latency_s")
        self._check(where, judgment)
        return True

    def _check(self, where: str, judgment: Judgment) -> None:
        key = bytes.fromhex(judgment.key)
        self._asked.add(key)
        if judgment.reply is not None and judgment.reply.request_id:
            came = hash((key, judgment.reply.request_id, judgment.time))
            if came in self._replies:
                self._found.add(where, "a reply that stands further up already, and was paid for once", "reply")
            self._replies.add(came)
        if not isinstance(judgment.result, Failed):
            said = hash(encode(judgment.result))
            if self._said.setdefault(key, said) != said:
                self._found.add(where, "a second judgment of this request, with other verdicts", "key")
        if self._imported:
            self._check_imported(where, judgment)
        elif (request := self._expected.get(key)) is None:
            told = "no request of the run has it: the item, the prompt, the judge or its settings are others"
            self._found.add(where, told, "key")
        else:
            self._check_request(where, judgment, request)
            self._check_reply(where, judgment, request)

    def _check_imported(self, where: str, judgment: Judgment) -> None:
        result = judgment.result
        criteria = [result.criterion] if isinstance(result, Failed) else list(getattr(result, "verdicts", ()))
        if len(criteria) != 1 or judgment.key != imported_key(judgment, str(criteria[0])):
            self._found.add(where, "not that of this item, criterion, order, judge and sample", "key")

    def _check_request(self, where: str, judgment: Judgment, request: ExpectedRequest) -> None:
        """Hold what the line says of its request against the request of its key."""
        for name in ("item", "order", "judge", "sample", "group"):
            stated, wanted = getattr(judgment, name), getattr(request, name)
            if stated != wanted:
                self._found.add(where, f"is {stated!r}, where the request of this key has {wanted!r}", name)

    def _check_reply(self, where: str, judgment: Judgment, request: ExpectedRequest) -> None:
        """Read a reply again, and hold the result against what it says."""
        if judgment.reply is None:
            if not isinstance(judgment.result, Failed):
                self._found.add(where, "missing, where there are verdicts", "reply")
            return
        if not self._least_reader <= judgment.reader <= READER:
            told = f"is {judgment.reader}, where replies of this run were read by {self._least_reader} to {READER}"
            self._found.add(where, told, "reader")
            return
        said = self._readers[request.judge](judgment.reply, request)
        is_older = judgment.reader < READER
        self._found.n_older_reader += is_older
        self._found.n_read_again += not is_older
        # Readers differ in what is a verdict, and never in which it is
        both_read = (
            judgment.reader >= int(FIRST_READER) and type(said) is type(judgment.result) and type(said) is not Failed
        )
        if said != judgment.result and (both_read or not is_older):
            self._found.add(where, *_difference(judgment.result, said))
        elif said != judgment.result:
            self._differs.append(where)


def _difference(recorded: Result, said: Result) -> tuple[str, str]:
    """Say in what a result differs from what its reply says, and in which field."""
    if isinstance(recorded, Judged) and isinstance(said, Judged):
        for name, verdict in said.verdicts.items():
            if recorded.verdicts.get(name) != verdict:
                return f"is {recorded.verdicts.get(name)}, where the reply says {verdict}", f"result.verdicts.{name}"
    if isinstance(recorded, Scored) and isinstance(said, Scored):
        for unit, found in said.units.items():
            if recorded.units.get(unit) != found:
                return f"is {recorded.units.get(unit)}, where the reply says {found}", f"result.units.{unit}"
    if isinstance(recorded, Failed) and isinstance(said, Failed) and recorded.failure is said.failure:
        return f"is {recorded.detail!r}, where the reply gives {said.detail!r}", "result.detail"
    told = [
        f"failed ({one.failure})" if isinstance(one, Failed) else type(one).__name__.lower() for one in (recorded, said)
    ]
    return f"is {told[0]}, where the reply is read as {told[1]}", "result"
