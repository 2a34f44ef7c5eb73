"""Final answers that the judge stated of the traces, beside what our own rules read."""

from __future__ import annotations

from collections.abc import Mapping

from judge.schema import Frozen


class JudgeAnswers(Frozen):
    """How far the answers that the judge stated were used."""

    used_a: int
    """answers of a that the rules did not read and the judge stated alike in both orders: they count in the strata"""
    used_b: int
    """the same of b"""
    compared: int
    """answers that the rules read too"""
    same: int
    """among them: the judge states the same"""
    orders_differ: int
    """traces of which the judge states different answers: none of them is used"""

    @classmethod
    def of(cls, counts: Mapping[str, int]) -> JudgeAnswers:
        """Return the counts of `StatedAnswers`."""
        return cls(**{name: counts.get(name, 0) for name in cls.model_fields})

    def told(self) -> str:
        """Return the same in a sentence."""
        return (
            f"answers read by the judge where the rules read none: {self.used_a} of a, {self.used_b} of b; "
            f"{self.same} of {self.compared} that both read are the same; "
            f"its orders differ on {self.orders_differ} traces, of which none is used"
        )
