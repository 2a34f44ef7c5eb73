"""Serve the application: a bounded number of connections, none of which may be slow, until a person stops it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from judge.files.interrupts import interrupts_call
from judge.files.listening import in_url, listening
from judge.judging.command_options import ServeOptions
from judge.judging.direct import room_for
from judge.service.application import application
from judge.service.listen_options import ListenOptions
from judge.service.preferences import AsyncPreferenceJudge

MOST_CONNECTIONS = 1024
HEAD_SECONDS = 15.0
"""in which the head of a request has to arrive, the first one from when its connection was made"""
IDLE_SECONDS = 75
FULL = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 5\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class BoundedConnection(H11Protocol):
    """A connection that is refused where there are too many, and closed where its requests do not come."""

    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Refuse a connection too many, and await a request on any other."""
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            transport.write(FULL)
            transport.close()
        else:
            self._await_head()

    def data_received(self, data: bytes) -> None:
        """Take bytes: of the head of a request, until it is there."""
        super().data_received(data)
        if not self._waits and self._late is not None:
            self._late.cancel()
            self._late = None
        elif self._waits and self._late is None:
            self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Await nothing more."""
        if self._late is not None:
            self._late.cancel()
        super().connection_lost(exc)

    @property
    def _waits(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete  # type: ignore[redundant-expr]

    def _await_head(self) -> None:
        self._late = self.loop.call_later(HEAD_SECONDS, self.transport.close)


class _Server(uvicorn.Server):
    """A server whose end is asked for by `interrupts_call`, so that judges are closed in peace."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield


def serve(options: ServeOptions, listen: ListenOptions, *, say: Callable[[str], None]) -> None:
    """Serve until a person stops it; what is in flight then is waited for.

    Args:
        options: what is asked of whom.
        listen: where and for whom.
        say: is told notes, and the address.

    Raises:
        InputError: something given cannot be used.
        RunError: the run is in use, or damaged.
    """
    asyncio.run(_serve(options, listen, say=say))


async def _serve(options: ServeOptions, listen: ListenOptions, *, say: Callable[[str], None]) -> None:
    token = listen.token()
    room_for(MOST_CONNECTIONS + options.judging.concurrency)
    async with AsyncPreferenceJudge(options, say=say) as judge:
        app = application(judge, host=listen.host, token=token, cohort=listen.cohort)
        config = uvicorn.Config(
            app,
            http=BoundedConnection,
            ws="none",
            lifespan="off",
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_keep_alive=IDLE_SECONDS,
            timeout_graceful_shutdown=int(options.judging.policy.timeout),
        )
        server = _Server(config)

        def stop() -> None:
            server.force_exit, server.should_exit = server.should_exit, True
            judge.stop()

        with listening(listen.host, listen.port, backlog=MOST_CONNECTIONS) as listener, interrupts_call(stop):
            say(f"Serving {', '.join(str(book.folder.path) for book in judge.books)}")
            say(f"http://{in_url(listen.host)}:{listener.getsockname()[1]}/v1/preferences (Ctrl-C ends it)")
            await server.serve(sockets=[listener])
