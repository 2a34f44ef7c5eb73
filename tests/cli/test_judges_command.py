"""`omr-judge judges` lists what can be asked, and `judges check` says what a server does with it."""

from __future__ import annotations

from pathlib import Path

import pytest
from command import omr_judge
from form_server import FormServer
from provider_server import Answer, Call, ProviderServer


def check(folder: Path, judge: str, code: int = 0) -> dict[str, str]:
    """Return what is said of each kind of call, by its name."""
    env = {"COLUMNS": "300", "DEEPSEEK_API_KEY": "k"}
    lines = omr_judge("judges", "check", judge, cwd=folder, env=env, code=code).stdout.splitlines()
    return {line.split("  ")[0].strip(): " ".join(line.split("  ")[1:]).strip() for line in lines}


def test_the_list_names_the_files_judges_and_the_providers_with_their_keys(tmp_path: Path) -> None:
    (tmp_path / "omr-judge.toml").write_text(
        '[judges.qwen]\nprovider = "openai"\nmodel = "Qwen/Qwen3-32B"\nbase_url = "http://gpu1:8000/v1"\n'
        'key_env = "QWEN_KEY"\nreply = "text"\n[judges.mine]\nprovider = "local"\nmodel = "mine.gguf"\n'
        '[judges.arena]\nprovider = "ollama"\nmodel = "m"\nprompt = "pairwise-brackets.v1"\n'
    )
    told = omr_judge("judges", cwd=tmp_path, env={"QWEN_KEY": "k1"}).stdout
    assert "the embedded model mine.gguf" in told
    assert "brackets" in told
    assert "local:REPO/FILE.gguf" in told
    assert "openai:Qwen/Qwen3-32B at http://gpu1:8000/v1" in told
    assert "QWEN_KEY (set)" in told
    assert "DEEPSEEK_API_KEY (not set)" in told
    assert "bedrock:MODEL" in told


def test_a_check_says_what_works_and_what_the_server_ignores(tmp_path: Path) -> None:
    with FormServer() as server:
        kept = check(tmp_path, f"openai:m@{server.url}/obedient")
        assert kept["reply = schema"].endswith("a verdict")
        assert "yes" in kept["a limit of 16 tokens"]
        assert kept["reply = tool"].startswith("yes")
        assert "the schema was ignored" in kept["reply = tool"]
        assert kept["reply = letter"].startswith("no")
        assert "none of the letters A, B and C" in kept["reply = letter"]
        ignored = check(tmp_path, f"openai:m@{server.url}/plain")
        assert "the schema was ignored" in ignored["reply = schema"]
        assert "ignored: the reply ended with stop" in ignored["a limit of 16 tokens"]
        assert "two replies are the same" in ignored["a seed"]
        learnt = check(tmp_path, f"openai:m@{server.url}/gemma")
        assert "refused, asked with the system's words in the first question" in learnt["reply = schema"]
        assert learnt["Cost of the check: unknown."] == ""


def test_a_check_asks_by_the_judges_own_prompt_first(tmp_path: Path) -> None:
    with FormServer() as server:
        table = f'[judges.j]\nprovider = "openai"\nmodel = "m"\nbase_url = "{server.url}/CASE"\nprompt = "PROMPT.v1"\n'
        for case, prompt in (("arena", "pairwise-brackets"), ("lettered", "pairwise-letter")):
            (tmp_path / "omr-judge.toml").write_text(table.replace("CASE", case).replace("PROMPT", prompt))
            checked = check(tmp_path, "j")
            assert checked["its own prompt"].startswith("yes")
            assert checked["reply = tool"].startswith("no")


@pytest.mark.parametrize(("judge", "words"), [("openai:m@URL/azure_v1", "Resource not found")])
def test_a_judge_that_cannot_be_asked_is_an_error_in_the_servers_words(tmp_path: Path, judge: str, words: str) -> None:
    with FormServer() as server:
        told = check(tmp_path, judge.replace("URL", server.url), code=4)
    assert words in told["reply = schema"]


@pytest.mark.slow
def test_the_embedded_judge_can_be_checked_too(tmp_path: Path) -> None:
    told = check(tmp_path, "local", code=0)
    assert told["reply = schema"].startswith("yes")
    assert told["a limit of 16 tokens"].endswith("kept")
    assert "Cost of the check: $0.00." in told


def test_a_check_of_a_server_that_is_not_there_ends_at_once(tmp_path: Path) -> None:
    told = check(tmp_path, "openai:m@http://127.0.0.1:9/v1", code=4)
    assert told["reply = schema"].startswith("no")
    assert "a seed" not in told
    assert "Cost of the check: $0.00." in told


def test_a_check_counts_the_first_of_two_replies_where_the_second_is_refused(tmp_path: Path) -> None:
    def script(call: Call) -> Answer:
        if call.body.get("seed") is None:
            return Answer("I like both.")
        asked.append(call)
        return Answer("123456789012") if len(asked) == 1 else Answer(status=400, error={"message": "Invalid 'x'."})

    asked: list[Call] = []
    with ProviderServer(script) as server:
        told = check(tmp_path, f"openai:m@{server.url}/v1", code=4)
    works, tokens_in, tokens_out, *words = told["a seed"].split()
    assert works == "no"
    assert int(tokens_in) > 0
    assert int(tokens_out) > 0
    assert "Invalid 'x'." in " ".join(words)


def test_a_check_tells_nothing_of_a_server_by_what_is_no_reply(tmp_path: Path) -> None:
    with ProviderServer(lambda _: Answer(fault="garbage")) as server:
        told = check(tmp_path, f"openai:m@{server.url}/v1", code=4)
    assert told["a limit of 16 tokens"].endswith("cannot be told: unusable")
    assert told["a seed"].endswith("cannot be told: unusable")
    assert "Cost of the check: unknown." in told
