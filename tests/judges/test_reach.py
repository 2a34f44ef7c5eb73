"""With `--local-only` no trace leaves this machine but for hosts that were named."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest
from command import omr_judge, only_run, write_jsonl
from provider_server import ProviderServer, longer_wins
from run_builder import change_manifest

from judge.errors import InputError
from judge.judges.judge_options import JudgeOptions
from judge.judges.reach import Reach
from judge.judges.registry import parse_judge
from judge.page.without_paths import without_folders
from judge.schema import JudgeSpec, Provider

VARIABLES = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy")
SECRET = "CANARY-7f3e91"  # noqa: S105 - a canary


def judge(text: str) -> JudgeSpec:
    return parse_judge(text, JudgeOptions(), say=lambda _: None, needs_key=False)


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*VARIABLES, "OPENAI_BASE_URL", "ANTHROPIC_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "[::1]", "[::ffff:127.0.0.1]"])
def test_a_judge_on_this_machine_may_be_asked(host: str) -> None:
    Reach(local_only=True).check([judge(f"openai:m@http://{host}:8000/v1"), judge(f"anthropic:m@http://{host}")])


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("openai:m", "api.openai.com"),
        ("anthropic:m", "api.anthropic.com"),
        ("openai:m@http://10.0.0.7/v1", "10.0.0.7"),
        ("openai:m@http://localhost.evil.com/v1", "localhost.evil.com"),
        ("openai:m@http://127.0.0.1.nip.io/v1", "127.0.0.1.nip.io"),
        ("openai:m@http://2130706433/v1", "2130706433"),
        ("openai:m@http://0.0.0.0:80/v1", "0.0.0.0"),  # noqa: S104 - an address that is asked
        ("openai:m@http://[::2]/v1", "::2"),
        ("anthropic:m@https://gate.hospital.org", "gate.hospital.org"),
    ],
)
def test_a_judge_elsewhere_is_refused_unless_its_host_is_named(text: str, host: str) -> None:
    here = judge("openai:n@http://localhost/v1")
    with pytest.raises(InputError, match=rf"asked at {host}, which is not this machine"):
        Reach(local_only=True).check([here, judge(text)])
    Reach(local_only=True, allow_hosts=(host.upper(),)).check([here, judge(text)])
    Reach().check([judge(text)])
    with pytest.raises(InputError, match="--local-only"):
        Reach(allow_hosts=(host,))


@pytest.mark.parametrize("provider", [provider for provider in Provider if provider is not Provider.LOCAL])
def test_no_provider_is_on_this_machine_unless_its_address_says_so(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "https://mine.openai.azure.com")
    for variable in ("ANTHROPIC_BEDROCK_BASE_URL", "ANTHROPIC_VERTEX_BASE_URL"):
        monkeypatch.delenv(variable, raising=False)
    here = Reach(local_only=True)
    here.check([judge(f"{provider}:m@http://127.0.0.1:9/v1")])
    with pytest.raises(InputError, match=r"asked at far\.org"):
        here.check([judge(f"{provider}:m@http://far.org/v1")])
    if provider in {Provider.OLLAMA, Provider.LMSTUDIO, Provider.LITELLM}:
        here.check([judge(f"{provider}:m")])
        return
    with pytest.raises(InputError, match=r"which is not this machine") as error:
        here.check([judge(f"{provider}:m")])
    host = re.search(r"asked at (\S+),", str(error.value))
    assert host is not None
    Reach(local_only=True, allow_hosts=(host[1],)).check([judge(f"{provider}:m")])


def test_an_azure_resource_is_allowed_by_the_host_that_the_environment_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "http://localhost:9")
    Reach(local_only=True).check([judge("azure:m")])
    monkeypatch.setenv("ANTHROPIC_BEDROCK_BASE_URL", "http://far.org")
    with pytest.raises(InputError, match=r"far\.org"):
        Reach(local_only=True).check([judge("bedrock:m")])


def test_addresses_and_proxies_of_the_environment_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://far.org")
    Reach(local_only=True).check([judge("openai:m")])
    with pytest.raises(InputError, match=r"far\.org"):
        Reach(local_only=True).check([judge("anthropic:m")])
    local = judge("openai:m@http://127.0.0.1:9/v1")
    for name, proxy in (("HTTP_PROXY", f"http://me:{SECRET}@proxy.org:3128"), ("ALL_PROXY", "proxy.org:3128")):
        monkeypatch.setenv(name, proxy)
        with pytest.raises(InputError, match=r"through the proxy proxy\.org") as error:
            Reach(local_only=True).check([local])
        assert SECRET not in str(error.value)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        Reach(local_only=True).check([local])
        monkeypatch.delenv("NO_PROXY")
        monkeypatch.delenv(name)
    monkeypatch.setenv("HTTP_PROXY", "http://localhost:3128")
    Reach(local_only=True).check([local])


def test_every_command_that_asks_refuses_before_it_reads_a_trace(tmp_path: Path) -> None:
    a = write_jsonl(tmp_path / "a.jsonl", [{"id": "1", "trace": "longer than b"}])
    b = write_jsonl(tmp_path / "b.jsonl", [{"id": "1", "trace": "short"}])
    far = ("--judge", "openai:m@http://far.invalid/v1", "--local-only")
    for command in (
        ("compare", "none.jsonl", "none.jsonl", *far),
        ("compare", "none.jsonl", "none.jsonl", "--judge", "openai:n@http://localhost:1/v1", *far, "--batch"),
        ("score", "none.jsonl", *far),
        ("checklist", "none.jsonl", "--to", "out.jsonl", *far),
    ):
        told = omr_judge(*command, cwd=tmp_path, code=3, env={"OPENAI_API_KEY": "k" * 20}).stderr
        assert "far.invalid, which is not this machine" in told
    with ProviderServer(longer_wins) as server:
        omr_judge("compare", a, b, "--judge", f"openai:m@{server.url}/v1", "--local-only", cwd=tmp_path)
    run = only_run(tmp_path)
    change_manifest(run, server.url.encode(), b"http://far.invalid")
    (run / "pairs.jsonl").write_text("not read")
    for name, *options in (["resume"], ["retry"], ["control", "--kind", "repeat"]):
        assert "far.invalid, which" in omr_judge(name, run, *options, "--local-only", cwd=tmp_path, code=3).stderr


@pytest.mark.parametrize(
    "address",
    [
        f"https://{SECRET}@host/v1",
        f"https://me:{SECRET}@host/v1",
        f"https://host/v1?key={SECRET}",
        f"https://host/v1?api-version=1&token={SECRET}",
        f"https://host/v1#{SECRET}",
    ],
)
def test_a_key_in_a_judges_address_is_refused_and_not_repeated(address: str) -> None:
    for provider in ("openai", "anthropic", "opnai"):
        with pytest.raises(InputError) as error:
            judge(f"{provider}:m@{address}")
        assert SECRET not in str(error.value)


def test_a_run_is_its_owners_alone_unless_it_is_shared_with_a_group(tmp_path: Path) -> None:
    rows = [{"id": str(n), "trace": "longer than b", "answer": "A", "model_answer": "A"} for n in range(3)]
    a = write_jsonl(tmp_path / "a.jsonl", rows)
    b = write_jsonl(tmp_path / "b.jsonl", [row | {"trace": "short"} for row in rows])
    with ProviderServer(longer_wins) as server:
        for options, folder_mode in (((), 0o700), (("--shared",), 0o770)):
            name = f"r{len(options)}"
            judged = ("--judge", f"openai:m@{server.url}/v1", "--name", name, *options)
            omr_judge("compare", a, b, *judged, "--control", "repeat", cwd=tmp_path)
            omr_judge("packet", name, "--out", "p.html", cwd=tmp_path)
            run = tmp_path / "runs" / name
            found = {path: stat.S_IMODE(path.stat().st_mode) for path in (run, *run.rglob("*"))}
            assert len(found) > 8
            wrong = {p: oct(m) for p, m in found.items() if m != (folder_mode if p.is_dir() else folder_mode & 0o666)}
            assert wrong == {}
    mine = tmp_path / "mine.txt"
    mine.touch()
    assert (tmp_path / "p.html").stat().st_mode == mine.stat().st_mode


def test_the_shared_page_holds_no_absolute_path(tmp_path: Path) -> None:
    a = write_jsonl(tmp_path / "a.jsonl", [{"id": "1", "trace": "longer than b"}])
    b = write_jsonl(tmp_path / "b.jsonl", [{"id": "1", "trace": "short"}])
    with ProviderServer(longer_wins) as server:
        omr_judge("compare", a, f"{b}", "--judge", f"openai:m@{server.url}/v1", "--name", "r", cwd=tmp_path)
    omr_judge("report", "r", "--html", "page.html", cwd=tmp_path)
    page = (tmp_path / "page.html").read_text()
    assert str(tmp_path) not in page
    assert "a.jsonl" in page


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/home/alice/my data/a.jsonl", "a.jsonl"),
        ("file:///home/alice/a.jsonl", "a.jsonl"),
        ("--image-root=/home/alice", "--image-root="),
        ("local:/home/alice/x.gguf", "local:x.gguf"),
        ("C:\\Users\\alice\\a.jsonl", "a.jsonl"),
        ("~alice/a.jsonl", "a.jsonl"),
        ("openai:m@http://127.0.0.1:8000/v1", "openai:m@http://127.0.0.1:8000/v1"),
        ("runs/x and 3 mg/dl", "runs/x and 3 mg/dl"),
    ],
)
def test_a_path_is_shown_by_the_name_of_its_file(text: str, shown: str) -> None:
    assert without_folders(text) == shown
