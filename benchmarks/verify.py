"""Print how long it takes to verify a run, and what its checksums cost a report.

python benchmarks/verify.py          100,000 judgments
python benchmarks/verify.py 10000    others

The run is a whole one: pairs of 6 KB, the shipped prompt and rubric, both orders, and replies with evidence.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from memory import OPTIONS, QUESTION, TRACE

from judge.comparison.derive_report import make_report
from judge.enums import Orders
from judge.files.files import file_sha256, write_json, write_lines
from judge.files.sealing import seal, unseal
from judge.judging.provenance import judges_identity
from judge.judging.run_kinds import plan_of
from judge.outcomes.latest_judgments import latest_judgments
from judge.prompting.pairwise_reply import READER
from judge.prompting.shipped_files import find_asset, load_rubric
from judge.runs.evidence import fingerprint_of
from judge.runs.manifest import Manifest
from judge.runs.members import RunMembers, misfit, read_items
from judge.runs.run_folder import RunFolder
from judge.schema import Item, JudgeSettings, JudgeSpec, Judgment, Pair, Provider, Reply, Trace, Usage
from judge.verification.verify_run import verify_run

if TYPE_CHECKING:
    from collections.abc import Iterator

TIMES = 5


def main() -> None:
    """Make a run, and measure."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as temporary:
        run = RunFolder(Path(temporary) / "run")
        _write(run, n)
        size = sum(path.stat().st_size for path in run.path.iterdir()) / 1e6
        print(f"{n:,} judgments, {size:,.0f} MB")
        started = (time.perf_counter(), time.process_time())
        found = verify_run(run)
        seconds, cpu = time.perf_counter() - started[0], time.process_time() - started[1]
        print(f"  verified in {seconds:.1f} s ({cpu:.1f} s of processor): {found.n_problems} problems")
        older = RunFolder(Path(temporary) / "older")
        _unsealed(run, older)
        fastest: dict[RunFolder, float] = {}
        for _ in range(TIMES):
            for folder in (run, older):
                started_cpu = time.process_time()
                make_report(RunFolder(folder.path))
                spent = time.process_time() - started_cpu
                fastest[folder] = min(spent, fastest.get(folder, spent))
        share = fastest[run] / fastest[older] - 1
        print(f"  report: {fastest[run]:.2f} s with checksums, {fastest[older]:.2f} s without: {share:+.1%}")
        checks = _checks(run)
        print(f"  all that a report checks, members and hashes too: {checks:.2f} s, {checks / fastest[run]:.1%} of it")
        lines = [unseal(line).content for line in run.judgments_path.read_bytes().splitlines()[:10_000]]
        started_cpu, before = time.process_time(), 0
        for line in lines:
            _, before = seal(line, before)
        microseconds = (time.process_time() - started_cpu) / len(lines) * 1e6
        print(f"  to seal a judgment: {microseconds:.1f} microseconds of processor")


def _checks(run: RunFolder) -> float:
    """Return the processor time of what a report checks: checksums, members, hashes, and its fingerprint."""
    manifest, judgments = run.manifest(), list(run.judgments())
    latest = latest_judgments(judgments)
    raw = [line for path in (run.pairs_path, run.judgments_path) for line in path.read_bytes().splitlines()]
    members = RunMembers(manifest, lambda: read_items(run.pairs_path))
    misfit(judgments[0], members)  # reads the items, as every report does
    started, before = time.process_time(), 0
    file_sha256(run.pairs_path)
    for line in raw:
        before = unseal(line, before).seal or 0
    for judgment in judgments:
        misfit(judgment, members)
    fingerprint_of(run, manifest, latest)
    return time.process_time() - started


def _write(run: RunFolder, n: int) -> None:
    run.path.mkdir()
    prompt, rubric = find_asset("prompts", "pairwise.v1"), load_rubric(find_asset("rubrics", "openmedreason.v1"))
    judge = JudgeSpec(provider=Provider.OPENAI, model="m", settings=JudgeSettings(max_output_tokens=8192))
    sha256 = write_lines(run.pairs_path, _pairs(n // 2))
    manifest = Manifest(
        created="2026-11-30T00:00:00+00:00",
        command=(),
        versions={},
        identity={"--samples": "1", **judges_identity((judge,))},
        judges=(judge,),
        model_a="a",
        model_b="b",
        prompt=prompt.text,
        rubric=rubric,
        schema_sha256=None,
        orders=Orders.BOTH,
        samples=1,
        seed=0,
        n_items=n // 2,
        pairs_sha256=sha256,
    )
    run.write_manifest(manifest)
    plan = plan_of(manifest)

    def judgments() -> Iterator[Judgment]:
        for place, request in enumerate(plan.requests(run.pairs(), judge)):
            said = ("first", "second", "tie")[place % 7 % 3]
            one = {"evidence_1": "a filling defect in the artery", "evidence_2": "none is seen", "verdict": said}
            reply = Reply(
                text=json.dumps({criterion.name: one for criterion in rubric.criteria}),
                stop="stop",
                model="m",
                usage=Usage(input=2000, output=150),
            )
            yield Judgment(
                key=request.key,
                item=request.item,
                order=request.order,
                judge=judge.name,
                sample=0,
                result=plan.interpret(reply, request),
                reply=reply,
                latency_s=1.5,
                reader=READER,
            )

    write_lines(run.judgments_path, judgments())


def _pairs(n: int) -> Iterator[Pair]:
    for number in range(n):
        item = Item(id=f"item-{number}", question=f"{number}: {QUESTION}", options=OPTIONS, answer="A")
        a, b = (Trace(text=f"{model} {number}: {TRACE}", model=model) for model in ("a", "b"))
        yield Pair(item=item, a=a, b=b)


def _unsealed(run: RunFolder, older: RunFolder) -> None:
    """Copy a run without its checksums."""
    shutil.copytree(run.path, older.path)
    for path in (older.pairs_path, older.judgments_path):
        lines = path.read_bytes().splitlines()
        path.write_bytes(b"".join(unseal(line).content + b"\n" for line in lines))
    manifest = run.manifest().model_copy(update={"pairs_sha256": file_sha256(older.pairs_path)})
    write_json(older.manifest_path, manifest.model_dump(mode="json", by_alias=True))


if __name__ == "__main__":
    main()
