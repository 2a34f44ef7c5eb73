"""The command that judges for trainers: serve."""

from __future__ import annotations

from judge.errors import InputError
from judge.files.terminal import tell
from judge.judging.options import ListenOptions, ServeOptions


def serve(options: ServeOptions, listen: ListenOptions = ListenOptions()) -> None:
    """Serve preferences of groups of responses over HTTP, as rewards for training; a failure is never a number.

    Every answer is in a run folder: report, show, flags and the page read it while it grows. Repeating the command goes
    on with that run; the same content is never asked twice.
    """
    try:
        from judge.service.serve import serve as serve_here
    except ImportError as error:
        raise InputError("serve", "needs starlette and uvicorn", "pip install 'omr-judge[serve]'") from error
    serve_here(options, listen, say=tell)
