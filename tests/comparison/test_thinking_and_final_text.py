"""Thinking and final text on the whole road: what judges are sent, what is counted, exported and drawn."""

from __future__ import annotations

from pathlib import Path

import pytest
from browsing import chromium, opened, shown_text
from command import omr_judge, read_jsonl, report_of, write_jsonl
from provider_server import ProviderServer, longer_wins

THOUGHT = "<think>\nAt first sight B. But the stent changes that, so platelets must be blocked at once.\n</think>\n\n"
FINAL = "The stent calls for a second drug. \U0001f600\n\n**Answer: C**"
ITEM = {"question": "Which drug?", "options": {"A": "Aspirin", "B": "Heparin", "C": "Clopidogrel"}, "answer": "C"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    a = {"id": 1, "model": "m", "response": THOUGHT + FINAL, "note": 1, **ITEM}
    write_jsonl(folder / "a.jsonl", [a])
    write_jsonl(
        folder / "b.jsonl",
        [{"id": 1, "model": "n", "reasoning_content": "Hm.", "content": "C? No, wa", "finish_reason": "length"}],
    )
    with ProviderServer(longer_wins) as server:
        judge = ("--judge", f"openai:m@{server.url}/v1")
        for name, show in (("both", ()), ("thinking", ("--show", "thinking")), ("final", ("--show", "final"))):
            omr_judge("compare", "a.jsonl", "b.jsonl", *judge, "--name", name, *show, cwd=folder)
            (folder / f"{name}.txt").write_text(server.calls[-2].user)
    return folder


def test_the_judge_is_sent_both_parts_by_name_or_the_one_asked_for(site: Path) -> None:
    thought = THOUGHT.removeprefix("<think>\n").removesuffix("\n</think>\n\n")
    both, thinking, final = ((site / f"{name}.txt").read_text() for name in ("both", "thinking", "final"))
    assert f"\nThinking:\n{thought}\n\nFinal text:\n{FINAL}\n" in both
    assert f">\n{thought}\n</" in thinking
    assert f">\n{FINAL}\n</" in final
    assert "<think>" not in both + thinking + final


def test_what_was_cut_not_shown_and_not_read_is_counted(site: Path) -> None:
    assert report_of(site / "runs/both")["input_counts"] == {"cut": 1, "fields_not_read": 1}
    assert report_of(site / "runs/thinking")["input_counts"] == {"cut": 1, "final_not_shown": 1, "fields_not_read": 1}
    told = omr_judge("report", "thinking", cwd=site).stdout
    assert "Input: traces cut by length: 1, final text not shown: 1, fields not read: 1" in " ".join(told.split())
    assert report_of(site / "runs/both")["criteria"]["overall"]["strata"]["unreadable"] == {"a": 0, "b": 1, "items": 1}
    omr_judge("verify", "final", cwd=site)


def test_preferences_hold_the_models_output_byte_for_byte(site: Path) -> None:
    omr_judge("export", "both", "--to", "dpo", "--out", "dpo.jsonl", cwd=site)
    (row,) = read_jsonl(site / "dpo.jsonl")
    assert row["chosen"] == [{"role": "assistant", "content": THOUGHT + FINAL}]
    assert row["rejected"] == [{"role": "assistant", "content": "<think>Hm.</think>C? No, wa"}]


def test_the_page_folds_the_thinking_from_the_final_text(site: Path) -> None:
    omr_judge("report", "both", "--html", "report.html", cwd=site)
    with chromium() as browser, opened(browser, site / "report.html", "#item=1") as page:
        page.wait_for_selector('.trace[data-side="a"] details')
        folded = shown_text(page, '.trace[data-side="a"]')
        assert "At first sight" not in folded
        assert "second drug. \U0001f600" in folded
        page.locator('.trace[data-side="a"] summary').first.click()
        assert shown_text(page, '.trace[data-side="a"] details pre').startswith("At first sight B.")
        assert "cut at the limit of its length" in shown_text(page, '.trace[data-side="b"]')
