"""Serve the page of a run on this machine, and store the labels made in it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from pydantic import ValidationError

from judge.comparison.derive_report import make_report
from judge.errors import InputError, RunError
from judge.files.listening import LOCAL, allowed_hosts, in_url, listening
from judge.images.loader import image_bytes
from judge.labels.check_labels import LabelCheck, checked_labels
from judge.labels.labels import append_labels, labels_path
from judge.labels.readers import reader_problem
from judge.page.assemble import assemble
from judge.page.make_page import read_page, read_score_page
from judge.schema import Image, Label
from judge.scoring.derive_score_report import make_score_report

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

    from judge.page.assemble import Parts
    from judge.runs.run_folder import RunFolder

MAX_LABEL_BYTES = 64_000
HEADERS = {
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


def serve(folder: RunFolder, *, host: str, port: int, say: Callable[[str], None]) -> None:
    """Serve a run's page until a person stops it, at an address with a random token.

    Args:
        folder: the run.
        host: where to listen; `say` warns of anything but this machine.
        port: 0 takes a free one.
        say: is told the address.

    Raises:
        InputError: the address cannot be listened at, or the server's packages are not installed.
        RunError: the folder is damaged.
    """
    try:
        import uvicorn  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise InputError("view", "needs starlette and uvicorn", "pip install 'omr-judge[view]'") from error
    token = secrets.token_urlsafe(16)
    app = application(folder, token=token, host=host)
    with listening(host, port) as listener:
        if host != LOCAL:
            say(f"Warning: everybody who can reach {host} and knows the address below can read the run and label it")
        say(f"Open http://{in_url(host)}:{listener.getsockname()[1]}/{token}/ (Ctrl-C ends it)")
        config = uvicorn.Config(app, log_level="warning", lifespan="off", server_header=False)
        with suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listener])


def application(folder: RunFolder, *, token: str, host: str = LOCAL) -> Starlette:
    """Return the application: the page, its images and its labels, all below the token; nothing else is answered.

    Requests whose Host header names another host are refused, so that no other site's name can be pointed here.
    """
    from starlette.applications import Starlette  # noqa: PLC0415 - an extra
    from starlette.middleware import Middleware  # noqa: PLC0415
    from starlette.middleware.trustedhost import TrustedHostMiddleware  # noqa: PLC0415
    from starlette.routing import Mount, Route  # noqa: PLC0415

    is_score = folder.any_manifest().kind == "score"
    server = _score_server(folder) if is_score else _comparison_server(folder)
    routes = [Route("/", server.page), Route("/image/{item:int}/{number:int}", server.image)]
    if not is_score:
        routes += [Route("/labels", server.labels), Route("/labels", server.label, methods=["POST"])]
    return Starlette(
        routes=[Mount(f"/{token}", routes=routes)],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=allowed_hosts(host), www_redirect=False)],
    )


class _LabelServer:
    """Handlers for one run: its page is made once, its labels are read at each request."""

    def __init__(
        self,
        folder: RunFolder,
        page: Parts,
        images: Sequence[tuple[Image, ...]],  # of every item, in the order of the page's items
    ) -> None:
        self._page = assemble(page, served=True)
        self._images = images
        self._folder = folder

    async def page(self, _: Request) -> Response:
        from starlette.responses import HTMLResponse  # noqa: PLC0415 - an extra

        return HTMLResponse(self._page, headers=HEADERS)

    def image(self, request: Request) -> Response:
        """Answer with an image's original bytes, if they are still those of the run."""
        from starlette.responses import PlainTextResponse, Response  # noqa: PLC0415 - an extra

        try:
            image = self._images[request.path_params["item"]][request.path_params["number"]]
            return Response(image_bytes(image), media_type=image.media_type, headers=HEADERS)
        except IndexError:
            return PlainTextResponse("no such image", status_code=404, headers=HEADERS)
        except RunError as error:
            return PlainTextResponse(str(error), status_code=410, headers=HEADERS)

    @cached_property
    def _check(self) -> LabelCheck:
        return LabelCheck(self._folder, self._folder.manifest())

    def labels(self, _: Request) -> Response:
        """Answer with every label of the run; with the problem where one does not fit it."""
        from starlette.responses import JSONResponse, PlainTextResponse  # noqa: PLC0415 - an extra

        try:
            labels = list(checked_labels(self._folder, self._check))
        except RunError as error:
            return PlainTextResponse(str(error), status_code=409, headers=HEADERS)
        return JSONResponse([label.model_dump(mode="json") for label in labels], headers=HEADERS)

    async def label(self, request: Request) -> Response:
        """Store one label, with the time of its arrival."""
        from starlette.responses import JSONResponse, PlainTextResponse  # noqa: PLC0415 - an extra

        if request.headers.get("content-type") != "application/json":
            return PlainTextResponse("a label is JSON", status_code=415, headers=HEADERS)
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > MAX_LABEL_BYTES:
                return PlainTextResponse("too long for a label", status_code=413, headers=HEADERS)
        try:
            label = Label.model_validate_json(body)
        except ValidationError as error:
            return PlainTextResponse(f"not a label: {error.errors()[0]['msg']}", status_code=422, headers=HEADERS)
        kept = label.model_copy(update={"time": datetime.now(UTC).isoformat(timespec="milliseconds")})
        try:
            readers = {known.reader for known in checked_labels(self._folder, self._check)}
            problems = [one.problem for one in self._check.problems(label)]
            if problem := next(iter(problems), None) or reader_problem(label.reader, readers):
                return PlainTextResponse(problem, status_code=422, headers=HEADERS)
            append_labels(labels_path(self._folder.path), [kept])
        except RunError as error:
            return PlainTextResponse(str(error), status_code=409, headers=HEADERS)
        return JSONResponse(kept.model_dump(mode="json"), status_code=201, headers=HEADERS)


def _comparison_server(folder: RunFolder) -> _LabelServer:
    for _ in checked_labels(folder, LabelCheck(folder, folder.manifest())):
        pass  # a label that does not fit is told before the page is made
    page = read_page(folder, make_report(folder))
    images = [pair.item.images for pair in folder.pairs()] if folder.pairs_path.exists() else []
    return _LabelServer(folder, page, images)


def _score_server(folder: RunFolder) -> _LabelServer:
    page = read_score_page(folder, make_score_report(folder))
    return _LabelServer(folder, page, [case.item.images for case in folder.cases()])
