"""Defaults of options: the command line, then variables, then omr-judge.toml; and help that stays short."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer
from command import omr_judge, write_jsonl

from judge.cli import app
from judge.cli.defaults import DEFAULTS, TEMPLATE, default_map
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


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[defaults]\njuge = 'x'", "[defaults]: juge is no option (meant may be judge"),
        ("[defaults.compare]\nhtml = 'x'", "[defaults.compare]: html is no option"),
        ("[defaults.compair]\n", "[defaults.compair]: no such command (there are compare"),
        ("defaults = 3", "defaults: is no table"),
        ("[defaults", "cannot be read: "),
    ],
)
def test_what_is_wrong_with_the_file_is_said_with_its_place(cwd: Path, text: str, said: str) -> None:
    (cwd / "omr-judge.toml").write_text(text)
    told = omr_judge("runs", cwd=cwd, code=3).stderr
    assert "omr-judge.toml" in told
    assert said in told


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
    made = default_map(path, typer.main.get_command(app))
    assert made["compare"]["judges"] == ["anthropic:claude-sonnet-5-5"]
    assert (made["compare"]["max_cost"], made["report"]["full"], made["report"]["by"]) == ("20", True, ["specialty"])
    assert made["labels"]["import_labels" if "import_labels" in made["labels"] else "import"]["runs"] == "runs"
    assert DEFAULTS in TEMPLATE


def test_a_file_that_cannot_be_decoded_is_named(tmp_path: Path) -> None:
    path = tmp_path / "omr-judge.toml"
    path.write_bytes(b"\xff")
    with pytest.raises(InputError, match="cannot be read"):
        default_map(path, typer.main.get_command(app))


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
