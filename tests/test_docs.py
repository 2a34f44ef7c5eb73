"""The pages are few, their links hold, their options exist, and their tables of fields are the models'."""

from __future__ import annotations

import re
import runpy
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer.main

from judge.cli import app

ROOT = Path(__file__).parents[1]
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [ROOT / "README.md", ROOT / "examples/README.md", ROOT / "runs/README.md", *DOCS]
SOURCES = [
    path
    for folder in ("judge", "tests", "prompts", "rubrics", "examples", "benchmarks")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in {".py", ".md", ".toml", ".txt", ".j2", ".js", ".html"}
]
CODE = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
OTHERS = {"--log_samples", "--no-model", "--help", "--reward", "--rm-type", "--rm-url", "--time"}
"""options of lm-evaluation-harness, of examples/make_examples.py, of every command, of OpenRLHF, slime and Slurm"""


def prose(page: Path) -> str:
    return CODE.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def options(command: Any) -> set[str]:  # noqa: ANN401 - typer carries its own click
    """Return all options of a command and of those below it."""
    own = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    below = getattr(command, "commands", {}).values()
    return own.union(*(options(one) for one in below))


def test_the_readme_is_a_page_and_the_docs_are_a_dozen_at_most() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150
    assert len(DOCS) <= 13


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        to = (page.parent / name).resolve() if name else page
        assert to.exists(), target
        assert not anchor or anchor in anchors(to), target


def test_every_page_is_linked_from_the_readme() -> None:
    readme = prose(ROOT / "README.md")
    assert [page.name for page in DOCS if f"(docs/{page.name})" not in readme] == []


def test_every_page_that_the_sources_name_exists() -> None:
    named = {name for path in SOURCES for name in re.findall(r"docs/[\w-]+\.md", path.read_text(encoding="utf-8"))}
    assert sorted(name for name in named if not (ROOT / name).exists()) == []


def test_every_option_that_a_page_names_is_one_of_the_program() -> None:
    known = options(typer.main.get_command(app)) | OTHERS
    unknown = {
        (page.name, option)
        for page in PAGES
        for code in re.findall(r"`[^`\n]+`", prose(page))
        for option in re.findall(r"(?<![\w-])--[a-z][\w-]*", code)
        if option not in known
    }
    assert unknown == set()


def test_the_tables_of_fields_are_what_the_models_say() -> None:
    pages: dict[Path, str] = runpy.run_path(str(ROOT / "docs/make_fields.py"))["written_pages"]()
    stale = [page.name for page, text in pages.items() if page.read_text(encoding="utf-8") != text]
    assert stale == [], "run `python docs/make_fields.py`"


def test_every_path_that_the_architecture_names_exists() -> None:
    paths = re.findall(r"`((?:judge|prompts|rubrics)/[\w/.-]*)`", prose(ROOT / "docs/architecture.md"))
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_the_architecture_lists_the_packages_in_the_order_in_which_they_import() -> None:
    (layers, *_) = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    packages = [name for name in layers["layers"] if (ROOT / "judge" / name).is_dir()]
    assert re.findall(r"^\| `(\w+)` \|", prose(ROOT / "docs/architecture.md"), re.MULTILINE) == packages
