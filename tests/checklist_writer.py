"""A scripted judge that writes checklists, as a function of the call and as a server that outlives its client."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
from provider_server import Answer, Call, ProviderServer, serve

REFERENCE = re.compile(r"<reference-(?P<tag>[0-9a-f]+)>\n(?P<text>.*)\n</reference-(?P=tag)>", re.DOTALL)
INITIALS = {"perception": "p", "knowledge": "k", "rationale": "r"}
UNITS_OF_A_GROUP = 3


def reference_of(call: Call) -> str:
    """Return the reference that the call shows."""
    found = REFERENCE.search(call.user)
    assert found is not None, call.user
    return found["text"]


def unit(id_: str, quote: str, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - hostile replies hold anything
    """Return one unit as a judge writes it; an id with r is a rationale unit's, and has premises."""
    made: dict[str, Any] = {
        "unit_id": id_,
        "source_quote": quote,
        "topic": f"topic of {id_}",
        "claim": f"Claim of {id_}.",
        "presence_question": f"Does the response speak of the topic of {id_}?",
        "correctness_question": f"Does the response state the claim of {id_}?",
        "importance": "core" if id_.endswith("1") else "supporting",
    }
    return made | ({"premises": ["k1"]} if id_.startswith("r") else {}) | changes


def checklist(groups: Sequence[str], quotes: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Return three units a group, whose quotations are drawn in turn."""
    drawn = iter(range(len(groups) * UNITS_OF_A_GROUP))
    return {
        group: [
            unit(f"{INITIALS[group]}{number}", quotes[next(drawn) % len(quotes)])
            for number in range(1, UNITS_OF_A_GROUP + 1)
        ]
        for group in groups
    }


def groups_of(call: Call) -> list[str]:
    """Return the groups that the call's schema asks for."""
    assert call.schema is not None
    return list(call.schema["properties"])


def sentences(text: str) -> list[str]:
    """Return the sentences of a text."""
    return re.findall(r"[^.]+\.", text)


def writer(call: Call) -> Answer:
    """Write three units a group, each with a sentence of the reference."""
    return Answer(orjson.dumps(checklist(groups_of(call), sentences(reference_of(call)))).decode())


def main() -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port-file", type=Path, required=True)
    parser.add_argument("--delay", type=float, default=0.0)
    given = parser.parse_args()
    with ProviderServer(writer, delay=given.delay) as server:
        serve(server, given.port_file)


if __name__ == "__main__":
    main()
