"""A file that holds no JSON lines is named as what it is, once, with what reads it."""

from __future__ import annotations

import gzip
import json
from contextlib import chdir
from pathlib import Path

import pytest
from command import omr_judge, write_jsonl
from hypothesis import given
from hypothesis import strategies as st

from judge.errors import InputError, InputErrors
from judge.files.fields import RecordProblem
from judge.files.option_fields import as_options
from judge.inputs.file_kinds import ARRAY, ONE_OBJECT, SEVERAL_OBJECTS, file_kind
from judge.inputs.items import read_items
from judge.inputs.traces import read_traces

RECORD = {"id": "q1", "trace": "a long enough trace"}
PRETTY = json.dumps(RECORD, indent=2)
KINDS = {
    "id,question,output\n1,q,text\n2,q,text\n": "CSV with a header (id, question, output)",
    "id;output\n1;text\n": "CSV with semicolons with a header (id, output)",
    "id\toutput\n1\ttext\n": "a table with tabs with a header (id, output)",
    "id,a,b,c,d\n1,2,3,4,5\n": "CSV with a header (id, a, b, c, ...)",
    '\ufeff"id","output"\n"1","a, b"\n': "CSV with a header (id, output)",
    json.dumps([RECORD]): ARRAY,
    json.dumps([RECORD, RECORD], indent=1): ARRAY,
    PRETTY: ONE_OBJECT,
    f"{PRETTY}\n{PRETTY}\n": SEVERAL_OBJECTS,
}


@pytest.mark.parametrize("text", KINDS)
def test_a_text_is_named_as_what_it_is(text: str) -> None:
    assert file_kind(text) == KINDS[text]


@given(st.lists(st.dictionaries(st.text(), st.text() | st.integers()), min_size=1, max_size=4))
def test_json_lines_are_of_no_other_kind(records: list[dict[str, object]]) -> None:
    assert file_kind("\n".join(map(json.dumps, records))) is None


@pytest.mark.parametrize("text", ["", "{broken", '{"id": 1,', "plain words, with a comma", "one\ntwo\n", "1,2\n3,4\n"])
def test_what_may_be_broken_json_lines_is_of_no_other_kind(text: str) -> None:
    assert file_kind(text) is None


UNREAD = ("id,a,b,c,d\n1,2,3,4,5\n", f"{PRETTY}\n{PRETTY}\n")
"""kinds of text that hold no traces, or that nothing converts"""


@pytest.mark.parametrize("text", UNREAD)
@pytest.mark.parametrize("packed", [False, True])
def test_the_command_line_says_it_in_one_line_with_the_command(tmp_path: Path, text: str, *, packed: bool) -> None:
    write_jsonl(tmp_path / "b.jsonl", [RECORD])
    path = tmp_path / ("a.txt.gz" if packed else "a.txt")
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    told = omr_judge("compare", path.name, "b.jsonl", "--dry-run", cwd=tmp_path, code=3).stderr
    (line,) = [line for line in told.splitlines() if not line.startswith("Note")]
    assert line.startswith(f"omr-judge: {path.name}: is {KINDS[text]}")
    assert f"jq -c . {path.name} > a.jsonl" in line if text.startswith("{") else "--field trace=COLUMN" in line


def test_of_an_array_that_was_cut_the_damage_is_told(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "b.jsonl", [RECORD])
    (tmp_path / "a.json").write_text(json.dumps([RECORD, RECORD])[:-20])
    told = omr_judge("compare", "a.json", "b.jsonl", "--dry-run", cwd=tmp_path, code=3).stderr
    assert "write the file again" in told
    assert "--field" not in told


NAMED = {
    "table": ("num,a,b\n0,a long text,x\n1,another long text,y\n", "a", ("--field", "id=num")),
    "rows": ("a,b\na long text,x\nanother long text,y\n", "a", ("--id-column", "row")),
    "array": (json.dumps([{"id": n, "o": {"text": "a long text"}} for n in (0, 1)]), "o.text", ()),
}


@pytest.mark.parametrize("kind", NAMED)
def test_of_a_table_or_array_of_no_known_names_the_user_says_which_hold_the_traces(tmp_path: Path, kind: str) -> None:
    text, path, ids = NAMED[kind]
    for name in "ab":
        (tmp_path / name).write_text(text.replace("long", f"long {name}"))
    files = ("compare", "a", "b", "--judge", "openai:x", "--dry-run", "--json")
    assert "(say which hold them: --field trace=" in omr_judge(*files, cwd=tmp_path, code=3).stderr
    told = omr_judge(*files, "--field", f"trace={path}", *ids, cwd=tmp_path)
    assert "a: traces as in docs/input.md, converted in passing: 2 rows = 2 traces" in told.stderr
    assert json.loads(told.stdout)["calls"] == 4


@pytest.mark.parametrize("text", ["id,output\nq1,a long text\n", json.dumps([RECORD]), PRETTY])
def test_a_table_or_an_array_of_traces_is_read_as_it_is(tmp_path: Path, text: str) -> None:
    write_jsonl(tmp_path / "b.jsonl", [RECORD])
    (tmp_path / "a.txt").write_text(text)
    told = omr_judge("compare", "a.txt", "b.jsonl", "--dry-run", cwd=tmp_path).stderr
    assert "converted in passing: 1 row = 1 trace" in told


def test_a_problem_that_many_lines_have_is_said_once_with_its_count_and_three_places() -> None:
    many = [InputError(f"a.jsonl:{n}", f"id '{n}' is long", "shorten it") for n in range(1, 26)]
    other = InputError("b.jsonl:7", "missing trace")
    assert str(InputErrors([*many, other])) == (
        "a.jsonl:1: id '1' is long (and so 24 more times, as in lines 2 and 3) (shorten it)\nb.jsonl:7: missing trace"
    )
    few = [InputError(f"a.jsonl:{n}", "missing trace") for n in (1, 2, 3)]
    assert str(InputErrors(few)).splitlines() == [f"a.jsonl:{n}: missing trace" for n in (1, 2, 3)]
    different = [InputError(f"{name}.jsonl", f"wrong in the way {name}") for name in "abcdefghijklmnopqrstuvwxyz"]
    assert str(InputErrors(different)).splitlines()[20:] == ["... and 6 more problems"]
    assert str(InputErrors(few[:1], 2)).endswith("... and 1 more problem")


def test_ids_of_one_file_alone_are_one_problem_with_the_first_three(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "a.jsonl", [{"id": f"q{n}", "question": "w", "trace": "a" * 20} for n in range(80)])
    write_jsonl(tmp_path / "b.jsonl", [{"id": f"q{n}", "trace": "b" * 20} for n in range(4, 81)])
    told = omr_judge("compare", "a.jsonl", "b.jsonl", "--dry-run", cwd=tmp_path, code=3).stderr
    hint = "(add their traces, or leave such items out with --allow-missing)"
    assert told.splitlines() == [
        f"omr-judge: a.jsonl:1: 4 ids ('q0', 'q1', 'q2' and 1 more) are not in b.jsonl {hint}",
        f"b.jsonl:77: id 'q80' is not in a.jsonl {hint}",
    ]


ITEMS = [{"id": "q1", "question": "Is it, so?"}, {"id": "q2", "question": "Or \nso?"}]
OF_ITEMS = {
    "items.csv": 'id,question\nq1,"Is it, so?"\nq2,"Or \nso?"\n',
    "items.tsv": 'id\tquestion\nq1\tIs it, so?\nq2\t"Or \nso?"\n',
    "items-de.csv": '\ufeffid;question\nq1;Is it, so?\nq2;"Or \nso?"\n',
    "items.json": json.dumps(ITEMS),
    "pretty.json": json.dumps(ITEMS, indent=2),
}


@pytest.mark.parametrize("name", OF_ITEMS)
def test_items_of_a_table_or_an_array_are_read_in_passing(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(OF_ITEMS[name])
    with read_items([tmp_path / name]) as items:
        assert [items.record(id_).item.question for id_ in items.ids] == ["Is it, so?", "Or \nso?"]
        assert "read as items" in (items.files[0].note or "")


REFUSED_ITEMS = {
    "a JSON object over several lines": (json.dumps({"cases": ITEMS}, indent=2), "jq -c '.cases[]' in.json > in.jsonl"),
    "JSON objects over several lines each": (f"{PRETTY}\n{PRETTY}\n", "jq -c . in.json > in.jsonl"),
    "broken JSON": (json.dumps(ITEMS)[:-9], "write the file again"),
    "broken table": ('id,question\nq1,"Is\n', "with quoted cells"),
    "not an object": (json.dumps([*ITEMS, 1]), "give an array of objects"),
}


@pytest.mark.parametrize("told", REFUSED_ITEMS)
def test_items_that_are_not_read_are_named_with_what_reads_them(tmp_path: Path, told: str) -> None:
    text, hint = REFUSED_ITEMS[told]
    (tmp_path / "in.json").write_text(text)
    with chdir(tmp_path), pytest.raises(InputErrors) as refused:
        read_items(["in.json"])
    (problem,) = refused.value.problems
    assert told in problem.problem
    assert hint in problem.hint


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("['x' 'y, z'\n \"it's\"]", {"A": "x", "B": "y, z", "C": "it's"}),
        ("{'text': array(['a', 'b'], dtype=object), 'label': array(['A', 'B'], dtype=object)}", {"A": "a", "B": "b"}),
        ("['x', 'y']", {"A": "x", "B": "y"}),
        ("Answer Choices:\nA. x\nB. y", {"A": "x", "B": "y"}),
        ("A) x | B) y: z | C) w", {"A": "x", "B": "y: z", "C": "w"}),
    ],
)
def test_options_are_read_as_numpy_and_python_print_them(text: str, options: dict[str, str]) -> None:
    assert as_options(text) == options


def test_an_empty_cell_is_told_by_its_row_and_leaves_the_format_known(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("id,question,response\n1,q,nan\n2,q,so\n")
    with pytest.raises(InputErrors, match=r"t\.csv:2: missing trace"):
        read_traces(tmp_path / "t.csv")
    with read_traces(tmp_path / "t.csv", skip_bad=True) as file:
        assert (list(file.ids), file.n_bad) == (["2"], 1)


def test_files_without_a_common_id_are_one_problem_that_shows_an_id_of_each(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "a.jsonl", [{"id": f"q{n}", "question": "w", "trace": "a" * 20} for n in range(8)])
    write_jsonl(tmp_path / "b.jsonl", [{"id": f"item-{n}", "trace": "b" * 20} for n in range(9)])
    assert omr_judge("compare", "a.jsonl", "b.jsonl", "--dry-run", cwd=tmp_path, code=3).stderr == (
        "omr-judge: a.jsonl, b.jsonl: share no id (a.jsonl begins with id 'q0'; b.jsonl begins with id "
        "'item-0': what names an item must be the same in all; --field id=NAME reads another field)\n"
    )


def test_a_missing_trace_names_the_fields_that_a_record_has_instead(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "a.jsonl", [{"id": f"q{n}", "cot": "a" * 20, "note": "w"} for n in range(8)])
    (told,) = omr_judge("compare", "a.jsonl", "a.jsonl", "--dry-run", cwd=tmp_path, code=3).stderr.splitlines()
    assert told.startswith("omr-judge: a.jsonl:1: missing trace (and so 7 more times, as in lines 2 and 3) (looked for")
    assert told.endswith("; --field trace=NAME reads another, such as 'cot', 'note')")


def test_an_address_is_told_from_a_file_that_is_not_there(tmp_path: Path) -> None:
    told = omr_judge("compare", "https://example.org/a.jsonl", "b.jsonl", "--dry-run", cwd=tmp_path, code=3).stderr
    assert told == (
        "omr-judge: https://example.org/a.jsonl: is an address, no file on this machine "
        "(download it first, as by `curl -O ADDRESS`)\n"
    )


@pytest.mark.parametrize("text", ["Aspirin\nHeparin", "A. x", "A. x\nC. y", "A. x\nand more\nB. y"])
def test_a_text_that_lists_no_options_in_order_is_refused(text: str) -> None:
    with pytest.raises(RecordProblem):
        as_options(text)
