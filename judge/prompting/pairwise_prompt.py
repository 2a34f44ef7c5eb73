"""Turn a pair into the exact text that a judge sees."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any, NamedTuple

import orjson
from jinja2 import Template

from judge.enums import Show
from judge.errors import InputError
from judge.prompting.answers import hide_answer
from judge.prompting.thinking import part_thinking
from judge.prompting.trace_parts import states_only
from judge.schema import Group, Order, Pair, Prompt, Rubric, Trace, Unit, Verdict, VerdictForm

ANSWERS, ANSWER_FIELDS = "answers", ("trace_1", "trace_2")
"""where a reply states the final answers of the traces, in the order shown"""
NO_FINAL_TEXT = "(no final text)"
"""what is shown of a trace that holds none, where nothing else is shown"""
SECTIONS = ("System", "Item", "Traces")
_SHARED_NAMES = (
    "answer",
    "checklist",
    "criteria",
    "images_hidden",
    "images_shown",
    "options",
    "question",
    "reference_reasoning",
    "reply_form",
    "tag",
)
NAMES = {"System": _SHARED_NAMES, "Item": _SHARED_NAMES, "Traces": (*_SHARED_NAMES, "trace_1", "trace_2")}
"""what each section may show; what differs between the orders of a pair stands in Traces alone"""
_FORM = re.compile(r"\A\+\+\+\n(?P<front>.*?)\n\+\+\+\n(?P<body>.*)\Z", re.DOTALL)
_HEADING = re.compile(r"^# (.+?)[ \t]*$\n?", re.MULTILINE)


class PromptForm(NamedTuple):
    """What the prompt files of a kind of run may and must show."""

    names: Mapping[str, tuple[str, ...]]
    """by section: the names that it may use"""
    needed: tuple[str, ...]
    """names that the section Traces must show"""
    replies: tuple[VerdictForm, ...] = (VerdictForm.SCHEMA,)
    """in what forms they may ask for the reply"""


OF_RUN = {"criteria", "reply_form"}
"""names whose values are the same for all pairs of a run; most sections System use no other"""
PAIRWISE = PromptForm(NAMES, ("trace_1", "trace_2", "tag"), tuple(VerdictForm))
"""of a comparison"""


@dataclass
class Section:
    """A compiled section, the names that it uses, and its last text with what that shows."""

    template: Template
    used: frozenset[str]
    shown: Mapping[str, Any] | None = None
    text: str = ""


@cache
def _compiled(text: str) -> tuple[Template, frozenset[str]]:
    """Compile a section in a sandbox, and return the names that it uses; TemplateSyntaxError where it cannot be."""
    from jinja2 import StrictUndefined  # noqa: PLC0415 - as below
    from jinja2.meta import find_undeclared_variables  # noqa: PLC0415
    from jinja2.sandbox import ImmutableSandboxedEnvironment  # noqa: PLC0415

    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
    return environment.from_string(text), frozenset(find_undeclared_variables(environment.parse(text)))


@dataclass(frozen=True)
class PromptTemplate:
    """A prompt file: three Jinja sections and a name with a version."""

    name: str
    version: int
    description: str
    sections: Mapping[str, str]
    source: str = field(repr=False)
    form: PromptForm = field(default=PAIRWISE, repr=False)
    reply: VerdictForm = VerdictForm.SCHEMA
    """in what form it asks for the verdict"""

    @property
    def label(self) -> str:
        """Name and version, as manifests and captions show them."""
        return f"{self.name}.v{self.version}"

    @property
    def sha256(self) -> str:
        """Hash of the whole file."""
        return hashlib.sha256(self.source.encode()).hexdigest()

    @cached_property
    def compiled(self) -> dict[str, Section]:
        """The sections, compiled in a sandbox: a prompt file can call nothing."""
        from jinja2 import TemplateSyntaxError  # noqa: PLC0415 - 0.2 s that only judging needs

        try:
            found = {name: _compiled(text) for name, text in self.sections.items()}
        except TemplateSyntaxError as error:
            raise InputError(f"prompt {self.label}", f"template error: {error.message}") from error
        for section, (template, used) in found.items():
            if unknown := sorted(used - {*self.form.names[section], *template.environment.globals}):
                raise self.error(section, f"unknown name {', '.join(unknown)}")
        return {name: Section(template, used) for name, (template, used) in found.items()}

    def check(self) -> None:
        """Raise InputError for a section that cannot be compiled, or that uses unknown names."""
        self.compiled  # noqa: B018 - compiling checks

    def shows(self, name: str) -> bool:
        """Tell whether a section uses a name."""
        return any(name in section.used for section in self.compiled.values())

    def error(self, section: str, problem: str) -> InputError:
        """Return the error of a section that cannot be rendered, with the names that it may use."""
        where = f"prompt {self.label}, section {section}"
        return InputError(where, problem, f"known names: {', '.join(self.form.names[section])}")


def parse_template(source: str, *, where: str, form: PromptForm = PAIRWISE) -> PromptTemplate:
    """Read a prompt file: TOML front matter between `+++` lines, then the sections `# System`, `# Item`, `# Traces`."""
    match = _FORM.match(source)
    if match is None:
        raise InputError(where, "no front matter", "start with +++, name, version and description, +++")
    try:
        front = tomllib.loads(match["front"])
        name, version, description = str(front["name"]), int(front["version"]), str(front.get("description", ""))
        reply = front.get("reply", VerdictForm.SCHEMA)
    except (KeyError, ValueError, RecursionError) as error:
        raise InputError(where, f"front matter: {error}", "give name, version (a number) and description") from error
    if reply not in form.replies:
        raise InputError(where, f"front matter: unknown reply {reply!r}", f"known are {', '.join(form.replies)}")
    parts = _HEADING.split(match["body"])
    sections = dict(zip(parts[1::2], (text.strip() for text in parts[2::2]), strict=True))
    if tuple(sections) != SECTIONS or len(parts) != 1 + 2 * len(SECTIONS):
        raise InputError(where, f"sections are {list(sections)}", "use # System, # Item and # Traces, in this order")
    if parts[0].strip():
        raise InputError(where, "text before the first section", "move it into # System, # Item or # Traces")
    for needed in form.needed:
        if not re.search(rf"\{{[{{%][^}}]*\b{needed}\b", sections["Traces"]):
            raise InputError(
                where,
                f"section Traces does not use {{{{ {needed} }}}}",
                f"show {', '.join(form.needed)}: every trace in a tagged fence",
            )
    return PromptTemplate(name, version, description, sections, source, form, VerdictForm(reply))


@dataclass(frozen=True)
class ShownParts:
    """What of a pair the judge is shown."""

    reference: bool = True
    answers: bool = True
    images: bool = True
    show: Show = Show.BOTH


def shown_text(trace: Trace, *, answers: bool, show: Show = Show.BOTH) -> str:
    """Return a trace as the judge sees it: thinking and final text under their names, and the final answer.

    A final text that only states the answer is the final answer. A trace that is not parted is one text.

    Args:
        trace: the trace.
        answers: whether final answers are shown; else every statement of one is hidden.
        show: which parts.
    """
    parts = _parts(trace, show)
    text = _named(*(parts if answers else map(hide_answer, parts)))
    if not (answers and trace.answer) or f"<answer>{trace.answer}</answer>" in parts[1]:
        return text or (NO_FINAL_TEXT if show is Show.FINAL else "")
    return f"{text}\n\nFinal answer: {trace.answer}" if text or show is not Show.FINAL else trace.answer


def trace_body(trace: Trace) -> str:
    """Return all that a judge may be shown of a trace, but for the final answer."""
    return _named(*_parts(trace, Show.BOTH))


def _named(thinking: str, final: str) -> str:
    return f"Thinking:\n{thinking}\n\nFinal text:\n{final}" if thinking and final else thinking or final


def _parts(trace: Trace, show: Show) -> tuple[str, str]:
    """Return the thinking and the final text that are shown; of a trace that is not parted, all as the first."""
    if not isinstance(trace.final, str):
        never_ends = show is Show.FINAL and part_thinking(trace.text).final is None
        return ("" if never_ends else trace.text), ""
    final = "" if show is Show.THINKING or states_only(trace.final, trace.answer) else trace.final
    return ("" if show is Show.FINAL else trace.text), final


def is_identical(pair: Pair, *, answers: bool, show: Show = Show.BOTH) -> bool:
    """Tell whether the judge would see the same bytes twice."""
    return shown_text(pair.a, answers=answers, show=show) == shown_text(pair.b, answers=answers, show=show)


def fence_tag(texts: tuple[str, ...], *, seed: int, item: str) -> str:
    """Return 16 hex digits that occur in none of the texts and that no author of one trace could foresee.

    They depend on the seed, the item and all texts (in any order), so that a request's key is stable.
    """
    digest = hashlib.sha256(orjson.dumps([seed, item, sorted(hashlib.sha256(t.encode()).hexdigest() for t in texts)]))
    while (tag := digest.hexdigest()[:16]) in "\n".join(texts):
        digest.update(b"again")
    return tag


def render(
    template: PromptTemplate, rubric: Rubric, pair: Pair, orders: Iterable[Order], *, shown: ShownParts, seed: int
) -> dict[Order, Prompt]:
    """Render the prompts of one pair; model names are never part of them.

    Raises:
        InputError: a section cannot be rendered.
    """
    item = pair.item
    sides = (("a", pair.a), ("b", pair.b))
    texts = {side: shown_text(trace, answers=shown.answers, show=shown.show) for side, trace in sides}
    images = item.images if shown.images else ()
    values = {
        "criteria": rubric.criteria,
        "reply_form": reply_form(rubric, answers=template.reply is VerdictForm.ANSWERS),
        "question": item.question,
        "options": item.options,
        "answer": item.answer if shown.reference else None,
        "checklist": core_first(item.checklist),
        "reference_reasoning": item.reference_reasoning if shown.reference else None,
        "images_shown": len(images),
        "images_hidden": len(item.images) + len(item.missing_images) - len(images),
        "tag": fence_tag((texts["a"], texts["b"]), seed=seed, item=item.id),
    }
    system, shared = fill(template, "System", values), fill(template, "Item", values)
    prompts = {}
    for order in orders:
        first, second = ("a", "b") if order is Order.FORWARD else ("b", "a")
        traces = values | {"trace_1": texts[first], "trace_2": texts[second]}
        prompts[order] = Prompt(system, shared, fill(template, "Traces", traces), images)
    return prompts


def core_first(checklist: Mapping[Group, Sequence[Unit]]) -> dict[Group, list[Unit]]:
    """Return the groups that have units, in the order of `Group`; within each, core units before supporting ones."""
    return {
        group: sorted(units, key=lambda unit: unit.importance != "core")
        for group in Group
        if (units := checklist.get(group))
    }


def fill(template: PromptTemplate, section: str, values: Mapping[str, Any]) -> str:
    """Render one section; InputError where it cannot be."""
    from jinja2 import TemplateError  # noqa: PLC0415 - only judging needs it

    compiled = template.compiled[section]
    shown = {name: values[name] for name in compiled.used & values.keys()}
    if shown.keys() <= OF_RUN and shown == compiled.shown:
        return compiled.text
    try:
        compiled.text, compiled.shown = compiled.template.render(shown), shown
    except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise template.error(section, f"{error}") from error
    return compiled.text


def reply_schema(rubric: Rubric, *, evidence_chars: int | None = None, answers: bool = False) -> dict[str, Any]:
    """Return the JSON schema of a reply: per criterion the evidence first and the verdict last, overall last of all.

    Args:
        rubric: the criteria asked for.
        evidence_chars: longest quotation allowed; None sets no limit in the schema (some providers accept none).
        answers: whether the reply begins with the final answer of each trace.
    """
    evidence = text_field(evidence_chars)
    verdict = {"type": "string", "enum": [verdict.value for verdict in Verdict]}
    criterion = closed_object({"evidence_1": evidence, "evidence_2": evidence, "verdict": verdict})
    first = {ANSWERS: closed_object(dict.fromkeys(ANSWER_FIELDS, text_field(evidence_chars)))} if answers else {}
    return closed_object(first | {criterion_.name: criterion for criterion_ in rubric.criteria})


def text_field(longest: int | None) -> dict[str, Any]:
    """Return the JSON schema of a text, of at most so many characters unless that is None."""
    return {"type": "string"} if longest is None else {"type": "string", "maxLength": longest}


def closed_object(properties: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON schema of an object that has these properties, each of them, and no other."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def reply_form(rubric: Rubric, *, answers: bool = False) -> str:
    """Return the reply's form in words, for servers that know no schema."""
    stated = ", ".join(f'"{name}": "..."' for name in ANSWER_FIELDS)
    first = f'"{ANSWERS}": {{{stated}}}, ' if answers else ""
    one = '{"evidence_1": "...", "evidence_2": "...", "verdict": "..."}'
    return "{" + first + ", ".join(f'"{criterion.name}": {one}' for criterion in rubric.criteria) + "}"
