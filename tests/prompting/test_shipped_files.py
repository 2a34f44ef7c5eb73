"""Prompts and rubrics: those that ship, and a person's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from judge.errors import InputError
from judge.judging.command_options import DEFAULT_PROMPT, DEFAULT_RUBRIC
from judge.prompting import shipped_files as assets
from judge.prompting.shipped_files import ANY, Asset, find_asset, load_prompt, load_rubric, shipped

CRITERION = '[[criterion]]\nname = "{}"\ntitle = "T"\ndefinition = "d"\ntie = "t"\n'
RUBRIC = 'name = "mine"\nversion = 1\ndescription = ""\n'


def problem(text: str) -> str:
    with pytest.raises(InputError) as refused:
        load_rubric(Asset(Path("mine.toml"), text))
    return str(refused.value)


def test_every_shipped_file_loads_under_its_own_name() -> None:
    prompts = [load_prompt(find_asset("prompts", path.stem), ANY) for path in shipped("prompts")]
    rubrics = [load_rubric(find_asset("rubrics", path.stem)) for path in shipped("rubrics")]
    assert DEFAULT_PROMPT in [prompt.label for prompt in prompts]
    assert DEFAULT_RUBRIC in [f"{rubric.name}.v{rubric.version}" for rubric in rubrics]
    assert [prompt.label for prompt in prompts] == [path.stem for path in shipped("prompts")]
    assert all(rubric.criteria[-1].name == "overall" for rubric in rubrics)


def test_an_installed_package_finds_its_own_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "_data" / "prompts").mkdir(parents=True)
    (tmp_path / "_data" / "prompts" / "packaged.v1.md").write_text("x")
    monkeypatch.setattr(assets, "files", lambda _: tmp_path)
    assert [path.stem for path in shipped("prompts")] == ["packaged.v1"]


def test_a_persons_own_file_is_read_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(RUBRIC + CRITERION.format("overall"), encoding="utf-8")
    asset = find_asset("rubrics", str(path))
    assert asset.path == path
    assert load_rubric(asset).criteria[0].name == "overall"


@pytest.mark.parametrize(("kind", "name"), [("prompts", "pairwise"), ("prompts", "x.toml"), ("rubrics", "nope.v1")])
def test_an_unknown_name_lists_what_ships(kind: str, name: str) -> None:
    with pytest.raises(InputError, match=f"no such {kind[:-1]}") as refused:
        find_asset(kind, name)
    assert all(path.stem in str(refused.value) for path in shipped(kind))


def test_a_file_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    (tmp_path / "latin.md").write_bytes(b"caf\xe9")
    for name in ("latin.md", "absent.md"):
        with pytest.raises(InputError, match="cannot be read"):
            find_asset("prompts", str(tmp_path / name))


def test_a_prompt_file_is_named_in_its_errors() -> None:
    with pytest.raises(InputError, match=r"^mine\.md: no front matter"):
        load_prompt(Asset(Path("/x/mine.md"), "text"))


def test_what_is_wrong_with_a_rubric_is_said_with_its_place() -> None:
    assert problem("name = ").startswith("mine.toml: not TOML")
    assert "version: Field required" in problem('name = "x"\ndescription = ""\n' + CRITERION.format("overall"))
    assert "criterion" in problem(RUBRIC)
    assert "criterion.0.name: " in problem(RUBRIC + CRITERION.format("Bad Name"))
    assert "occurs twice" in problem(RUBRIC + CRITERION.format("overall") * 2)
    assert "weight" in problem(RUBRIC + CRITERION.format("overall") + "weight = 2\n")
