from __future__ import annotations

import hashlib
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from builders import make_pair
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from pictures import load_image
from PIL import Image

from judge.audit.audited_item import describe_judgment, describe_pair, journeys, outcomes, refer, stratum
from judge.enums import Orders, Stratum, Unplaced
from judge.outcomes.counted_items import Subject
from judge.outcomes.latest_judgments import latest_judgments
from judge.page.contents import PairContents
from judge.page.thumbnails import MAX_BYTES, thumbnail
from judge.schema import Failed, FailureKind, Judged, Judgment, Order, Reply, Trace, Verdict

texts = st.text(alphabet="abc\n", max_size=12)


@given(texts, st.lists(texts, max_size=4))
def test_a_text_written_with_numbers_for_known_texts_is_the_same_text_again(text: str, known: list[str]) -> None:
    parts = refer(text, known)
    assert "".join(known[part] if isinstance(part, int) else part for part in parts) == text
    assert not any(one and one in part for part in parts if isinstance(part, str) for one in known)


def test_the_longest_known_text_is_found_first() -> None:
    assert refer("<the trace>the</the trace>", ["the", "the trace"]) == ["<", 1, ">", 0, "</", 1, ">"]


def judged(key: str, order: Order, result: Judged | Failed, *, judge: str = "j", reply: str | None = None) -> Judgment:
    given_ = Reply(text=reply) if reply is not None else None
    return Judgment(key=key, item="q", order=order, judge=judge, sample=0, result=result, reply=given_)


results = st.sampled_from(
    [
        Failed(failure=FailureKind.TIMEOUT, detail="first"),
        Failed(failure=FailureKind.REFUSED),
        Judged(verdicts={"overall": Verdict.FIRST}),
        Judged(verdicts={"overall": Verdict.TIE}),
    ]
)


@given(st.lists(st.tuples(st.sampled_from("kl"), results), max_size=8))
def test_the_judgment_shown_for_a_request_is_the_one_that_the_report_counts(given_: list[tuple[str, Failed]]) -> None:
    arrived = [judged(key, Order.FORWARD, result) for key, result in given_]
    kept = journeys(arrived)
    said = latest_judgments(arrived).on("overall").select("verdict", "failure").rows()
    results_kept = [journey.judgment.result for journey in kept]
    told = [
        (result.verdicts["overall"].value, None) if isinstance(result, Judged) else (None, result.failure.value)
        for result in results_kept
        if isinstance(result, Judged | Failed)
    ]
    assert Counter(told) == Counter(said)
    assert sum(1 + journey.earlier for journey in kept) == len(arrived)


def described(judgment: Judgment) -> dict[str, Any]:
    return describe_judgment(journeys([judgment])[0], ["overall"])


def test_the_evidence_is_told_by_model_whatever_the_order_and_not_guessed_from_another_form() -> None:
    reply = '{"overall": {"evidence_1": "one", "evidence_2": "two", "verdict": "first"}}'
    said = Judged(verdicts={"overall": Verdict.FIRST})
    told = {
        order: describe_judgment(journeys([judged("k", order, said, reply=reply)])[0], ["overall"]) for order in Order
    }
    assert told[Order.FORWARD]["evidence"] == {"overall": {"a": "one", "b": "two"}}
    assert told[Order.SWAPPED]["evidence"] == {"overall": {"a": "two", "b": "one"}}
    assert told[Order.SWAPPED]["verdicts"] == {"overall": {"said": "first", "winner": "b"}}
    for other in ("the first is better", None):
        assert (
            describe_judgment(journeys([judged("k", Order.FORWARD, said, reply=other)])[0], ["overall"])["evidence"]
            == {}
        )


def test_a_panels_outcomes_are_told_together_and_for_each_judge_alone() -> None:
    first, second = (Judged(verdicts={"overall": verdict}) for verdict in (Verdict.FIRST, Verdict.SECOND))
    judgments = [
        judged("1", Order.FORWARD, first),
        judged("2", Order.SWAPPED, second),
        judged("3", Order.FORWARD, first, judge="n"),
        judged("4", Order.SWAPPED, first, judge="n"),
    ]
    subject = Subject(["j", "n"], ["overall"], Orders.BOTH, 1, 0)
    found = outcomes(latest_judgments(judgments), subject)
    assert found.alone == {"j": {"overall": {"q": "a"}}, "n": {"overall": {"q": "split"}}}
    assert found.together.keys() == {"overall"}
    alone = outcomes(latest_judgments(judgments[:2]), Subject(["j"], ["overall"], Orders.BOTH, 1, 0))
    assert (alone.together, alone.alone) == ({"overall": {"q": "a"}}, {})


@pytest.mark.parametrize(
    ("a", "b", "answer", "expected"),
    [
        ("A", "A", "A", Stratum.BOTH_RIGHT),
        ("A", "B", "A", Stratum.ONLY_A_RIGHT),
        ("B", "A", "A", Stratum.ONLY_B_RIGHT),
        ("B", "B", "A", Stratum.BOTH_WRONG),
        ("A", None, "A", Unplaced.UNREADABLE),
        ("A", "A", None, Unplaced.NO_ANSWER),
    ],
)
def test_an_item_is_in_the_stratum_of_whose_answer_is_right(
    a: str, b: str | None, answer: str | None, expected: Stratum | Unplaced
) -> None:
    pair = make_pair(answer=answer)
    pair = structs.replace(pair, a=Trace(text="x", answer=a), b=Trace(text="y", answer=b))
    assert stratum(pair) is expected


def test_several_right_options_are_each_marked() -> None:
    pair = make_pair(options={"a": "one", "b": "two", "e": "three"}, answer="be")
    told = describe_pair(structs.replace(pair, a=Trace(text="", answer="EB"), b=Trace(text="", answer="b")))
    assert (told["right"], told["a"]["chosen"], told["b"]["chosen"]) == (["b", "e"], ["b", "e"], ["b"])
    assert describe_pair(make_pair())["right"] == []


def test_fields_with_one_value_or_too_many_are_no_filters_and_late_fields_keep_their_places() -> None:
    contents = PairContents(outcomes(latest_judgments([]), Subject(["j"], ["overall"], Orders.BOTH, 60, 0)))
    for number in range(60):
        groups = {"same": "x", "each": str(number), **({"late": str(number % 2)} if number > 57 else {})}
        contents.add(str(number), {"judgments": []}, stratum="no_answer", groups=groups)
    index = contents.index()
    assert index["fields"] == {"late": {"values": ["0", "1"], "codes": [-1] * 58 + [0, 1]}}
    assert index["outcomes"] == {"": {"overall": "m" * 60}}
    assert len(contents.chunks()) == 3


# Thumbnails


def noisy(path: Path, mode: str = "RGB", size: tuple[int, int] = (400, 300)) -> Path:
    n = size[0] * size[1] * len(mode)
    Image.frombytes(mode, size, random.Random(1).randbytes(n)).save(path)  # noqa: S311 - the same each time
    return path


@pytest.mark.parametrize(("name", "mode"), [("x.png", "RGB"), ("x.png", "RGBA"), ("x.jpg", "L"), ("x.webp", "RGB")])
def test_a_large_image_is_scaled_down_to_15_kb_at_most(tmp_path: Path, name: str, mode: str) -> None:
    path = noisy(tmp_path / name, mode)
    small = thumbnail(load_image(path))
    assert small.source is not None
    assert small.source.startswith("data:image/jpeg;base64,")
    assert len(small.source) * 3 / 4 <= MAX_BYTES + 30 < path.stat().st_size
    assert (small.name, small.scaled, small.note) == (name, True, "")


def test_a_small_image_is_shown_as_it_is(tmp_path: Path) -> None:
    Image.new("RGB", (20, 20)).save(tmp_path / "x.png")
    small = thumbnail(load_image(tmp_path / "x.png"))
    assert small.source is not None
    assert small.source.startswith("data:image/png;base64,")
    assert not small.scaled


def test_an_image_that_cannot_be_shown_is_named_with_the_reason(tmp_path: Path) -> None:
    gone = load_image(noisy(tmp_path / "gone.png"))
    Path(gone.path).unlink()
    assert "changed since the run began" in thumbnail(gone).note
    content = b"\x89PNG\r\n\x1a\n" + bytes(20_000)
    (tmp_path / "broken.png").write_bytes(content)
    broken = structs.replace(gone, path=str(tmp_path / "broken.png"), sha256=hashlib.sha256(content).hexdigest())
    assert "cannot be scaled down: is no readable PNG" in thumbnail(broken).note
