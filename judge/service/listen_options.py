"""Where the preference service listens, and to whom."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Annotated

import typer

from judge.errors import InputError
from judge.files.listening import LOCAL, OWN


@dataclass(frozen=True)
class ListenOptions:
    """Where the service listens, and to whom."""

    host: Annotated[str, typer.Option(help="Where to listen; anywhere but 127.0.0.1 needs --token-env.")] = LOCAL
    port: Annotated[int, typer.Option(min=0, max=65_535, help="0 takes a free one.")] = 8400
    token_env: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The environment variable with the bearer token that requests must have."),
    ] = None
    cohort: Annotated[
        int, typer.Option(min=0, help="Rollouts of a prompt that NeMo Gym's /verify gathers; 0: each meets its anchor.")
    ] = 0

    def token(self) -> str | None:
        """Return the token; InputError where there is none and others can reach the service."""
        token = os.environ.get(self.token_env, "") if self.token_env is not None else ""
        if self.token_env is not None and not token:
            raise InputError(f"--token-env {self.token_env}", "the variable is not set", "set it to a long random text")
        if not token and self.host not in OWN:
            hint = "name the variable that holds a token with --token-env"
            raise InputError(f"--host {self.host}", "whoever reaches it could spend your money", hint)
        return token or None
