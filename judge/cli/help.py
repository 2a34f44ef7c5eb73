"""Help in plain lines: commands by panel, the options that are needed most with examples, and on request all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from judge.files.terminal import write

if TYPE_CHECKING:
    from collections.abc import Sequence

ALL = "omr_judge.help_all"
"""under which a context knows that all options are asked for"""
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
    """A command whose help shows ten options or so; names stand whole, at any width."""

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
            panels.setdefault(own, []).append(record)
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
        formatter.write_paragraph()
        formatter.write("\n".join(["Tasks:", *(f"  {task:{width}}  {command}" for task, command in TASKS), ""]))


def _section(formatter: Any, title: str, rows: Sequence[tuple[str, str]] | Iterable[tuple[str, str]]) -> None:  # noqa: ANN401
    rows = list(rows)
    if rows:
        with formatter.section(title):
            formatter.write_dl(rows)
