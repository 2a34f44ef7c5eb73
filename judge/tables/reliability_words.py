"""How far judges, samples and criteria agree, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from judge.tables.words import count, number, percent, percent_sign

if TYPE_CHECKING:
    from judge.outcomes.rates import Estimate, Figure
    from judge.report.judge_agreement import AgreementReport, HaloReport
    from judge.report.judge_sensitivity import JudgeSensitivity
    from judge.report.variance_components import VarianceComponents

VARIANCE_PARTS = {
    "item": "item",
    "generator_seed": "generator seed",
    "judge": "judge",
    "item_judge": "judge by item",
    "slot": "slot",
    "noise": "noise",
}


def agreement(name: str, found: AgreementReport) -> str:
    """Return the agreement of judges or samples in words."""
    named = {
        "raw": found.raw,
        "AC1": found.ac1,
        "alpha": found.alpha_nominal,
        "interval alpha": found.alpha_interval,
        "kappa": found.kappa,
    }
    parts = [f"{word} {number(value)}" for word, value in named.items() if value is not None]
    if found.repeat_flip is not None and found.order_flip is not None:
        of_one, of_both = (percent_sign(percent(flips)) for flips in (found.repeat_flip, found.order_flip))
        parts.append(f"samples of one order differ in {of_one}, of different orders in {of_both}")
    warning = f" Note: {found.kappa_warning}." if found.kappa_warning else ""
    return f"Agreement, {name}, {count(found.n, 'item')}: {', '.join(parts) or '-'}.{warning}"


def halo(found: HaloReport) -> str:
    """Return the correlation of the criteria in words."""
    names = list(found.correlations)
    pairs = [
        f"{one} and {other} {value:.2f}"
        for index, one in enumerate(names)
        for other in names[index + 1 :]
        if (value := found.correlations[one][other]) is not None
    ]
    together = (
        "" if found.together is None else f"; together they explain {explained(found.together)} of {found.overall}"
    )
    return f"Inter-criterion correlation: {', '.join(pairs) or 'none that vary'}{together}."


def explained(share: Figure) -> str:
    """Write a share of variance with its interval."""
    return number(share, times=100, digits=0).replace(" [", " % [", 1) + ("" if share.low is not None else " %")


def judge_sensitivity(name: str, found: JudgeSensitivity, fixed: Estimate) -> str:
    """Return in words how far a win rate rests on which judges the panel has."""
    rates = {judge: rate.estimate for judge, rate in found.without.items() if rate.estimate is not None}
    if not rates:
        return ""
    ends = sorted(rates, key=lambda judge: rates[judge])
    least, most = (f"{100 * rates[judge]:.1f} (without {judge})" for judge in (ends[0], ends[-1]))
    text = f"Judges, {name}: with one left out the win rate is {least} to {most}"
    if found.random_judges is None or found.random_judges.low is None:
        return f"{text}."
    return f"{text}; with judges drawn at random too it is {percent(found.random_judges)}, beside {percent(fixed)}."


def variance(name: str, found: VarianceComponents) -> str:
    """Return in words what a verdict's variance is made of, and the standard errors that more of each would give."""
    parts = {part: value for part in VARIANCE_PARTS if (value := getattr(found, part)) is not None}
    total = sum(parts.values())
    if total <= 0:
        return ""
    with_noise = "" if found.noise is not None else " with noise"
    own = "item" if found.generator_seed is None else "generator_seed"
    noisy = {"item_judge" if found.judge is not None else own, "slot"}
    shares = [
        f"{VARIANCE_PARTS[part]}{with_noise if part in noisy else ''} {100 * value / total:.0f} %"
        for part, value in parts.items()
    ]
    text = f"Variance of a verdict, {name}: {', '.join(shares)}"
    if not found.predicted:
        return f"{text}."
    more = [
        f"{100 * predicted.se:.2f} with one more {what} ({count(predicted.judgments, 'judgment')})"
        for what, predicted in found.predicted.items()
        if what != "now"
    ]
    now, judge = found.predicted["now"], found.predicted.get("judge")
    text += f"; standard error of the win rate {100 * now.se:.2f}, {', '.join(more)}"
    if judge is None or now.se_random_judges is None or judge.se_random_judges is None:
        return f"{text}."
    drawn = f"{100 * now.se_random_judges:.2f}, {100 * judge.se_random_judges:.2f} with one more judge"
    return f"{text}; with judges drawn at random too {drawn}."
