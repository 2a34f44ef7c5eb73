"""Parse TOML that people wrote."""

from __future__ import annotations

import tomllib
from typing import Any

from judge.errors import InputError


def parse_toml(text: str, *, where: str) -> dict[str, Any]:
    """Return what a text says; InputError, naming `where`, if it is no TOML or is nested too deep."""
    try:
        return tomllib.loads(text)
    except ValueError as error:  # a number of thousands of digits, too
        raise InputError(where, f"not TOML: {error}") from error
    except RecursionError as error:
        raise InputError(where, "nested too deep", "write flatter tables") from error
