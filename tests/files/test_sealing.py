"""Sealed JSON: what was changed since is told from what was written, and where it was changed."""

from __future__ import annotations

import json
from pathlib import Path
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judge.errors import RunError
from judge.files.damage import change_in, changed_byte, field_at
from judge.files.files import as_json_bytes, write_json
from judge.files.sealed_lines import Tail, mend_tail, sealed_lines, sealed_records
from judge.files.sealing import seal, seal_lines, unseal

TEXT = st.text(alphabet=st.characters(codec="utf-8"))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
RECORDS = st.dictionaries(TEXT, VALUES, min_size=1, max_size=4)
CHECKSUMS = st.integers(0, 2**32 - 1)


def as_line(record: object) -> bytes:
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()


@given(RECORDS, CHECKSUMS)
def test_a_sealed_object_is_json_with_one_more_field_and_comes_back_as_it_was(
    record: dict[str, object], before: int
) -> None:
    for content in (as_line(record), as_json_bytes(record)):
        sealed, checksum = seal(content, before)
        assert json.loads(sealed) == record | {"seal": f"{checksum:08x}"}
        back = unseal(sealed, before)
        assert (json.loads(back.content), back.seal, back.holds) == (record, checksum, True)
        assert unseal(content) == (content, None, True)


def test_a_seal_is_the_crc_32_of_all_bytes_before_it_going_on_from_the_line_before() -> None:
    sealed, checksum = seal(b'{"a":1}')
    assert sealed == b'{"a":1,"seal":"%08x"}' % crc32(b'{"a":1')
    assert list(seal_lines([b'{"a":1}', b'{"a":1}'])) == [
        sealed + b"\n",
        b'{"a":1,"seal":"%08x"}\n' % crc32(b'{"a":1', checksum),
    ]


@given(RECORDS, CHECKSUMS, st.data())
def test_any_byte_that_is_changed_is_found_and_named(
    record: dict[str, object], before: int, data: st.DataObject
) -> None:
    sealed, _ = seal(as_line(record), before)
    place = data.draw(st.integers(0, len(sealed) - 1))
    changed = bytearray(sealed)
    changed[place] ^= data.draw(st.integers(1, 255))
    found = unseal(bytes(changed), before)
    assert not found.holds or found.seal is None
    if found.seal is not None:
        assert changed_byte(bytes(changed), before) == place


def test_what_was_changed_is_told_by_the_path_of_its_field() -> None:
    record = {
        "key": "k",
        "result": {"verdicts": {"overall": "first"}},
        "attempts": [{"problem": 'a "quoted", [odd] {one}'}, {"status": 500}],
        "time": None,
    }
    sealed, _ = seal(as_line(record))
    for word, field in [
        (b"first", "result.verdicts.overall"),
        (b"odd", "attempts.0.problem"),
        (b"500", "attempts.1.status"),
        (b"null", "time"),
        (b"verdicts", "result"),
        (b"key", "the line"),
    ]:
        place = sealed.index(word)
        changed = sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :]
        assert change_in(changed) == f"{field}: changed since it was written (byte {place + 1})"
    digit = sealed.index(b'"seal"') + 10
    other = b"0" if sealed[digit : digit + 1] != b"0" else b"1"
    assert change_in(sealed[:digit] + other + sealed[digit + 1 :]).startswith("seal: changed")
    two = sealed.replace(b"first", b"tie").replace(b"500", b"200")
    assert change_in(two) == "changed since it was written, or not the line that was written here"


@given(st.binary(max_size=60), st.integers(0, 60))
def test_a_field_is_looked_for_in_any_bytes_without_an_error(content: bytes, offset: int) -> None:
    assert isinstance(field_at(content, offset), str)
    assert changed_byte(content) is None


@given(st.lists(RECORDS, min_size=2, max_size=4), st.data())
def test_a_line_that_was_taken_out_doubled_or_moved_is_found(
    tmp_path_factory: pytest.TempPathFactory, records: list[dict[str, object]], data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("lines") / "x.jsonl"
    lines = list(seal_lines(map(as_line, records)))
    path.write_bytes(b"".join(lines))
    assert [(line.content, line.problem) for line in sealed_lines(path)] == [(as_line(one), "") for one in records]
    place = data.draw(st.integers(0, len(lines) - 2))
    shuffled = [lines[place + 1], lines[place], *lines[place + 2 :]]
    for changed in (lines[:place] + lines[place + 1 :], lines[: place + 1] + lines[place:], shuffled):
        path.write_bytes(b"".join(changed))
        assert any(line.problem for line in sealed_lines(path))


def test_lines_of_a_file_that_is_no_chain_may_be_taken_out(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(b"".join(seal(b'{"a":%d}' % number)[0] + b"\n" for number in (1, 3)))
    assert list(sealed_records(path, json.loads, sealed=True, chained=False)) == [{"a": 1}, {"a": 3}]
    assert any(line.problem for line in sealed_lines(path))


def test_lines_without_a_seal_are_read_where_the_run_has_none_and_refused_where_it_has(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(b'{"a":1}\n' + b"".join(seal_lines([b'{"a":2}'])) + b'{"a":3}\n')
    assert list(sealed_records(path, json.loads)) == [{"a": 1}, {"a": 2}, {"a": 3}]
    with pytest.raises(RunError, match=r"x\.jsonl:1: damaged line: has no checksum"):
        list(sealed_records(path, json.loads, sealed=True))
    assert list(sealed_records(tmp_path / "absent", json.loads)) == []


def test_bytes_that_are_no_text_are_named_with_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(b'{"a":1}\n{"a":"\xff"}\n')
    with pytest.raises(RunError, match=r"x\.jsonl:2: damaged line: not UTF-8: byte 0xff at position 7"):
        list(sealed_records(path, json.loads))


@given(st.lists(RECORDS, min_size=1, max_size=3), st.data())
def test_a_tail_that_a_kill_tore_is_cut_off_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, records: list[dict[str, object]], data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("tail") / "x.jsonl"
    contents = list(map(as_line, records))
    lines = list(seal_lines(contents)) if data.draw(st.booleans()) else [content + b"\n" for content in contents]
    whole = b"".join(lines)
    cut = data.draw(st.integers(0, len(whole)))
    path.write_bytes(whole[:cut])
    ends = [len(b"".join(lines[:n])) for n in range(len(lines) + 1)]
    n_whole = max(n for n, end in enumerate(ends) if end <= cut + 1 and (end <= cut or n))
    tail = mend_tail(path)
    assert path.read_bytes() == b"".join(lines[:n_whole])
    assert tail == Tail(unseal(lines[n_whole - 1]).seal or 0 if n_whole else 0, torn=cut > ends[n_whole])
    assert len(list(sealed_lines(path))) == n_whole


def test_a_last_line_that_was_changed_is_no_torn_one_and_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    for lines in (b"".join(seal_lines([b'{"a":1}', b'{"a":2}'])), b'{"a":1}\n{"a":2}\n'):
        for last in (b"J", b"\x0b", b"\x8a"):
            path.write_bytes(lines[:-1] + last)
            with pytest.raises(RunError, match="its last line was changed since it was written"):
                mend_tail(path)
            assert path.read_bytes() == lines[:-1] + last
            with pytest.raises(RunError, match=r"x\.jsonl:2: damaged line"):
                list(sealed_records(path, json.loads, appended=True))


def test_json_files_are_sealed_whole(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    write_json(path, {"a": {"b": [1, 2]}, "c": "d"}, sealed=True)
    written = path.read_bytes()
    assert written.endswith(b'"\n}\n')
    assert [key for key, _ in json.loads(written, object_pairs_hook=list)] == ["a", "c", "seal"]
    assert unseal(written).holds
    changed = written.replace(b"2", b"3", 1)
    assert change_in(changed).startswith("a.b.1: changed since it was written")
