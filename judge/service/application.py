"""The HTTP application of the service: who may ask, how much is read, and the state of the judge."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from judge.files.limits import MIB
from judge.files.listening import allowed_hosts
from judge.service import native, nemo_gym, nemo_gym_verify, openrlhf, rerank, slime
from judge.service.preferences import AsyncPreferenceJudge
from judge.service.protocol import BodyBudget, Endpoint, Refusal, answered, read_body

MOST_BODIES_MIB = 256
"""of all bodies together"""
JSON = "application/json"
HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


def application(judge: AsyncPreferenceJudge, *, host: str, token: str | None = None, cohort: int = 0) -> Starlette:
    """Return the application.

    Args:
        judge: who is asked; it is open.
        host: where it listens: requests that name another are refused.
        token: what every request but `/v1/health` has to bear; None: nothing.
        cohort: rollouts of a prompt that NeMo Gym's `/verify` gathers.
    """
    server = _Server(judge, token)
    endpoints: Sequence[Endpoint] = [
        *(one for protocol in (native, openrlhf, slime, nemo_gym, rerank) for one in protocol.ENDPOINTS),
        *nemo_gym_verify.endpoints(cohort),
    ]
    return Starlette(
        routes=[
            *(Route(one.path, server.answering(one), methods=["POST"]) for one in endpoints),
            Route("/v1/health", server.health),
            Route("/v1/metrics", server.metrics),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=allowed_hosts(host), www_redirect=False)],
    )


class _Server:
    """Handlers, and what they count."""

    def __init__(self, judge: AsyncPreferenceJudge, token: str | None) -> None:
        self._judge, self._token = judge, token
        self._bodies = BodyBudget(MOST_BODIES_MIB * MIB)
        self._answers: Counter[tuple[str, int]] = Counter()

    def answering(self, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
        """Return the handler of an endpoint."""

        async def handle(request: Request) -> Response:
            body = b""
            try:
                self._admit(request)
                body = await read_body(request, self._bodies)
                response = Response(
                    msgspec.json.encode(await answered(endpoint, self._judge, body)), media_type=JSON, headers=HEADERS
                )
            except ClientDisconnect:
                response = Response(status_code=499)
            except Refusal as refusal:
                response = _refused(refusal)
            finally:
                self._bodies.held -= len(body)
            self._answers[endpoint.path, response.status_code] += 1
            return response

        return handle

    def _admit(self, request: Request) -> None:
        """Refuse who does not bear the token."""
        if self._token is None:
            return
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not secrets.compare_digest(given.strip().encode(), self._token.encode()):
            raise Refusal(401, "a bearer token is asked for (--token-env)")

    async def health(self, _: Request) -> Response:
        """Say whether judges are asked: 200, or 503 with the reason."""
        away = max((book.away_seconds for book in self._judge.books), default=0.0)
        if self._judge.budget.reached:
            return _refused(Refusal(503, f"budget reached: {self._judge.budget.reached}", 3600))
        if away:
            return _refused(Refusal(503, "the judge answers no more", away))
        return PlainTextResponse("ok\n", headers=HEADERS)

    async def metrics(self, request: Request) -> Response:
        """Return the counts in the text format of Prometheus."""
        try:
            self._admit(request)
        except Refusal as refusal:
            return _refused(refusal)
        judge = self._judge
        gauges: dict[str, float] = {
            "questions_pending": judge.n_pending,
            "calls_total": judge.budget.n_calls,
            "calls_in_flight": judge.budget.n_in_flight,
            "bodies_bytes": self._bodies.held,
        }
        if judge.budget.max_cost is not None:  # else costs are not followed
            gauges["spent_usd"] = float(judge.budget.cost)
        lines = [f"omr_judge_{name} {value}" for name, value in gauges.items()]
        lines += [f'omr_judge_questions_total{{result="{name}"}} {n}' for name, n in sorted(judge.counts.items())]
        lines += [
            f'omr_judge_answers_total{{path="{path}",status="{status}"}} {n}'
            for (path, status), n in sorted(self._answers.items())
        ]
        return PlainTextResponse("\n".join(lines) + "\n", headers=HEADERS)


def _refused(refusal: Refusal) -> Response:
    told: dict[str, Any] = {"error": refusal.why}
    headers = dict(HEADERS)
    if refusal.retry_after is not None:
        headers["retry-after"] = str(max(1, round(refusal.retry_after)))
    if refusal.status == HTTPStatus.UNAUTHORIZED:
        headers["www-authenticate"] = "Bearer"
    if refusal.status in {408, 413, 415}:
        headers["connection"] = "close"  # what is left of the body is not read
    return Response(msgspec.json.encode(told), status_code=refusal.status, media_type=JSON, headers=headers)
