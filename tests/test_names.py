"""One public class name has one meaning (docs/architecture.md): no two classes share one."""

from __future__ import annotations

import ast
from collections import defaultdict

from builders import ROOT


def test_no_two_public_classes_have_one_name() -> None:
    places = defaultdict(list)
    for path in sorted((ROOT / "judge").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(str(path.relative_to(ROOT)))
    twice = {name: where for name, where in places.items() if len(where) > 1}
    assert twice == {}
