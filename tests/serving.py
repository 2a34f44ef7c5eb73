"""A service over real sockets, in a thread of the test, before a scripted judge."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
from command import wait_until
from provider_server import ProviderServer

from judge.files.interrupts import Interrupter, interrupter
from judge.judging.command_options import ServeOptions
from judge.judging.option_groups import made
from judge.service.listen_options import ListenOptions
from judge.service.serve import serve


class Service:
    """A service to be asked."""

    def __init__(self, url: str, notes: list[str]) -> None:
        self.url, self.notes = url, notes
        self.client = httpx2.Client(base_url=url, timeout=60, trust_env=False)

    def post(self, path: str, body: object, status: int = 200, **headers: str) -> Any:  # noqa: ANN401 - any JSON
        """Return the answer, which must have this status."""
        came = self.client.post(path, json=body, headers=headers)
        assert came.status_code == status, came.text
        return came.json()

    def prefer(self, prompt: str, responses: list[str], **more: object) -> Any:  # noqa: ANN401
        return self.post("/v1/preferences", {"prompt": prompt, "responses": responses, **more})

    def metrics(self) -> dict[str, float]:
        lines = self.client.get("/v1/metrics").text.splitlines()
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


@contextmanager
def serving(
    provider: ProviderServer,
    folder: Path,
    *,
    listen: dict[str, Any] | None = None,
    **more: Any,  # noqa: ANN401 - any option
) -> Iterator[Service]:
    """Serve in a thread of its own, and stop it as Ctrl-C would."""
    given = {"judge": f"openai:judge-1@{provider.url}/v1", "rubric": "overall.v1", "runs": folder / "runs", "name": "s"}
    options, where = made(ServeOptions, given | more), ListenOptions(**{"port": 0, **(listen or {})})
    notes: list[str] = []
    stop, ended = Interrupter(), list[BaseException]()

    def work() -> None:
        interrupter.set(stop)
        try:
            serve(options, where, say=notes.append)
        except BaseException as error:  # noqa: BLE001 - raised by the test
            ended.append(error)

    thread = threading.Thread(target=contextvars.copy_context().run, args=[work])
    thread.start()
    wait_until(lambda: bool(ended) or any("/v1/preferences" in note for note in notes))
    if ended:
        raise ended[0]
    service = Service(notes[-1].split("/v1/")[0], notes)
    try:
        yield service
    finally:
        service.client.close()
        stop.interrupt()
        thread.join(60)
    assert not thread.is_alive()
    assert not ended
