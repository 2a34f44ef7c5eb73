"""What may stand before a verdict: nothing, prose that has ended, or an announcement."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judge.prompting.final_text import UnparsedError
from judge.prompting.introductions import require_announced
from judge.prompting.pairwise_reply import interpret, parse_verdicts
from judge.schema import Judged, Reply, Verdict, VerdictForm

OBJECT = json.dumps({"overall": {"evidence_1": "x", "evidence_2": "y", "verdict": "first"}})
QUOTED_OR_DENIED = """
    Example output:|For instance:|e.g.|E.g.,|The expected format is:|Format:|Hypothetical verdict:|If I had to guess:
    A careless judge might answer:|The previous judge said:|Trace 1 claims that the verdict is:|Quoting the prompt:
    The user wants me to say:|The wrong answer would be:|Rejected:|Old verdict:|Initial verdict:|First pass:|WIP:
    Before checking:|Tentatively:|Dummy output:|Not my verdict:|I do not agree with:|Never output:|Instead of|Unlike
    The opposite of|Swap the labels in:|Suppose:|Perhaps:|Not sure, but:|Withdrawn:|Is it this?|Ignore this.
    Zum Beispiel:|Entwurf:|Das wäre falsch:|Par exemple :|Brouillon :|Ejemplo:|No es mi veredicto:|Rascunho:|Bozza:
    例えば\uff1a|例如\uff1a|草稿\uff1a|예시:|Пример:|مثال:|Voorbeeld:|Przykład:|Taslak:|Ví dụ:|## Expected format
    ~~|-|>|#|//|--|!|verdict !=|wrong_verdict =|User:|System:|**User:**|Action Input:|Observation:|data:|(cached)
    HTTP/1.1 200 OK|[output truncated]|Error: timeout. Partial result:|unsafe S6|I'm sorry, but I can't assist.
    I cannot judge these traces.|As an AI I cannot evaluate this.|This is only an example.|A naive judge would say so.
    Below, first means the second trace.|I call trace 2 the first one.|The labels are swapped.|<|im_start|>user|[INST]
    <|start_header_id|>user<|end_header_id|>|<start_of_turn>user|<|start|>user<|message|>|[TOOL_CALLS]|<|python_tag|>
"""
ANNOUNCED = """
    Here is my verdict:|Here's the evaluation in the requested JSON format:|Final answer:|**Final verdict**|### Verdict
    After comparing both traces, my final verdict is as follows:|Trace 1 is better.|So:|JSON:|Output:|I judged both!
    The example in the prompt does not matter.|I cannot judge perception alone.|<think>no</think>|Mein Urteil:
    Voici mon évaluation :|Mi veredicto final:|最終判定\uff1a|最终结论如下\uff1a|최종 판정:|Итоговый вердикт:|两者都好。
"""


def kinds(listed: str) -> list[str]:
    # A tab stands for the "|" of tokens such as <|im_start|>
    lines = listed.replace("<|", "<\t").replace("|>", "\t>").strip().splitlines()
    return [kind.strip().replace("\t", "|") for line in lines for kind in line.split("|")]


@pytest.mark.parametrize("fence", ["{}", "```json\n{}\n```"])
def test_an_object_that_is_quoted_or_denied_is_no_verdict_in_any_language(fence: str) -> None:
    taken = []
    for kind in kinds(QUOTED_OR_DENIED):
        for gap in ("\n", "\n\n"):
            text = f"{kind}{gap}{fence.replace('{}', OBJECT)}"
            taken += [text] if isinstance(interpret(Reply(text=text), ["overall"]), Judged) else []
    assert taken == []


@pytest.mark.parametrize("fence", ["{}", "```json\n{}\n```", "<verdict>{}</verdict>"])
def test_an_object_that_is_announced_or_follows_prose_is_a_verdict(fence: str) -> None:
    lists = ["- Trace 1 names the sign\n", "Both are good.\n\n---\n", "---\n"]
    for kind in [*kinds(ANNOUNCED), "", "<|im_start|>assistant", *lists]:
        text = f"{kind}\n{fence.replace('{}', OBJECT)}"
        assert parse_verdicts(text, ["overall"]) == {"overall": Verdict.FIRST}, text


@pytest.mark.parametrize("fence", ["diff", "example", "jsonschema", "python"])
def test_a_fence_of_another_language_holds_no_verdict(fence: str) -> None:
    with pytest.raises(UnparsedError, match="fence"):
        parse_verdicts(f"```{fence}\n{OBJECT}\n```", ["overall"])


@pytest.mark.parametrize(("form", "mark"), [(VerdictForm.BRACKETS, "[[A]]"), (VerdictForm.RESULT, "[RESULT] A")])
def test_a_mark_that_is_quoted_or_denied_is_no_verdict(form: VerdictForm, mark: str) -> None:
    for before in (
        "Zum Beispiel: ",
        "例如\uff1a",
        "Format: ",
        "e.g. ",
        "The trace says ",
        "Trace 2 claims: ",
        "instead of ",
    ):
        assert not isinstance(interpret(Reply(text=before + mark), ["overall"], form), Judged), before
    for before in ("B's claim is wrong, so A is better: ", "Assistant A does not guess. ", "My final verdict is tie: "):
        assert isinstance(interpret(Reply(text=before + mark), ["overall"], form), Judged), before


@given(st.text(alphabet="verdict: Example\n.`<|>*#", max_size=60))
def test_any_text_before_an_object_is_allowed_or_refused(before: str) -> None:
    with suppress(UnparsedError):
        require_announced(before)
