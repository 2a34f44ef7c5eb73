"""A run is proven from its folder, and whatever is changed in it is found and named."""

from __future__ import annotations

import json
import random
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
import pytest
from command import omr_judge, read_jsonl
from kept_runs import RUNS, label, make_runs, write_inputs
from run_builder import change_manifest, without_seals

from judge.audit.browse import list_items
from judge.audit.filters import Filters
from judge.checklists.write_items import save_checklists
from judge.comparison.derive_report import make_report
from judge.enums import ExportFormat
from judge.errors import OmrJudgeError, RunError
from judge.export.write import ExportOptions, export_run
from judge.files.files import file_sha256, write_lines
from judge.files.sealing import seal, seal_lines, unseal
from judge.labels.human_labels import PeopleReportOptions, make_people_report
from judge.prompting.pairwise_reply import READER
from judge.runs.manifest import ChecklistManifest, ScoreManifest
from judge.runs.run_folder import RunFolder
from judge.scoring.derive_score_report import make_score_report
from judge.verification.verify_run import verify_run

MADE = ("comparison", "score-a", "batched", "controls", "shard-1", "shard-2", "labelled", "checklists", "one-order")
KINDS = ("comparison", "score-a", "imported", "batched", "merged", "checklists", "labelled", "controls", "shard-1")
UNREAD = {"lock", "owner.json", "in_flight", "labels.lock"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    write_inputs(folder, 12)
    make_runs(folder, {name: RUNS[name] for name in MADE})
    omr_judge("merge", "shard-1", "shard-2", "--name", "merged", "--max-failures", "1", cwd=folder)
    omr_judge("import", "verdicts.jsonl", "--name", "imported", cwd=folder)
    label(folder, "labelled", 6)
    return folder


@pytest.fixture
def copied(site: Path, tmp_path: Path) -> Callable[[str], RunFolder]:
    """Copy a run, to be changed."""

    def copy(name: str) -> RunFolder:
        return RunFolder(Path(shutil.copytree(site / "runs" / name, tmp_path / name)))

    return copy


def problems(run: RunFolder) -> list[str]:
    return [str(problem).removeprefix(f"{run.path}/") for problem in verify_run(run).problems]


@pytest.mark.parametrize("name", [*KINDS, "one-order", "shard-2"])
def test_a_run_of_every_kind_is_proven_as_it_was_made(site: Path, name: str) -> None:
    found = verify_run(RunFolder(site / "runs" / name))
    assert [str(problem) for problem in found.problems] == []
    assert found.proven
    assert found.sealed
    assert found.notes == ()
    n_lines = sum(len(read_jsonl(path)) for path in (site / "runs" / name).rglob("judgments.jsonl"))
    assert found.n_judgments == n_lines > 0
    if name != "imported":
        assert found.n_requests == n_lines
        n_replies = sum(
            "reply" in one for path in (site / "runs" / name).rglob("judgments.jsonl") for one in read_jsonl(path)
        )
        assert found.n_read_again == n_replies > 0
    report = orjson.loads((site / "runs" / name / "report.json").read_bytes()) if name != "imported" else {}
    assert name in {"imported", "checklists"} or found.fingerprint == report["fingerprint"]


@pytest.mark.parametrize("name", KINDS)
def test_a_run_of_an_earlier_version_is_read_and_said_to_have_no_checksums(
    copied: Callable[[str], RunFolder], name: str
) -> None:
    run = copied(name)
    without_seals(run.path)
    found = verify_run(RunFolder(run.path))
    assert [str(problem) for problem in found.problems] == []
    assert (found.proven, found.sealed, found.fingerprint) == (True, False, None)


def test_the_command_ends_with_one_line_and_an_exit_code(site: Path, copied: Callable[[str], RunFolder]) -> None:
    told = omr_judge("verify", "comparison", cwd=site).stdout.splitlines()
    digest = file_sha256(site / "runs/comparison/manifest.json")
    assert told[-1].startswith("runs/comparison: proven: ")
    assert f"manifest {digest}, fingerprint " in told[-1]
    run = copied("comparison")
    line = run.judgments_path.read_bytes().splitlines()[2]
    run.judgments_path.write_bytes(
        run.judgments_path.read_bytes().replace(line, line.replace(b'"openai:m"', b'"openai:n"'))
    )
    told = omr_judge("verify", run.path, cwd=site, code=3).stdout.splitlines()
    assert told[0].startswith(f"{run.path}/judgments.jsonl:3: judge: changed since it was written")
    assert told[-1] == f"{run.path}: not proven: 1 thing does not fit"
    as_json = json.loads(omr_judge("verify", run.path, "--json", cwd=site, code=3).stdout)
    assert (as_json["proven"], as_json["n_problems"], len(as_json["problems"])) == (False, 1, 1)
    assert "no run of this name" in omr_judge("verify", "nothing", cwd=site, code=3).stderr


def test_a_quoted_hash_is_that_of_the_manifest_or_the_fingerprint_of_a_report(site: Path) -> None:
    run = RunFolder(site / "runs/comparison")
    fingerprint = make_report(run).fingerprint
    assert fingerprint is not None
    digest = file_sha256(run.manifest_path)
    for quoted in (digest, digest[:12], fingerprint, fingerprint.upper()[:20]):
        assert verify_run(run, against=quoted).proven
    for quoted in (digest[:11], "", "0" * 64):
        (problem,) = verify_run(run, against=quoted).problems
        assert "not the run that was quoted" in problem.problem
    assert (
        "not the run that was quoted"
        in omr_judge("verify", "comparison", "--against", "0" * 64, cwd=site, code=3).stdout
    )


@pytest.mark.parametrize("name", ["comparison", "score-a"])
def test_what_a_printed_report_and_a_page_state_of_the_fingerprint_can_be_quoted(
    site: Path, copied: Callable[[str], RunFolder], name: str
) -> None:
    run = copied(name)
    fingerprint = orjson.loads(run.report_path.read_bytes())["fingerprint"]
    for form in ("terminal",) if name == "score-a" else ("markdown", "latex", "html-fragment"):
        told = omr_judge("report", run.path, "--format", form, "--full", cwd=site).stdout
        (digits,) = set(re.findall(r"Run\s+fingerprint\s+([0-9a-f]+)\.", told))
        assert fingerprint.startswith(digits)
        assert f"fingerprint {fingerprint}" in omr_judge("verify", run.path, "--against", digits, cwd=site).stdout
    omr_judge("report", run.path, "--html", run.path.with_suffix(".html"), cwd=site)
    page = run.path.with_suffix(".html").read_text()
    assert f"--against {fingerprint[:12]}" in page
    assert fingerprint in page


def test_labels_that_were_rewritten_with_all_checksums_are_told_by_the_fingerprint_of_their_report(
    copied: Callable[[str], RunFolder],
) -> None:
    run = copied("labelled")
    quoted = make_people_report(run, PeopleReportOptions()).fingerprint
    assert quoted is not None
    assert verify_run(run, against=quoted[:12]).labels_fingerprint == quoted
    rewrite(run.path / "labels.jsonl", forge("reason", "since then"))
    assert verify_run(run).proven
    (told,) = verify_run(run, against=quoted).problems
    assert "not the run that was quoted" in told.problem
    assert make_people_report(run, PeopleReportOptions()).fingerprint in told.problem.split()


def rewrite(path: Path, change: Callable[[int, dict[str, Any]], None]) -> None:
    """Change records of a file, and seal them anew: as whoever means to deceive does."""
    records = [orjson.loads(unseal(line).content) for line in path.read_bytes().splitlines()]
    for number, record in enumerate(records, start=1):
        change(number, record)
    path.write_bytes(b"".join(seal_lines(map(orjson.dumps, records))))


def test_a_verdict_changed_together_with_its_checksum_is_found(copied: Callable[[str], RunFolder]) -> None:
    run = copied("comparison")

    def turn(number: int, record: dict[str, Any]) -> None:
        if number == 5:
            said = record["result"]["verdicts"]
            said["overall"] = "first" if said["overall"] == "second" else "second"

    rewrite(run.judgments_path, turn)
    list(run.judgments())  # nothing but the reply contradicts it
    (told,) = problems(run)
    assert told.startswith("judgments.jsonl:5: result.verdicts.overall: is ")
    assert "where the reply says" in told


def test_a_verdict_that_an_older_reader_is_said_to_have_read_otherwise_is_found(
    copied: Callable[[str], RunFolder],
) -> None:
    run = copied("comparison")
    manifest = orjson.loads(unseal(run.manifest_path.read_bytes()).content)
    del manifest["versions"]["reader"]  # as of a run that an earlier version made
    run.manifest_path.write_bytes(seal(orjson.dumps(manifest))[0])

    def turn(number: int, record: dict[str, Any]) -> None:
        record["reader"] = 1
        if number == 5:
            said = record["result"]["verdicts"]
            said["overall"] = "first" if said["overall"] == "second" else "second"

    rewrite(run.judgments_path, turn)
    assert problems(run)[0].startswith("judgments.jsonl:5: result.verdicts.overall: is ")


def forge(field: str, value: object) -> Callable[[int, dict[str, Any]], None]:
    """Return what changes a field of the second record."""

    def change(number: int, record: dict[str, Any]) -> None:
        if number == 2:
            *way, last = field.split(".")
            inner: Any = record
            for step in way:
                inner = inner[int(step) if step.isdigit() else step]
            inner[last] = value

    return change


@pytest.mark.parametrize(
    ("name", "field", "value", "told"),
    [
        ("comparison", "item", "q99", "judgments.jsonl:2: item: the run has no item 'q99'"),
        ("comparison", "judge", "openai:other", "judgments.jsonl:2: judge: the run has no judge 'openai:other'"),
        ("comparison", "sample", 3, "judgments.jsonl:2: sample: the run has 1, counted from 0, and not 3"),
        ("comparison", "key", "0" * 32, "judgments.jsonl:2: key: no request of the run has it"),
        (
            "comparison",
            "reply.usage.input",
            -5,
            "judgments.jsonl:2: damaged line: Expected `int` >= 0 - at `$.reply.usage",
        ),
        ("comparison", "result.status", "scored", "judgments.jsonl:2: damaged line: "),
        (
            "comparison",
            "result",
            {"status": "judged", "verdicts": {"overall": "tie"}},
            "judgments.jsonl:2: result.verdicts: ",
        ),
        (
            "comparison",
            "result",
            {"status": "failed", "failure": "refused"},
            "judgments.jsonl:2: result: is failed (refused)",
        ),
        ("comparison", "reader", 0, "judgments.jsonl:2: reader: is 0, where replies of this run were read by 2 to 2"),
        ("comparison", "reader", 1, "judgments.jsonl:2: reader: is 1, where replies of this run were read by 2 to 2"),
        ("merged", "reader", 1, "judgments.jsonl:2: reader: is 1, where replies of this run were read by 2 to 2"),
        ("comparison", "reader", 99, "judgments.jsonl:2: reader: is 99, where"),
        ("comparison", "latency_s", -0.5, "judgments.jsonl:2: latency_s: is -0.5: no time is below zero"),
        ("comparison", "time", "1999-01-01", "judgments.jsonl:2: time: no time with a zone: '1999-01-01'"),
        ("comparison", "sample", 10**18, "judgments.jsonl:2: damaged line: "),
        ("batched", "judge", "other", "judgments.jsonl:2: judge: the run has no judge 'other'"),
        ("merged", "item", "q05", "judgments.jsonl:2: item: is 'q05', where the request of this key has "),
        ("score-a", "order", "swapped", "judgments.jsonl:2: order: the run does not ask about this item swapped"),
        ("score-a", "result.units", {}, "judgments.jsonl:2: result.units."),
        (
            "imported",
            "judge",
            "j2",
            "judgments.jsonl:2: key: not that of this item, criterion, order, judge and sample",
        ),
        ("checklists", "result.units.knowledge.0.claim", "another", "judgments.jsonl:2: result: "),
    ],
)
def test_a_forged_judgment_is_found(
    copied: Callable[[str], RunFolder], name: str, field: str, value: object, told: str
) -> None:
    run = copied(name)
    rewrite(run.judgments_path, forge(field, value))
    found = problems(run)
    assert any(one.startswith(told) for one in found), found
    assert sum("judgments.jsonl:" in one for one in found) == 1 + (name == "imported")  # whose manifest has its hash


def test_replies_that_an_older_reader_read_otherwise_are_noted_and_not_held_against_it(
    copied: Callable[[str], RunFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = copied("comparison")

    def turn(number: int, record: dict[str, Any]) -> None:
        if number == 5:
            record["result"] = {"status": "failed", "failure": "unparsed"}

    rewrite(run.judgments_path, turn)
    monkeypatch.setattr("judge.verification.check_judgments.READER", READER + 1)
    found = verify_run(run)
    assert (found.n_read_again, found.n_older_reader) == (0, found.n_judgments)
    assert any("1 reply was read by an older reader otherwise than today" in note for note in found.notes)
    assert not any("result" in str(problem) for problem in found.problems if "judgments.jsonl" in str(problem))


def test_verdicts_without_a_reply_are_found(copied: Callable[[str], RunFolder]) -> None:
    run = copied("comparison")

    def take(number: int, record: dict[str, Any]) -> None:
        if number == 2:
            del record["reply"]

    rewrite(run.judgments_path, take)
    assert any("judgments.jsonl:2: reply: missing, where there are verdicts" in one for one in problems(run))


def test_a_second_judgment_of_a_request_with_other_verdicts_is_found(copied: Callable[[str], RunFolder]) -> None:
    run = copied("score-a")
    run.judgments_path.write_bytes(
        b"".join(seal_lines(unseal(line).content for line in run.judgments_path.read_bytes().splitlines()))
    )
    judgments = [one for one in run.judgments() if one.reply is not None]
    write_lines(run.judgments_path, [*run.judgments(), judgments[0]])
    twice = len(judgments) + 1 + sum(one.reply is None for one in run.judgments())
    told = f"judgments.jsonl:{twice}: reply: a reply that stands further up already, and was paid for once"
    assert problems(run) == [told]
    lines = list(map(orjson.dumps, read_jsonl(run.judgments_path)))
    last = orjson.loads(lines[-1])
    unit = next(iter(last["result"]["units"].values()))
    unit["presence"] = 2 - unit["presence"]
    contents = [unseal(line).content for line in [*lines[:-1], orjson.dumps(last)]]
    run.judgments_path.write_bytes(b"".join(seal_lines(contents)))
    assert any("key: a second judgment of this request, with other verdicts" in one for one in problems(run))


def test_a_verdict_on_a_unit_that_the_checklist_does_not_have_is_refused_by_the_report(
    copied: Callable[[str], RunFolder],
) -> None:
    run = copied("score-a")

    def rename(number: int, record: dict[str, Any]) -> None:
        if number == 3:
            units = record["result"]["units"]
            units["other"] = units.pop(next(iter(units)))

    rewrite(run.judgments_path, rename)
    with pytest.raises(RunError, match=r"judgments\.jsonl:3: damaged line: result\.units: .* has no unit 'other'"):
        make_score_report(RunFolder(run.path))


def test_exchanged_models_are_found_even_where_the_manifest_was_sealed_anew(copied: Callable[[str], RunFolder]) -> None:
    run = copied("comparison")
    change_manifest(run.path, b'"model_a": "alpha-7b"', b'"model_a": "x"')
    change_manifest(run.path, b'"model_b": "beta-9b"', b'"model_b": "alpha-7b"')
    change_manifest(run.path, b'"model_a": "x"', b'"model_a": "beta-9b"')
    assert problems(run) == [
        "manifest.json: model_a: is 'beta-9b', where the traces say that they are of 'alpha-7b'",
        "manifest.json: model_b: is 'alpha-7b', where the traces say that they are of 'beta-9b'",
    ]


@pytest.mark.parametrize("name", ["comparison", "imported", "score-a"])
def test_a_manifest_whose_checksum_was_taken_out_is_refused(copied: Callable[[str], RunFolder], name: str) -> None:
    run = copied(name)
    run.manifest_path.write_bytes(orjson.dumps(orjson.loads(unseal(run.manifest_path.read_bytes()).content)))
    assert (
        "manifest.json: it has no checksum, where the lines of the run have: changed since it was written"
        in problems(run)
    )
    with pytest.raises(RunError, match="damaged: it has no checksum"):
        list(run.judgments())


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (b'"n_items": 12', b'"n_items": 13', "manifest.json: n_items: is 13, the file of subjects gives 12"),
        (b'"samples": 1', b'"samples": 2', "manifest.json: samples: is '2', where the identity of the run has '1'"),
        (b'"seed": 0,\n', b'"seed": 1,\n', "manifest.json: seed: is '1', where the identity of the run has '0'"),
        (b"traces", b"horses", "manifest.json: prompt: not the text whose hash stands in `inputs`"),
        (b'"model": "m"', b'"model": "n"', "manifest.json: judges: is "),
        (b'"n_items": 12', b'"n_items": -1', "manifest.json: not a manifest of this version: n_items: "),
        (b'"n_items": 12', b'"n_items": 1000000000000', "manifest.json: not a manifest of this version: n_items: "),
        (b'"role": "items"', b'"role": "other"', "manifest.json: inputs: lacks the file items of the identity"),
        (b'"created": "20', b'"created": "x20', "manifest.json: created: no time with a zone: 'x20"),
        (b'"role": "a"', b'"role": "b"', "manifest.json: inputs: not the hash of b in the identity of the run"),
    ],
)
def test_a_manifest_that_was_changed_and_sealed_anew_contradicts_itself(
    copied: Callable[[str], RunFolder], old: bytes, new: bytes, told: str
) -> None:
    run = copied("comparison")
    assert old in run.manifest_path.read_bytes()
    change_manifest(run.path, old, new)
    assert any(one.startswith(told) for one in problems(run)), problems(run)


def test_a_report_of_more_items_than_the_run_has_is_refused(copied: Callable[[str], RunFolder]) -> None:
    run = copied("comparison")
    change_manifest(run.path, b'"n_items": 12', b'"n_items": 99999999')
    with pytest.raises(RunError, match=r"manifest\.json: damaged: n_items: is 99999999, where pairs\.jsonl has 12"):
        make_report(RunFolder(run.path))


@pytest.mark.parametrize("name", ["comparison", "score-a", "checklists"])
def test_a_journal_whose_end_was_cut_off_is_told_by_the_report_that_rested_on_it(
    copied: Callable[[str], RunFolder], name: str
) -> None:
    run = copied(name)
    lines = run.judgments_path.read_bytes().splitlines(keepends=True)
    run.judgments_path.write_bytes(b"".join(lines[:-1]))
    (told,) = problems(run)
    assert (
        told.startswith("report.json: rests on judgments that judgments.jsonl does not have: ") or name != "comparison"
    )
    assert told.startswith("report.json: ")


def test_imported_verdicts_are_all_there_or_refused(copied: Callable[[str], RunFolder]) -> None:
    run = copied("imported")
    lines = run.judgments_path.read_bytes().splitlines(keepends=True)
    run.judgments_path.write_bytes(b"".join(lines[:-1]))
    assert problems(run)[-1] == "judgments.jsonl: changed since the run began"
    with pytest.raises(RunError, match=r"judgments\.jsonl: changed since the run began"):
        make_report(RunFolder(run.path))


def test_another_run_in_the_place_of_a_control_is_refused(copied: Callable[[str], RunFolder]) -> None:
    run = copied("controls")
    control = run.path / "controls" / "hide-answers"
    change_manifest(control, b'"kind": "hide-answers"', b'"kind": "identical"')
    told = "controls/hide-answers/manifest.json: not the control hide-answers of this run, but a control identical"
    assert told in problems(run)
    with pytest.raises(RunError, match="not the control hide-answers of this run"):
        make_report(RunFolder(run.path))
    shutil.rmtree(control)
    shutil.copytree(copied("comparison").path, control)
    told = "controls/hide-answers/manifest.json: not the control hide-answers of this run, but a run"
    assert told in problems(run)
    control.rename(control.with_name("other"))
    assert problems(run)[-1] == "controls/other/manifest.json: no control has this name"
    shutil.rmtree(control.with_name("other"))
    identical = run.path / "controls" / "identical"
    change_manifest(identical, b'"--seed": "0"', b'"--seed": "1"')
    assert "controls/identical/manifest.json: a control of another run" in problems(run)
    (identical / "manifest.json").unlink()
    assert "controls/identical/manifest.json: missing" in problems(run)


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("reader", "x" * 5000, "reader: the reader's name has 5000 characters: at most 80"),
        ("time", "9999-01-01T00:00:00+00:00", "time: '9999-01-01T00:00:00+00:00': is yet to come"),
    ],
)
def test_labels_of_readers_and_times_as_there_are_none_are_refused(
    copied: Callable[[str], RunFolder], field: str, value: str, told: str
) -> None:
    run = copied("labelled")
    rewrite(run.path / "labels.jsonl", forge(field, value))
    assert any(one.startswith(f"labels.jsonl:2: {told}") for one in problems(run))
    with pytest.raises(RunError, match=r"labels\.jsonl:2: "):
        make_people_report(run, PeopleReportOptions())


def test_subjects_that_are_missing_changed_or_doubled_are_named(copied: Callable[[str], RunFolder]) -> None:
    run = copied("comparison")
    lines = run.pairs_path.read_bytes().splitlines(keepends=True)
    changed = lines[3].replace(b"What is case 3?", b"What is case 4?")
    run.pairs_path.write_bytes(b"".join([*lines[:3], changed, *lines[4:]]))
    told = problems(run)
    assert told[0].startswith("pairs.jsonl:4: item.question: changed since it was written (byte ")
    assert len([one for one in told if "no request of the run has it" in one]) == 2
    run.pairs_path.write_bytes(b"".join([*lines, lines[0]]))
    assert "item.id: a second line about item 'q00'" in " ".join(problems(run))
    run.pairs_path.write_bytes(b"".join(lines[:-1]))
    assert problems(run)[0].startswith("pairs.jsonl: not the file that the run was made with")
    run.pairs_path.write_bytes(b'{"item": 1}\n')
    assert "pairs.jsonl:1: has no checksum" in problems(run)[0]
    run.pairs_path.unlink()
    assert problems(run)[0] == "pairs.jsonl: missing: the requests cannot be rendered anew"
    report = make_report(RunFolder(run.path))
    assert any("pairs.jsonl is missing" in warning for warning in report.warnings)


def test_images_that_were_changed_are_named_and_those_that_lie_elsewhere_may_be_absent(
    site: Path, copied: Callable[[str], RunFolder], tmp_path: Path
) -> None:
    run = copied("comparison")
    image = site / "images/ecg-01.png"
    kept = image.read_bytes()
    try:
        image.write_bytes(kept + b"!")
        (told,) = verify_run(run).problems
        assert (told.where, told.problem) == (str(image), "image changed since the run began")
        image.unlink()
        found = verify_run(run)
        assert (found.proven, found.n_images_absent) == (True, 1)
        assert "Note: 1 images lie elsewhere" in omr_judge("verify", run.path, cwd=tmp_path).stdout
    finally:
        image.write_bytes(kept)


def test_a_pair_that_labels_and_draws_need_too_is_named_once(copied: Callable[[str], RunFolder]) -> None:
    run = copied("labelled")
    lines = run.pairs_path.read_bytes().splitlines(keepends=True)
    lines[3] = lines[3].replace(b'"question":"', b'"question":"X', 1)
    run.pairs_path.write_bytes(b"".join(lines))
    assert [problem for problem in problems(run) if problem.startswith("pairs.jsonl")] == problems(run)[:1]
    assert len(problems(run)) == 1 + sum(one.startswith("judgments.jsonl") for one in problems(run))


def test_what_lies_beside_the_judgments_is_checked_too(copied: Callable[[str], RunFolder]) -> None:
    run = copied("labelled")
    rewrite(run.path / "labels.jsonl", forge("item", "q99"))
    assert problems(run)[0] == "labels.jsonl:2: item: the run has no item 'q99'"
    rewrite(run.path / "labels.jsonl", forge("item", "q00"))
    rewrite(run.path / "labels.jsonl", forge("criterion", "style"))
    assert problems(run)[0] == "labels.jsonl:2: criterion: the run has no criterion 'style'"
    rewrite(run.path / "labels.jsonl", forge("weight", 99.5))
    assert any(one.startswith("labels.jsonl:2: weight: draw packet-") for one in problems(run))
    (packet,) = (run.path / "packets").iterdir()
    packet.write_bytes(packet.read_bytes().replace(b'"order": "', b'"order":  "', 1))
    assert any("packets/" in one and "changed since it was written" in one for one in problems(run))
    shutil.copytree(run.path, run.path.with_name("more"))
    (run.path / "flags.jsonl").unlink()
    assert "flags.jsonl: missing" in problems(run)
    report = json.loads(run.report_path.read_bytes())
    other = copied("comparison")
    report = json.loads(other.report_path.read_bytes())
    report["criteria"]["overall"]["wins_a"] += 1
    other.report_path.write_bytes(orjson.dumps(report))
    (told,) = problems(other)
    assert told.startswith("report.json: criteria.overall.wins_a: is ")
    report["criteria"]["overall"]["wins_a"] -= 1
    report["fingerprint"] = "x" + report["fingerprint"][1:]
    other.report_path.write_bytes(orjson.dumps(report))
    (told,) = problems(other)
    assert told.startswith("report.json: fingerprint: is 'x")
    other.report_path.write_bytes(b"{")
    assert problems(other)[0].startswith("report.json: damaged: ")
    other.report_path.write_bytes(orjson.dumps({"fingerprint": "another"}))
    (note,) = verify_run(other).notes
    assert "rests on earlier judgments than the run has now" in note


def test_batches_and_shards_are_checked_too(copied: Callable[[str], RunFolder]) -> None:
    run = copied("batched")
    (members, *_) = sorted((run.path / "batches").iterdir())
    lines = members.read_bytes().splitlines(keepends=True)
    members.write_bytes(b"".join(lines[1:]))
    (told,) = problems(run)
    assert told.startswith(f"batches/{members.name}: has {len(lines) - 1} requests, and its batch {len(lines)}")
    members.write_bytes(lines[0].replace(b'"key":"', b'"key":"0', 1))
    assert any("damaged line: key: changed since" in one or "not the line" in one for one in problems(run))
    run.batches_path.unlink()
    assert any(one.endswith("batches.jsonl has no batch of this name") for one in problems(run))
    shard = copied("shard-1")
    positions = shard.positions_path.read_bytes().split()
    shard.positions_path.write_bytes(b"\n".join([positions[1], *positions[1:], b""]))
    assert problems(shard) == [
        "positions.txt: changed since the run began",
        f"positions.txt: does not name {len(positions)} rising positions",
    ]
    shard.positions_path.write_bytes(b"9" * 5000)
    assert "positions.txt: changed since the run began" in problems(shard)


# Random bits


def said_of(run: RunFolder, out: Path) -> dict[str, object]:
    """Return everything that a person or a program is told of a run: figures, lists and tables."""
    shutil.rmtree(out, ignore_errors=True)
    manifest = run.any_manifest()
    if isinstance(manifest, ChecklistManifest):
        report, _ = save_checklists(run, out.with_suffix(".jsonl"))
        return {"report": report, "items": out.with_suffix(".jsonl").read_bytes()}
    export_run(run, ExportOptions(ExportFormat.JSONL, out, None, None))
    said: dict[str, object] = {path.name: path.read_bytes() for path in sorted(out.iterdir())}
    if isinstance(manifest, ScoreManifest):
        return said | {"report": make_score_report(run).report}
    said |= {"report": make_report(run), "list": list_items(run, Filters()).rows}
    with suppress(OmrJudgeError):  # there are no labels
        said["people"] = make_people_report(run, PeopleReportOptions())
    return said


def flips(site: Path, n: int, seed: int) -> Iterator[tuple[str, Path, int, int]]:
    """Yield random bits of all files of the runs: each file of a run is as likely as any other."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    for number in range(n):
        name = KINDS[number % len(KINDS)]
        files = [
            path for path in sorted((site / "runs" / name).rglob("*")) if path.is_file() and path.name not in UNREAD
        ]
        path = chance.choice([path for path in files if path.stat().st_size])
        yield name, path, chance.randrange(path.stat().st_size), chance.randrange(8)


def changed_in_silence(site: Path, out: Path, n: int, seed: int) -> tuple[list[str], list[str]]:
    """Flip bits one at a time; return those that change what is said, and those that `verify` does not find."""
    as_made: dict[str, dict[str, object]] = {}
    silent, unfound = [], []
    for name, path, place, bit in flips(site, n, seed):
        run = site / "runs" / name
        as_made.setdefault(name, said_of(RunFolder(run), out))
        kept = path.read_bytes()
        path.write_bytes(kept[:place] + bytes([kept[place] ^ 1 << bit]) + kept[place + 1 :])
        told = f"{path.relative_to(site)} byte {place} bit {bit}"
        try:
            if verify_run(RunFolder(run)).proven:
                unfound.append(told)
            with suppress(OmrJudgeError):
                if said_of(RunFolder(run), out) != as_made[name]:
                    silent.append(told)
        finally:
            path.write_bytes(kept)
    return silent, unfound


def test_no_random_bit_changes_what_is_said_of_a_run_in_silence(site: Path, tmp_path: Path) -> None:
    assert changed_in_silence(site, tmp_path / "out", 6, seed=1) == ([], [])


@pytest.mark.slow
def test_of_500_random_bits_none_changes_what_is_said_of_a_run_in_silence(site: Path, tmp_path: Path) -> None:
    silent, unfound = changed_in_silence(site, tmp_path / "out", 500, seed=int.from_bytes(random.randbytes(4)))  # noqa: S311
    sys.stdout.write(f"500 bits: {len(silent)} in silence, {len(unfound)} not found by verify\n")
    assert (silent, unfound) == ([], [])
