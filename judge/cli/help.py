"""Help in plain lines: commands by panel, the options that are needed most with examples, and on request all."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from judge.cli.defaults import set_by
from judge.errors import InputError
from judge.files.terminal import write

if TYPE_CHECKING:
    from collections.abc import Sequence

ALL = "omr_judge.help_all"
"""under which a context knows that all options are asked for"""
VALUE_ERROR = "Value error, "
"""what pydantic, which reads options for typer, puts before the words of an error"""
_USAGE = re.compile(r"^\{(.*?)\}(?:\.\.\.)?$")
_TAKES = re.compile(r"<(?:list\[)?([^<>\[\]]*)\]?>")
"""how typer says what an option takes"""
_KINDS = {"str": "TEXT", "int": "N", "int range": "N", "float": "NUMBER", "float range": "NUMBER", "path": "FILE"}
HYPHEN = "\ue001"
"""stands for a hyphen after which no line ends; no help holds it"""
LONG_CHOICE = 50
"""characters of an option with what it takes from which on the choice stands in its help"""
ARGUMENTS, OPTIONS = "Arguments", "Options"
RUNNING = ("--max-cost", "--confirm-above", "--concurrency", "--max-rpm", "--quiet")
FIRST = {
    "compare": (
        *("--items", "--judge", "--rubric", "--samples", "--control", "--name"),
        *("--allow-missing", "--dry-run", "--max-cost", "--concurrency"),
    ),
    "score": ("--items", "--judge", "--samples", "--name", "--allow-missing", "--dry-run", *RUNNING),
    "checklist": ("--to", "--judge", "--name", "--dry-run", *RUNNING),
    "resume": ("--price", "--runs", "--max-failures", "--json", *RUNNING),
    "retry": ("--failure", "--price", "--runs", "--max-failures", "--json", *RUNNING),
    "control": ("--kind", "--control-n", "--dry-run", "--runs", "--json", *RUNNING),
    "report": ("--full", "--by", "--cluster", "--html", "--format", "--json", "--equivalence", "--length-control"),
}
"""the options that most people need, of commands that have many"""
EXAMPLES = {
    "compare": (
        "omr-judge compare a.jsonl b.jsonl --judge anthropic:claude-sonnet-5-5 --dry-run",
        "omr-judge compare a.jsonl b.jsonl --items items.jsonl --judge ollama:qwen3:32b",
    ),
    "score": ("omr-judge score a.jsonl --items items.jsonl --judge anthropic:claude-sonnet-5-5",),
    "resume": ("omr-judge resume latest",),
    "control": ("omr-judge control latest --kind identical --kind no-image --dry-run",),
    "report": ("omr-judge report latest --full", "omr-judge report latest --by specialty --format latex"),
    "show": ("omr-judge show latest q12",),
    "list": ("omr-judge list latest --outcome split --n 20",),
    "packet": ("omr-judge packet latest --n 10 --out packet.html",),
    "plan": ("omr-judge plan --win-rate 0.6", "omr-judge plan --pilot latest"),
    "convert": ("omr-judge convert samples.jsonl --to a.jsonl",),
}
TASKS = (
    ("Compare for the first time", "omr-judge compare A.JSONL B.JSONL"),
    ("See what a judge will cost", "omr-judge compare A B --judge JUDGE --dry-run"),
    ("Ask a judge of your own", "omr-judge compare A B --judge openai:MODEL@URL"),
    ("Go on after a stop", "omr-judge resume latest"),
    ("See which items are doubtful", "omr-judge list latest --n 10"),
    ("See why a verdict is missing", "omr-judge list latest --outcome missing"),
    ("Get tables for a paper", "omr-judge report latest --format latex"),
    ("Label ten items yourself", "omr-judge label latest --n 10"),
    ("Put two runs side by side", "omr-judge report RUN RUN --html both.html"),
    ("Find last week's run", "omr-judge runs"),
)
"""what people come for first, each with its command; docs/tour.md tells them too"""


def _show_all(context: typer.Context, wanted: bool) -> None:  # noqa: FBT001 - typer's callback form
    if wanted:
        context.meta[ALL] = True
        write(context.get_help())
        raise typer.Exit


HelpAll = Annotated[
    bool,
    typer.Option("--help-all", is_eager=True, callback=_show_all, help="Show all options, by panel, and exit."),
]


class BriefCommand(TyperCommand):
    """A command whose help shows ten options or so, names whole at any width; errors name what set an option."""

    def parse_args(self, ctx: Any, args: Any) -> Any:  # noqa: ANN401 - typer carries its own click
        """Read options; InputError where a variable or omr-judge.toml holds a value that is refused."""
        try:
            with self._naming(ctx):
                return super().parse_args(ctx, args)
        except typer.BadParameter as error:
            if error.param is None or (where := set_by(ctx, error.param)) is None:
                raise
            raise InputError(where, error.message.removeprefix(VALUE_ERROR).removesuffix(".")) from error

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - typer carries its own click
        """Run the command."""
        with self._naming(ctx):
            return super().invoke(ctx)

    @contextmanager
    def _naming(self, ctx: Any) -> Iterator[None]:  # noqa: ANN401 - typer carries its own click
        """Where an error names an option, name what set it if the command line did not."""
        try:
            yield
        except InputError as error:
            option, blank, rest = error.where.partition(" ")
            param = next((param for param in self.params if option in param.opts), None)
            if param is None or (where := set_by(ctx, param)) is None:
                raise
            raise InputError(f"{where}{blank}{rest}", error.problem, error.hint) from error

    def get_help(self, ctx: Any) -> str:  # noqa: ANN401 - typer carries its own click
        """Return the help; no line ends within a name that has a hyphen."""
        return super().get_help(ctx).replace(HYPHEN, "-")

    def collect_usage_pieces(self, ctx: Any) -> list[str]:  # noqa: ANN401 - typer carries its own click
        """Return the arguments as they are called: `RUN...`, and not `{RUN...}...`."""
        return [_USAGE.sub(r"\1", piece) for piece in super().collect_usage_pieces(ctx)]

    def format_options(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - typer carries its own click
        """Write arguments and options, by panel if all are asked for."""
        panels: dict[str, list[tuple[str, str]]] = {ARGUMENTS: [], OPTIONS: []}
        known = [(param, record) for param in self.get_params(ctx) if (record := param.get_help_record(ctx))]
        shows_all, shown = ctx.meta.get(ALL, False), 0
        for param, record in known:
            own = ARGUMENTS if param.param_type_name == "argument" else OPTIONS
            if own == OPTIONS and shows_all:
                own = getattr(param, "rich_help_panel", None) or OPTIONS
            elif own == OPTIONS and not self._is_first(param):
                continue
            shown += 1
            panels.setdefault(own, []).append(_readable(*record))
        for title, rows in panels.items():
            _section(formatter, title, rows)
        if shown < len(known):
            formatter.write_paragraph()
            formatter.write(f"{len(known) - shown} more options: {ctx.command_path} --help-all\n")

    def _is_first(self, param: Any) -> bool:  # noqa: ANN401 - typer carries its own click
        first = FIRST.get(self.name or "")
        if first is None:
            return getattr(param, "rich_help_panel", None) is None or param.required
        return param.required or bool({"--help", *first} & {*param.opts})

    def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - typer carries its own click
        """Write examples, each in a line of its own."""
        del ctx
        if examples := EXAMPLES.get(self.name or ""):
            formatter.write_paragraph()
            formatter.write("\n".join(["Examples:", *(f"  {example}" for example in examples), ""]))


class PanelGroup(TyperGroup):
    """Commands, whose help stands in panels."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - typer carries its own click
        """Write each panel with its commands, in the order in which they were added."""
        panels: dict[str, list[tuple[str, str]]] = {}
        for name, command in self.commands.items():
            told = (command.short_help or command.help or "").partition("\n\n")[0]
            panels.setdefault(getattr(command, "rich_help_panel", None) or "Commands", []).append(
                (name, " ".join(told.split()))
            )
        del ctx
        for title, rows in panels.items():
            _section(formatter, title, rows)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - typer carries its own click
        """Write what people come for first, each task and its command in a line; below the whole program alone."""
        if ctx.parent is not None:
            return
        width = max(len(task) for task, _ in TASKS)
        rows = [f"  {task:{width}}  {command}" for task, command in TASKS]
        if max(map(len, rows)) > formatter.width:
            rows = [f"  {task}:\n    {command}" for task, command in TASKS]
        formatter.write_paragraph()
        formatter.write("\n".join(["Tasks:", *rows, ""]))


def _readable(names: str, told: str) -> tuple[str, str]:
    """Return an option or argument and its help: a word for what it takes, and a long choice in the help."""
    names, told = _with_kind(names, told)
    return names, re.sub(r"(?<=[\w-])-(?=\w)|-(?=-\w)", HYPHEN, told)


def _with_kind(names: str, told: str) -> tuple[str, str]:
    found = _TAKES.search(names)
    if found is None:
        return names, told
    before, kind = names[: found.start()], found[1]
    if not before.startswith("-") and "|" not in kind:
        return before.strip(), told
    if kind in _KINDS:
        return f"{before}{_KINDS[kind]}", told
    if len(before) + len(kind) > LONG_CHOICE:
        return f"{before}NAME", f"{told} One of: {', '.join(kind.split('|'))}."
    return f"{before}{kind}", told


def _section(formatter: Any, title: str, rows: Sequence[tuple[str, str]] | Iterable[tuple[str, str]]) -> None:  # noqa: ANN401
    rows = list(rows)
    if rows:
        with formatter.section(title):
            formatter.write_dl(rows)
