"""Whatever an item, its traces, its judges and its readers say, nothing of it acts on a terminal."""

from __future__ import annotations

import re
import unicodedata
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from msgspec import structs
from run_builder import SPLITS, make_judgment, make_run

from judge.audit.browse import list_items
from judge.audit.filters import Filters
from judge.audit.render_list import item_lines
from judge.cli.browsing import show
from judge.errors import InputError
from judge.files.files import write_lines
from judge.runs.run_folder import RunFolder
from judge.schema import Attempt, Failed, FailureKind, Image, Item, Order, Pair, Reply, Trace

STYLE = re.compile(r"\x1b\[[0-9;]*m")
"""how rich itself colours"""
INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
SEEN = "\n\t\u200c\u200d\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
"""marks that are seen, and joiners, which stay between letters that they join"""
HOSTILE = (
    [chr(code) for code in (*range(0x20), *range(0x7F, 0xA0))]
    + list(
        "\u00ad\u061c\u200b\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff\ue000"
    )
    + [chr(0xE0000 + code) for code in (1, *range(0x20, 0x80))]
    + ["\x1b[2J", "\x1b]8;;http://x\x1b\\", "\x9b31m", "\x1bP", "\r\n", "[/red]", "[bold]", ":smile:", "\U0010ffff"]
)
WORDS = st.lists(
    st.sampled_from(HOSTILE) | st.text(st.characters(exclude_categories=["Cs"]), max_size=6), min_size=1, max_size=8
).map("".join)
PAIRS = st.builds(
    Pair,
    item=st.builds(
        Item,
        id=WORDS,
        question=WORDS,
        options=st.dictionaries(WORDS, WORDS, max_size=2),
        answer=st.none() | WORDS,
        reference_reasoning=st.none() | WORDS,
        images=st.lists(st.builds(Image, path=WORDS, sha256=WORDS, media_type=st.just("image/png")), max_size=1),
        missing_images=st.lists(WORDS, max_size=1),
        subgroup=st.dictionaries(WORDS, WORDS, max_size=2),
        meta=st.dictionaries(WORDS, WORDS, max_size=2),
    ),
    a=st.builds(Trace, text=WORDS, model=WORDS, answer=st.none() | WORDS),
    b=st.builds(Trace, text=WORDS, model=WORDS, answer=st.none() | WORDS),
)


def acting(text: str) -> set[str]:
    """Return the characters that a terminal or a reader's eye would be led by, beside line ends and tabs."""
    return {one for one in STYLE.sub("", text) if one not in SEEN and unicodedata.category(one) in INVISIBLE}


def hostile_run(folder: Path, pair: Pair, said: list[str]) -> RunFolder:
    """Write a run of one item: one order judged with evidence, after a useless reply; the other failed."""
    judge, quoted, reply, detail, model = said
    run = make_run(folder, {pair.item.id: SPLITS}, [pair])
    named = {"model_a": model, "model_b": model, "imported_judges": (judge,), "repair": "Not read: {problem}"}
    run.write_manifest(run.manifest().model_copy(update=named))
    useless = Attempt(problem=f"unparsed: {detail}", reply=Reply(text=reply))
    judged = make_judgment(pair.item.id, Order.FORWARD, SPLITS[0], judge=judge, evidence=(quoted, quoted))
    failed = make_judgment(pair.item.id, Order.SWAPPED, SPLITS[0], judge=judge)
    update = {"result": Failed(failure=FailureKind.UNPARSED, detail=detail), "reply": Reply(text=reply)}
    write_lines(
        run.judgments_path,
        [structs.replace(judged, attempts=(useless,)), structs.replace(failed, **update)],
    )
    return run


@pytest.fixture(autouse=True)
def _coloured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")


@settings(phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(pair=PAIRS, said=st.lists(WORDS, min_size=5, max_size=5), columns=st.sampled_from([40, 160]))
def test_nothing_of_an_item_acts_on_the_terminal_through_show_and_list(
    pair: Pair, said: list[str], columns: int
) -> None:
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", str(columns))
        run = hostile_run(Path(folder) / "run", pair, said)
        told = StringIO()
        with redirect_stdout(told):
            show(str(run.path), pair.item.id, raw=True, runs=Path(folder))
        found = list_items(run, Filters())
        listed = list(item_lines(found.rows))
        with pytest.raises(InputError) as unknown_item:
            show(str(run.path), pair.item.id + "x", raw=True, runs=Path(folder))
        with pytest.raises(InputError) as unknown_field:
            list_items(run, Filters(where=(("no such field", "x"),)))
    assert "Item " in told.getvalue()
    for text in (told.getvalue(), *listed, str(unknown_item.value), str(unknown_field.value)):
        assert acting(text) == set()
    assert len(listed) == 2
    assert not any("\n" in line for line in listed)
