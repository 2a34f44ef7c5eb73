"""The command that looks at items alone: items."""

from __future__ import annotations

from typing import Annotated

import typer

from judge.cli.options import AsJson
from judge.enums import AnswerIs
from judge.files.fields import parse_field_options
from judge.files.terminal import say, write
from judge.inputs.input_options import FieldPaths


def items(
    sources: Annotated[
        tuple[str, ...],
        typer.Argument(metavar="FILE...", help="Items, or traces that hold theirs; as --items takes them."),
    ],
    *,
    id_column: Annotated[
        str | None, typer.Option(metavar="NAME", help="Field or column of the ids; 'row': the rows' numbers from 0.")
    ] = None,
    answer_is: Annotated[
        AnswerIs | None, typer.Option(help="What the right answers are, where they can be read in several ways.")
    ] = None,
    field_paths: FieldPaths = (),
    json: AsJson = False,
) -> None:
    """Say what is understood of items, which letters are right, and what repeats or gives itself away."""
    from judge.inputs.item_survey import survey_items
    from judge.inputs.render_survey import survey_lines, survey_record

    found = survey_items(sources, fields=parse_field_options(field_paths), id_column=id_column, answer_is=answer_is)
    if json:
        import orjson

        write(orjson.dumps(survey_record(*found), option=orjson.OPT_INDENT_2))
    else:
        for line in survey_lines(*found):
            say(line)
