"""A draw is on record before its items are read, and a label that fits none of the run's draws counts nowhere."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from run_builder import A_WINS, B_WINS, make_label, make_run, without_seals
from starlette.testclient import TestClient
from typer.testing import CliRunner

from judge.cli import app
from judge.enums import ExportFormat
from judge.errors import InputError, InputErrors, RunError
from judge.export.write import ExportOptions, export_run
from judge.files.files import as_json_bytes
from judge.files.keyboard import Keyboard
from judge.files.sealing import seal, unseal
from judge.labels.ask_reader import LabelOptions, label_run
from judge.labels.check_labels import LabelCheck, checked_labels
from judge.labels.draws import find_draw, session_weights
from judge.labels.given_files import read_given
from judge.labels.human_labels import PeopleReportOptions, make_people_report
from judge.labels.import_labels import Imported, import_labels
from judge.labels.labels import append_labels, labels_path, read_labels
from judge.labels.make_packet import PacketOptions, make_packet
from judge.labels.readers import reader_problem
from judge.labels.render_human_labels import render_people
from judge.page.serve import application
from judge.runs.run_folder import RunFolder
from judge.schema import Label, Order, Winner

MADE_WORSE: list[Callable[[dict[str, Any]], object]] = [
    lambda record: record.update(seed=8),
    lambda record: record.update(n_population=11),
    lambda record: record.update(pairs_sha256="0" * 64),
    lambda record: record.update(draw="random-s8-n4"),
]


class Keys(Keyboard):
    """A reader's keys, pressed one after the other."""

    def __init__(self, keys: str) -> None:
        self._keys = iter(keys)

    def key(self) -> str:
        return next(self._keys, "")


def silent() -> Console:
    return Console(file=io.StringIO(), width=200)


def run_of(folder: Path, n: int = 12) -> RunFolder:
    return make_run(folder / "run", {f"q{i:02}": A_WINS if i % 2 else B_WINS for i in range(n)})


def labelled(folder: Path, *, doubtful: bool = False, n: int = 4) -> tuple[RunFolder, list[Label]]:
    """Return a run that ann labelled in the terminal, four items of draw random-s7-n4 unless options say else."""
    run = run_of(folder)
    label_run(run, LabelOptions("ann", n=n, seed=7, doubtful=doubtful), Keys("1" * 12), silent())
    return run, list(read_labels(labels_path(run.path)))


def rewrite(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change a record, and seal it anew: as whoever means to deceive does."""
    content = json.loads(unseal(path.read_bytes()).content)
    change(content)
    path.write_bytes(seal(as_json_bytes(content))[0])


def label_file(run: RunFolder, path: Path, *labels: Mapping[str, object]) -> str:
    content = {"format": "omr-judge labels", "version": 1, "pairs_sha256": run.manifest().pairs_sha256}
    path.write_text(json.dumps({**content, "labels": labels}, indent=1), encoding="utf-8")
    return str(path)


def checked(run: RunFolder) -> list[Label]:
    return list(checked_labels(run, LabelCheck(run, run.manifest())))


def as_json(label: Label, **changes: object) -> dict[str, object]:
    return {**label.model_dump(mode="json"), **changes}


# On record


def test_a_session_puts_its_draw_on_record_before_it_asks(tmp_path: Path) -> None:
    run = run_of(tmp_path)
    label_run(run, LabelOptions("ann", n=4, seed=7), Keys(""), silent())
    record = json.loads((run.path / "draws/random-s7-n4.json").read_bytes())
    assert (record["seed"], record["n_population"], record["pairs_sha256"]) == (7, 12, run.manifest().pairs_sha256)
    assert set(record["weights"].values()) == {3.0}
    assert len(record["weights"]) == 4
    made = record["created"]
    label_run(run, LabelOptions("bob", n=4, seed=7), Keys("1111"), silent())
    assert json.loads((run.path / "draws/random-s7-n4.json").read_bytes())["created"] == made
    assert {label.item for label in checked(run)} == set(record["weights"])


def test_the_doubtful_that_a_session_draws_at_random_are_on_record_and_no_others(tmp_path: Path) -> None:
    run, labels = labelled(tmp_path, doubtful=True, n=8)
    drawn = {label.item: label.weight for label in labels if label.draw}
    assert json.loads((run.path / "draws/doubtful-s7-n8.json").read_bytes())["weights"] == drawn
    assert list(drawn.values()) == [6.0, 6.0]
    assert checked(run) == labels
    few = run_of(tmp_path / "few", 3)
    label_run(few, LabelOptions("ann", doubtful=True), Keys("111"), silent())
    assert not (few.path / "draws").exists()
    assert [label.draw for label in checked(few)] == [None] * 3


@given(st.integers(1, 40), st.integers(1, 40), st.integers(-3, 3), st.booleans())
def test_weights_of_a_session_stand_for_all_items(items: int, n: int, seed: int, doubtful: bool) -> None:  # noqa: FBT001 - hypothesis gives it
    weights = session_weights([str(item) for item in range(items)], n, seed=seed, doubtful=doubtful)
    assert len(weights) == (min(n, items) // 4 if doubtful and n < items else items // 4 if doubtful else min(n, items))
    assert sum(weights.values()) == pytest.approx(items if weights else 0)


@pytest.mark.parametrize("change", [*MADE_WORSE, lambda record: record["weights"].update(q00=3.0, q01=3.0, q02=3.0)])
def test_a_record_that_was_changed_is_refused_wherever_labels_are_used(
    tmp_path: Path, change: Callable[[dict[str, Any]], object]
) -> None:
    run, (first, *_) = labelled(tmp_path)
    rewrite(run.path / "draws/random-s7-n4.json", change)
    file = label_file(run, tmp_path / "x.json", as_json(first, winner="tie"))
    for use in (
        lambda: checked(run),
        lambda: make_people_report(run, PeopleReportOptions()),
        lambda: import_labels(run, [file]),
        lambda: label_run(run, LabelOptions("ann", n=4, seed=7), Keys(""), silent()),
    ):
        with pytest.raises(RunError, match=r"random-s7-n4\.json: not a sample of the pairs of this run"):
            use()


@pytest.mark.parametrize("content", [b"{}", b"\xff", b""])
def test_a_damaged_record_is_named(tmp_path: Path, content: bytes) -> None:
    run, _ = labelled(tmp_path)
    (run.path / "draws/random-s7-n4.json").write_bytes(content)
    with pytest.raises(RunError, match=r"random-s7-n4\.json: damaged"):
        checked(run)
    (run.path / "draws/random-s7-n4.json").unlink()
    (run.path / "draws/random-s7-n4.json").mkdir()
    with pytest.raises(InputError, match=r"random-s7-n4\.json: is a folder"):
        checked(run)


def test_a_record_with_another_checksum_than_its_own_is_refused(tmp_path: Path) -> None:
    run, _ = labelled(tmp_path)
    path = run.path / "draws/random-s7-n4.json"
    path.write_bytes(path.read_bytes().replace(b'"seed": 7', b'"seed": 8'))
    with pytest.raises(RunError, match=r"random-s7-n4\.json: damaged: seed: changed since it was written"):
        checked(run)


def change_item(field: str, value: object) -> Callable[[dict[str, Any]], object]:
    return lambda key: key["items"][0].update({field: value})


@pytest.mark.parametrize("stratify", [False, True])
@pytest.mark.parametrize(
    "change",
    [
        change_item("weight", 2.5),
        change_item("item", "q99"),
        change_item("number", 2),
        lambda key: key["items"].pop(),
        lambda key: key.update(n_population=11),
        lambda key: key.update(pairs_sha256="0" * 64),
        lambda key: key.update(draw="packet-0"),
    ],
)
def test_a_key_of_a_packet_that_was_changed_is_refused(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], *, stratify: bool
) -> None:
    run = run_of(tmp_path)
    key = make_packet(run, PacketOptions(8, stratify=stratify), tmp_path / "p.html")
    assert find_draw(run, run.manifest(), key.draw) is not None
    rewrite(run.path / f"packets/{key.draw}.json", change)
    with pytest.raises(RunError, match="not a sample of the pairs of this run"):
        find_draw(run, run.manifest(), key.draw)


def test_a_record_that_cannot_be_written_is_told_before_anything_is_asked(tmp_path: Path) -> None:
    run = run_of(tmp_path)
    (run.path / "draws").write_text("in the way")
    with pytest.raises(RunError, match=r"draws.*cannot be"):
        label_run(run, LabelOptions("ann"), Keys("1"), silent())
    assert not labels_path(run.path).exists()


# Labels that do not fit


UNFIT = [
    ({"draw": "random-s8-n4"}, "this run made no draw 'random-s8-n4'"),
    ({"draw": "packet-0123456789ab"}, "this run made no draw"),
    ({"draw": "../../etc/passwd"}, "this run made no draw"),
    ({"draw": ""}, "this run made no draw"),
    ({"draw": "x" * 100_000}, "this run made no draw"),
    ({"draw": None}, "a weight goes with a draw"),
    ({"weight": 1.0}, "the weight 3, not 1"),
    ({"item": "nowhere"}, "has no item 'nowhere'"),
    ({"item": "unread"}, "random-s7-n4 has no item"),
    ({"criterion": "beauty"}, "no criterion 'beauty'"),
    ({"order": "the other"}, "the other way"),
]


@pytest.mark.parametrize(("change", "problem"), UNFIT)
def test_a_label_that_does_not_fit_is_refused_with_its_file_and_line(
    tmp_path: Path, change: dict[str, object], problem: str
) -> None:
    run, labels = labelled(tmp_path)
    before = labels_path(run.path).read_bytes()
    last = labels[-1]
    change = dict(change)
    if change.get("order"):
        change["order"] = "swapped" if last.order is Order.FORWARD else "forward"
    if change.get("item") == "unread":
        change["item"] = next(f"q{i:02}" for i in range(12) if f"q{i:02}" not in {label.item for label in labels})
    bad = as_json(last, time="2026-03-03T00:00:00+00:00", **change)
    file = label_file(run, tmp_path / "x.json", as_json(labels[0]), bad)
    line = Path(file).read_text().splitlines().index("  {", 8) + 1
    with pytest.raises(InputErrors) as refused:
        import_labels(run, [file])
    assert f"x.json:{line}: " in str(refused.value)
    assert problem in str(refused.value)
    assert labels_path(run.path).read_bytes() == before
    if change.get("draw") == "random-s8-n4":
        return  # of earlier versions: see below
    append_labels(labels_path(run.path), [Label.model_validate(bad)])
    for use in (
        lambda: make_people_report(run, PeopleReportOptions()),
        lambda: label_run(run, LabelOptions("bob"), Keys(""), silent()),
        lambda: application(run, token=""),
        lambda: export_run(run, ExportOptions(ExportFormat.JSONL, tmp_path / "tables")),
    ):
        with pytest.raises(RunError) as told:
            use()
        assert f"labels.jsonl:{len(labels) + 1}: " in str(told.value)
        assert problem in str(told.value)


def test_a_label_of_a_packet_fits_its_key(tmp_path: Path) -> None:
    run = run_of(tmp_path)
    key = make_packet(run, PacketOptions(3), tmp_path / "p.html")
    one = key.items[0]
    label = make_label(one.item, Winner.A, draw=key.draw, weight=4.0, order=one.order)
    other_way = Order.SWAPPED if one.order is Order.FORWARD else Order.FORWARD
    for change, problem in (({"criterion": "knowledge"}, "did not ask"), ({"order": other_way}, "the other way")):
        with pytest.raises(InputErrors, match=problem):
            import_labels(run, [label_file(run, tmp_path / "x.json", as_json(label, **change))])
    assert import_labels(run, [label_file(run, tmp_path / "x.json", as_json(label))]) == Imported(1, 0, 0)


def test_the_weight_of_a_label_is_that_of_its_draw(tmp_path: Path) -> None:
    run, labels = labelled(tmp_path)
    labels_path(run.path).unlink()
    without = as_json(labels[0])
    del without["weight"]
    import_labels(run, [label_file(run, tmp_path / "x.json", without)])
    assert [label.weight for label in checked(run)] == [3.0]


def test_labels_of_a_session_of_an_earlier_version_are_read_and_said_to_be_without_record(tmp_path: Path) -> None:
    run, labels = labelled(tmp_path)
    (run.path / "draws/random-s7-n4.json").unlink()
    assert checked(run) == labels
    found = make_people_report(run, PeopleReportOptions())
    assert (found.draw, found.unrecorded_draws) == ("random-s7-n4", ("random-s7-n4",))
    console = silent()
    render_people(found, console)
    assert isinstance(console.file, io.StringIO)
    assert "which kept no record of when: random-s7-n4." in console.file.getvalue()
    with pytest.raises(InputErrors, match="this run made no draw"):
        import_labels(run, [label_file(run, tmp_path / "x.json", as_json(labels[0], winner="tie"))])
    run.pairs_path.unlink()
    with pytest.raises(RunError, match="this run made no draw"):
        make_people_report(run, PeopleReportOptions())


def test_labels_without_a_draw_are_checked_in_a_run_whose_traces_are_not_known(tmp_path: Path) -> None:
    run = run_of(tmp_path)
    run.pairs_path.unlink()
    append_labels(labels_path(run.path), [make_label("q01", Winner.A)])
    assert len(checked(run)) == 1
    append_labels(labels_path(run.path), [make_label("q99", Winner.A)])
    with pytest.raises(RunError, match=r"labels\.jsonl:2: the run has no item 'q99'"):
        checked(run)


def test_labels_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    run = run_of(tmp_path)
    labels_path(run.path).mkdir()
    with pytest.raises(InputError, match=r"labels\.jsonl: is a folder"):
        make_people_report(run, PeopleReportOptions())


def test_a_page_is_told_why_a_label_is_not_kept(tmp_path: Path) -> None:
    run, labels = labelled(tmp_path)
    client = TestClient(application(run, token="t"), base_url="http://127.0.0.1")  # noqa: S106 - of the address
    said = as_json(make_label("q01", Winner.A, reader="bob"))
    assert client.post("/t/labels", json=said).status_code == 201
    other = client.post("/t/labels", json={**said, "reader": "ANN"})
    assert (other.status_code, "differs from 'ann'" in other.text) == (422, True)
    assert [label["reader"] for label in client.get("/t/labels").json()] == ["ann"] * 4 + ["bob"]
    append_labels(labels_path(run.path), [make_label("q99", Winner.A)])
    for answer in (client.post("/t/labels", json=said), client.get("/t/labels")):
        assert (answer.status_code, f"labels.jsonl:{len(labels) + 2}" in answer.text) == (409, True)


def test_a_user_without_a_name_is_asked_for_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = run_of(tmp_path)
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.getuid", lambda: 2**31 - 7)
    told = CliRunner().invoke(app, ["label", str(run.path)])
    assert isinstance(told.exception, InputError)
    assert "--reader NAME" in str(told.exception)


# One reader, one name, one verdict


def test_verdicts_of_one_moment_that_contradict_are_refused_across_files(tmp_path: Path) -> None:
    run = run_of(tmp_path)
    said = make_label("q01", Winner.A)
    one = label_file(run, tmp_path / "one.json", as_json(said))
    other = label_file(run, tmp_path / "other.json", as_json(said, winner="b"))
    with pytest.raises(InputErrors, match=r"other\.json:6: 'ann' said otherwise of 'q01' on overall .*one\.json:6"):
        import_labels(run, [one, other])
    assert import_labels(run, [one, one]) == Imported(1, 1, 0)
    with pytest.raises(InputErrors, match=r"labels\.jsonl:1"):
        import_labels(run, [other])
    changed = label_file(run, tmp_path / "x.json", as_json(said, winner="tie", time="2026-01-03T00:00:00+00:00"))
    assert import_labels(run, [changed]) == Imported(1, 0, 1)


def test_labels_that_come_again_under_another_name_are_refused(tmp_path: Path) -> None:
    run = run_of(tmp_path)
    said = [make_label(f"q{i:02}", Winner.A, time=f"2026-01-02T00:00:{i:02}+00:00") for i in range(3)]
    import_labels(run, [label_file(run, tmp_path / "one.json", *map(as_json, said))])
    renamed = [as_json(label, reader="bob") for label in said]
    with pytest.raises(InputErrors, match=r"other\.json:6: 3 of 3 labels by 'bob' are those of 'ann'"):
        import_labels(run, [label_file(run, tmp_path / "other.json", *renamed)])
    own = [as_json(label, reader="bob", time=f"2026-02-02T00:00:0{i}+00:00") for i, label in enumerate(said)]
    assert import_labels(run, [label_file(run, tmp_path / "own.json", *own)]) == Imported(3, 0, 0)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("", "empty"),
        (" \t", "empty"),
        ("x" * 81, "81 characters: at most 80"),
        ("x" * 1_000_000, "at most 80"),
        ("ann\x1b[2J", r"U\+001B"),
        ("ann\n", r"U\+000A"),
        ("ann\u202e", r"U\+202E"),
        ("an\u200bn", r"U\+200B"),
        ("an\u200dn", r"U\+200D"),
        ("Bob", "differs from 'bob'"),
        (" bob", "differs from 'bob'"),
        ("\uff42ob", "differs from 'bob'"),
    ],
)
def test_a_name_that_is_none_or_too_much_like_another_is_refused(tmp_path: Path, name: str, problem: str) -> None:
    run = run_of(tmp_path)
    append_labels(labels_path(run.path), [make_label("q01", Winner.A, reader="bob")])
    file = label_file(run, tmp_path / "x.json", as_json(make_label("q02", Winner.A, reader=name)))
    with pytest.raises(InputErrors, match=problem):
        import_labels(run, [file])
    with pytest.raises(InputError, match=problem):
        label_run(run, LabelOptions(name), Keys("1"), silent())
    assert len(checked(run)) == 1


@pytest.mark.parametrize(
    "name", ["Dr. T", "J. S", "\u0639\u0644\u06cc\u200c\u0631\u0636\u0627", "\u5f20\u4f1f", "x" * 80, "O'Neill"]
)
def test_names_of_people_are_taken(name: str) -> None:
    assert reader_problem(name, ["bob", name]) is None


def test_names_of_earlier_versions_are_read(tmp_path: Path) -> None:
    run = run_of(tmp_path)
    append_labels(labels_path(run.path), [make_label("q01", Winner.A, reader="x" * 500)])
    without_seals(run.path)
    assert len(checked(RunFolder(run.path))) == 1


# Odd files


def test_a_file_that_an_editor_saved_is_read(tmp_path: Path) -> None:
    run = run_of(tmp_path)
    file = Path(label_file(run, tmp_path / "x.json", as_json(make_label("q01", Winner.A))))
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n"))
    assert import_labels(run, [str(file)]) == Imported(1, 0, 0)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "x.json: is empty"),
        (b"\xef\xbb\xbf\n", "x.json: is empty"),
        (b"[]", "x.json: not an object"),
        (b'{\n"format":\n}', "x.json:3: broken JSON"),
        (b'{"format": "omr-judge labels", "format": "x"}', "duplicate key 'format'"),
        (b"item,winner\nq1,a\n", "x.json:1: broken JSON"),
        (b"\xff\xfe{\x00}\x00", "not UTF-8"),
        (b'{"format": "omr-judge labels", "version": 1, "pairs_sha256": "", "labels": {"0": {}}}', "labels: "),
        (b'{"format": "omr-judge labels", "version": 1, "pairs_sha256": "", "labels": [\n{}]}', "x.json:2: item: "),
        (b'{"format": ["omr-judge labels"]}', "neither answers"),
    ],
)
def test_a_file_that_is_none_of_ours_is_refused_in_words(tmp_path: Path, content: bytes, problem: str) -> None:
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(InputError) as refused:
        read_given(str(tmp_path / "x.json"))
    assert problem in str(refused.value)


@pytest.mark.parametrize(
    "time", ["9999-01-01T00:00:00+00:00", "0001-01-01T00:00:00+23:00", "soon", "2026-01-01T00:00:00"]
)
def test_a_time_that_none_can_be_is_refused(tmp_path: Path, time: str) -> None:
    run = run_of(tmp_path)
    with pytest.raises(InputErrors, match=r"x\.json:6: time: "):
        import_labels(run, [label_file(run, tmp_path / "x.json", as_json(make_label("q01", Winner.A), time=time))])


JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(before=JSON, labels=st.lists(st.text(max_size=8), max_size=5), indent=st.sampled_from([None, 0, 1, 4]))
def test_each_label_is_found_on_the_line_on_which_it_begins(
    tmp_path_factory: pytest.TempPathFactory, before: object, labels: list[str], indent: int | None
) -> None:
    path = tmp_path_factory.mktemp("given") / "x.json"
    made = [as_json(make_label(item, Winner.A)) for item in labels]
    content = {"format": "omr-judge labels", "version": 1, "pairs_sha256": None, "labels": made}
    path.write_text(json.dumps({"before": before, **content}, indent=indent), encoding="utf-8")
    with pytest.raises(InputError, match="before: "):
        read_given(str(path))
    path.write_text(json.dumps(content, indent=indent), encoding="utf-8")
    lines = path.read_text(encoding="utf-8").splitlines()
    given_file = read_given(str(path))
    if indent is None:
        assert given_file.lines == (1,) * len(labels)
    else:
        assert [lines[line - 1].strip() for line in given_file.lines] == ["{"] * len(labels)
        items = [json.loads(lines[line].strip().rstrip(",").partition(": ")[2]) for line in given_file.lines]
        assert items == labels
