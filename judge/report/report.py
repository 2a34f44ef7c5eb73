"""The report of a comparison: everything that a person is told about a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from judge.costs.spending import JudgeCost, Usd
from judge.enums import Method, Orders
from judge.outcomes.counted_items import Pooling
from judge.outcomes.interim_looks import Sequential
from judge.report.acceptance import Acceptance
from judge.report.certificate import CertificateStanding
from judge.report.control_report import ControlReport
from judge.report.criterion import CriterionReport
from judge.report.escalation import EscalationReport
from judge.report.instruments import Instruments
from judge.report.judge_agreement import AgreementReport, HaloReport
from judge.report.judge_answers import JudgeAnswers
from judge.report.judge_sensitivity import JudgeSensitivity
from judge.report.letter_habit import LetterHabit
from judge.report.position_length import LengthReport, PositionReport
from judge.report.served_models import ServedModels
from judge.report.standardised import Standardised
from judge.report.subgroups import Interaction, Subgroups
from judge.report.variance_components import VarianceComponents
from judge.schema import Frozen

if TYPE_CHECKING:
    import polars as pl


SCHEMA_VERSION = 2


class Models(Frozen):
    """Whose traces were compared."""

    a: str
    """name of model a, the first file of `compare`"""
    b: str
    """name of model b"""

    @property
    def names(self) -> tuple[str, str]:
        """What a person is told they are called: with their labels where both have one name."""
        return (self.a, self.b) if self.a != self.b else (f"{self.a} (a)", f"{self.b} (b)")


class IntervalSettings(Frozen):
    """How every interval of the report was made."""

    method: Method
    """how: see Intervals"""
    level: float
    """such as 0.95"""
    n_resamples: int
    """resamples drawn; `wilson` draws none"""
    seed: int
    """the run's"""


class Clusters(Frozen):
    """The units of every interval and test."""

    field: str | None
    """the field whose values make them, `image` where items share images, null where each item is its own"""
    n: int
    """how many units"""


def clusters_of(items: pl.DataFrame, field: str | None) -> Clusters:
    """Count the units that items with a column `cluster` form: an item without one is its own."""
    clusters = items["cluster"]
    return Clusters(field=field, n=clusters.drop_nulls().n_unique() + clusters.null_count())


class Report(Frozen):
    """Everything that a person is told about a run; derived from its folder alone."""

    schema_version: int
    """another one where a field is renamed or changes its meaning; a field may be added without"""
    models: Models
    """whose traces were compared"""
    judges: tuple[str, ...]
    """names of the judges"""
    pooling: Pooling | None
    """how several judges became one; null with one"""
    prompt: str | None
    """name and version, and where judges have several, whose; null for imported runs"""
    rubric: str
    """name and version"""
    orders: Orders
    """whether each pair was judged in both orders, or half of them each way"""
    samples: int
    """replies for each pair, order and judge"""
    n_items: int
    """items compared"""
    n_judgments: int
    """requests that have a judgment"""
    n_failed: int
    """among them: without verdicts"""
    n_not_asked: int
    """requests that have no judgment yet"""
    n_identical: int
    """items whose traces are the same bytes: ties that no judge was asked about"""
    left_out: dict[str, int]
    """items not compared, by reason: `only_a`, `only_b`, `no_item`, `no_image`, `not_chosen`, and rows: `bad_row`"""
    input_counts: dict[str, int] = Field(default_factory=dict, exclude_if=lambda counts: not counts)
    """what the input lacks or judges were not shown, as the manifest counts it; absent where nothing was counted"""
    failures: dict[str, int]
    """failed judgments by kind"""
    interval: IntervalSettings
    """how every interval was made"""
    criteria: dict[str, CriterionReport]
    """by criterion, in the rubric's order"""
    by_judge: dict[str, dict[str, CriterionReport]]
    """the same of each judge of a panel alone, by judge and criterion"""
    costs: dict[str, JudgeCost]
    """by judge, at the run's pinned prices; empty for imported runs"""
    usd: Usd | None
    """what all replies cost; null where a price is unknown, and for imported runs"""
    warnings: tuple[str, ...]
    """what a reader must know, in words"""
    equivalence: float | None
    """the margin around 1/2 within which a person calls the models equivalent; null where none was set"""
    clusters: Clusters
    """the units of every interval and test"""
    position: dict[str, PositionReport]
    """by criterion, as all that follows but `halo`"""
    length: dict[str, LengthReport | None]
    """null where the traces are not known: imported runs"""
    agreement: dict[str, AgreementReport | None]
    """null with one judge and one sample"""
    halo: HaloReport | None
    """null with one criterion, or with hardly more items than criteria"""
    subgroups: Subgroups
    """by field and value, for each field that was asked for"""
    interactions: dict[str, Interaction | None]
    """by field; null where fewer than two values have counted items"""
    standardised: dict[str, Standardised | None]
    """by field; null where fewer than two values have counted items"""
    judge_sensitivity: dict[str, JudgeSensitivity] | None = None
    """by criterion; null with one judge"""
    instruments: dict[str, Instruments] | None = None
    """by criterion that a checklist measures too, where two checklist scores are set beside the comparison"""
    sequential: Sequential | None = None
    """null where the number of items was fixed beforehand; else the overall criterion has no other interval"""
    judge_answers: Annotated[JudgeAnswers | None, Field(exclude_if=lambda found: found is None)] = None
    """absent where the judge was not asked for the traces' final answers"""
    letter_habit: Annotated[LetterHabit | None, Field(exclude_if=lambda found: found is None)] = None
    """absent where always answering one letter would not score clearly above chance"""
    controls: dict[str, ControlReport] | None = None
    """by kind; null where the run has none"""
    served_models: Annotated[ServedModels | None, Field(exclude_if=lambda models: models is None)] = None
    """by judge and model, where the verdicts of a judge come from several; absent where they do not"""
    n_soft: Annotated[int, Field(exclude_if=lambda n: n == 0)] = 0
    """verdicts that are probabilities: rates are over expected credits, outcomes of the most probable verdicts; absent
    where there are none"""
    fingerprint: str | None = Field(default=None, exclude_if=lambda found: found is None)
    """SHA-256 of what decides the run and of every verdict that counts; absent in runs made before runs were sealed"""
    acceptance: Annotated[Acceptance | None, Field(exclude_if=lambda found: found is None)] = None
    """which items can be accepted as judged; absent unless that was asked for"""
    escalation: Annotated[EscalationReport | None, Field(exclude_if=lambda found: found is None)] = None
    """who judged doubtful items anew, and how many; absent where nobody did"""
    certificate: Annotated[CertificateStanding | None, Field(exclude_if=lambda found: found is None)] = None
    """how the judge's certificate stands with this run; absent where there is none"""
    variance_components: Annotated[
        dict[str, VarianceComponents] | None, Field(exclude_if=lambda components: components is None)
    ] = None
    """by criterion; absent with one judge and one sample"""
