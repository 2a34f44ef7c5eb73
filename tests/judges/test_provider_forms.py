"""Every kind of judge that people use is asked in the form that its server takes, each over a real socket."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from asked import ask, made_request
from command import omr_judge, write_jsonl
from form_server import Asked, FormServer
from msgspec.structs import replace

from judge.errors import InputError, StopRunError
from judge.judges.judge_options import JudgeOptions
from judge.judges.known_providers import PROVIDERS
from judge.judges.registry import parse_judge
from judge.schema import Prompt, Provider

REQUEST = replace(made_request(), prompt=Prompt(system="Be fair.", shared="Which?", traces="ALPHA or BETA"))
KEYS = {
    "AZURE_KEY": "azure-key-1",
    "AZURE_OPENAI_API_KEY": "azure-key-1",
    "OPENAI_API_VERSION": "2025-04-01",
    "AWS_ACCESS_KEY_ID": "AKIATEST0000",
    "AWS_SECRET_ACCESS_KEY": "aws-secret-1",
    "AWS_REGION": "eu-west-1",
    "CLOUD_ML_REGION": "europe-west1",
    "ANTHROPIC_VERTEX_PROJECT_ID": "p1",
    "GOOGLE_TOKEN": "google-token",
    "PORTKEY_KEY": "portkey-1",
    "SOME_KEY": "some-key-1",
    "OPENAI_API_KEY": "openai-key-1",
    "ANTHROPIC_API_KEY": "anthropic-key-1",
    "OMR_JUDGE_API_KEY": "server-key-1",
    "DEEPSEEK_API_KEY": "deepseek-key-1",
}
OTHERS = {"openai-key-1", "anthropic-key-1", "server-key-1", "deepseek-key-1", "aws-secret-1"}
TABLES = {
    "azure": 'provider = "azure"\nmodel = "judge"\nbase_url = "URL"',
    "azure_v1": 'provider = "azure"\nmodel = "judge"\nbase_url = "URL/openai/v1"\nkey_env = "AZURE_KEY"',
    "bedrock": 'provider = "bedrock"\nmodel = "anthropic.claude-x"\nbase_url = "URL"',
    "vertex": 'provider = "vertex"\nmodel = "claude-x"\nbase_url = "URL"\nkey_env = "GOOGLE_TOKEN"',
    "deepseek": 'provider = "deepseek"\nmodel = "deepseek-chat"\nbase_url = "URL"\nkey_env = "SOME_KEY"',
    "gemma": 'provider = "openai"\nmodel = "gemma"\nbase_url = "URL"\nsystem_role = false',
    "gateway": 'provider = "openai"\nmodel = "m"\nbase_url = "URL"\n'
    'headers = { X-Portkey-Provider = "openai", x-portkey-api-key = "$PORTKEY_KEY" }',
    "thinker": 'provider = "openai"\nmodel = "qwen"\nbase_url = "URL"\n'
    "body = { chat_template_kwargs = { enable_thinking = false } }",
    "caller": 'provider = "openai"\nmodel = "m"\nbase_url = "URL"\nreply = "tool"\nmax_output_tokens = 500',
    "mistral": 'provider = "mistral"\nmodel = "magistral"\nbase_url = "URL"\nkey_env = "SOME_KEY"',
    "vllm": 'provider = "openai"\nmodel = "m"\nbase_url = "URL"\nkey_env = "SOME_KEY"\neffort = "low"',
    "vllm_plain": 'provider = "openai"\nmodel = "m"\nbase_url = "URL"',
    "ollama": 'provider = "ollama"\nmodel = "qwen3:8b"\nbase_url = "URL"',
    "openrouter": 'provider = "openrouter"\nmodel = "qwen/qwen3"\nbase_url = "URL"\nkey_env = "SOME_KEY"',
    "gemini": 'provider = "gemini"\nmodel = "gemini-x"\nbase_url = "URL/v1beta/openai"\nkey_env = "SOME_KEY"',
    "cold": 'provider = "openai"\nmodel = "m"\nbase_url = "URL"\ntemperature = 0\nreply = "object"',
}


def config_of(tables: dict[str, str], url: str) -> str:
    return "\n".join(f"[judges.{name}]\n{table.replace('URL', f'{url}/{name}')}" for name, table in tables.items())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for side, word in (("a", "ALPHA"), ("b", "BETA")):
        write_jsonl(tmp_path / f"{side}.jsonl", [{"id": 1, "question": "Which?", "trace": f"{word} thinks it over"}])
    return tmp_path


def compare(
    folder: Path, *judges: str, code: int = 0, more: tuple[str, ...] = (), env: dict[str, str] | None = None
) -> str:
    chosen = [part for judge in judges for part in ("--judge", judge)]
    paths = ("a.jsonl", "b.jsonl", "--name", "r")
    return omr_judge("compare", *paths, *chosen, *more, cwd=folder, env=KEYS | (env or {}), code=code).stderr


def manifest(folder: Path) -> dict[str, Any]:
    made: dict[str, Any] = json.loads((folder / "runs/r/manifest.json").read_text())
    return made


def winners(folder: Path) -> dict[str, list[str]]:
    """Return what each judge said on `overall`, forward and swapped."""
    said: dict[str, list[str]] = {}
    for line in sorted(
        (folder / "runs/r/judgments.jsonl").read_text().splitlines(), key=lambda text: "swapped" in text
    ):
        judgment = json.loads(line)
        said.setdefault(judgment["judge"], []).append(judgment["result"]["verdicts"]["overall"])
    return said


def secrets_sent(asked: list[Asked]) -> set[str]:
    sent = json.dumps([call.headers for call in asked])
    return {secret for secret in KEYS.values() if secret in sent and "-" in secret}


def test_each_judge_of_the_file_is_asked_as_its_server_takes_it_and_gets_no_other_key(folder: Path) -> None:
    with FormServer() as server:
        (folder / "omr-judge.toml").write_text(config_of(TABLES, server.url))
        told = compare(folder, *TABLES)
        assert winners(folder) == {name: ["first", "second"] for name in TABLES}
        sent = {name: secrets_sent(server.of(name)) & OTHERS for name in TABLES}
    assert sent == {name: set() for name in TABLES}
    assert manifest(folder)["forms"] == {
        "bedrock": ["no form of the reply but the prompt's words"],
        "cold": ["no temperature"],
    }
    assert "cold refused a request in the usual form; it is asked with no temperature" in told
    written = "".join(path.read_text() for path in (folder / "runs/r").rglob("*.json*"))
    assert [key for name, key in KEYS.items() if "KEY" in name and key in written] == []


def test_custom_headers_of_an_sdk_go_to_its_own_providers_address_alone(folder: Path) -> None:
    custom = {
        f"{sdk}_CUSTOM_HEADERS": "X-Gate: CANARY-1\nAuthorization: Bearer CANARY-2" for sdk in ("OPENAI", "ANTHROPIC")
    }
    custom |= {"OPENAI_ORG_ID": "CANARY-3", "ANTHROPIC_AUTH_TOKEN": "CANARY-4"}
    with FormServer() as server:
        (folder / "omr-judge.toml").write_text(config_of(TABLES, server.url))
        custom["AZURE_OPENAI_ENDPOINT"] = f"{server.url}/azure"
        judges = [*TABLES, "azure:judge", f"bedrock:anthropic.claude-x@{server.url}/bedrock"]
        compare(folder, *judges, env=custom)
        assert len(server.asked) > 2 * len(TABLES)
        assert "CANARY" not in json.dumps([call.headers for call in server.asked])


def test_clouds_are_asked_by_name_with_the_credentials_of_their_own_libraries(folder: Path) -> None:
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - google-auth's
    from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    with FormServer() as server:
        account = {"type": "service_account", "project_id": "p1", "private_key_id": "1", "private_key": pem}
        account |= {"client_email": "judge@p1.example", "client_id": "1", "token_uri": f"{server.url}/google/token"}
        (folder / "account.json").write_text(json.dumps(account))
        judges = ["azure:judge", f"bedrock:anthropic.claude-x@{server.url}/bedrock"]
        judges.append(f"vertex:claude-x@{server.url}/vertex")
        env = {"AZURE_OPENAI_ENDPOINT": f"{server.url}/azure", "GOOGLE_APPLICATION_CREDENTIALS": "account.json"}
        compare(folder, *judges, env=env)
        assert [len(server.of(case)) for case in ("azure", "bedrock", "vertex")] == [2, 3, 2]
        # Without the date of an API, Azure's newest.
        env |= {"AZURE_OPENAI_ENDPOINT": f"{server.url}/azure_v1", "OPENAI_API_VERSION": ""}
        more = ("--name", "v1", "--runs", "others")
        omr_judge("compare", "a.jsonl", "b.jsonl", "--judge", judges[0], *more, cwd=folder, env=KEYS | env)
    names = [judge.partition("@")[0] for judge in judges]
    assert winners(folder) == {name: ["first", "second"] for name in names}


def test_what_a_server_refuses_by_name_is_learnt_once_and_recorded_for_the_next_start(folder: Path) -> None:
    for side, word in (("a", "ALPHA"), ("b", "BETA")):
        lines = [{"id": n, "question": f"Which of {n}?", "trace": f"{word} thinks it over"} for n in range(8)]
        write_jsonl(folder / f"{side}.jsonl", lines)
    with FormServer() as server:
        judges = [f"openai:{case}@{server.url}/{case}" for case in ("deepseek", "gemma")]
        told = compare(folder, *judges, code=6, more=("--max-calls", "20"))
        assert told.count("refused a request in the usual form") == 3
        assert [turn["role"] for turn in server.of("gemma")[-1].messages] == ["user"]
        before = len(server.asked)
        compare(folder, *judges)
        assert len(server.asked) == 32 - 20 + before
    assert {name: set(forms) for name, forms in manifest(folder)["forms"].items()} == {
        "openai:deepseek": {"json_object instead of json_schema", "text instead of lists of parts"},
        "openai:gemma": {"the system's words in the first question"},
    }
    assert {answer for answers in winners(folder).values() for answer in answers[:8]} == {"first"}


def test_an_output_limit_beyond_the_context_stops_the_run_at_once_and_names_the_option(folder: Path) -> None:
    with FormServer() as server:
        judge = f"openai:m@{server.url}/small"
        told = compare(folder, judge, code=4)
        assert "This model's maximum context length is 8192 tokens" in told
        assert "set --max-output-tokens" in told
        assert len(server.asked) <= 2
        omr_judge(
            "compare", "a.jsonl", "b.jsonl", "--judge", judge, "--max-output-tokens", "4000", cwd=folder, env=KEYS
        )


def test_known_providers_are_asked_by_name_with_their_own_key_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    with FormServer() as server:
        for name, known in PROVIDERS.items():
            if name is Provider.AZURE:
                continue
            monkeypatch.setitem(PROVIDERS, name, known._replace(base_url=f"{server.url}/known-{name}"))
            monkeypatch.setenv(known.key_variable, f"key-of-{name}")
            spec = parse_judge(f"{name}:m", JudgeOptions(max_output_tokens=77, temperature=0), say=lambda _: None)
            assert spec.name == f"{name}:m"
            ask(spec, REQUEST)
            (asked,) = server.of(f"known-{name}")
            assert asked.path == "/chat/completions"
            assert asked.headers["authorization"] == f"Bearer key-of-{name}"
            assert asked.body[known.limit] == 77
            assert asked.reply_form == {"schema": "json_schema", "object": "json_object"}[known.reply]
            elsewhere = parse_judge(f"{name}:m@{server.url}/elsewhere", JudgeOptions(), say=lambda _: None)
            ask(elsewhere, REQUEST)
        hosted = [known.key_variable for known in PROVIDERS.values() if known.needs_key]
        sent = {asked.headers["authorization"] for asked in server.of("elsewhere")}
    assert sent == {"Bearer no-key", "Bearer key-of-ollama", "Bearer key-of-lmstudio", "Bearer key-of-litellm"}
    assert len(hosted) == 7


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ('provider = "openai"\nmodel = "m"\ntemprature = 0', "judges.j.temprature: unknown field"),
        ('provider = "palm"\nmodel = "m"', "judges.j.provider: "),
        ('provider = "openai"', "judges.j.model: no model named"),
        ('provider = "openai"\nmodel = "m"\nbody = { model = "n" }', "judges.j.body: model is not yours to set"),
        ('provider = "openai"\nmodel = "m"\nheaders = { X-API-Key = "k1" }', "X-API-Key is a key"),
        ('provider = "openai"\nmodel = "m"\nheaders = { Proxy-Authorization = "k1" }', "Proxy-Authorization is a key"),
        ('provider = "openai"\nmodel = "m"\nbody = { api_key = "k1" }', "judges.j.body: api_key is a key"),
        ('provider = "local"\nreply = "tool"', "judges.j.reply: the embedded judge knows no such form"),
        ('provider = "anthropic"\nmodel = "m"\nreply = "object"', "judges.j.reply: Anthropic's API knows no such"),
        ('provider = "anthropic"\nmodel = "m"\ntemperature = 1', "judges.j.temperature: Anthropic's API takes no"),
        ('provider = "openai"\nmodel = "m"\nbase_url = "host:80"', "judges.j.base_url: not a server's address"),
        ('provider = "openai"\nmodel = "m"\nkey_env = "NO_SUCH"', "--judge j: no key: NO_SUCH is not set"),
        ('provider = "local"\neffort = "low"', "judges.j.effort: the embedded judge does not take it"),
        ("provider = ", "not TOML"),
    ],
)
def test_a_mistake_in_the_file_names_the_field(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: str, told: str
) -> None:
    (tmp_path / "omr-judge.toml").write_text(f"[judges.j]\n{table}")
    below = tmp_path / "below"
    below.mkdir()
    monkeypatch.chdir(below)
    with pytest.raises(InputError) as refused:
        parse_judge("j", JudgeOptions(), say=lambda _: None)
    assert told in str(refused.value)
    with pytest.raises(InputError, match="cannot be read"):
        parse_judge("j", JudgeOptions(config=tmp_path / "absent.toml"), say=lambda _: None)


def test_options_for_all_judges_do_not_change_one_of_the_file_unseen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "mine.toml"
    config.write_text('[judges.j]\nprovider = "ollama"\nmodel = "m"')
    monkeypatch.chdir(tmp_path)
    assert parse_judge("j", JudgeOptions(config=config), say=lambda _: None).name == "j"
    with pytest.raises(InputError, match="write temperature there"):
        parse_judge("j", JudgeOptions(temperature=0, config=config), say=lambda _: None)


@pytest.mark.parametrize(
    ("judge", "env", "told"),
    [
        ("azure:m", {"AZURE_OPENAI_API_KEY": "k"}, "AZURE_OPENAI_ENDPOINT is not set"),
        ("azure:m", {}, "AZURE_OPENAI_API_KEY is not set"),
        ("bedrock:m", {"PACKAGE": "boto3"}, "boto3 is not installed (pip install 'omr-judge[bedrock]')"),
        ("vertex:m", {"PACKAGE": "google.auth"}, "google.auth is not installed (pip install 'omr-judge[vertex]')"),
        ("groq:m", {}, "GROQ_API_KEY is not set"),
    ],
)
def test_what_a_cloud_needs_is_named_before_anything_is_asked(
    monkeypatch: pytest.MonkeyPatch, judge: str, env: dict[str, str], told: str
) -> None:
    for name in ("AZURE_OPENAI_API_KEY", "AZURE_OPENAI_ENDPOINT", "GROQ_API_KEY", "AWS_BEARER_TOKEN_BEDROCK"):
        monkeypatch.delenv(name, raising=False)
    if package := env.get("PACKAGE"):
        monkeypatch.setitem(sys.modules, package, None)
    else:
        for name, value in env.items():
            monkeypatch.setenv(name, value)
    with pytest.raises(InputError) as refused:
        parse_judge(judge, JudgeOptions(), say=lambda _: None)
    assert told in str(refused.value)


def test_a_key_that_was_not_sent_is_named_where_the_server_wants_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "for OpenAI alone")
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "azure-key-9")
    monkeypatch.chdir(tmp_path)
    with FormServer() as server:
        table = f'[judges.j]\nprovider = "openai"\nmodel = "m"\nbase_url = "{server.url}/locked"'
        (tmp_path / "omr-judge.toml").write_text(table)
        for judge, words in {
            f"openai:m@{server.url}/locked": r"no key was sent: OMR_JUDGE_API_KEY is not set",
            "j": r"no key was sent: no key_env",
            f"azure:m@{server.url}/azure_v1": r"invalid subscription key or wrong API endpoint\.$",
        }.items():
            with pytest.raises(StopRunError, match=words):
                ask(parse_judge(judge, JudgeOptions(), say=lambda _: None), REQUEST)


@pytest.mark.parametrize("judge", ["bedrock:m@https://elsewhere.example", "vertex:m@https://googleapis.com.example"])
def test_a_clouds_own_credentials_go_to_no_other_host(judge: str) -> None:
    with pytest.raises(InputError, match=r"credentials go to (amazonaws|googleapis)\.com alone"):
        parse_judge(judge, JudgeOptions(), say=lambda _: None)
    own = judge.replace("elsewhere.example", "x.amazonaws.com").replace("com.example", "com")
    assert parse_judge(own, JudgeOptions(), say=lambda _: None).endpoint


def test_a_cloud_without_credentials_stops_the_run_in_its_librarys_words(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_BEARER_TOKEN_BEDROCK", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    spec = parse_judge("bedrock:m@http://127.0.0.1:9", JudgeOptions(), say=lambda _: None)
    with pytest.raises(StopRunError, match=r"no credentials: .*Could not resolve AWS credentials"):
        ask(spec, REQUEST)
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    with pytest.raises(InputError, match="No AWS region was provided"):
        ask(spec, REQUEST)


def test_batches_are_refused_to_judges_that_answer_by_a_function(tmp_path: Path) -> None:
    (tmp_path / "omr-judge.toml").write_text('[judges.j]\nprovider = "openai"\nmodel = "m"\nreply = "tool"')
    write_jsonl(tmp_path / "a.jsonl", [{"id": 1, "question": "Which?", "trace": "t"}])
    told = omr_judge("compare", "a.jsonl", "a.jsonl", "--judge", "j", "--batch", cwd=tmp_path, env=KEYS, code=3).stderr
    assert "j takes no batches" in told
