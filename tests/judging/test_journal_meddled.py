"""A run whose journal another program replaces, shortens or edits meanwhile stops, and loses nothing that was paid."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from command import omr_judge, read_jsonl
from comparison.test_compare_command import judge, write_pairs
from provider_server import Answer, Call, ProviderServer, content_judge
from runs.test_journal_copy import MEDDLING, empty, replace

AT = 9
"""the call while which somebody meddles"""


def meddling_at(path: Path, meddle: Callable[[Path], object]) -> Callable[[Call], Answer]:
    def answer(call: Call) -> Answer:
        if call.number == AT:
            meddle(path)
        return content_judge(call)

    return answer


@pytest.mark.parametrize(
    "meddle", [how if how in {empty, replace} else pytest.param(how, marks=pytest.mark.slow) for how in MEDDLING]
)
def test_a_journal_that_is_meddled_with_meanwhile_stops_the_run_and_loses_nothing(
    tmp_path: Path, meddle: Callable[[Path], object]
) -> None:
    write_pairs(tmp_path, 12)
    run = tmp_path / "runs" / "r"
    journal = run / "judgments.jsonl"
    with ProviderServer(meddling_at(journal, meddle)) as server:
        command = ("compare", "a.jsonl", "b.jsonl", *judge(server), "--name", "r", "--concurrency", "3")
        told = omr_judge(*command, cwd=tmp_path, code=3).stderr
        assert f"{MEDDLING[meddle]} by another program while the run went on" in told
        assert len(server.calls) < 24
        n_paid = len(server.calls)
        found = re.search(r"is in (?P<path>\S+): put that file in its place, then resume", told)
        assert found is not None
        rescued = tmp_path / found["path"]
        assert len({line["key"] for line in read_jsonl(rescued)}) == n_paid
        if not run.exists():
            shutil.move(tmp_path / "runs" / "moved", run)
        if meddle in {empty, replace}:
            told = omr_judge("resume", "r", cwd=tmp_path, code=3).stderr
            assert "judgments.rescued-1.jsonl: holds judgments that were rescued" in told
            assert len(server.calls) == n_paid, "nothing is paid for twice"
            told = omr_judge("verify", "r", cwd=tmp_path, code=3).stdout
            assert "judgments.rescued-1.jsonl: rescued when another program changed judgments.jsonl" in told
            shutil.copy(rescued, journal)  # what lies there still, and holds nothing more, is in nobody's way
        else:
            os.replace(rescued, journal)  # noqa: PTH105
        omr_judge("resume", "r", cwd=tmp_path)
        assert len(server.calls) == 24
    assert len({line["key"] for line in read_jsonl(journal)}) == 24
