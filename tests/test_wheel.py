from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest
from command import environment, omr_judge, write_jsonl

CHECKOUT = Path(__file__).parents[1]
TIMED = "import time; t = time.process_time(); import judge; print(time.process_time() - t)"
MARK = "Two traces of one item, from the wheel."


def run(*command: str | Path, cwd: Path) -> str:
    given = {
        name: value for name, value in environment().items() if name != "PYTHONPATH"
    }  # which may name the checkout
    done = subprocess.run([*map(str, command)], cwd=cwd, env=given, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def copy_clean(to: Path) -> None:
    """Copy what git knows or would add, and nothing that it ignores."""
    names = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=CHECKOUT)
    for name in filter(None, names.split("\0")):
        if (CHECKOUT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(CHECKOUT / name, to / name)


def environment_with(wheel: Path, folder: Path) -> Path:
    """Make a virtual environment that holds the wheel and borrows its dependencies from this one; return its bin."""
    venv.create(folder, with_pip=False)
    run(sys.executable, "-m", "pip", "--python", folder, "install", "--no-deps", "--no-index", wheel, cwd=folder)
    (packages,) = (folder / "lib").glob("python*/site-packages")
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin"


@pytest.mark.skipif(not (CHECKOUT / ".git").exists(), reason="not a git checkout: cannot tell what belongs to it")
@pytest.mark.skipif(os.name != "posix", reason="looks for the environment's bin folder")
def test_an_installed_wheel_works_away_from_the_checkout_with_its_own_prompts(tmp_path: Path) -> None:
    source = tmp_path / "source"
    copy_clean(source)
    prompt = source / "prompts" / "pairwise.v1.md"
    marked = prompt.read_text().replace("Two traces of one item,", MARK)
    assert MARK in marked
    prompt.write_text(marked)
    run(sys.executable, "-m", "pip", "wheel", ".", "--no-deps", "--wheel-dir", tmp_path / "wheels", cwd=source)
    (wheel,) = (tmp_path / "wheels").glob("omr_judge-*.whl")
    with zipfile.ZipFile(wheel) as file:
        names = set(file.namelist())
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"judge"}
    shipped = {f"judge/_data/{path.relative_to(source)}" for path in source.glob("prompts/*.md")}
    shipped |= {f"judge/_data/{path.relative_to(source)}" for path in source.glob("rubrics/*.toml")}
    assert shipped <= names

    bin_ = environment_with(wheel, tmp_path / "venv")
    away = tmp_path / "away"
    away.mkdir()
    write_jsonl(
        away / "verdicts.jsonl",
        [
            {"item": str(item), "order": order, "verdict": "first"}
            for item in range(4)
            for order in ("forward", "swapped")
        ],
    )
    where = run(bin_ / "python", "-c", "import judge; print(judge.__file__)", cwd=away).strip()
    assert Path(where).is_relative_to(tmp_path / "venv")
    took = run(bin_ / "python", "-c", TIMED, cwd=away)
    assert float(took) < 0.3
    command = bin_ / "omr-judge"
    assert run(command, "prompts", "pairwise.v1", cwd=away) == marked
    assert run(command, "rubrics", cwd=away).startswith("openmedreason.v1  ")
    drawn = run(command, "import", "verdicts.jsonl", "--name", "r", cwd=away)
    assert run(command, "report", "runs/r", cwd=away) == drawn
    run(command, "report", "runs/r", "--html", "r.html", cwd=away)
    assert "script-src &#39;sha256-" in (away / "r.html").read_text(encoding="utf-8")
    elsewhere = omr_judge("report", away / "runs" / "r", cwd=tmp_path).stdout
    figures = [text.partition("criterion")[2].partition("Next: ")[0] for text in (elsewhere, drawn)]
    assert figures[0] == figures[1] != "", "from elsewhere the run has its path in place of its name"
