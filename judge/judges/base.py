"""What every judge does, and how a provider's errors become ours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import orjson

from judge.errors import OmrJudgeError, ProviderError, RetryableError, StopRunError
from judge.files.secrets import REDACTED
from judge.images.loader import load_encoded
from judge.judges.keys import NO_KEY, why_no_key
from judge.judges.prompt_counts import Sent
from judge.judges.provider_errors import error_line, error_said, status_error
from judge.judges.replies import receive
from judge.judges.reply_checks import SentReplies
from judge.judges.request_forms import learn, names_the_limit, set_forms
from judge.schema import MESSAGES, Correction, FailureKind, JudgeSpec, Provider, Reply, Request, RequestForm

if TYPE_CHECKING:
    import httpx2

UNAUTHORIZED = 401


class NoReplyError(RetryableError):
    """What came breaks the protocol, and was paid for all the same."""


class Judge(Protocol):
    """A model that can be asked."""

    spec: JudgeSpec
    caches_prompts: bool
    """whether the provider remembers the beginning of a prompt, and charges less for it the second time"""
    on_headers: Callable[[Mapping[str, str]], None]
    """is told the headers of each successful reply, by names in lower case; does nothing unless it is set"""
    allowed_models: Sequence[str]
    """names that replies may bear beside that of the model that is asked; `*` stands for any characters"""
    on_form: Callable[[RequestForm], None]
    """is told a form that the server takes instead of one that it refused; does nothing unless it is set"""
    forms: frozenset[RequestForm]
    """in what its requests differ from the usual ones"""

    async def ask(self, request: Request) -> Reply:
        """Make one call within the judge's time limit.

        Raises:
            ProviderError: there is no reply: retryable, fatal for the run, or neither.
        """
        ...

    async def close(self) -> None:
        """Close connections, and stop what was started."""
        ...


class SdkJudge:
    """A model that is asked through its provider's SDK, over one long-lived client.

    The SDK adds its headers and raises its errors; bodies are prepared and replies read here, since the SDK's own types
    would double the processor time of a call.

    Args:
        spec: the judge.
        sdk: the imported SDK.
        client: the SDK's asynchronous client.
        key: the secret that no message may hold.
        timeout: longest time of a call, connecting included, seconds.
    """

    PATH: ClassVar[str]
    """of calls, below the client's base address"""
    caches_prompts = True

    def __init__(self, spec: JudgeSpec, *, sdk: Any, client: Any, key: str, timeout: float) -> None:  # noqa: ANN401 - either SDK's
        self.spec = spec
        self.on_headers: Callable[[Mapping[str, str]], None] = ignore
        self.on_form: Callable[[RequestForm], None] = ignore
        self.forms = set_forms(spec)
        self._has_answered = False
        self._sdk, self._client, self._key, self._timeout = sdk, client, key, timeout
        self._address = str(client.base_url.join(self.PATH))  # the SDK would join them for every call anew
        names_model = spec.provider not in {Provider.LOCAL, Provider.AZURE}  # they are asked for a file, a deployment
        self._served = SentReplies(spec.model if names_model else "")
        self.allowed_models: Sequence[str] = ()

    async def ask(self, request: Request) -> Reply:
        """Ask for one reply in the request's schema; ProviderError where there is none."""
        if request.prompt.images:
            await load_encoded(request.prompt.images)
        try:
            while True:
                forms, body = self.forms, self.body(request)
                try:
                    reply = await self._send(body)
                    break
                except ProviderError as error:
                    self._change_form(error, body, forms)
        except NoReplyError as error:
            return Reply(text="", cut=FailureKind.UNUSABLE, problem=error.message)
        self._has_answered = True
        headers = dict(reply.headers.items())  # by small letters; looked up some twenty times
        self.on_headers(headers)
        came, reply_id = receive(reply.content, headers, key=self._key, read=self.read)
        return self.check(came, Sent.of(request), reply_id=reply_id, headers=headers)

    def check(self, reply: Reply, sent: Sent, *, reply_id: str, headers: Mapping[str, str]) -> Reply:
        """Return a reply as a failure where it is another model's, or answers another prompt than its request's."""
        return self._served.check(reply, sent, reply_id=reply_id, headers=headers, allowed=self.allowed_models)

    async def _send(self, body: dict[str, Any]) -> httpx2.Response:
        """Make a call."""
        import httpx2  # noqa: PLC0415 - only judging needs it

        content = orjson.dumps(body)
        async with self.errors(seconds=self._timeout):
            reply: httpx2.Response = await self._client.post(self._address, content=content, cast_to=httpx2.Response)
        return reply

    def _change_form(self, error: ProviderError, body: dict[str, Any], forms: frozenset[RequestForm]) -> None:
        """Learn from a refusal how the server wants to be asked; raise it where there is nothing to learn.

        Args:
            error: how the server refused.
            body: what it refused.
            forms: in which the body was made; another call may have learnt more since.
        """
        if isinstance(error, (RetryableError, StopRunError)):
            raise error
        if not self._has_answered and names_the_limit(error.message):
            hint = f"max_output_tokens in {self.spec.config}" if self.spec.config else "--max-output-tokens"
            raise StopRunError(error.kind, f"{error.message} (set {hint})", status=error.status) from error
        form = learn(error.message, body, forms, chat=self.spec.provider not in MESSAGES)
        if form is None:
            raise error
        if form not in self.forms:
            self.forms |= {form}
            self.on_form(form)

    def body(self, request: Request) -> dict[str, Any]:
        """Return the call's body: images first, then what both orders share, then the traces."""
        raise NotImplementedError

    def read(self, record: Any, headers: Mapping[str, str]) -> Reply:  # noqa: ANN401 - what a server sent
        """Return what a successful reply says; any error where it is no whole reply."""
        raise NotImplementedError

    @asynccontextmanager
    async def errors(self, *, seconds: float | None = None) -> AsyncIterator[None]:
        """Turn whatever a call through the SDK raises, and a reply in no known form, into a ProviderError.

        Args:
            seconds: longest time of what is done within; None leaves it to the client's limits for each step.
        """
        with reply_errors(key=self._key):
            try:
                async with asyncio.timeout(seconds):
                    yield
            except TimeoutError as error:
                raise RetryableError(FailureKind.TIMEOUT, "no whole reply in time", maybe_paid=True) from error
            except self._sdk.APIStatusError as error:
                (code, message), headers = error_said(error), error.response.headers
                message = message.replace(self._key, REDACTED)
                if error.status_code == UNAUTHORIZED and self._key == NO_KEY:
                    message = f"{message} ({why_no_key(self.spec)})"
                raise status_error(error.status_code, code=code, message=message, headers=headers) from error
            except self._sdk.APIConnectionError as error:
                from judge.judges.http_client import connection_error  # noqa: PLC0415 - imports httpx2

                raise connection_error(error, key=self._key) from error

    async def close(self) -> None:
        """Close the client."""
        await self._client.close()


def ignore(_: object) -> None:
    """Be told something, and do nothing."""


def user_turns(content: list[dict[str, Any]], correction: Correction | None) -> list[dict[str, Any]]:
    """Return the conversation after the system's words: the question, and what followed where it is asked again."""
    turns: list[dict[str, Any]] = [{"role": "user", "content": content}]
    if correction is not None:
        turns.append({"role": "assistant", "content": correction.reply})
        turns.append({"role": "user", "content": correction.note})
    return turns


@contextmanager
def reply_errors(*, key: str) -> Iterator[None]:
    """Turn whatever the reading of a reply raises into a ProviderError: a reply in no known form.

    Args:
        key: the secret that no message may hold.
    """
    try:
        yield
    except OmrJudgeError:
        raise
    except Exception as error:
        # What a server sends instead of a reply breaks the SDKs and our reading in too many ways to list.
        problem = f"not a reply: {error_line(error, key=key)}"
        raise NoReplyError(FailureKind.TRANSPORT, problem, maybe_paid=True) from error
