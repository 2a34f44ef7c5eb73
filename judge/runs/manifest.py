"""What a run is: the record that its folder begins with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import orjson
from pydantic import Field

from judge.enums import Method, Orders, ReadAnswers, Show
from judge.errors import InputError
from judge.outcomes.interim_looks import Stopping
from judge.runs.control_kinds import Control
from judge.runs.sharding import Shard
from judge.schema import Criterion, Frozen, Group, JudgeSpec, Price, RequestForm, Rubric

Count = Annotated[int, Field(ge=0, le=10**8)]
"""so many that arrays of one number each stay small"""


class Input(Frozen):
    """A file that a run was made from."""

    role: str
    """what it was read as, such as `a` or `items`"""
    path: str
    """absolute"""
    sha256: str
    """of its bytes"""


class RunManifest(Frozen):
    """What a run of any kind is: written once, when its subjects are complete; only prices may change."""

    format_version: Literal[1] = 1
    """of the run folder"""
    created: str
    """UTC, ISO 8601"""
    command: tuple[str, ...]
    """the command line"""
    versions: dict[str, str]
    """of Python, the program, its packages, and its reading of replies (`reader`)"""
    inputs: tuple[Input, ...] = ()
    """the files that the run was made from"""
    identity: dict[str, str]
    """everything that decides the judgments, by name: a run goes on only with the same"""
    judges: tuple[JudgeSpec, ...] = ()
    """who is asked; empty for imported runs"""
    prices: dict[str, Price] = Field(default_factory=dict)
    """by judge, as known when the run was made or as `--price` said since; no part of the identity"""
    forms: dict[str, tuple[RequestForm, ...]] = Field(default_factory=dict, exclude_if=lambda forms: not forms)
    """by judge, in what its requests differ from the usual ones, as its server's refusals taught"""
    repair: str | None = None
    """what a judge is told of a reply that could not be read; None: such a reply is a failure at once"""
    samples: Annotated[int, Field(ge=1, le=10**6)]
    """replies for each subject and judge"""
    seed: Annotated[int, Field(ge=0)]
    """decides fences, halves and resamples"""
    n_items: Count
    """items asked about, or planned to be"""
    left_out: dict[str, Count] = Field(default_factory=dict)
    """items left out, by reason: `only_a`, `only_b`, `no_item`, `no_image`, `no_checklist`, `not_chosen` (`--limit`,
    `--sample`), and rows that could not be read: `bad_row`; of a shard: of the whole comparison"""
    n_images: Count = 0
    """images of all items"""
    images_sha256: str | None = None
    """hash over the hashes of all images, in the order of the subjects"""
    pairs_sha256: str | None = None
    """hash of the file of subjects: `pairs.jsonl`, `cases.jsonl` or `items.jsonl`"""
    files: dict[str, str] = Field(default_factory=dict)
    """hashes of further files that were written with the manifest, by name"""
    shard: Shard | None = None
    """the part of the items that this run judges; None: all of them"""
    merged: tuple[str, ...] = ()
    """the folders of the shards that this run was merged from"""

    @property
    def whole_identity(self) -> dict[str, str]:
        """The identity of the run that shards are parts of: that of a run which is none."""
        return {name: value for name, value in self.identity.items() if name != "--shard"}

    @property
    def first_reader(self) -> int:
        """The version of the reading of replies with which the run began; 0: the manifest does not state it."""
        stated = self.versions.get("reader", "")
        return int(stated) if stated.isascii() and stated.isdecimal() else 0


class ScoreManifest(RunManifest):
    """What a run is that scores one model's traces by checklists."""

    kind: Literal["score"] = "score"
    model: str
    """name of the model"""
    prompts: dict[Group, str]
    """the text of each group's prompt file"""
    n_units: dict[Group, Count]
    """units of all items"""
    n_asked: Count
    """requests for one sample of every judge: a judge that cannot see is not asked about perception"""

    @property
    def n_requests(self) -> int:
        """How many requests the run consists of."""
        return self.n_asked * self.samples


class ChecklistManifest(RunManifest):
    """What a run is that writes checklists of items."""

    kind: Literal["checklist"] = "checklist"
    prompt: str
    """the prompt file's text"""
    to: str
    """the file that the items are written to, with their checklists; absolute"""
    n_asked: Count
    """items that have a reference and had no checklist: requests"""

    @property
    def n_requests(self) -> int:
        """How many requests the run consists of."""
        return self.n_asked


class Escalation(Frozen):
    """A second judge, and the declared rule by which it is asked."""

    judge: JudgeSpec
    """who is asked"""
    rule: Literal["doubtful"] = "doubtful"
    """about which items, once the first judge has said all: those whose orders disagree on the rubric's last criterion,
    or that have no verdict on it, or whose winner on it has more of the other criteria against it than for it; what the
    second judge says of them counts alone"""


class Manifest(RunManifest):
    """What a run is that compares two models."""

    kind: Literal["comparison"] = "comparison"
    model_a: str
    """name of model a"""
    model_b: str
    """name of model b"""
    imported_judges: tuple[str, ...] = ()
    """names of judges whose judgments were made elsewhere"""
    prompt: str | None
    """the prompt file's text; None: the judgments were made elsewhere"""
    rubric: Rubric
    """the criteria"""
    schema_sha256: str | None
    """of the reply's JSON schema; null for imported runs"""
    orders: Orders
    """whether each pair is judged in both orders, or half of them each way"""
    interval: Method | Literal["bca"] = Method.JEFFREYS
    """how the report makes intervals; `bca`, of earlier versions, as the default"""
    show_reference: bool = True
    """whether judges see the right answer and its reasoning"""
    hide_answers: bool = False
    """whether final answers are hidden in both traces"""
    show: Show = Field(default=Show.BOTH, exclude_if=lambda show: show is Show.BOTH)
    """which parts of the traces judges are shown"""
    read_answers: ReadAnswers = Field(
        default=ReadAnswers.RULES, exclude_if=lambda readers: readers is ReadAnswers.RULES
    )
    """who reads the traces' final answers"""
    input_counts: dict[str, int] = Field(default_factory=dict, exclude_if=lambda counts: not counts)
    """what the input lacks or judges are not shown: `cut` (traces cut by length), `final_not_shown` (traces),
    `no_question` (items), `fields_not_read` (names of fields); none that is 0, or was not counted yet"""
    stopping: Stopping | None = None
    """the rule by which the run may stop early; None: it asks all of its items"""
    identical: tuple[str, ...] = ()
    """items whose two traces are the same bytes: ties that need no call"""
    n_checklists: Count = 0
    """items that have a checklist; whether the judge is shown it, the prompt says"""
    control: Control | None = None
    """which control of another run this is; None: a run of its own"""
    escalation: Escalation | None = Field(default=None, exclude_if=lambda escalation: escalation is None)
    """who judges doubtful items anew; absent where nobody does"""
    swapped: tuple[str, ...] = ()
    """with one order: the half of the judged items that is shown swapped"""
    grows: bool = Field(default=False, exclude_if=lambda grows: not grows)
    """whether pairs are appended as they are asked for (`omr-judge serve`): `n_items` is then what is there when it is
    read; absent where all were known at first"""

    @property
    def asked_judges(self) -> tuple[JudgeSpec, ...]:
        """The judges of the run, the one of doubtful items last."""
        return (*self.judges, *((self.escalation.judge,) if self.escalation else ()))

    @property
    def method(self) -> Method:
        """How intervals are made, unless a report is asked for others."""
        return Method.JEFFREYS if self.interval == "bca" else self.interval

    @property
    def n_requests(self) -> int:
        """How many requests the run consists of: identical traces need none."""
        orders = 2 if self.orders is Orders.BOTH else 1
        return (self.n_items - len(self.identical)) * orders * self.samples * len(self.judges)


AnyManifest = Manifest | ScoreManifest | ChecklistManifest
_KINDS: dict[str, type[AnyManifest]] = {"score": ScoreManifest, "checklist": ChecklistManifest}


def read_manifest(content: bytes) -> AnyManifest:
    """Read a manifest of any kind; pydantic's ValidationError where it is none."""
    try:
        kind = orjson.loads(content)["kind"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        kind = "comparison"
    return _KINDS.get(str(kind), Manifest).model_validate_json(content)


def chosen_criteria(manifest: Manifest, names: Sequence[str]) -> list[Criterion]:
    """Return the criteria of these names, the rubric's last if there are none; InputError for an unknown one."""
    known = {criterion.name: criterion for criterion in manifest.rubric.criteria}
    for name in names:
        if name not in known:
            raise InputError(f"--criterion {name}", "no such criterion", f"the run has {', '.join(known)}")
    return [known[name] for name in dict.fromkeys(names)] or [manifest.rubric.criteria[-1]]
