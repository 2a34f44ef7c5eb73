"""Where traces and items are, and how they are read, as options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Annotated

import typer

from judge.enums import AnswerIs, OnMissingImage
from judge.files.fields import parse_field_options
from judge.images.preparing import ImageOptions

FieldPaths = Annotated[
    tuple[str, ...],
    typer.Option("--field", metavar="NAME=PATH", help="Where a field stands in a record, e.g. trace=out.0.text."),
]


class FieldOptions:
    """Options of which one gives the paths of fields."""

    field_paths: FieldPaths

    def __post_init__(self) -> None:
        """Refuse what is no path of a field (InputError)."""
        parse_field_options(self.field_paths)

    @property
    def fields(self) -> Mapping[str, str]:
        """The paths of fields, by field."""
        return parse_field_options(self.field_paths)


@dataclass(frozen=True, kw_only=True)
class ItemOptions(FieldOptions):
    """Where the items are, how to read the files, and what may be missing."""

    items: Annotated[
        tuple[str, ...],
        typer.Option(
            "--items",
            metavar="FILE",
            help="Items, where trace files hold id and trace alone: JSONL, CSV, Parquet, a folder of it; repeatable.",
        ),
    ] = ()
    id_column: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Field or column that holds the items' ids; 'row': the rows' numbers from 0."
        ),
    ] = None
    answer_is: Annotated[
        AnswerIs | None,
        typer.Option(help="What the right answers are, where they can be read in several ways."),
    ] = None
    field_paths: FieldPaths = ()
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Leave out items that only one file has, and print how many.")
    ] = False
    on_missing_image: Annotated[
        OnMissingImage, typer.Option(help="What to do with an item whose image cannot be shown.")
    ] = OnMissingImage.ERROR
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="Take the first N items.")] = None
    sample: Annotated[
        int | None,
        typer.Option(
            "--sample", min=1, metavar="N", help="Take only N items, drawn by --seed (--samples: replies per item)."
        ),
    ] = None
    skip_bad: Annotated[
        bool,
        typer.Option("--skip-bad", help="Leave out rows that cannot be read, such as a cut last line; counted."),
    ] = False
    images: ImageOptions = ImageOptions()

    def identity(self) -> dict[str, str]:
        """Name what decides how the files are joined, where it is not as it always was."""
        named = {"--id-column": self.id_column} if self.id_column else {}
        named |= {"--answer-is": self.answer_is.value} if self.answer_is else {}
        chosen = {"--limit": self.limit, "--sample": self.sample, "--skip-bad": self.skip_bad or None}
        named |= {name: str(value) for name, value in chosen.items() if value is not None}
        return named | self.images.identity()


@dataclass(frozen=True)
class InputOptions(ItemOptions):
    """Where the traces of two models are, and the items."""

    a: Annotated[str, typer.Argument(metavar="A.JSONL", help="Traces of model a; '-' reads standard input.")]
    b: Annotated[str, typer.Argument(metavar="B.JSONL", help="Traces of model b.")]


@dataclass(frozen=True)
class CaseOptions(ItemOptions):
    """Where the traces of one model are, and the items."""

    traces: Annotated[str, typer.Argument(metavar="TRACES.JSONL", help="One model's traces; '-' reads standard input.")]
    _: KW_ONLY
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Leave out traces without an item or a checklist, and say how many.")
    ] = False
