"""Mistakes in the file of judges are refused where they stand, before anything is asked, and no key is repeated."""

from __future__ import annotations

from pathlib import Path

import pytest

from judge.errors import InputError
from judge.judges.config import read_config
from judge.judges.judge_options import JudgeOptions
from judge.judges.registry import parse_judge

PASTED = "sk-CANARY-7f3e91"
GOOD = '[judges.x]\nprovider = "openai"\nmodel = "m"\n'


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("temperature = true", "temperature"),
        ("temperature = inf", "temperature"),
        ('temperature = "0.5"', "temperature"),
        ("max_output_tokens = true", "max_output_tokens"),
        ('max_output_tokens = "5"', "max_output_tokens"),
        ('system_role = "no"', "system_role"),
        ("body = { top_p = nan }", "body"),
        (f'key_env = "{PASTED}"', "key_env"),
        ('key_env = ""', "key_env"),
        (f'headers = {{ x-api-key = "${PASTED}" }}', "x-api-key names no environment variable"),
        ('headers = { x-api-key = "$" }', "x-api-key names no environment variable"),
        ('headers = { x-api-key = "${KEY}" }', "x-api-key names no environment variable"),
        ('headers = { a = "x\\ny: z" }', "a holds characters that no header can"),
        ('headers = { a = "\u20ac" }', "a holds characters that no header can"),
        ('headers = { "a b" = "x" }', "'a b' is not yours to set"),
        ('headers = { Host = "h" }', "'Host' is not yours to set"),
        ('headers = { content-length = "3" }', "'content-length' is not yours to set"),
    ],
)
def test_a_value_that_cannot_be_sent_is_refused(tmp_path: Path, line: str, words: str) -> None:
    path = tmp_path / "omr-judge.toml"
    path.write_text(GOOD + line, encoding="utf-8")
    with pytest.raises(InputError) as error:
        read_config(path)
    assert words in str(error.value)
    assert "CANARY" not in str(error.value)


def test_an_unknown_table_is_told_what_tables_there_are(tmp_path: Path) -> None:
    path = tmp_path / "omr-judge.toml"
    path.write_text(GOOD.replace("judges.x", "judge.x"))
    with pytest.raises(InputError, match=r"judge: unknown field \(known: judges, defaults\)"):
        read_config(path)


def test_a_file_that_begins_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    path = tmp_path / "omr-judge.toml"
    path.write_text(GOOD, encoding="utf-8-sig")
    assert list(read_config(path)) == ["x"]


@pytest.mark.parametrize("address", ["ftp://h/v1", "localhost:8000", "", f"https://me:{PASTED}@h/v1"])
def test_an_address_that_cannot_be_asked_is_refused_where_it_stands(tmp_path: Path, address: str) -> None:
    path = tmp_path / "omr-judge.toml"
    path.write_text(f'{GOOD}base_url = "{address}"\n')
    with pytest.raises(InputError, match=r"judges\.x\.base_url: ") as error:
        parse_judge("x", JudgeOptions(config=path), say=lambda _: None, needs_key=False)
    assert "CANARY" not in str(error.value)
