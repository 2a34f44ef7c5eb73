"""What people say is kept line by line, the later of two labels counts, and nothing is half imported."""

from __future__ import annotations

import json
import os
import resource
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from run_builder import A_WINS, B_WINS, make_label, make_run

from judge.errors import InputError, InputErrors, RunError
from judge.files.sampling import allocate, draw, draw_by_stratum
from judge.labels.import_labels import Imported, import_labels
from judge.labels.labels import append_labels, first_shown, labels_path, latest_labels, read_labels, shown_as
from judge.labels.make_packet import PacketOptions, make_packet
from judge.outcomes.tally import winner
from judge.schema import Order, Verdict, Winner


def test_labels_come_back_as_they_were_given(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    labels = [make_label("q\u202e1", Winner.A, reason="x\ny"), make_label("q2", Winner.TIE, draw="d", weight=2.5)]
    append_labels(path, labels[:1])
    append_labels(path, labels[1:])
    assert list(read_labels(path)) == labels
    assert len(path.read_bytes().splitlines()) == 2


def test_a_run_without_labels_has_none(tmp_path: Path) -> None:
    assert list(read_labels(tmp_path / "labels.jsonl")) == []


def test_a_damaged_line_is_named_and_a_torn_last_one_left_out(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    append_labels(path, [make_label("q1", Winner.A), make_label("q2", Winner.B)])
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:40])
    assert [label.item for label in read_labels(path)] == ["q1", "q2"]
    path.write_bytes(whole[:40] + b"\n" + whole)
    with pytest.raises(RunError, match=r"labels\.jsonl:1: damaged line"):
        list(read_labels(path))


@pytest.mark.parametrize("padding", [0, 200_000])
def test_a_torn_line_is_cut_off_before_the_next_label_and_a_whole_one_is_completed(
    tmp_path: Path, padding: int
) -> None:
    path = tmp_path / "labels.jsonl"
    append_labels(path, [make_label("q1", Winner.A)])
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"item": "' + b"x" * padding)
    append_labels(path, [make_label("q2", Winner.B)])
    assert [label.item for label in read_labels(path)] == ["q1", "q2"]
    path.write_bytes(whole.rstrip(b"\n"))
    append_labels(path, [make_label("q2", Winner.B)])
    assert [label.item for label in read_labels(path)] == ["q1", "q2"]
    path.write_bytes(b'{"torn')
    append_labels(path, [make_label("q3", Winner.B)])
    assert [label.item for label in read_labels(path)] == ["q3"]


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "labels.jsonl").mkdir()
    with pytest.raises(InputError, match="is a folder"):
        append_labels(tmp_path / "labels.jsonl", [make_label("q1", Winner.A)])


def test_a_full_disk_leaves_the_labels_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    append_labels(path, [make_label("q1", Winner.A)])
    before = path.read_bytes()
    pid = os.fork()
    if pid == 0:
        import signal  # noqa: PLC0415 - of the child alone

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 50, len(before) + 50))
        try:
            append_labels(path, [make_label("q2", Winner.B)])
        except RunError as error:
            os._exit(0 if "disk full" in str(error) else 1)
        os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert path.read_bytes() == before


def test_the_later_label_of_a_reader_counts_and_of_equal_times_the_last() -> None:
    early = make_label("q1", Winner.A, time="2026-01-01T00:00:00+00:00")
    late = make_label("q1", Winner.B)
    other = make_label("q1", Winner.TIE, reader="bob")
    again = make_label("q1", Winner.CANNOT_JUDGE)
    assert latest_labels([late, early, other]) == (late, other)
    assert latest_labels([late, again]) == (again,)


@given(st.sampled_from(Verdict), st.sampled_from(Order))
def test_slot_words_and_model_words_undo_each_other(verdict: Verdict, order: Order) -> None:
    assert shown_as(winner(verdict, order), order) is verdict


def test_half_of_the_items_are_shown_each_way_and_not_the_same_half_to_every_reader() -> None:
    shown = {reader: [first_shown(f"q{i}", reader=reader, seed=0) for i in range(2000)] for reader in ("ann", "bob")}
    for orders in shown.values():
        assert 900 < orders.count(Order.FORWARD) < 1100
    same = sum(x is y for x, y in zip(shown["ann"], shown["bob"], strict=True))
    assert 900 < same < 1100


# Sampling


def test_a_draw_depends_on_the_seed_and_not_on_the_order_of_the_items() -> None:
    items = [f"q{number}" for number in range(100)]
    drawn = draw(items, 20, seed=1)
    assert drawn == draw(items[::-1], 20, seed=1)
    assert drawn != draw(items, 20, seed=2)
    assert {one.weight for one in drawn} == {5.0}
    assert draw(items, 10, seed=1) == [one._replace(weight=10.0) for one in drawn[:10]]


@given(st.dictionaries(st.text(max_size=3), st.integers(0, 30), min_size=1), st.integers(0, 100))
def test_places_are_shared_out_equally_as_far_as_strata_go(sizes: dict[str, int], n: int) -> None:
    shares = allocate(sizes, n)
    assert sum(shares.values()) == min(n, sum(sizes.values()))
    assert all(shares[stratum] <= size for stratum, size in sizes.items())
    open_ones = [share for stratum, share in shares.items() if share < sizes[stratum]]
    if open_ones:
        assert max(shares.values()) - min(open_ones) <= 1


def test_weights_of_a_stratified_draw_add_up_to_the_items_of_each_stratum() -> None:
    strata = {f"q{i}": "rare" if i < 4 else "common" for i in range(100)}
    drawn = draw_by_stratum(strata, 20, seed=0)
    totals = {name: sum(one.weight for one in drawn if one.stratum == name) for name in ("rare", "common")}
    assert totals == pytest.approx({"rare": 4, "common": 96})
    assert len(drawn) == len({one.item for one in drawn}) == 20


# Import


def answers_of(run: Path, name: str = "ann") -> dict[str, object]:
    """Return an answer file that gives every item of the run's only draw to the trace shown first."""
    (path,) = (run / "packets").iterdir()
    key = json.loads(path.read_bytes())
    answers = [
        {
            "number": one["number"],
            "criterion": "overall",
            "verdict": "first",
            "reason": "",
            "time": "2026-02-03T04:05:06Z",
        }
        for one in key["items"]
    ]
    return {
        "format": "omr-judge packet answers",
        "version": 1,
        "pairs_sha256": key["pairs_sha256"],
        "draw": key["draw"],
        "reader": name,
        "answers": answers,
    }


def write(path: Path, content: object) -> str:
    path.write_text(json.dumps(content), encoding="utf-8")
    return str(path)


def test_imported_answers_undo_the_shuffle_and_are_imported_once(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", {f"q{i}": A_WINS if i % 2 else B_WINS for i in range(12)})
    key = make_packet(run, PacketOptions(8, stratify=True), tmp_path / "p.html")
    file = write(tmp_path / "answers.json", answers_of(run.path))
    assert import_labels(run, [file]) == Imported(8, 0, 0)
    labels = {label.item: label for label in read_labels(labels_path(run.path))}
    for one in key.items:
        label = labels[one.item]
        assert label.winner is (Winner.A if one.order is Order.FORWARD else Winner.B)
        assert (label.draw, label.weight, label.reader) == (key.draw, 12 / 8, "ann")
        assert label.time == "2026-02-03T04:05:06.000000+00:00"
    assert {one.stratum for one in key.items} == {"a", "b"}
    assert import_labels(run, [file, file]) == Imported(0, 16, 0)
    changed = answers_of(run.path)
    changed["answers"] = [{"number": 1, "criterion": "overall", "verdict": "tie", "time": "2026-02-04T00:00:00+02:00"}]
    assert import_labels(run, [write(tmp_path / "later.json", changed)]) == Imported(1, 0, 1)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"pairs_sha256": "0" * 64}, "another run"),
        ({"draw": "packet-000000000000"}, "no draw packet-000000000000"),
        ({"draw": "../../etc"}, "draw: String should match"),
        ({"format": "else"}, "neither answers"),
        ({"reader": ""}, "reader: "),
        ({"extra": 1}, "extra: "),
        (
            {"answers": [{"number": 99, "criterion": "overall", "verdict": "tie", "time": "2026-01-01T00:00Z"}]},
            "no such item",
        ),
        ({"answers": [{"number": 1, "criterion": "x", "verdict": "tie", "time": "2026-01-01T00:00Z"}]}, "did not ask"),
        ({"answers": [{"number": 1, "criterion": "overall", "verdict": "a", "time": "2026-01-01T00:00Z"}]}, "verdict"),
        ({"answers": [{"number": 1, "criterion": "overall", "verdict": "tie", "time": "2026-01-01"}]}, "no time zone"),
        (
            {"answers": [{"number": 1, "criterion": "overall", "verdict": "tie", "time": "2026-01-01T00:00Z"}] * 2},
            "answered twice",
        ),
    ],
)
def test_nothing_is_imported_where_one_file_is_wrong(tmp_path: Path, change: dict[str, object], problem: str) -> None:
    run = make_run(tmp_path / "run", {f"q{i}": A_WINS for i in range(4)})
    make_packet(run, PacketOptions(4), tmp_path / "p.html")
    good = write(tmp_path / "good.json", answers_of(run.path))
    bad = write(tmp_path / "bad.json", answers_of(run.path) | change)
    with pytest.raises(InputErrors, match=problem):
        import_labels(run, [good, bad])
    assert not labels_path(run.path).exists()


def test_files_that_are_no_json_or_not_there_are_named(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", {"q1": A_WINS})
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    with pytest.raises(InputErrors) as caught:
        import_labels(run, [str(broken), str(tmp_path / "absent.json")])
    assert [Path(problem.where).name for problem in caught.value.problems] == ["broken.json:1", "absent.json"]


def page_labels(run: Path, **changes: object) -> dict[str, object]:
    label = make_label("q1", Winner.B).model_dump(mode="json") | changes
    digest = json.loads((run / "manifest.json").read_bytes())["pairs_sha256"]
    return {"format": "omr-judge labels", "version": 1, "pairs_sha256": digest, "labels": [label]}


def test_labels_of_the_audit_page_are_taken_in(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", {"q1": A_WINS})
    assert import_labels(run, [write(tmp_path / "x.json", page_labels(run.path))]) == Imported(1, 0, 0)
    (label,) = read_labels(labels_path(run.path))
    assert (label.winner, label.time) == (Winner.B, "2026-01-02T00:00:00.000000+00:00")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"item": "q9"}, "no item 'q9'"),
        ({"criterion": "x"}, "no criterion 'x'"),
        ({"weight": 2.0}, "a weight goes with a draw"),
        ({"weight": -1}, "weight"),
        ({"winner": "first"}, "winner"),
    ],
)
def test_labels_of_the_audit_page_are_checked(tmp_path: Path, change: dict[str, object], problem: str) -> None:
    run = make_run(tmp_path / "run", {"q1": A_WINS})
    with pytest.raises(InputErrors, match=problem):
        import_labels(run, [write(tmp_path / "x.json", page_labels(run.path, **change))])


def test_a_damaged_key_of_a_packet_is_named(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", {"q1": A_WINS})
    make_packet(run, PacketOptions(1), tmp_path / "p.html")
    file = write(tmp_path / "x.json", answers_of(run.path))
    (path,) = (run.path / "packets").iterdir()
    path.write_text("{}")
    with pytest.raises(RunError, match="damaged"):
        import_labels(run, [file])


def test_a_stratified_draw_needs_a_place_for_each_outcome(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", {"q1": A_WINS, "q2": B_WINS, "q3": None})
    with pytest.raises(InputError, match=r"3 outcomes \(a, b, missing\)"):
        make_packet(run, PacketOptions(2, stratify=True), tmp_path / "p.html")
