"""Controls, end to end through the command: does the judge look, and does it prefer a text to itself?"""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from command import omr_judge, read_jsonl, report_of, start, wait_until, write_jsonl
from PIL import Image
from provider_server import Answer, Call, ProviderServer, traces_of, verdicts_for
from run_builder import change_manifest

N = 40


def coin(*parts: object) -> int:
    """Return one of 256 numbers that the parts decide."""
    return hashlib.sha256(repr(parts).encode()).digest()[0]


def preferring(call: Call, wins: bool) -> str:  # noqa: FBT001 - a test's helper
    """Return the slot of the trace that comes first by the alphabet, or of the other one."""
    first, second = traces_of(call)
    return "first" if (first < second) == wins else "second"


def looks(call: Call) -> Answer:
    """Decide perception by the bytes of the images that arrived, all else by the traces."""
    seen = [hashlib.sha256(content).hexdigest() for _, content in call.images]
    texts = sorted(traces_of(call))
    by_text = preferring(call, coin(texts) < 128)
    by_image = preferring(call, coin(texts, seen) < 128) if seen else "cannot_judge"
    asked = call.schema or {}
    return Answer(verdicts_for(asked, dict.fromkeys(asked["properties"], by_text) | {"perception": by_image}))


def reads(call: Call) -> Answer:
    """Decide everything by the traces, whatever can be seen."""
    asked = call.schema or {}
    return Answer(verdicts_for(asked, preferring(call, coin(sorted(traces_of(call))) < 128)))


def noisy(script: Callable[[Call], Answer]) -> Callable[[Call], Answer]:
    """Let a judge say "first" at one time in eight: at another each time that it is asked the same."""
    asked: Counter[bytes] = Counter()

    def judge(call: Call) -> Answer:
        asked[call.fingerprint] += 1
        if coin("chance", call.fingerprint, asked[call.fingerprint]) < 32:
            return Answer(verdicts_for(call.schema or {}, "first"))
        return script(call)

    return judge


def always_first(call: Call) -> Answer:
    return Answer(verdicts_for(call.schema or {}, "first"))


def fair(call: Call) -> Answer:
    """Say tie where two texts say the same words."""
    first, second = traces_of(call)
    same = first.split() == second.split()
    return Answer(verdicts_for(call.schema or {}, "tie" if same else preferring(call, wins=True)))


def write_inputs(folder: Path, n: int = N, *, images: bool = True) -> None:
    """Write a.jsonl and b.jsonl, each item with an image of its own colour."""
    for number in range(n if images else 0):
        Image.new("RGB", (4, 4), (number, 255 - number, 7)).save(folder / f"{number}.png")
    for side in ("a", "b"):
        shown = {number: {"images": [f"{number}.png"]} if images else {} for number in range(n)}
        write_jsonl(
            folder / f"{side}.jsonl",
            [
                {"id": f"q{number}", "question": f"Case {number}?", "trace": f"{side} reads case {number}. Sure."}
                | shown[number]
                for number in range(n)
            ],
        )


def compare(server: ProviderServer, *more: str) -> tuple[str, ...]:
    judge = f"openai:m@{server.url}/v1"
    return "compare", "a.jsonl", "b.jsonl", "--judge", judge, "--name", "r", "--price", "m=1/2", *more


def controls(*kinds: str) -> list[str]:
    return [word for kind in kinds for word in ("--control", kind)]


def run_with(script: Callable[[Call], Answer], folder: Path, *more: str, **inputs: Any) -> tuple[dict[str, Any], str]:  # noqa: ANN401
    write_inputs(folder, **inputs)
    with ProviderServer(script) as server:
        done = omr_judge(*compare(server, *more), cwd=folder)
    return report_of(folder / "runs" / "r"), done.stdout


def moved(report: Mapping[str, Any], kind: str) -> dict[str, Any]:
    found: dict[str, Any] = report["controls"][kind]["moved"]["openai:m"]
    return found


def test_the_image_controls_tell_a_judge_that_looks_from_one_that_does_not(tmp_path: Path) -> None:
    asked = controls("no-image", "wrong-image")
    reports = {}
    for name, script in {"looks": looks, "reads": reads}.items():
        (tmp_path / name).mkdir()
        reports[name], drawn = run_with(script, tmp_path / name, *asked)
        assert ("perception does not move without the image" in " ".join(drawn.split())) == (name == "reads")
    for kind in ("no-image", "wrong-image"):
        assert moved(reports["looks"], kind)["perception"]["effect"] == "moves"
        assert moved(reports["looks"], kind)["knowledge"]["effect"] == "does not move"
        for found in moved(reports["reads"], kind).values():
            assert found["effect"] == "does not move"
            assert found["changed"]["estimate"] == 0
            assert found["excess"]["low"] < 0 < found["excess"]["high"] < 0.1
    assert moved(reports["looks"], "no-image")["perception"]["withdrawn"] == N
    assert moved(reports["looks"], "no-image")["perception"]["changed"]["estimate"] == 1
    warned = [warning for warning in reports["reads"]["warnings"] if "does not measure what is seen" in warning]
    assert len(warned) == 2
    assert not any("measure what is seen" in warning for warning in reports["looks"]["warnings"])


def test_the_noise_of_a_judge_that_does_not_look_is_not_taken_for_looking(tmp_path: Path) -> None:
    report, _ = run_with(noisy(reads), tmp_path, *controls("wrong-image"))
    found = moved(report, "wrong-image")["perception"]
    assert found["changed"]["estimate"] > 0.1
    assert found["repeated"]["estimate"] > 0.1
    assert found["effect"] != "moves"
    assert moved(report, "repeat")["perception"]["changed"]["estimate"] == found["repeated"]["estimate"]


def test_a_judge_that_looks_is_told_from_its_noise(tmp_path: Path) -> None:
    report, _ = run_with(noisy(looks), tmp_path, *controls("wrong-image"))
    assert moved(report, "wrong-image")["perception"]["effect"] == "moves"
    assert moved(report, "wrong-image")["knowledge"]["effect"] != "moves"


def test_each_control_is_asked_with_the_images_that_its_name_says(tmp_path: Path) -> None:
    write_inputs(tmp_path, 9)
    with ProviderServer(reads) as server:
        omr_judge(*compare(server, *controls("no-image", "wrong-image", "identical")), cwd=tmp_path)
    shown: Counter[str] = Counter()
    for call in server.calls:
        asked = f"Case {call.user.partition('Case ')[2].partition('?')[0]}?"
        colours = [Image.open(io.BytesIO(content)).convert("RGB").getpixel((0, 0)) for _, content in call.images]
        twice = len({" ".join(text.split()) for text in traces_of(call)}) == 1
        own = [f"Case {colour[0]}?" for colour in colours if isinstance(colour, tuple)]
        shown["twice" if twice else "none" if not own else "own" if own == [asked] else "another"] += 1
        assert ("cannot be shown to you" in call.user) == (not own)
    assert shown == {"own": 2 * 18, "none": 18, "another": 18, "twice": 18}


@pytest.mark.parametrize(
    ("script", "named", "first_slot"), [(always_first, 1.0, 1.0), (fair, 0.0, None)], ids=["biased", "fair"]
)
def test_a_judge_that_prefers_a_slot_is_told_from_a_fair_one(
    tmp_path: Path, script: Callable[[Call], Answer], named: float, first_slot: float | None
) -> None:
    report, drawn = run_with(script, tmp_path, *controls("identical"), n=20, images=False)
    assert list(report["controls"]) == ["identical"], "no other verdicts are needed"
    for found in report["controls"]["identical"]["false_preference"]["openai:m"].values():
        for part, n in {"together": 40, "exact": 20, "rephrased": 20}.items():
            assert (found[part]["named"]["estimate"], found[part]["named"]["n"]) == (named, n)
            assert found[part]["consistent"]["estimate"] == 0
            assert found[part]["first_slot"]["estimate"] == first_slot
        assert found["together"]["forward"]["estimate"] == found["together"]["swapped"]["estimate"] == named
    assert ("often prefers a trace to itself on perception, knowledge" in drawn) == (named == 1)


def test_controls_that_are_added_later_change_nothing_else_in_the_report(tmp_path: Path) -> None:
    report, _ = run_with(fair, tmp_path, n=6)
    run = tmp_path / "runs" / "r"
    journal = (run / "judgments.jsonl").read_bytes()
    assert report["controls"] is None
    with ProviderServer(fair) as server:
        port = (run / "manifest.json").read_bytes().partition(b"127.0.0.1:")[2].partition(b"/")[0]
        change_manifest(run, b"127.0.0.1:" + port, server.url.removeprefix("http://").encode())
        add = ("control", "r", "--kind", "wrong-image", "--kind", "identical", "--control-n", "4")
        omr_judge(*add, cwd=tmp_path)
        assert len(server.calls) == 3 * 4 * 2
        omr_judge(*add, cwd=tmp_path)
        assert len(server.calls) == 3 * 4 * 2
    after = report_of(run)
    assert list(after["controls"]) == ["wrong-image", "identical", "repeat"]
    assert [one["n_items"] for one in after["controls"].values()] == [4, 4, 4]
    assert all(one["usd"] > 0 for one in after["controls"].values())
    assert {**after, "controls": None, "warnings": report["warnings"]} == report
    assert (run / "judgments.jsonl").read_bytes() == journal
    markdown = omr_judge("report", "r", "--format", "markdown", cwd=tmp_path).stdout
    assert "Control wrong-image: asked again with another item's images" in markdown
    assert "names a winner" in markdown
    omr_judge("report", "r", "--html", "page.html", cwd=tmp_path)
    assert "Put to the test" in (tmp_path / "page.html").read_text()
    own = omr_judge("report", "runs/r/controls/identical", cwd=tmp_path).stdout
    assert "4 items, 8 judgments" in own


def test_a_dry_run_counts_the_calls_of_controls(tmp_path: Path) -> None:
    write_inputs(tmp_path, 5)
    with ProviderServer(fair) as server:
        wanted = compare(server, *controls("no-image", "identical"), "--control-n", "3")
        told = omr_judge(*wanted, "--dry-run", cwd=tmp_path).stdout
        assert "Calls of the controls among them: no-image 6, identical 6, repeat 6." in told
        assert "28 calls: about $" in told
        assert not (tmp_path / "runs").exists()
        limited = compare(server, *controls("identical"), "--control-n", "3", "--max-calls", "12")
        omr_judge(*limited, cwd=tmp_path, code=6)
        told = omr_judge(*wanted, "--dry-run", cwd=tmp_path).stdout
        assert len(server.calls) == 12
        assert "16 calls (12 are judged already)" in told
        assert "Calls of the controls among them: identical 4, no-image 6, repeat 6." in told


@pytest.mark.slow
def test_a_run_with_controls_that_is_killed_and_resumed_ends_as_one_that_was_never_killed(tmp_path: Path) -> None:
    wanted = (*controls("wrong-image", "identical"), "--control-n", "6", "--quiet", "--concurrency", "2")
    write_inputs(tmp_path, 8)
    with ProviderServer(looks, delay=0.03) as server:
        omr_judge(*compare(server, *wanted, "--name", "whole"), cwd=tmp_path)
        n_calls = len(server.calls)
        assert n_calls == 2 * (8 + 3 * 6)
        run = tmp_path / "runs" / "r"
        parts = [run, *(run / "controls" / kind for kind in ("wrong-image", "identical", "repeat"))]
        command = compare(server, *wanted)
        for part in (parts[0], parts[1], parts[3]):
            with start(*command, cwd=tmp_path) as process:
                wait_until(lambda own=part: size(own) >= 2)  # type: ignore[misc]
                process.kill()
            command = ("resume", "r", "--quiet", "--concurrency", "2")
        assert size(parts[3]) < 12, "the last kill came after the end"
        omr_judge(*command, cwd=tmp_path)
    assert (run / "report.json").read_bytes() == (tmp_path / "runs" / "whole" / "report.json").read_bytes()
    for part in parts:
        keys = [line["key"] for line in read_jsonl(part / "judgments.jsonl")]
        assert len(set(keys)) == len(keys)
    assert 0 <= len(server.calls) - 2 * n_calls <= 3 * 2


def size(run: Path) -> int:
    """Return how many judgments a run has."""
    journal = run / "judgments.jsonl"
    return journal.read_bytes().count(b"\n") if journal.exists() else 0


def test_limits_hold_for_a_run_and_its_controls_together(tmp_path: Path) -> None:
    write_inputs(tmp_path, 4, images=False)
    with ProviderServer(fair) as server:
        wanted = compare(server, *controls("identical", "repeat"))
        stopped = omr_judge(*wanted, "--max-calls", "20", cwd=tmp_path, code=6)
        assert len(server.calls) == 20
        assert "20 calls, of --max-calls 20" in stopped.stderr
        assert "omr-judge resume runs/r`" in stopped.stderr
        refused = omr_judge(*wanted, "--confirm-above", "0.001", cwd=tmp_path, code=3)
        assert "4 calls are to be made for about $" in refused.stderr
        omr_judge("resume", "r", "--confirm-above", "100", "--price", "m=10/20", cwd=tmp_path)
    assert len(server.calls) == 24
    report = report_of(tmp_path / "runs" / "r")
    assert {one["n_not_asked"] for one in report["controls"].values()} == {0}
    assert report["controls"]["repeat"]["usd"] == pytest.approx(report["usd"], rel=0.2)


def test_a_failed_call_of_a_control_is_no_change_and_is_asked_again_by_retry(tmp_path: Path) -> None:
    refused = {"cannot be shown to you"}

    def judge(call: Call) -> Answer:
        return Answer(stop="refusal") if any(words in call.user for words in refused) else reads(call)

    write_inputs(tmp_path, 3)
    with ProviderServer(judge) as server:
        done = omr_judge(*compare(server, *controls("no-image")), cwd=tmp_path)
        assert "Control no-image (3 pairs, 6 of 6 calls failed): " in done.stdout
        found = moved(report_of(tmp_path / "runs" / "r"), "no-image")["perception"]
        assert (found["n"], found["changed"]["estimate"], found["withdrawn"]) == (0, None, 0)
        assert (found["p_value"], found["p_adjusted"], found["effect"]) == (None, None, "unclear")
        refused.clear()
        again = omr_judge("retry", "r", cwd=tmp_path)
        assert "Asking again: 6 refused" in again.stderr
    assert moved(report_of(tmp_path / "runs" / "r"), "no-image")["perception"]["n"] == 3


def test_what_a_run_cannot_have_is_refused_with_what_to_do(tmp_path: Path) -> None:
    write_inputs(tmp_path, 3, images=False)
    with ProviderServer(fair) as server:

        def told(*args: str) -> str:
            return omr_judge(*args, cwd=tmp_path, code=3).stderr

        repeat = controls("repeat")
        assert "`omr-judge control RUN` adds it to the merged run" in told(*compare(server, *repeat, "--shard", "1/2"))
        assert "adds it to the finished run" in told(*compare(server, *repeat, "--stop-when-decided"))
        assert "hidden already" in told(*compare(server, *controls("hide-answers"), "--hide-answers"))
        assert not (tmp_path / "runs").exists()
        assert "no two items have different images" in told(*compare(server, *controls("wrong-image")))
        assert "nothing is judged yet" in told("control", "r", "--kind", "repeat")
        omr_judge(*compare(server), "--shard", "1/2", "--name", "part", cwd=tmp_path)
        assert "adds it to the merged run" in told("control", "part", "--kind", "repeat")
        omr_judge(*compare(server, *controls("identical"), "--control-n", "2"), cwd=tmp_path)
        assert "drawn for --control-n 2" in told("control", "r", "--kind", "identical")
        assert "a control itself" in told("control", "runs/r/controls/identical", "--kind", "repeat")
        pairs = tmp_path / "runs" / "r" / "controls" / "identical" / "pairs.jsonl"
        pairs.write_text(pairs.read_text() + " ")
        assert "controls/identical/pairs.jsonl: changed since the run began" in told("resume", "r")


def test_controls_of_a_finished_run_are_quoted_first_and_drawn_all_or_none(tmp_path: Path) -> None:
    write_inputs(tmp_path, 4, images=False)
    drawn = tmp_path / "runs" / "r" / "controls"
    with ProviderServer(fair) as server:
        omr_judge(*compare(server), cwd=tmp_path)
        n_calls = len(server.calls)
        identical = ("control", "r", "--kind", "identical", "--kind", "hide-answers")
        told = omr_judge(*identical, "--dry-run", cwd=tmp_path).stdout
        assert "Calls of the controls among them: identical 8, hide-answers 8, repeat 8." in told
        assert "24 calls" in told
        refused = omr_judge("control", "r", "--kind", "identical", "--kind", "no-image", cwd=tmp_path, code=3)
        assert "control no-image: no two items have different images" in refused.stderr
        unconfirmed = omr_judge(*identical, "--confirm-above", "0", cwd=tmp_path, code=3)
        assert "24 calls are to be made" in unconfirmed.stderr
        assert not drawn.exists()
        assert len(server.calls) == n_calls
        omr_judge(*identical, "--confirm-above", "100", "--price", "m=1/1", cwd=tmp_path)
        assert {path.name for path in drawn.iterdir()} == {"identical", "hide-answers", "repeat"}
        assert len(server.calls) == n_calls + 24
        assert "0 calls" in omr_judge(*identical, "--dry-run", cwd=tmp_path).stdout
