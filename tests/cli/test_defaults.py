"""Defaults of options: the command line, then variables, then omr-judge.toml; and help that stays short."""

from __future__ import annotations

import re
from contextlib import chdir
from pathlib import Path
from typing import Any

import pytest
import typer
from command import omr_judge, write_jsonl
from hypothesis import given
from hypothesis import strategies as st

from judge.cli import app
from judge.cli.defaults import DEFAULTS, TEMPLATE, TomlFile, read_defaults
from judge.cli.help import EXAMPLES, FIRST
from judge.errors import InputError

WIDTHS = (60, 80, 120)


@pytest.fixture
def cwd(tmp_path: Path) -> Path:
    for side in ("a", "b"):
        write_jsonl(
            tmp_path / f"{side}.jsonl", [{"id": "q", "question": "which?", "trace": f"{side} thinks at length"}]
        )
    return tmp_path


def quoted(cwd: Path, *args: str, env: dict[str, str] | None = None) -> str:
    return omr_judge("compare", "a.jsonl", "b.jsonl", "--dry-run", *args, cwd=cwd, env=env or {}).stdout


def test_the_command_line_comes_before_variables_and_those_before_the_file(cwd: Path) -> None:
    (cwd / "omr-judge.toml").write_text('[defaults]\njudge = "ollama:of-the-file"\n[defaults.compare]\nsamples = 2\n')
    everywhere = {"OMR_JUDGE_JUDGE": "openai:one openai:two"}
    here = everywhere | {"OMR_JUDGE_COMPARE_JUDGE": "openai:compare"}
    assert re.search(r"ollama:of-the-file +4 ", quoted(cwd))
    assert re.search(r"openai:one +4 .*\n *openai:two +4 ", quoted(cwd, env=everywhere))
    assert re.search(r"openai:compare +4 ", quoted(cwd, env=here))
    assert re.search(r"anthropic:m +6 ", quoted(cwd, "--judge", "anthropic:m", "--samples", "3", env=here))
    below = cwd / "below"
    below.mkdir()
    for side in ("a", "b"):
        (cwd / f"{side}.jsonl").rename(below / f"{side}.jsonl")
    assert "ollama:of-the-file" in quoted(below)


GROUP = typer.main.get_command(app)
WRONG = {
    "[defaults]\njuge = 'x'": ":2: [defaults]: juge is no option (meant may be judge",
    "# mine\n[defaults.compair]\n": ":2: [defaults.compair]: no such command (there are compare",
    "[defaults.labels]\nn = 3": ":2: [defaults.labels.n]: no such command (there are import",
    "[defaults]\nreport = 3": ":2: [defaults]: report is no option",
    "defaults = 3": ":1: defaults is no table",
    "[defaults]\n[defaults": ":2: cannot be read: ",
}
"""files that are wrong beside the table of any command"""


def read(text: str, *words: str) -> dict[str, Any]:
    Path("omr-judge.toml").write_text(text)
    made = read_defaults(Path("omr-judge.toml"), GROUP, words)[1]
    for word in words:
        made = made[word]
    return made


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_with_the_file_stops_a_command_that_spends_and_warns_in_others(
    tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with chdir(tmp_path):
        with pytest.raises(InputError) as refused:
            read(text, "compare")
        assert str(refused.value).startswith(f"omr-judge.toml{WRONG[text]}")
        assert read(text, "runs") == {}
        assert f"Warning: omr-judge.toml{WRONG[text]}" in capsys.readouterr().err
        assert read_defaults(Path("omr-judge.toml"), GROUP, ["no-command"])[1] == {}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("html = 'x'", "[defaults.compare]: html is no option"),
        ("samples = [1, 2]", "samples: a list (it takes one value)"),
        ("samples = true", "samples: true (it is no switch, and takes a value)"),
        ("'samples' = {n = 1}", "samples: a table (it takes a value)"),
    ],
)
def test_what_is_wrong_with_the_table_of_a_command_stops_it_alone(tmp_path: Path, line: str, said: str) -> None:
    text = f"[ defaults . compare ]  # mine\n# {line}\n{line}\n"
    with chdir(tmp_path):
        with pytest.raises(InputError) as refused:
            read(text, "compare")
        assert str(refused.value).startswith(f"omr-judge.toml:3: {said}")
        assert read(text, "report") == {}


def test_a_refused_value_is_told_with_the_line_or_the_variable_that_holds_it(cwd: Path) -> None:
    (cwd / "omr-judge.toml").write_text('[defaults]\n# all\nmax_cost = "much"\n[defaults.report]\nequivalence = 3\n')
    command = ("compare", "a.jsonl", "b.jsonl", "--dry-run")
    assert omr_judge(*command, cwd=cwd, code=3).stderr.startswith("omr-judge: omr-judge.toml:3: max-cost: 'much' is ")
    env = {"OMR_JUDGE_MAX_COST": "less"}
    assert omr_judge(*command, cwd=cwd, env=env, code=3).stderr.startswith("omr-judge: OMR_JUDGE_MAX_COST: 'less' is ")
    told = omr_judge("report", "latest", cwd=cwd, code=3).stderr
    assert told.startswith("omr-judge: omr-judge.toml:5: equivalence: 3 is no margin")
    told = omr_judge("report", "latest", cwd=cwd, env={"OMR_JUDGE_REPORT_EQUIVALENCE": "2"}, code=3).stderr
    assert told.startswith("omr-judge: OMR_JUDGE_REPORT_EQUIVALENCE: 2 is no margin")
    assert "--equivalence: 1 is no margin" in omr_judge("report", "x", "--equivalence", "1", cwd=cwd, code=3).stderr
    assert "Invalid value for '--seed'" in omr_judge(*command, "--max-cost", "1", "--seed", "x", cwd=cwd, code=2).stderr


@given(st.from_regex(r"[a-z]+(-[a-z]+)?", fullmatch=True), st.integers(0, 5), st.sampled_from(["", "'", '"']))
def test_the_place_of_a_key_is_its_line(key: str, above: int, quote: str) -> None:
    head = [f"{key} = 1", "[other]", f"{key} = 2", "[defaults]", f"# {key} = 3", f"x-{key} = 4", *["9 = 5"] * above]
    file = TomlFile(Path("f"), "\n".join([*head, f" {quote}{key}{quote}=6"]))
    assert file.place("defaults", key) == f"f:{len(head) + 1}"
    assert (file.place("", key), file.place("defaults"), file.place("none")) == ("f:1", "f:4", "f")


def test_init_writes_a_file_of_comments_and_replaces_none_unless_told(cwd: Path) -> None:
    plain = quoted(cwd)
    omr_judge("init", cwd=cwd)
    path = cwd / "omr-judge.toml"
    assert quoted(cwd) == plain
    path.write_text("# mine\n")
    assert "exists already" in omr_judge("init", cwd=cwd, code=3).stderr
    assert path.read_text() == "# mine\n"
    omr_judge("init", "--overwrite", cwd=cwd)
    assert path.read_text() == TEMPLATE


def test_every_line_of_the_template_holds_once_its_sign_is_taken_away(tmp_path: Path) -> None:
    path = tmp_path / "omr-judge.toml"
    path.write_text(re.sub(r"^# (?=[\w-]+ = |\[)", "", TEMPLATE, flags=re.MULTILINE))
    compare, report, labels = (
        read_defaults(path, GROUP, words)[1] for words in (["compare"], ["report", "r"], ["labels", "import", "r"])
    )
    assert compare["compare"]["judges"] == ["anthropic:claude-sonnet-5-5"]
    assert (compare["compare"]["max_cost"], report["report"]["full"], report["report"]["by"]) == (
        "20",
        True,
        ["specialty"],
    )
    assert labels["labels"]["import"]["runs"] == "runs"
    assert DEFAULTS in TEMPLATE


def test_a_file_that_cannot_be_decoded_is_named(tmp_path: Path) -> None:
    path = tmp_path / "omr-judge.toml"
    path.write_bytes(b"\xff")
    with pytest.raises(InputError, match="cannot be read"):
        read_defaults(path, GROUP, ["compare"])


@pytest.mark.parametrize("width", WIDTHS)
def test_the_help_of_a_command_shows_ten_options_and_the_rest_by_panel_with_no_name_cut(cwd: Path, width: int) -> None:
    env = {"COLUMNS": str(width)}
    short = omr_judge("compare", "--help", cwd=cwd, env=env).stdout
    assert len(re.findall(r"^  --(?!help)", short, re.MULTILINE)) == 10
    assert " compare --help-all" in short
    examples = re.findall(r"^  (omr-judge compare .*)$", short, re.MULTILINE)
    assert examples == list(EXAMPLES["compare"])
    whole = omr_judge("compare", "--help-all", cwd=cwd, env=env).stdout
    assert "…" not in short + whole
    command = typer.main.get_command(app).commands["compare"]  # type: ignore[attr-defined]
    names = [name for param in command.params for name in param.opts if name.startswith("--")]
    assert all(re.search(rf"{name}\b", whole) for name in names)
    panels = re.findall(r"^(\w[\w ]*):$", whole, re.MULTILINE)
    assert {"Arguments", "Options", "Input", "Judge", "Controls", "Pace and budget", "Output"} <= {*panels}


def test_every_command_that_the_help_knows_has_those_options_and_runs_its_examples() -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    for name, options in FIRST.items():
        known = {option for param in commands[name].params for option in param.opts}
        assert {*options} <= known, {*options} - known
    for name, examples in EXAMPLES.items():
        for example in examples:
            assert example.split()[:2] == ["omr-judge", name]
            assert len(example) <= 80
