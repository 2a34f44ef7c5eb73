"""What is larger than may be read is refused in words, and what nobody writes is not waited for."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from judge.errors import InputError
from judge.files import limits as limits_module
from judge.files.limits import MIB, Limits, limiting, open_pipe, own_lines, read_whole


def test_a_pipe_that_nobody_writes_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits_module, "SILENT_SECONDS", 0.05)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="pipe: a pipe that nobody writes"):
        open_pipe(tmp_path / "pipe")


def many_values(n: int) -> bytes:
    return b"[" + b"0," * n + b"0]\n"


def test_a_file_of_too_many_values_or_bytes_is_refused_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    with limiting(Limits(max_record_mb=1)):
        path.write_bytes(many_values(65_536))
        with pytest.raises(InputError, match=r"a.json: more than 65,536 values"):
            read_whole(path)
        path.write_bytes(b" " * (MIB + 1))
        with pytest.raises(InputError, match=r"a.json: larger than 1 MiB"):
            read_whole(path)
        path.write_bytes(b"[]")
        assert read_whole(path) == b"[]"


def test_a_line_of_a_runs_own_file_is_refused_where_nobody_wrote_such_a_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits_module, "OWN_LINE_BYTES", 100)
    with limiting(Limits(max_record_mb=1)):
        assert list(own_lines(io.BytesIO(b"a\nb"), tmp_path / "x")) == [b"a\n", b"b"]
        with pytest.raises(InputError, match="x:2: larger than 1 MiB"):
            list(own_lines(io.BytesIO(b"a\n" + b"b" * (MIB + 1)), tmp_path / "x"))
        with pytest.raises(InputError, match="x:1: more than 65,536 values"):
            list(own_lines(io.BytesIO(many_values(65_536)), tmp_path / "x"))
