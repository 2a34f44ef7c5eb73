"""Every kind of judge that people use is asked in the form that its server takes, each over a real socket."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from command import omr_judge, write_jsonl
from form_server import Asked, FormServer

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
    "cold": 'provider = "openai"\nmodel = "m"\nbase_url = "URL"\ntemperature = 0\nreply = "object"',
}


def config_of(tables: dict[str, str], url: str) -> str:
    return "\n".join(f"[judges.{name}]\n{table.replace('URL', f'{url}/{name}')}" for name, table in tables.items())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for side, word in (("a", "ALPHA"), ("b", "BETA")):
        write_jsonl(tmp_path / f"{side}.jsonl", [{"id": 1, "question": "Which?", "trace": f"{word} thinks it over"}])
    return tmp_path


def compare(folder: Path, *judges: str, code: int = 0, more: tuple[str, ...] = ()) -> str:
    chosen = [part for judge in judges for part in ("--judge", judge)]
    return omr_judge(
        "compare", "a.jsonl", "b.jsonl", *chosen, "--name", "r", *more, cwd=folder, env=KEYS, code=code
    ).stderr


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
