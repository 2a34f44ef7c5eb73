"""The commands about people: label, packet, labels import, agreement, and flags of what they should look at."""

from __future__ import annotations

import getpass
from pathlib import Path
from shlex import quote
from typing import Annotated, Literal

import typer

from judge.cli.help import BriefCommand, PanelGroup
from judge.cli.named_runs import find_run
from judge.cli.options import AsJson, RunPath, flattened
from judge.cli.output import print_json
from judge.errors import InputError
from judge.files.terminal import console, say, write
from judge.judging.options import DEFAULT_RUNS, Runs

Criteria = Annotated[
    tuple[str, ...],
    typer.Option("--criterion", metavar="NAME", help="What to ask; repeatable. Default: the overall verdict."),
]
DrawSeed = Annotated[int, typer.Option(help="Decides which items are drawn, and their order.")]

labels = typer.Typer(
    name="labels",
    cls=PanelGroup,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Labels that people gave elsewhere.",
)


def label(
    run: RunPath,
    *,
    reader: Annotated[str | None, typer.Option(metavar="NAME", help="Who reads; default: your user name.")] = None,
    criterion: Criteria = (),
    n: Annotated[int | None, typer.Option(min=1, help="How many items; default: all.")] = None,
    doubtful: Annotated[
        bool,
        typer.Option("--doubtful/--random", help="The doubtful first, every fourth drawn at random; or all at random."),
    ] = False,
    seed: DrawSeed = 0,
    blind: Annotated[bool, typer.Option("--blind/--not-blind", help="Hide the models' names.")] = True,
    runs: Runs = DEFAULT_RUNS,
) -> None:
    """Say which trace is better, one key a criterion; each answer is stored in the run as its key is pressed."""
    from judge.files.keyboard import keyboard
    from judge.labels.ask_reader import LabelOptions, label_run

    name = (_user_name() if reader is None else reader).strip()
    chosen = LabelOptions(name, criterion, n, doubtful=doubtful, seed=seed, blind=blind)
    folder = find_run(run, runs)
    with keyboard() as keys:
        stored = label_run(folder, chosen, keys, console())
    say(f"{stored} labels by {name} stored in {folder.path / 'labels.jsonl'}")
    if stored:
        say(f"The judge beside them: omr-judge agreement {quote(str(folder.path))}")


def _user_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError) as error:  # a container's user may have no name
        raise InputError("--reader", "your user has no name", "give one: --reader NAME") from error


def packet(
    run: RunPath,
    *,
    n: Annotated[int, typer.Option(min=1, help="How many items to draw.")] = 50,
    out: Annotated[Path, typer.Option(metavar="FILE.html", help="Where to write the page.")] = Path("packet.html"),
    stratify: Annotated[
        Literal["outcome"] | None, typer.Option(help="Draw as many items of each outcome; their weights are kept.")
    ] = None,
    criterion: Criteria = (),
    seed: DrawSeed = 0,
    runs: Runs = DEFAULT_RUNS,
) -> None:
    """Draw a random sample into one blinded page, to be filled in offline and sent back as one file."""
    from judge.labels.make_packet import PacketOptions, make_packet

    folder = find_run(run, runs)
    key = make_packet(folder, PacketOptions(n, criterion, stratify is not None, seed), out)
    say(
        f"{out}: {len(key.items)} of {key.n_population} items, draw {key.draw}\n"
        f"When it comes back: omr-judge labels import {folder.path} FILE.json"
    )


@labels.command("import", cls=BriefCommand)
@flattened
def import_labels(
    run: RunPath,
    files: Annotated[
        tuple[str, ...], typer.Argument(metavar="FILE...", help="What a packet or an audit page downloaded.")
    ],
    *,
    runs: Runs = DEFAULT_RUNS,
) -> None:
    """Take labels into a run: all of the files' labels, or none where something is wrong."""
    from judge.labels.import_labels import import_labels as use_case

    done = use_case(find_run(run, runs), files)
    write(f"{done.new} labels imported, {done.known} known already, {done.replaced} replace an earlier label")


def agreement(
    run: RunPath,
    *,
    draw: Annotated[
        str | None, typer.Option(metavar="DRAW", help="Which random sample; default: the one with most labels.")
    ] = None,
    width: Annotated[
        float, typer.Option(min=0.001, max=0.999, help="Plan labels for an interval of this width.")
    ] = 0.1,
    cluster: Annotated[
        str | None, typer.Option(metavar="FIELD", help="Items with the same value form one unit (default: image).")
    ] = None,
    runs: Runs = DEFAULT_RUNS,
    json: AsJson = False,
) -> None:
    """Compare the judge with people and people with each other, and correct the win rate by their labels."""
    from judge.labels.human_labels import PeopleReportOptions, make_people_report

    made = make_people_report(find_run(run, runs), PeopleReportOptions(draw, width), cluster=cluster)
    if json:
        print_json(made)
        return
    from judge.labels.render_human_labels import render_people

    render_people(made, console())


def flags(run: RunPath, *, runs: Runs = DEFAULT_RUNS) -> None:
    """List the traces that address the judge, hide something or are hardly a trace; none of them was dropped.

    \b
    addresses_judge    speaks to whoever compares, in one of twelve languages
    fake_verdict       holds what a judge would reply
    fake_fence         holds tags or headings that fence the parts of a prompt
    chat_token         holds control tokens or role markers of a chat template
    hidden_text        holds what a page would not show: comments, unseen elements
    encoded            holds words in base64, hex, codes, rot13 or backwards
    hidden_characters  holds zero-width, bidirectional, tag or control characters
    mixed_scripts      mixes Latin letters with others that look alike
    short              has fewer than 40 characters
    repetitive         compresses to less than a sixth
    long               is far longer than the run's other traces
    """  # noqa: D301 - the backspace tells the help to keep the lines
    from judge.files.safe_text import safe
    from judge.flags.flags import flag_note, flags_of_run

    found = flags_of_run(find_run(run, runs))
    write(flag_note(found) or "No trace is flagged.")
    for flag in found:
        place = f"at {flag.start}" + (f" and {flag.count - 1} more" if flag.count > 1 else "")
        excerpt = " ".join(safe(flag.excerpt).split())
        write(f"{safe(flag.item)}  {flag.side}  {flag.name}  {place}: {excerpt}")
