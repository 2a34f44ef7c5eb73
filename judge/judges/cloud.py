"""Anthropic's models at Amazon and Google, through the SDK's own classes and with the clouds' own credentials."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from judge.errors import InputError, StopRunError
from judge.judges.anthropic import AnthropicJudge
from judge.judges.keys import AWS_TOKEN, environment_key, is_elsewhere
from judge.judges.known_providers import HOSTS
from judge.judges.provider_errors import error_line
from judge.schema import FailureKind, JudgeSpec, Provider

if TYPE_CHECKING:
    import httpx2

THIS_MACHINE = ("localhost", "127.0.0.1", "::1")
_PATH = "/v1/messages"
"""by which the SDK knows what to put into a cloud's address"""
_CLASSES = {Provider.BEDROCK: "AsyncAnthropicBedrock", Provider.VERTEX: "AsyncAnthropicVertex"}
_PACKAGES = {Provider.BEDROCK: "boto3", Provider.VERTEX: "google.auth"}


class CloudJudge(AnthropicJudge):
    """Asks Bedrock or Vertex; the SDK signs calls, and puts the model into their addresses."""

    def _open(self, spec: JudgeSpec, sdk: Any, key: str, options: dict[str, Any]) -> Any:  # noqa: ANN401 - of two classes
        given = {"api_key": key} if spec.key_env else {}
        if spec.provider is Provider.VERTEX:
            given = {"access_token": key} if spec.key_env else {}
        try:
            return getattr(sdk, _CLASSES[spec.provider])(base_url=spec.endpoint, **given, **options)
        except ValueError as error:
            raise InputError(f"--judge {spec.name}", str(error), "set it in the environment") from error

    async def _send(self, body: dict[str, Any]) -> httpx2.Response:
        """Make a call; StopRunError where the cloud's credentials are not there or not accepted."""
        import httpx2  # noqa: PLC0415 - only judging needs it

        async with self.errors(seconds=self._timeout):
            try:
                reply: httpx2.Response = await self._client.post(_PATH, body=body, cast_to=httpx2.Response)
            except Exception as error:
                if isinstance(error, (self._sdk.APIError, TimeoutError)):
                    raise
                # Whatever else the cloud's library raises as it looks for credentials, it would raise for every call.
                words = f"no credentials: {error_line(error, key=self._key)}"
                raise StopRunError(FailureKind.REJECTED, words) from error
        return reply


def check_cloud(spec: JudgeSpec) -> None:
    """Refuse a judge whose cloud's library is not installed, or whose credentials would go to another host.

    Raises:
        InputError: it names the extra, or the field that names a key for that host.
    """
    if spec.key_env is None and is_elsewhere(spec) and urlsplit(spec.endpoint or "").hostname not in THIS_MACHINE:
        problem = f"the cloud's credentials go to {HOSTS[spec.provider][1:]} alone"
        raise InputError(
            f"--judge {spec.name}", problem, "name the variable of this server's key as key_env in a table"
        )
    signed = spec.key_env is None and not (spec.provider is Provider.BEDROCK and environment_key(AWS_TOKEN))
    if signed and not _is_installed(_PACKAGES[spec.provider]):
        extra = f"pip install 'omr-judge[{spec.provider}]'"
        raise InputError(f"--judge {spec.name}", f"{_PACKAGES[spec.provider]} is not installed", extra)


def _is_installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:
        return False
