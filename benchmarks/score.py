"""Print what the report of a large score costs: processor seconds of each step, and peak memory.

python benchmarks/score.py          100,000 cases of ten units, in a temporary folder
python benchmarks/score.py 20000    so many
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from msgspec import structs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeVar

    from judge.schema import Case, Judgment

    Made = TypeVar("Made")

N_UNITS = {"perception": 4, "knowledge": 2, "rationale": 4}
SENTENCE = "First, I look at the film: the joint spaces are narrowed, and the margins are irregular. "


def main() -> None:
    """Write a run, and measure its report in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("n", type=int, nargs="?", default=100_000)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.folder:
        _measure(Path(given.folder))
        return
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary, "run")
        _write(given.n, path)
        subprocess.run([sys.executable, __file__, "--folder", str(path)], check=True)  # noqa: S603 - itself


def _write(n: int, path: Path) -> None:
    """Write the run folder of a score of so many cases: three judgments each, with replies of 1500 characters."""
    from judge.files.files import write_lines  # noqa: PLC0415 - `--help` needs none of it
    from judge.runs.manifest import ScoreManifest  # noqa: PLC0415
    from judge.runs.run_folder import RunFolder  # noqa: PLC0415
    from judge.schema import Group, JudgeSettings, JudgeSpec, Provider  # noqa: PLC0415

    folder = RunFolder(path)
    path.mkdir()
    prompts = Path(__file__).parents[1] / "prompts"
    folder.write_manifest(
        ScoreManifest(
            created="",
            command=(),
            versions={},
            identity={},
            judges=(JudgeSpec(provider=Provider.OPENAI, model="m", settings=JudgeSettings(max_output_tokens=1000)),),
            model="a",
            prompts={group: (prompts / f"pkr-{group}.v1.md").read_text("utf-8") for group in Group},
            n_units={group: n * N_UNITS[group] for group in Group},
            n_asked=n * len(Group),
            samples=1,
            seed=0,
            n_items=n,
        )
    )
    write_lines(folder.cases_path, _cases(n))
    write_lines(folder.judgments_path, _judgments(n))


def _cases(n: int) -> Iterator[Case]:
    from judge.schema import Case, Group, Image, Item, Trace, Unit  # noqa: PLC0415

    claim = "There is bilateral narrowing of the hip joint spaces, most pronounced superiorly."
    unit = Unit(
        id="", topic="hips", claim=claim, presence_question=claim, correctness_question=claim, source_quote=claim
    )
    checklist = {
        group: tuple(structs.replace(unit, id=f"{group[0]}{number}") for number in range(N_UNITS[group]))
        for group in Group
    }
    options = {"A": "Rheumatoid arthritis", "B": "Septic arthritis", "C": "Primary osteoarthritis", "D": "Metastases"}
    for number in range(n):
        image = Image(path=f"images/{number:064x}.png", sha256=f"{number:064x}", media_type="image/png", size=1)
        yield Case(
            item=Item(
                id=f"test-{number:06d}",
                question=f"What does figure {number} show?",
                options=options,
                answer="C",
                images=(image,),
                reference_reasoning=SENTENCE * 15,
                checklist=checklist,
            ),
            trace=Trace(text=SENTENCE * 20, answer="ABCD"[number % 4], model="a"),
        )


def _judgments(n: int) -> Iterator[Judgment]:
    from judge.schema import Group, Judgment, Order, Reply, Scored, UnitVerdict, Usage  # noqa: PLC0415

    random = Random(0)  # noqa: S311 - the same each time
    for number in range(n):
        for place, group in enumerate(Group):
            units = {
                f"{group[0]}{unit}": UnitVerdict(
                    presence=random.choice((0, 1, 2)),
                    correctness=random.choice((-1, 0, 1)),
                    consistency=random.choice((-1, 0, 1)),
                    grounded=True if group is Group.RATIONALE else None,
                )
                for unit in range(N_UNITS[group])
            }
            yield Judgment(
                key=f"{3 * number + place:032x}",
                item=f"test-{number:06d}",
                order=Order.FORWARD,
                judge="openai:m",
                sample=0,
                group=group,
                result=Scored(units=units),
                reply=Reply(text="x" * 1500, stop="stop", model="m", usage=Usage(input=1000, output=150)),
                latency_s=1.5,
            )


def _measure(path: Path) -> None:
    from judge.costs.spending import Spending  # noqa: PLC0415
    from judge.outcomes.item_features import WantedFields  # noqa: PLC0415
    from judge.outcomes.latest_judgments import latest_judgments  # noqa: PLC0415
    from judge.runs.run_folder import RunFolder  # noqa: PLC0415
    from judge.scoring.cases import features_of_cases  # noqa: PLC0415
    from judge.scoring.score_report import ScoreSetting, build_score_report  # noqa: PLC0415

    folder = RunFolder(path)
    manifest = folder.score_manifest()
    size = folder.judgments_path.stat().st_size / 1e6, folder.cases_path.stat().st_size / 1e6
    print(f"{manifest.n_items:,} cases; journal {size[0]:,.0f} MB, cases {size[1]:,.0f} MB")
    latest = _timed("settle", lambda: latest_judgments(folder.judgments(), Spending({})))
    features = _timed("features", lambda: features_of_cases(folder.cases(), WantedFields()))
    setting = ScoreSetting("a", manifest.judges, {}, 1, 0, {}, {})
    _timed("report", lambda: build_score_report(latest, features, setting))


def _timed(what: str, work: Callable[[], Made]) -> Made:
    began = time.process_time()
    made = work()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"  {what:<10} {time.process_time() - began:8.1f} s of processor time, peak memory {peak:.2f} GB", flush=True)
    return made


if __name__ == "__main__":
    main()
