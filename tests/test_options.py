"""Values of options that are written twice, so that `--help` starts without heavy imports, are the same."""

from __future__ import annotations

from enum import StrEnum

import pytest

from judge.cli import browsing
from judge.cli import options as o
from judge.core.controls.kinds import ControlKind
from judge.core.export import ExportForm
from judge.core.listing import Sort
from judge.core.planning import Orders
from judge.core.stats.intervals import Method
from judge.core.stats.strata import Stratum
from judge.io.pictures.preparing import MAX_SIDE
from judge.run.item_images import OnMissingImage
from judge.schema import FailureKind, Order, Outcome

TWICE: list[tuple[type[StrEnum], type[StrEnum], set[str]]] = [
    (o.OrdersOption, Orders, set()),
    (o.ImageOption, OnMissingImage, set()),
    (o.IntervalOption, Method, set()),
    (o.OrderOption, Order, set()),
    (o.ControlOption, ControlKind, set()),
    (o.ExportOption, ExportForm, set()),
    (browsing.OutcomeOption, Outcome, set()),
    (browsing.KindOption, FailureKind, set()),
    (browsing.SortOption, Sort, set()),
    (o.FailureOption, FailureKind, {"other"}),  # only imported judgments fail so, and they are not asked again
]


@pytest.mark.parametrize(("option", "owner", "missing"), TWICE)
def test_an_option_takes_the_values_of_what_it_chooses(
    option: type[StrEnum], owner: type[StrEnum], missing: set[str]
) -> None:
    assert {value.value for value in option} | missing == {value.value for value in owner}


def test_the_longest_side_of_images_is_the_same_for_the_command_and_for_preparing() -> None:
    assert o.MAX_IMAGE_SIDE == MAX_SIDE


def test_answers_are_the_strata_or_unreadable() -> None:
    assert {value.value for value in browsing.AnswersOption} == {*Stratum, "unreadable"}
