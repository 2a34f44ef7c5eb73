"""The model that a report speaks of, and its rates."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from judge.stats.significance import Conclusion

if TYPE_CHECKING:
    from judge.outcomes.rates import Estimate
    from judge.report.report import Report


class Side(NamedTuple):
    """The model that a screen speaks of: the one that is preferred, else model a."""

    name: str
    other: str
    is_a: bool

    def rate(self, of_a: Estimate) -> Estimate:
        """Return a rate of model a as the rate of this model."""
        if self.is_a or of_a.estimate is None:
            return of_a
        return of_a.model_copy(
            update={
                "estimate": 1 - of_a.estimate,
                "low": None if of_a.high is None else 1 - of_a.high,
                "high": None if of_a.low is None else 1 - of_a.low,
                "numerator": None if of_a.numerator is None else of_a.n - of_a.numerator,
            }
        )

    def ends(self, low: float, high: float) -> tuple[float, float]:
        """Return two bounds of model a's rate as those of this model's, the lower one first."""
        return (low, high) if self.is_a else (1 - high, 1 - low)


def side_of(report: Report) -> Side:
    """Return the model that the overall criterion prefers; model a where it prefers none."""
    row = list(report.criteria.values())[-1]
    a, b = report.models.names
    return Side(b, a, is_a=False) if row.verdict is Conclusion.WORSE else Side(a, b, is_a=True)
