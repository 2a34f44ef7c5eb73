"""Everything that a comparison is made of, checked, before there is a run."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import orjson

from judge.costs.prices import parse_prices, pin_prices
from judge.enums import Orders, ReadAnswers, Show
from judge.errors import InputError, InputErrors
from judge.files.files import write_lines
from judge.flags.flags import FLAGS, flags_of_pairs
from judge.inputs.item_images import refused_images
from judge.inputs.join import Inputs
from judge.judging.command_options import (
    ANSWERS_PROMPT,
    CHECKLIST_PROMPT,
    DEFAULT_RUBRIC,
    ONE_VERDICT_RUBRIC,
    CompareOptions,
)
from judge.judging.find_run import SHARD, PreparedRun, open_judges
from judge.judging.provenance import item_roles, read_files, used_asset
from judge.outcomes.item_features import units_of_pairs
from judge.prompting.pairwise_plan import choose_swapped, verdict_form
from judge.prompting.pairwise_prompt import PromptTemplate, reply_schema
from judge.prompting.shipped_files import REPAIR_ANY, Asset, find_asset, load_prompt, load_rubric, repair_note
from judge.prompting.subject_counts import PairCounts
from judge.runs.controls import refuse_contradictions
from judge.runs.manifest import Escalation, Input, Manifest
from judge.schema import OBJECTS, JudgeSpec, Pair, Price, Rubric, VerdictForm

if TYPE_CHECKING:
    from judge.images.image_store import ImageStore
    from judge.runs.run_folder import RunFolder


@contextmanager
def prepared_comparison(
    options: CompareOptions, *, command: Sequence[str], say: Callable[[str], None], needs_keys: bool = True
) -> Iterator[PreparedComparison]:
    """Check all that was given, and yield the run that it describes with its input files open.

    Raises:
        InputError: something given cannot be used.
    """
    prompt = find_asset("prompts", options.prompt_name)
    template = load_prompt(prompt)
    template.check()
    if options.checklist and not template.shows("checklist"):
        hint = f"leave out --prompt for {CHECKLIST_PROMPT}, or use {{{{ checklist }}}} in yours"
        raise InputError("--checklist", f"prompt {template.label} does not show it", hint)
    if options.read_answers is ReadAnswers.JUDGE:
        _require_answers(options, template)
    judges, _ = open_judges(options.judges, replace(options, prices=()), say=say, needs_keys=needs_keys)
    rubric_asset = find_rubric(options.rubric, template, judges, say=say)
    rubric = load_rubric(rubric_asset)
    if options.shard is not None and options.stopping is not None:
        raise InputError("--shard", "a part of the items cannot tell when the whole is decided", "leave one out")
    refuse_contradictions(
        options.controls,
        hide_answers=options.hide_answers,
        is_shard=options.shard is not None,
        may_stop=options.stopping is not None,
    )
    blind = not all(judge.sees_images for judge in judges)
    with Inputs(options.inputs, blind_judge=blind, seed=options.seed) as inputs:
        inputs.check()
        for note in inputs.notes():
            say(f"Note: {note}")
        for warning in inputs.warnings():
            say(f"Warning: {warning}")
        escalation, prices = _escalation(options, judges, say=say, needs_keys=needs_keys)
        yield PreparedComparison(
            options, tuple(command), judges, prices, prompt, rubric_asset, rubric, inputs, escalation
        )


def _escalation(
    options: CompareOptions, judges: Sequence[JudgeSpec], *, say: Callable[[str], None], needs_keys: bool
) -> tuple[Escalation | None, dict[str, Price]]:
    """Return who judges doubtful items anew, and the prices given, by judge; InputError where nobody can."""
    if options.escalate is None:
        return None, parse_prices(options.prices, judges)
    unfit = {
        "--judge": "is a panel: it has no one judge to escalate from" if len(judges) > 1 else "",
        "--orders one": "leaves no orders to disagree" if options.orders is Orders.ONE else "",
        "--shard": "is a part: give it to the whole" if options.shard is not None else "",
        "--stop-when-decided": "looks at the first judge alone" if options.stopping is not None else "",
    }
    for option, problem in unfit.items():
        if problem:
            raise InputError("--escalate", f"{option} {problem}", "leave one of them out")
    (second,), _ = open_judges([options.escalate], replace(options, prices=()), say=say, needs_keys=needs_keys)
    if second.name == judges[0].name:
        raise InputError("--escalate", "is the first judge itself", "name a stronger one")
    return Escalation(judge=second), parse_prices(options.prices, [*judges, second])


def _require_answers(options: CompareOptions, template: PromptTemplate) -> None:
    """Refuse to have the judge read answers with a prompt that does not ask for them, or in one order (InputError)."""
    if template.reply is not VerdictForm.ANSWERS:
        hint = f'leave out --prompt for {ANSWERS_PROMPT}, or begin yours with `reply = "answers"`'
        raise InputError("--read-answers judge", f"prompt {template.label} does not ask for the answers", hint)
    if options.orders is not Orders.BOTH:
        raise InputError("--read-answers judge", "one order: nothing tells whether orders agree", "ask both orders")


def one_verdict_judges(template: PromptTemplate, judges: Sequence[JudgeSpec]) -> list[str]:
    """Name the judges whose replies hold one verdict alone, in a run with this prompt."""
    return [judge.name for judge in judges if verdict_form(judge, template) not in OBJECTS]


def find_rubric(
    named: str | None, template: PromptTemplate, judges: Sequence[JudgeSpec], *, say: Callable[[str], None]
) -> Asset:
    """Return the named rubric, else the default one, which has one criterion where a judge gives one verdict alone.

    Raises:
        InputError: there is no such rubric, or it has several criteria and a judge gives one verdict alone.
    """
    of_one = one_verdict_judges(template, judges)
    if named is None and of_one:
        say(f"Note: the replies of {', '.join(of_one)} hold one verdict: the rubric is {ONE_VERDICT_RUBRIC}")
    asset = find_asset("rubrics", named or (ONE_VERDICT_RUBRIC if of_one else DEFAULT_RUBRIC))
    if of_one and (n := len(load_rubric(asset).criteria)) > 1:
        problem = f"has {n} criteria, and the replies of {', '.join(of_one)} hold one verdict"
        raise InputError(
            f"--rubric {named}", problem, f"leave it out for {ONE_VERDICT_RUBRIC}, or name one of one criterion"
        )
    return asset


@dataclass(frozen=True)
class PreparedComparison(PreparedRun[PairCounts]):
    """A comparison that need not exist yet."""

    subjects_file = "pairs.jsonl"

    options: CompareOptions
    prompt: Asset
    rubric_asset: Asset
    rubric: Rubric
    inputs: Inputs
    escalation: Escalation | None = None

    def name_parts(self) -> list[str]:
        """Return the models, the first judge's model, and the shard."""
        shard = self.options.shard
        return [*self.inputs.models, self.judges[0].model, *([shard.label] if shard else [])]

    def files(self) -> list[Input]:
        """Return every file that was read, with its hash."""
        read = read_files([("a", self.inputs.a), ("b", self.inputs.b), *item_roles(self.inputs.items)])
        return [*read, used_asset("prompt", self.prompt), used_asset("rubric", self.rubric_asset)]

    def shard_items(self) -> frozenset[str] | None:
        """Return the items of the shard, None where all are judged."""
        shard = self.options.shard
        return None if shard is None else shard.choose(self.inputs.ids)

    def counts(self) -> PairCounts:
        """Return what counts the pairs of the run."""
        return PairCounts(answers=not self.options.hide_answers, show=self.options.show, chosen=self.shard_items())

    def subjects(self, store: ImageStore | None = None) -> Iterator[Pair]:
        """Yield the pairs of the whole comparison, those to judge with images that the store takes.

        Raises:
            InputErrors: after the last, where images cannot be used or exceed what a judge takes.
        """
        problems: list[InputError] = []
        for pair in self.inputs.pairs(store, held=self.shard_items()):
            problems += refused_images(pair.item, self.judges)
            if not problems:
                yield pair
        if problems:
            raise InputErrors(problems)

    def complete(self, new: RunFolder, counts: PairCounts) -> None:
        """Write the flags of the traces; InputError where no item has a checklist that the judge must be shown."""
        write_lines(new.path / FLAGS, flags_of_pairs(new.pairs()))
        if self.options.checklist and not counts.any_checklist:
            hint = "give items with a `checklist` (docs/score.md), or leave the option out"
            raise InputError("--checklist", "no item has a checklist", hint)
        if self.options.stopping is not None:
            units_of_pairs(new.pairs(), self.options.stopping.cluster)

    def decided(self) -> dict[str, str]:
        """Name what decides the judgments beside the judges and the files."""
        options = self.options
        decided = {
            "--orders": options.orders.value,
            "--samples": str(options.samples),
            "--seed": str(options.seed),
            "--show-reference": str(options.show_reference),
            "--hide-answers": str(options.hide_answers),
            "--allow-missing": str(options.inputs.allow_missing),
            "--on-missing-image": options.inputs.on_missing_image.value,
            "--field": orjson.dumps(dict(options.inputs.fields), option=orjson.OPT_SORT_KEYS).decode(),
        }
        decided |= options.inputs.identity() | ({} if options.show is Show.BOTH else {"--show": options.show.value})
        if options.read_answers is not ReadAnswers.RULES:
            decided["--read-answers"] = options.read_answers.value
        if options.shard is not None:
            decided[SHARD] = str(options.shard)
        if self.escalation is not None:
            decided["--escalate"] = self.escalation.judge.decided.model_dump_json()
        stopping = options.stopping
        if stopping is not None:
            decided |= {
                "--stop-when-decided": f"at {stopping.alpha:g}",
                "--look-every": str(stopping.look_every),
                "--cluster": str(stopping.cluster),
            }
        return decided

    def manifest(self, counts: PairCounts, *, sha256: str) -> Manifest:
        """Return the manifest of the run, once its pairs are written."""
        options, (model_a, model_b) = self.options, self.inputs.models
        swapped = frozenset[str]()
        if options.orders is Orders.ONE:
            whole = [*counts.judged, *counts.judged_elsewhere]
            swapped = choose_swapped(whole, seed=options.seed).intersection(counts.judged)
        schema = orjson.dumps(reply_schema(self.rubric))
        made = self.made(counts, sha256=sha256)
        if self.escalation is not None:
            made["prices"] = pin_prices([*self.judges, self.escalation.judge], self.prices)
        if one_verdict_judges(load_prompt(self.prompt), self.judges):
            made["repair"] = repair_note(REPAIR_ANY)
        return Manifest(
            **made,
            model_a=model_a,
            model_b=model_b,
            prompt=self.prompt.text,
            rubric=self.rubric,
            schema_sha256=hashlib.sha256(schema).hexdigest(),
            orders=options.orders,
            samples=options.samples,
            seed=options.seed,
            interval=options.interval,
            show_reference=options.show_reference,
            hide_answers=options.hide_answers,
            show=options.show,
            read_answers=options.read_answers,
            stopping=options.stopping,
            escalation=self.escalation,
            swapped=tuple(sorted(swapped)),
            left_out={reason: count for reason, count in self.inputs.left_out.items() if count},
            shard=options.shard,
        )
