"""Judges that give probabilities: one letter weighed by its log-probabilities, and the Decisions API."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from command import omr_judge, write_jsonl
from form_server import FormServer
from hypothesis import given
from hypothesis import strategies as st
from judges.test_provider_forms import KEYS, compare, folder

from judge.errors import InputError
from judge.judges.judge_options import JudgeOptions
from judge.judges.openai import letters_of
from judge.judges.registry import parse_judge
from judge.judges.replies import UnusableReplyError
from judge.prompting.final_text import UnparsedError
from judge.prompting.letter_reply import parse_chances
from judge.schema import Chances

__all__ = ["folder"]
TABLE = '[judges.j]\nprovider = "openai"\nmodel = "{model}"\nbase_url = "{url}/{case}"\nreply = "{reply}"\n{more}\n'
PROMPT = 'prompt = "pairwise-letter.v1"'


def judged(
    folder: Path, case: str, reply: str, more: str = "", *, model: str = "m", code: int = 0
) -> list[dict[str, Any]]:
    with FormServer() as server:
        table = TABLE.format(url=server.url, case=case, reply=reply, model=model, more=f"{PROMPT}\n{more}")
        (folder / "omr-judge.toml").write_text(table)
        compare(folder, "j", code=code)
    return [json.loads(line) for line in (folder / "runs/r/judgments.jsonl").read_text().splitlines()]


def test_the_probabilities_of_a_letters_tokens_make_a_soft_verdict(folder: Path) -> None:
    """.8, .15 and .03 are divided by their sum: .98."""
    lines = judged(folder, "weighed", "letter", "logprobs = true")
    said = {line["order"]: line["result"] for line in lines}
    better, other, tie = 0.8 / 0.98, 0.15 / 0.98, 0.03 / 0.98
    chances = said["forward"]["chances"]["overall"]
    assert chances == {
        name: pytest.approx(p) for name, p in zip(("p_first", "p_tie", "p_second"), (better, tie, other), strict=True)
    }
    assert said["swapped"]["verdicts"] == {"overall": "second"}
    assert said["swapped"]["chances"]["overall"]["p_first"] == pytest.approx(other)
    report = json.loads((folder / "runs/r/report.json").read_text())
    assert report["n_soft"] == 2
    assert report["criteria"]["overall"]["win_rate"]["estimate"] == pytest.approx(better + tie / 2, abs=1e-6)
    assert "2 judgments" in omr_judge("verify", "r", cwd=folder, env=KEYS).stdout
    assert "first 81.6%, tie 3.1%, second 15.3%" in omr_judge("show", "r", "1", cwd=folder, env=KEYS).stdout


def test_a_server_that_tells_no_probabilities_gives_no_verdict(folder: Path) -> None:
    lines = judged(folder, "lettered", "letter", "logprobs = true", code=4)
    assert {line["result"]["failure"] for line in lines} == {"unusable"}
    assert {line["result"]["detail"].split(":")[0] for line in lines} == {
        "the reply tells no log-probabilities of its tokens"
    }


def test_the_decisions_api_is_asked_one_question_and_its_probabilities_are_the_verdict(folder: Path) -> None:
    lines = judged(folder, "decided", "decisions")
    said = {line["order"]: line["result"]["chances"]["overall"] for line in lines}
    assert said["forward"] == {"p_first": pytest.approx(0.75), "p_tie": 0.0, "p_second": pytest.approx(0.25)}
    assert said["swapped"] == {"p_first": pytest.approx(0.25), "p_tie": 0.0, "p_second": pytest.approx(0.75)}
    assert lines[0]["reply"]["usage"] == {"input": 1000, "cache_read": 10}


def test_vllm_scores_each_letter_as_the_next_token_of_the_chat(folder: Path) -> None:
    """.8 and .15 are divided by .95."""
    lines = judged(folder, "scored/v1", "scoring")
    said = {line["order"]: line["result"]["chances"]["overall"] for line in lines}
    assert said["forward"] == {
        "p_first": pytest.approx(0.8 / 0.95),
        "p_tie": 0.0,
        "p_second": pytest.approx(0.15 / 0.95),
    }
    assert said["swapped"]["p_second"] == pytest.approx(0.8 / 0.95)
    assert lines[0]["reply"]["usage"]["output"] == 3


@pytest.mark.parametrize(("model", "failure"), [("short", "too_long"), ("mute", "unusable")])
def test_a_server_that_cuts_the_prompt_or_tells_no_score_gives_no_verdict(
    folder: Path, model: str, failure: str
) -> None:
    long = {"id": "1", "question": "Why?", "trace": "ALPHA " * 2000}
    write_jsonl(folder / "a.jsonl", [long])
    write_jsonl(folder / "b.jsonl", [{**long, "trace": "BETA"}])
    lines = judged(folder, "scored/v1", "scoring", model=model, code=4)
    assert {line["result"]["failure"] for line in lines} == {failure}


def test_a_declined_decision_is_a_refusal(folder: Path) -> None:
    assert {line["result"]["failure"] for line in judged(folder, "declined", "decisions", code=4)} == {"refused"}


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ('provider = "openai"\nlogprobs = true', "probabilities are those of one letter"),
        (f'provider = "anthropic"\nreply = "letter"\nlogprobs = true\n{PROMPT}', "tells no probabilities"),
        (f'provider = "anthropic"\nreply = "decisions"\n{PROMPT}', "decisions takes provider openai"),
        (f'provider = "ollama"\nreply = "decisions"\n{PROMPT}', "decisions takes provider openai"),
        ('provider = "openai"\nreply = "decisions"', "a prompt has to ask for one letter"),
    ],
)
def test_a_judge_that_can_give_no_probabilities_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: str, told: str
) -> None:
    (tmp_path / "omr-judge.toml").write_text(f'[judges.j]\nmodel = "m"\n{table}')
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=told):
        parse_judge("j", JudgeOptions(), say=lambda _: None)


@given(st.tuples(*[st.floats(0.0, 1.0)] * 3).filter(lambda parts: sum(parts) > 0.1), st.floats(0.0, 0.099))
def test_chances_are_the_letters_shares_of_their_sum(parts: tuple[float, float, float], elsewhere: float) -> None:
    shares = [part / sum(parts) for part in parts]
    told = {
        token: math.log(share * (1 - elsewhere)) if share else -9999.0
        for token, share in zip(("A", "\u2581B", " c"), shares, strict=True)
    }
    found = parse_chances("A", told | {"The": -9999.0})
    assert [found.p_first, found.p_second, found.p_tie] == pytest.approx(shares)


@pytest.mark.parametrize(
    ("text", "letters", "told"),
    [
        ("A", {"A": math.log(0.5), "The": math.log(0.5)}, "have 50 % of the probability"),
        ("A", {"A": 0.0, "B": 0.0}, "have 200 % of the probability"),
        ("The answer is A", {"A": 0.0}, "none of the letters"),
        ("A", {"Apple": 0.0}, "have 0 % of the probability"),
    ],
)
def test_a_letter_whose_place_holds_much_else_is_no_verdict(text: str, letters: dict[str, float], told: str) -> None:
    with pytest.raises(UnparsedError, match=told):
        parse_chances(text, letters)


def test_the_last_token_that_is_not_an_end_is_the_letters_and_tokens_of_one_text_are_added() -> None:
    thinking = {"token": "B", "top_logprobs": [{"token": "B", "logprob": 0.0}]}
    twice = [{"token": "A", "logprob": math.log(0.5)}, {"token": "A", "logprob": math.log(0.25)}]
    content = [thinking, {"token": "A", "top_logprobs": twice}, {"token": "\n", "top_logprobs": []}]
    assert letters_of({"logprobs": {"content": content}}, "B</think>A\n") == {"A": pytest.approx(math.log(0.75))}
    assert parse_chances("A", {"A": math.log(0.95)}) == Chances(1.0, 0.0, 0.0)
    silent: list[dict[str, Any]] = [{}, {"logprobs": None}, {"logprobs": {"content": []}}]
    nan = {"token": "A", "top_logprobs": [{"token": "A", "logprob": math.nan}]}
    silent.append({"logprobs": {"content": [nan]}})
    for none in [*silent, {"logprobs": {"content": content[2:]}}]:
        with pytest.raises(UnusableReplyError):
            letters_of(none, "A")
    with pytest.raises(UnusableReplyError, match="another text"):
        letters_of({"logprobs": {"content": content}}, "B")
