"""Planted errors: operators from their files, sentences that match, one edit, undone byte for byte."""

from __future__ import annotations

import random
from collections import Counter
from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import convert
from planted_items import record

from judge.certify.lexicon import Action, Change, Lexicon, Operator, PlantedKind, any_word, changes, lexicons
from judge.certify.plant import EDIT, Planted, choose, edits, language_of, planted_pairs, sentences
from judge.prompting.pairwise_prompt import is_identical
from judge.schema import Group, Image, Item, Pair, Trace

WANTED = dict.fromkeys(PlantedKind, 20)
OPERATORS = [(lexicon, operator) for lexicon in lexicons() for operator in lexicon.operators]


def example(lexicon: Lexicon, operator: Operator) -> str:
    """Return a sentence at which an operator acts, made of its own words."""
    filler = {"ja": "所見", "de": "Befund", "en": "finding"}[lexicon.language]
    space = "" if lexicon.language == "ja" else " "
    match operator.action:
        case Action.SWAP | Action.REPLACE:
            return space.join([filler, *["12"] * operator.numbered, operator.pairs[0][0], filler])
        case Action.NUMBER:
            return space.join([filler, *operator.before[:1], "12", *operator.words[:1]])
        case Action.ORDER:
            return space.join([filler, operator.words[0] + operator.before[0] + operator.words[1]])
        case Action.OPTION | Action.OMIT:
            return space.join([filler, operator.words[0], filler, "Sepsis"])


@pytest.mark.parametrize(("lexicon", "operator"), OPERATORS, ids=lambda one: getattr(one, "language", None) or one.name)
def test_each_operator_acts_on_its_own_words_and_is_undone(lexicon: Lexicon, operator: Operator) -> None:
    sentence = example(lexicon, operator)
    found = list(changes(operator, sentence, ("Sepsis", "Asthma")))
    assert found
    for change in found:
        edited = change.apply(sentence)
        assert edited != sentence
        assert change.undo(edited).encode() == sentence.encode()
        with pytest.raises(ValueError, match="holds no"):
            change._replace(before="\0").apply(sentence)


def test_every_language_has_the_operators_of_every_kind() -> None:
    kinds = {(lexicon.kind, lexicon.language) for lexicon in lexicons()}
    assert kinds == set(product(PlantedKind, ("en", "de", "ja")))
    for lexicon, operator in OPERATORS:
        assert all(old != new for old, new in operator.pairs), (lexicon.language, operator.name)


@pytest.mark.parametrize(
    ("sentence", "operator", "edited"),
    [
        ("The Left lung.", "laterality", {"The Right lung."}),
        ("LEFT lung and hilum", "laterality", {"RIGHT lung and hilum"}),
        ("left and right lungs", "laterality", set()),
        ("a 4 mm stone", "unit", {"a 4 cm stone"}),
        ("a 4 mm stone", "size", {"a 40 mm stone"}),
        ("a 0.45 cm stone", "size", {"a 4.50 cm stone"}),
        ("1,200 mg of it", "size", set()),
        ("Two hypodense lesions", "count", {"Three hypodense lesions"}),
        ("2 lesions", "count", {"3 lesions"}),
        ("one lesion and 1 cyst", "count", set()),
        ("a few mm of fluid", "unit", set()),
        ("eight lesions", "count", {"seven lesions"}),
        ("leftover food", "laterality", set()),
        ("There is no effusion", "presence", {"There is a effusion"}),
        ("There are no effusions", "presence", {"There are effusions"}),
    ],
)
def test_operators_change_whole_words_in_their_case(sentence: str, operator: str, edited: set[str]) -> None:
    (own,) = (
        one
        for lexicon, one in OPERATORS
        if (lexicon.kind, lexicon.language, one.name) == (PlantedKind.PERCEPTION, "en", operator)
    )
    assert {change.apply(sentence) for change in changes(own, sentence, ())} == edited


def item_of(told: dict[str, object]) -> Item:
    units = {
        group: [{"id": unit["unit_id"], "claim": unit["claim"]} for unit in own]
        for group, own in told["checklist"].items()  # type: ignore[attr-defined]
    }
    return convert({"id": told["id"], "question": told["question"], "checklist": units}, Item)


def pair_of(number: int) -> Pair:
    told = record(number, image=False)
    return Pair(item_of(told), a=Trace(told["trace"]), b=Trace("other"))


FILLERS = (
    "The left side of the road was wet.",
    "No answer is right here.",
    "Usually, patients ask two questions.",
    "It shows 3 mm of rain.",
    "Therefore nothing follows.",
    "The right heart is not at issue and increases nothing.",
)


@pytest.mark.parametrize("wanted", [600, pytest.param(10_000, marks=pytest.mark.slow)])
def test_no_edit_lies_outside_a_matched_sentence_and_each_is_undone_byte_for_byte(wanted: int) -> None:
    """So many edits of traces whose sentences stand among others that have the same words and say something else."""
    rng, n, kinds = random.Random(1), 0, Counter[str]()  # noqa: S311 - no secret
    number = 0
    while n < wanted:
        number += 1
        told = record(number, image=False)
        parts = [told["trace"][start:end] for start, end in sentences(told["trace"])]
        units = [unit["claim"] for own in told["checklist"].values() for unit in own]
        mixed = parts + rng.sample(FILLERS, 4)
        rng.shuffle(mixed)
        text = rng.choice([" ", "\n", "  \n\n"]).join(mixed)
        matching = {part for part in parts if any(claim[1:-1] in part for claim in units)}
        for one in edits(item_of(told), text):
            n += 1
            kinds[one.kind] += 1
            spans = [(at, at + len(part)) for part in matching if (at := text.find(part)) >= 0]
            end = one.change.offset + len(one.change.before.rstrip())
            assert any(start <= one.change.offset and end <= stop for start, stop in spans), one
            assert one.change.undo(one.change.apply(text)).encode() == text.encode()
    assert min(kinds[kind] for kind in PlantedKind) > wanted / 40


def test_an_item_without_statements_has_no_edits_and_a_reference_stands_in_for_a_checklist() -> None:
    text = "The chest film shows a mass in the left lung. That is all. Good."
    bare = Item(id="q", question="?")
    assert list(edits(bare, text)) == []
    known = Item(id="q", reference_reasoning="There is a large mass in the left lung of the patient. It is malignant.")
    found = [one for one in edits(known, text) if one.operator == "laterality"]
    assert [(one.change.before, one.change.after, one.of) for one in found] == [("left", "right", None)]
    elsewhere = Item(id="q", reference_reasoning="There is a large mass in the right lung of the patient.")
    assert not [one for one in edits(elsewhere, text) if one.operator == "laterality"]


@pytest.mark.parametrize(
    ("text", "claim", "before", "after"),
    [
        (
            "Im Bild ist der linke Lungenflügel verschattet. Das ist der Befund und die Diagnose.",
            "Der linke Lungenflügel ist verschattet.",
            "linke",
            "rechte",
        ),
        ("胸部単純写真では左肺に腫瘤影を認める。以上である。", "左肺に腫瘤影を認める。", "左", "右"),
    ],
)
def test_german_and_japanese_traces_are_edited_by_their_own_files(
    text: str, claim: str, before: str, after: str
) -> None:
    item = convert({"id": "q", "checklist": {"perception": [{"id": "p", "claim": claim}]}}, Item)
    found = {(one.change.before, one.change.after): one for one in edits(item, text)}
    assert (before, after) in found
    assert found[before, after].record()["criterion"] == Group.PERCEPTION
    assert (language_of("the cat and the dog"), language_of("der Hund und die Katze")) == ("en", "de")


def planted(n: int, **changes_: object) -> tuple[list[Pair], dict[str, list[Planted]]]:
    pairs = [pair_of(number) for number in range(n)]
    options = {"seed": 0, "answers": True, **changes_}
    return pairs, choose(lambda: iter(pairs), WANTED, **options)  # type: ignore[arg-type]


def test_each_kind_has_one_edit_an_item_and_its_operators_share_the_places() -> None:
    pairs, chosen = planted(40)
    assert planted(40)[1] == chosen
    assert planted(40, seed=1)[1] != chosen
    flat = [one for own in chosen.values() for one in own]
    counts = Counter(one.kind for one in flat)
    assert counts == WANTED
    assert max(Counter((one.kind, one.item) for one in flat).values()) == 1
    seen = Counter(one.operator for one in flat if one.kind is PlantedKind.PERCEPTION)
    assert max(seen.values()) - min(seen.values()) <= 1
    made = list(planted_pairs(iter(pairs), chosen))
    assert len({pair.item.id for pair in made}) == len(flat)
    for pair in made:
        logged = pair.b.meta[EDIT]
        change = Change(logged["offset"], logged["before"], logged["after"])
        assert change.apply(pair.a.text) == pair.b.text
        assert change.undo(pair.b.text) == pair.a.text
        assert not is_identical(pair, answers=True)


def test_items_that_share_an_image_give_one_edit_of_a_kind() -> None:
    image = Image(path="x.png", sha256="ab", media_type="image/png")
    pairs = []
    for number in range(6):
        item = convert(item_of(record(number, image=False)), Item)
        shown = Item(id=item.id, question=item.question, images=(image,), checklist=item.checklist)
        pairs.append(Pair(shown, a=pair_of(number).a, b=Trace("other")))
    chosen = choose(lambda: iter(pairs), WANTED, seed=0, answers=True)
    assert Counter(one.kind for own in chosen.values() for one in own) == dict.fromkeys(PlantedKind, 1)


@given(st.text(alphabet="ab .!?\n。e.g", max_size=60))
def test_sentences_lie_apart_and_hold_every_letter(text: str) -> None:
    spans = list(sentences(text))
    assert all(start < end for start, end in spans)
    assert all(end <= after for (_, end), (after, _) in pairwise(spans))
    left = "".join(text[start:end] for start, end in spans)
    assert [one for one in left if one.isalpha()] == [one for one in text if one.isalpha()]


@given(st.text(max_size=40), st.text(max_size=10), st.text(max_size=10), st.integers(0, 40))
def test_a_change_that_applies_is_undone(text: str, before: str, after: str, offset: int) -> None:
    at = min(offset, len(text))
    whole = text[:at] + before + text[at:]
    change = Change(at, before, after)
    assert change.undo(change.apply(whole)) == whole


def test_a_list_without_words_finds_nothing() -> None:
    assert any_word(()).search("anything") is None


@pytest.mark.parametrize(
    ("text", "edited"),
    [
        ("A diuretic causes an increase in sodium excretion.", "A diuretic causes a decrease in sodium excretion."),
        ("Vitamin A decreases the risk of measles.", "Vitamin A increases the risk of measles."),
        ("An MRI shows the mass of the liver.", "A CT shows the mass of the liver."),
        ("There is no effusion around the heart.", "There is an effusion around the heart."),
        ("The common bile duct of motor vehicle drivers hurts.", None),
        ("Lactic acidosis follows septic shock here.", None),
        ("A doctor has to rule out a septic shock.", None),
        ("緊急性の所見である。", None),
        ("Die Herzfrequenz ist erhöht und der Puls auch.", "Die Herzfrequenz ist erniedrigt und der Puls auch."),
        ("Die Läsion ist 12 mm groß und glatt.", "Die Läsion ist 12 Millimeter groß und glatt."),
    ],
)
def test_an_edit_reads_as_if_it_were_written_so_and_leaves_fixed_terms_whole(text: str, edited: str | None) -> None:
    found = [one for one in edits(Item(id="q", reference_reasoning=text), text) if one.kind != PlantedKind.OMISSION]
    assert edited in {one.change.apply(text) for one in found} if edited else not found, found


def test_what_a_wrong_option_says_stays_as_it_is() -> None:
    text = "Left lung abscess is the other diagnosis of pneumonia."
    for wrong, edited in (("Left lung abscess", False), ("Tuberculosis", True)):
        item = Item(id="q", options={"A": wrong, "B": "Pneumonia"}, answer="B", reference_reasoning=text)
        assert any(one.operator == "laterality" for one in edits(item, text)) is edited
