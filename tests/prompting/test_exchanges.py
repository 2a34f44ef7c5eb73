"""What was sent and what came back is told whole: images by name, and how a judge was corrected."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from browsing import chromium, opened, shown_text
from command import omr_judge, read_jsonl, write_jsonl
from labels.test_packet import PIXEL
from provider_server import Answer, Call, ProviderServer, content_judge

from judge.prompting.retry_prompt import note_after
from judge.schema import Attempt, Reply

USELESS = "Trace 1 is \x1b[1mbetter."
FILE = "sc\x1b[31man\u202e.png"


@pytest.mark.parametrize(
    "attempt",
    [
        Attempt(problem="unparsed: no JSON object"),
        Attempt(problem="unparsed: empty", reply=Reply(text=" \n")),
        Attempt(problem="truncated", reply=Reply(text="{")),
        Attempt(problem="overloaded", status=529),
    ],
)
def test_a_judge_is_corrected_only_after_a_reply_that_can_be_quoted_to_it(attempt: Attempt) -> None:
    assert note_after(attempt, "Not read: {problem}") is None


def test_a_run_that_repairs_nothing_has_told_its_judge_nothing() -> None:
    assert note_after(Attempt(problem="unparsed: x: y", reply=Reply(text="prose")), None) is None
    assert note_after(Attempt(problem="unparsed: x: y", reply=Reply(text="prose")), "Not read: {problem}.") == (
        "Not read: x: y."
    )


def answer(call: Call) -> Answer:
    """Answer in prose first, and in form when corrected."""
    return (
        content_judge(call) if any(turn["role"] == "assistant" for turn in call.body["messages"]) else Answer(USELESS)
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    (folder / FILE).write_bytes(PIXEL)
    for name in "ab":
        trace = {"trace": f"{name} sees a mass of five centimetres in the left lung.", "image": FILE}
        write_jsonl(folder / f"{name}.jsonl", [{"id": "q1", "question": "What is it?", "model": name, **trace}])
    with ProviderServer(answer) as server:
        judge = f"openai:m@{server.url}/v1"
        omr_judge("compare", "a.jsonl", "b.jsonl", "--judge", judge, "--name", "r", cwd=folder)
    return folder


def test_raw_names_the_images_and_shows_how_the_judge_was_corrected(site: Path) -> None:
    shown = omr_judge("show", "r", "q1", "--raw", cwd=site, env={"COLUMNS": "1000"}).stdout
    (one, _) = read_jsonl(site / "runs/r/judgments.jsonl")
    digest = hashlib.sha256(PIXEL).hexdigest()[:12]
    assert shown.count(f"Sent, image: image/png, sha256 {digest}..., {site}/sc[31man⟨U+202E⟩.png\n") == 2
    assert "Came back first:\nTrace 1 is [1mbetter.\nSent, correction:\nYour reply could not be read: " in shown
    assert one["attempts"][0]["problem"].removeprefix("unparsed: ") in shown
    assert not {"\x1b", "\u202e"} & set(shown)
    assert "Sent, correction" not in omr_judge("show", "r", "q1", cwd=site).stdout


def test_the_page_names_the_images_and_shows_how_the_judge_was_corrected(site: Path) -> None:
    omr_judge("report", "r", "--html", "report.html", cwd=site)
    with chromium() as browser, opened(browser, site / "report.html", "#item=q1") as page:
        page.locator(".exchange summary").first.click()
        page.wait_for_selector(".exchange[open] h4")
        text = shown_text(page, ".exchange[open]")
    digest = hashlib.sha256(PIXEL).hexdigest()[:12]
    assert f"User: image\nsc⟨U+001B⟩[31man⟨U+202E⟩.png (image/png, sha256 {digest}…)" in text
    assert text.index("Trace 1 is ⟨U+001B⟩[1mbetter.") < text.index("User: the correction")
    assert text.index("User: the correction") < text.index("Your reply could not be read: ") < text.rindex("Reply")
