"""Judgments are about what their run has: what does not fit is refused, with file, line and field."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from builders import NAMES, make_judge
from msgspec import structs
from run_builder import A_WINS, SPLITS, TIES, make_judgment, make_run, without_seals

from judge.enums import Orders
from judge.errors import RunError
from judge.files.files import write_lines
from judge.runs.journal import Journal
from judge.runs.members import RunMembers
from judge.runs.run_folder import RunFolder
from judge.schema import Failed, FailureKind, Judged, Judgment, Order, Scored, Verdict, Written

JUDGE = make_judge()


def asked(tmp_path: Path, **changes: Any) -> RunMembers:  # noqa: ANN401 - fields of a manifest
    """Return the members of a run that asks a judge about two items, in one order."""
    run = make_run(tmp_path / "asked", {"q1": A_WINS, "q2": TIES})
    fields = {"prompt": "p", "judges": (JUDGE,), "imported_judges": (), "samples": 2, "orders": Orders.BOTH, **changes}
    return RunMembers(run.manifest().model_copy(update=fields), lambda: frozenset({"q1", "q2"}))


def judgment(**changes: Any) -> Judgment:  # noqa: ANN401 - fields of a judgment
    return structs.replace(make_judgment("q1", Order.FORWARD, Verdict.FIRST, judge=JUDGE.name), **changes)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({}, ""),
        ({"sample": 1, "order": Order.SWAPPED}, ""),
        ({"result": Failed(failure=FailureKind.REFUSED)}, ""),
        ({"item": "q3"}, "item: the run has no item 'q3'"),
        ({"judge": "openai:other"}, "judge: the run has no judge 'openai:other'"),
        ({"sample": 2}, "sample: the run has 2, counted from 0, and not 2"),
        ({"sample": -1}, "sample: the run has 2, counted from 0, and not -1"),
        ({"result": Judged(verdicts={**dict.fromkeys(NAMES, Verdict.TIE), "x": Verdict.TIE})}, "no criterion 'x'"),
        ({"result": Judged(verdicts={"overall": Verdict.TIE})}, "result.verdicts: no verdict on 'knowledge'"),
        ({"result": Scored(units={})}, "result: scored, where the requests of this run are judged"),
        ({"result": Written(units={})}, "result: written, where the requests of this run are judged"),
        (
            {"result": Failed(failure=FailureKind.OTHER, criterion="y")},
            "result.criterion: the run has no criterion 'y'",
        ),
    ],
)
def test_a_judgment_of_what_the_run_does_not_have_is_told_by_its_field(
    tmp_path: Path, change: dict[str, Any], problem: str
) -> None:
    told = asked(tmp_path).misfit(judgment(**change))
    assert told.endswith(problem)
    assert bool(told) == bool(problem)


def test_with_one_order_each_item_has_its_own(tmp_path: Path) -> None:
    members = asked(tmp_path, orders=Orders.ONE, swapped=("q2",))
    assert members.misfit(judgment()) == ""
    assert members.misfit(judgment(item="q2", order=Order.SWAPPED)) == ""
    assert "order: the run does not ask about this item swapped" in members.misfit(judgment(order=Order.SWAPPED))
    assert "order: the run does not ask about this item forward" in members.misfit(judgment(item="q2"))


def test_judgments_made_elsewhere_may_speak_of_one_criterion_in_any_sample(tmp_path: Path) -> None:
    imported = RunMembers(make_run(tmp_path / "run", {"q1": A_WINS}).manifest(), items=lambda: None)
    one = judgment(judge="j", item="any", sample=7, result=Judged(verdicts={"overall": Verdict.TIE}))
    assert imported.misfit(one) == ""
    assert "judge" in imported.misfit(structs.replace(one, judge="k"))
    assert "no criterion" in imported.misfit(structs.replace(one, result=Judged(verdicts={"style": Verdict.TIE})))


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return make_run(tmp_path / "run", {"q1": A_WINS, "q2": SPLITS})


def damage(path: Path, old: bytes, new: bytes) -> None:
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new, 1))


def test_a_line_that_was_changed_is_refused_with_its_file_line_and_field(run: RunFolder) -> None:
    damage(run.judgments_path, b'"knowledge":"second"', b'"knowledge":"secone"')
    with pytest.raises(RunError, match=r"judgments\.jsonl:2: .*result\.verdicts\.knowledge: changed since .*byte"):
        list(run.judgments())


def test_a_judgment_of_another_item_that_was_sealed_anew_is_refused(run: RunFolder) -> None:
    write_lines(run.judgments_path, [*run.judgments(), make_judgment("q9", Order.FORWARD, Verdict.TIE)])
    with pytest.raises(RunError, match=r"judgments\.jsonl:5: damaged line: item: the run has no item 'q9'"):
        list(run.judgments())


def test_lines_without_a_checksum_in_a_run_that_has_them_are_refused(run: RunFolder) -> None:
    with run.judgments_path.open("ab") as file:
        file.write(run.judgments_path.read_bytes().splitlines()[0].partition(b',"seal"')[0] + b"}\n")
    with pytest.raises(RunError, match=r"judgments\.jsonl:5: damaged line: has no checksum"):
        list(run.judgments())


@pytest.mark.parametrize("how", ["changed", "emptied", "shortened", "lengthened"])
def test_pairs_that_are_not_those_of_the_run_are_refused_by_whatever_reads_judgments(run: RunFolder, how: str) -> None:
    lines = run.pairs_path.read_bytes().splitlines(keepends=True)
    now = {
        "changed": [lines[0], lines[1].replace(b"Question q2", b"Question q3")],
        "emptied": [],
        "shortened": lines[:1],
    }
    run.pairs_path.write_bytes(b"".join(now.get(how, [*lines, lines[0]])))
    told = r"pairs\.jsonl:[23]: damaged line: " if how in {"changed", "lengthened"} else r"pairs\.jsonl: changed since"
    for read in (run.judgments, run.pairs):
        with pytest.raises(RunError, match=told):
            list(read())


def test_a_manifest_that_was_changed_is_refused_and_names_the_field(run: RunFolder) -> None:
    damage(run.manifest_path, b"secret-model-alpha", b"secret-model-alphb")
    with pytest.raises(RunError, match=r"manifest\.json: damaged: model_a: changed since it was written"):
        run.manifest()


def test_a_run_of_an_earlier_version_is_read_and_stays_without_checksums(run: RunFolder) -> None:
    before = list(run.judgments())
    without_seals(run.path)
    old = RunFolder(run.path)
    assert not old.is_sealed
    assert list(old.judgments()) == before
    old.write_manifest(old.manifest())
    assert not old.is_sealed
    with Journal(old.judgments_path) as journal:
        journal.append(before[0])
    assert list(old.judgments()) == [*before, before[0]]
    damage(old.judgments_path, b'"item":"q1","order":"swapped"', b'"item":"q9","order":"swapped"')
    with pytest.raises(RunError, match=r"judgments\.jsonl:2: damaged line: item: the run has no item 'q9'"):
        list(old.judgments())
