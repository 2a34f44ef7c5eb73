"""No key of any provider reaches the run folder, stdout or stderr, whatever happens to the calls."""

from __future__ import annotations

import base64
import re
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from itertools import product
from pathlib import Path
from typing import NamedTuple

import forked
import pytest
from command import SECONDS, at_once, environment, write_jsonl
from provider_server import Answer, Call, ProviderServer, Script, content_judge

from judge.files.secrets import hide_secrets, known_secrets

CANARY = "CANARY"
KEY, HEADER, PASSWORD = f"sk-{CANARY}-4f1d0e7a9b", f"{CANARY}.custom.77c1b2", f"{CANARY}%21pass"
SIGNED_IN = base64.b64encode(b"user:CANARY!pass").decode()
"""what a proxy is sent"""
SECRET = re.compile(f"{CANARY}|{SIGNED_IN}")


class Setting(NamedTuple):
    """A way to give a key: the judge, and the environment for a server."""

    judge: Callable[[str], str]
    env: Callable[[str], dict[str, str]]


SETTINGS = {
    "openai": Setting(lambda _: "openai:m", lambda url: {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": f"{url}/v1"}),
    "server": Setting(lambda url: f"openai:m@{url}/v1", lambda _: {"OMR_JUDGE_API_KEY": KEY}),
    "anthropic": Setting(lambda _: "anthropic:m", lambda url: {"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": url}),
    "headers": Setting(
        lambda _: "openai:m",
        lambda url: {
            "OPENAI_API_KEY": KEY,
            "OPENAI_BASE_URL": f"{url}/v1",
            "OPENAI_CUSTOM_HEADERS": f"X-Secret: {HEADER}",
        },
    ),
    "anthropic headers": Setting(
        lambda url: f"anthropic:m@{url}",
        lambda _: {"OMR_JUDGE_API_KEY": KEY, "ANTHROPIC_CUSTOM_HEADERS": f"X-Secret: {HEADER}"},
    ),
    "proxy": Setting(
        lambda _: "openai:m@http://judge.invalid/v1",
        lambda url: {"OMR_JUDGE_API_KEY": KEY, "HTTP_PROXY": url.replace("//", f"//user:{PASSWORD}@")},
    ),
}


def echo(call: Call) -> str:
    return " ".join(f"{name}={value}" for name, value in call.headers.items())


def refusing(status: int) -> Script:
    def refuse(call: Call) -> Answer:
        error = {"message": f"Incorrect key: {echo(call)}"}
        return Answer(status=status, error=error, headers={"retry-after": "0", "x-echo": echo(call)})

    return refuse


CASES: dict[str, tuple[Script, int]] = {
    "success": (content_judge, 0),
    "401": (refusing(401), 4),
    "429": (refusing(429), 4),
    "timeout": (lambda _: Answer(fault="hang"), 4),
    "crash": (content_judge, 1),
}
"""what the server answers, and the exit code that follows"""
CRASHING = f"""
import os
import judge.prompting.pairwise_plan
def crash(*_):
    secrets = [value for value in os.environ.values() if {CANARY!r} in value]
    raise RuntimeError(f"a bug that quotes {{secrets}}")
judge.prompting.pairwise_plan.interpret = crash
"""
# aiohttp warns of its own way to sign in at proxies.
MAY_WARN = "import warnings; warnings.simplefilter('default')\n"


def check(setting: Setting, case: str, folder: Path, *, debug: bool) -> subprocess.CompletedProcess[str]:
    """Run a case and find no canary."""
    script, exit_code = CASES[case]
    folder.mkdir()
    for side in ("a", "b"):
        write_jsonl(folder / f"{side}.jsonl", [{"id": 1, "question": "Which?", "trace": f"{side} thinks it over"}])
    with ProviderServer(script) as server:
        limits = ["--attempts", "2", "--timeout", "1" if case == "timeout" else "30"]
        log = {"OPENAI_LOG": "debug", "ANTHROPIC_LOG": "debug"} if debug else {}
        asked = ["compare", "a.jsonl", "b.jsonl", "--judge", setting.judge(server.url), *limits]
        env = environment(setting.env(server.url) | log)
        before = MAY_WARN + (CRASHING if case == "crash" else "")
        if debug:  # the SDKs begin to log as they are imported
            code = f"{before}import sys, judge.cli; sys.exit(judge.cli.main())"
            command = [sys.executable, "-c", code, *asked]
            done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
        else:
            done = forked.run(asked, cwd=folder, environment=env, seconds=SECONDS, before=before)
        sent = [echo(call) for call in server.calls]
    assert done.returncode == exit_code, done.stderr
    assert sent, "nothing was asked"
    assert all(CANARY in headers for headers in sent), "the canary was not even sent"
    written = [path for path in folder.rglob("*") if path.is_file()]
    leaks = [str(path) for path in written if SECRET.search(path.read_text(errors="replace"))]
    assert SECRET.findall(done.stdout + done.stderr) == []
    assert leaks == []
    return done


QUICK = [("openai", "401", True), ("anthropic", "crash", False), ("headers", "429", False), ("proxy", "401", False)]


def test_no_key_leaks_in_the_cases_that_are_most_likely_to(tmp_path: Path) -> None:
    ran = at_once(
        *(
            partial(check, SETTINGS[setting], case, tmp_path / f"{setting} {case}", debug=debug)
            for setting, case, debug in QUICK
        )
    )
    assert ["[redacted]" in told.stderr for told in ran] == [True, True, False, True]


@pytest.mark.slow
@pytest.mark.parametrize(("setting", "case", "debug"), [*product(SETTINGS, CASES, [False, True])])
def test_no_key_leaks_in_any_case(setting: str, case: str, debug: bool, tmp_path: Path) -> None:  # noqa: FBT001 - pytest
    check(SETTINGS[setting], case, tmp_path / "case", debug=debug)


def test_secrets_are_known_by_their_variables_and_blanked_wherever_they_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {
        "OPENAI_API_KEY": " k-openai-1 ",
        "ANTHROPIC_AUTH_TOKEN": "k-token-22",
        "OMR_JUDGE_API_KEY": "short",
        "OPENAI_CUSTOM_HEADERS": "X-One: k-header-3\nAuthorization: Bearer k-header-4\nbroken",
        "https_proxy": "user:k%21pass-5@proxy:1",
        "ALL_PROXY": "http://[broken",
        "UNRELATED_KEY": "unrelated-key",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    signed_in = base64.b64encode(b"user:k!pass-5").decode()
    known = {
        signed_in,
        "k-openai-1",
        "k-token-22",
        "k-header-3",
        "Bearer k-header-4",
        "k-header-4",
        "k%21pass-5",
        "k!pass-5",
    }
    assert known <= known_secrets()
    assert not {"short", "unrelated-key"} & known_secrets()
    assert hide_secrets("a k-openai-1, Bearer k-header-4; k!pass-5") == "a [redacted], [redacted]; [redacted]"
