"""What a run is: the record that its folder begins with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from pydantic import Field

from judge.core.looks import Stopping
from judge.core.planning import Orders
from judge.core.sharding import Shard
from judge.core.stats.intervals import Method
from judge.schema import Frozen, JudgeSpec, Price, Rubric

if TYPE_CHECKING:
    pass

FORMAT_VERSION: Final = 1


class Input(Frozen):
    """A file that a run was made from."""

    role: str
    path: str
    sha256: str


class Manifest(Frozen):
    """What a run is: written once, when its pairs are complete; only prices may change."""

    format_version: Literal[1] = FORMAT_VERSION
    created: str
    command: tuple[str, ...]
    versions: dict[str, str]
    inputs: tuple[Input, ...] = ()
    identity: dict[str, str]
    """everything that decides the judgments, by name: a run goes on only with the same"""
    model_a: str
    model_b: str
    judges: tuple[JudgeSpec, ...] = ()
    imported_judges: tuple[str, ...] = ()
    """names of judges whose judgments were made elsewhere"""
    prices: dict[str, Price] = Field(default_factory=dict)
    """by judge, as known when the run was made or as `--price` said since; no part of the identity"""
    prompt: str | None
    """the prompt file's text; None: the judgments were made elsewhere"""
    repair: str | None = None
    """what a judge is told of a reply that could not be read; None: such a reply is a failure at once"""
    rubric: Rubric
    schema_sha256: str | None
    orders: Orders
    samples: int
    seed: int
    interval: Method = Method.JEFFREYS
    show_reference: bool = True
    hide_answers: bool = False
    stopping: Stopping | None = None
    """the rule by which the run may stop early; None: it asks all of its items"""
    n_items: int
    identical: tuple[str, ...] = ()
    """items whose two traces are the same bytes: ties that need no call"""
    swapped: tuple[str, ...] = ()
    """with one order: the half of the judged items that is shown swapped"""
    left_out: dict[str, int] = Field(default_factory=dict)
    """items that are not compared, by reason: only_a, only_b, no_item, no_image"""
    n_images: int = 0
    images_sha256: str | None = None
    """hash over the hashes of all images, in the order of the pairs"""
    pairs_sha256: str | None = None
    shard: Shard | None = None
    """the part of the comparison's items that this run judges; None: all of them"""
    merged: tuple[str, ...] = ()
    """the folders of the shards that this run was merged from"""
