"""The process that reads an Excel sheet: `python -m judge.convert.sheet_process BYTES`, the sheet as standard input.

A sheet is laid out whole in memory, gaps and repeated texts included, so that a few kilobytes of it may ask for any
amount. What a sheet asks for is known only as it is read; a process of its own has a limit that the system holds.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

DAMAGED = 3
"""exit code; standard error says why"""
CANNOT_GET_MEMORY = 4


def main() -> None:
    """Write number, from 1, and values of each row of the first sheet that is not blank, a JSON array a line."""
    _limit_memory(int(sys.argv[1]))
    try:
        import python_calamine  # noqa: PLC0415 - under the limit

        with python_calamine.load_workbook(sys.stdin.buffer) as book:
            for row in _filled_rows(book.get_sheet_by_index(0).iter_rows()):
                sys.stdout.write(json.dumps(row) + "\n")
    except MemoryError:
        sys.exit(CANNOT_GET_MEMORY)
    except python_calamine.CalamineError as error:
        sys.stderr.write(str(error))
        sys.exit(DAMAGED)


def _limit_memory(most: int) -> None:
    try:
        import resource  # noqa: PLC0415 - POSIX alone has it
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _filled_rows(rows: Iterable[Sequence[object]]) -> Iterator[tuple[int, list[Any]]]:
    for number, cells in enumerate(rows, 1):
        values = [_cell(cell) for cell in cells]
        if any(value is not None for value in values):
            yield number, values


def _cell(value: object) -> Any:  # noqa: ANN401 - what a cell may hold
    """Return a cell as JSON value: sheets hold every number as a float, and an empty cell as empty text."""
    match value:
        case "":
            return None
        case float() if value.is_integer():
            return int(value)
        case str() | int() | float() | None:
            return value
        case _:
            return str(value)


if __name__ == "__main__":
    main()
