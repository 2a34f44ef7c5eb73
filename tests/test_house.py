"""What holds for the code as a whole."""

from __future__ import annotations

import ast
from pathlib import Path

JUDGE = Path(__file__).parent.parent / "judge"
MOST_PARAMETERS = 12


def test_no_function_takes_more_than_12_parameters() -> None:
    functions = {
        f"{path.relative_to(JUDGE)}:{node.lineno} {node.name}": node.args
        for path in JUDGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    counts = {
        name: len(own.posonlyargs + own.args + own.kwonlyargs) + bool(own.vararg) + bool(own.kwarg)
        for name, own in functions.items()
    }
    assert {name: count for name, count in counts.items() if count > MOST_PARAMETERS} == {}
