"""Whatever is given to be read is refused in words, in little memory and time; and a limit can be raised."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import bombs
import pytest
from command import environment, omr_judge, write_jsonl
from run_builder import SPLITS, make_run

from judge.errors import InputError
from judge.files import parquet_limits
from judge.files.limits import Limits, limiting, read_whole
from judge.inputs.traces import read_traces

MOST_MB = 500
MOST_SECONDS = 5
"""of processor time: the machine may have other work"""
MEASURE = """
import json, resource, subprocess, sys
run = subprocess.run([sys.executable, "-m", "judge", *sys.argv[1:]], capture_output=True, stdin=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
told = [run.returncode, run.stderr.decode(), used.ru_maxrss // 1024, used.ru_utime + used.ru_stime]
sys.stdout.write(json.dumps(told))
"""


class Ended(NamedTuple):
    """How a command ended, and what the largest of its processes took."""

    code: int
    said: str
    megabytes: int
    seconds: float


def measured(*args: str | Path, cwd: Path) -> Ended:
    """Run the command and measure it from a small process, whose own size does not count."""
    command = [sys.executable, "-c", MEASURE, *map(str, args)]
    out = subprocess.run(command, cwd=cwd, env=environment(), stdout=subprocess.PIPE, check=True, timeout=120).stdout
    return Ended(*json.loads(out))


def refused(*args: str | Path, cwd: Path) -> str:
    """Return in which words a command is refused, within the bounds."""
    ended = measured(*args, cwd=cwd)
    assert "Traceback" not in ended.said, ended.said
    assert (ended.code, ended.megabytes < MOST_MB, ended.seconds < MOST_SECONDS) == (3, True, True), ended
    return ended.said


TRACES = {
    bombs.gzip_of_10_gb: "unpacks into more than 100 times its size",
    bombs.gzip_of_wrong_records: "(and so 4999 more times, as in lines 2 and 3)",
    bombs.gzip_of_blank_lines: "more than 100,000 blank lines",
    bombs.nested_gzip: "gzip within gzip",
    bombs.sparse: "holds NUL characters",
    bombs.larger_than_any: "larger than 4,096 MiB (--max-file-mb MB allows more)",
    bombs.pipe: "a pipe that nobody writes",
    bombs.folder: "is a folder",
    bombs.device: "is a device",
    bombs.bound_socket: "is a socket",
    bombs.deep: "nested more than 64 levels deep",
    bombs.many_values: "more than 2,097,152 values",
    bombs.wide_text: "characters, and a text may have 4,194,304",
    bombs.long_id: "10,000 characters, and a name may have 1,000",
}
CONVERTED = {
    bombs.gzip_of_lines: "unpacks into more than 100 times its size",
    bombs.gzip_of_blank_lines: "more than 100,000 blank lines",
    bombs.document: "more than 2,097,152 values",
    bombs.table: "or 10,000 cells",
    bombs.far_cell: "takes more than 384 MiB of memory",
    bombs.repeated_text: "takes more than 384 MiB of memory",
    bombs.lying_archive: "damaged Excel sheet",
}
ITEMS = {
    bombs.parquet_cell: "unpacks into more than 100 times its size",
    bombs.parquet_of_nulls: "unpacks into more than 100 times its size",
    bombs.parquet_of_one_text: "and a row may hold 32 MiB",
    bombs.device: "is a device",
}


@pytest.mark.parametrize("is_whole", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_every_bomb_is_refused_in_words_below_500_mb_and_5_seconds(tmp_path: Path, *, is_whole: bool) -> None:
    b = write_jsonl(tmp_path / "b.jsonl", [{"id": "1", "trace": "b b b b"}])
    judge = ("--judge", "openai:m@http://127.0.0.1:1/v1", "--dry-run")
    cases: list[tuple[Callable[[Path], None], str, str, list[str | Path]]] = []
    make: Callable[[Path], None]
    for make, said in TRACES.items():
        path = tmp_path / f"{make.__name__}.jsonl"
        cases.append((make, said, path.name, ["compare", path, b, *judge]))
    for make, said in CONVERTED.items():
        path = tmp_path / f"converted_{make.__name__}"
        cases.append((make, said, path.name, ["convert", path, "--to", tmp_path / "out.jsonl"]))
    for make, said in ITEMS.items():
        path = tmp_path / f"items_{make.__name__}"
        cases.append((make, said, path.name, ["compare", b, b, "--items", path, *judge]))
    for make in (bombs.device, bombs.pipe):
        for option, suffix in (("--prompt", ".md"), ("--rubric", ".toml")):
            path = tmp_path / f"{make.__name__}{suffix}"
            cases.append((make, "is a ", path.name, ["compare", b, b, option, path, *judge]))
    settings = {bombs.loop: "cannot be read", bombs.deep_toml: "nested too deep", bombs.long_toml: "larger than 1 MiB"}
    for make, said in settings.items():
        for option in ("--config", "--rubric"):
            path = tmp_path / f"{make.__name__}{option}.toml"
            cases.append((make, said, path.name, ["compare", b, b, option, path, *judge]))
    cases = cases if is_whole else cases[::8]
    for make, _, name, _ in cases:
        make(tmp_path / name)
    with ThreadPoolExecutor(2) as pool:
        for (_, said, name, _), told in zip(
            cases, pool.map(lambda case: refused(*case[3], cwd=tmp_path), cases), strict=True
        ):
            assert said in told, (name, told)


@pytest.mark.slow
def test_what_lies_in_place_of_a_runs_own_files_is_refused(tmp_path: Path) -> None:
    for name, make, said in (
        ("manifest.json", bombs.pipe, "is a pipe"),
        ("manifest.json", bombs.device, "is a device"),
        ("manifest.json", bombs.sparse, "larger than 32 MiB (--max-record-mb MB allows more)"),
        ("judgments.jsonl", bombs.sparse, "damaged line"),
        ("judgments.jsonl", bombs.pipe, "is a pipe"),
        ("pairs.jsonl", bombs.device, "is a device"),
        ("pairs.jsonl", bombs.deep, "damaged line"),
        ("labels.jsonl", bombs.pipe, "is a pipe"),
        ("flags.jsonl", bombs.device, "is a device"),
    ):
        run = make_run(tmp_path / f"{name}-{make.__name__}", {"q": SPLITS})
        (run.path / name).unlink(missing_ok=True)
        make(run.path / name)
        command = {"labels.jsonl": "agreement", "flags.jsonl": "flags", "pairs.jsonl": "list"}.get(name, "report")
        assert said in omr_judge(command, run.path, cwd=tmp_path, code=3).stderr, name


def test_names_of_any_length_are_refused_in_words(tmp_path: Path) -> None:
    long = "x" * 20_000
    for args in (["compare", long, long], ["report", long], ["compare", "a", "b", "--name", long, "--judge", "local"]):
        assert omr_judge(*args, cwd=tmp_path, code=3).stderr.startswith("omr-judge: ")


def test_a_pipe_that_is_written_late_is_read_and_so_is_standard_input(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    os.mkfifo(path)
    content = gzip.compress(b'{"id": "1", "trace": "from a pipe"}\n')

    def write() -> None:
        with path.open("wb") as pipe:
            threading.Event().wait(0.3)  # open, and silent
            pipe.write(content)

    writer = threading.Thread(target=write)
    writer.start()
    with read_traces(path) as file:
        writer.join()
        assert list(file.ids) == ["1"]


def test_an_option_raises_a_limit_and_the_message_names_it(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    bombs.gzip_of_lines(path)
    with pytest.raises(InputError, match=r"\(--max-file-mb MB allows more\)"):
        read_traces(path)
    long = write_jsonl(tmp_path / "b.jsonl", [{"id": "1", "trace": "a" * 5 * 2**20}])
    with pytest.raises(InputError, match="--max-record-mb MB allows more"):
        read_traces(long)
    with limiting(Limits(max_record_mb=64)), read_traces(long) as file:
        assert list(file.ids) == ["1"]
    path.write_bytes(gzip.compress(b'{"id": "1", "trace": "a"}\n' + b" " * 50 * 2**20))
    with limiting(Limits(max_file_mb=100, max_record_mb=100)), read_traces(path) as file:
        assert list(file.ids) == ["1"]
    with limiting(Limits(max_file_mb=10)), pytest.raises(InputError, match="more than 10 MiB"):
        read_traces(path)


def test_a_file_that_is_one_record_has_the_size_of_one(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"x" * 2**20)
    with limiting(Limits(max_record_mb=1)):
        assert len(read_whole(path)) == 2**20
        path.write_bytes(b"x" * (2**20 + 1))
        with pytest.raises(InputError, match="larger than 1 MiB"):
            read_whole(path)


@pytest.mark.slow
def test_the_headers_of_pages_are_held_to_the_limit_as_the_footer_is(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    bombs.parquet_cell(path)
    with path.open("rb") as file:
        chunks = list(parquet_limits._chunks(file, path.stat().st_size))  # noqa: SLF001 - what the footer states
        pages = [sum(parquet_limits._pages(file, chunk)) for chunk in chunks]  # noqa: SLF001
    assert [size > 300_000_000 for size in pages] == [False, True]
