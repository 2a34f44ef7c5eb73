"""A panel from one `omr-judge.toml`: each judge with a body, headers, a key, a prompt and a reply form of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command import omr_judge, write_jsonl
from form_server import FormServer
from judges.test_provider_forms import KEYS, compare, folder, manifest, secrets_sent, winners

from judge.errors import InputError
from judge.judges.judge_options import JudgeOptions
from judge.judges.registry import parse_judge

__all__ = ["folder"]
PROMPTS = Path(__file__).parents[2] / "prompts"
PANEL = """
[judges.prometheus]
provider = "openai"
model = "prometheus-7b"
base_url = "URL/prometheus"
key_env = "SOME_KEY"
headers = { x-portkey-provider = "openai" }
prompt = "feedback.md"
max_output_tokens = 500

[judges.arena]
provider = "openai"
model = "arena-hard"
base_url = "URL/arena"
key_env = "AZURE_KEY"
body = { chat_template_kwargs = { enable_thinking = true }, top_k = 1 }
prompt = "pairwise-brackets.v1"
temperature = 0
system_role = false

[judges.claude]
provider = "vertex"
model = "claude-x"
base_url = "URL/vertex"
key_env = "GOOGLE_TOKEN"
effort = "low"

[judges.caller]
provider = "openai"
model = "m"
base_url = "URL/caller"
headers = { X-Team = "judges", x-gateway-key = "$PORTKEY_KEY" }
reply = "tool"
"""
CHANGES = {
    "arena": [
        ("enable_thinking = true", "enable_thinking = false", 'true}, "top_k": 1}', 'false}, "top_k": 1}'),
        ("temperature = 0", "temperature = 0.5", "temperature (was 0.0, is now 0.5)", ""),
        ("temperature = 0", "", "temperature (was 0.0, is now not set)", ""),
        ("system_role = false", "", "system_role (was false, is now true)", ""),
        ('model = "arena-hard"', 'model = "arena-soft"', 'model (was "arena-hard", is now "arena-soft")', ""),
        ('prompt = "pairwise-brackets.v1"', "", "prompt (was ", "is now not set)"),
    ],
    "prometheus": [
        ("max_output_tokens = 500", "", "max_output_tokens (was 500, is now 8192)", ""),
        (
            '= "openai" }',
            '= "groq" }',
            'headers (was {"x-portkey-provider": "openai"}',
            '{"x-portkey-provider": "groq"}',
        ),
        ("feedback.md", "pairwise-result.v1", "Be brief. You are an", "You are an impartial"),
    ],
    "caller": [('reply = "tool"', "", 'reply (was "tool", is now "schema")', "")],
    "claude": [('effort = "low"', "", 'effort (was "low", is now not set)', "")],
}
"""of a judge's table: what becomes what, and what the refusal says of it"""


def write_panel(folder: Path, url: str, *, judge: str = "", old: str = "", new: str = "") -> None:
    """Write the file of judges, with one change in the table of one judge."""
    tables = PANEL.split("\n\n")
    changed = [table.replace(old, new) if f"judges.{judge}]" in table else table for table in tables]
    assert not judge or changed != tables
    (folder / "omr-judge.toml").write_text("\n\n".join(changed).replace("URL", url))


@pytest.fixture
def panel(folder: Path) -> Path:
    shipped = (PROMPTS / "pairwise-result.v1.md").read_text(encoding="utf-8")
    (folder / "feedback.md").write_text(shipped.replace("You are an", "Be brief. You are an", 1))
    return folder


def test_a_panel_of_forms_prompts_bodies_headers_and_keys_is_judged_and_refuses_a_changed_table(panel: Path) -> None:
    judges = ("prometheus", "arena", "claude", "caller")
    with FormServer() as server:
        write_panel(panel, server.url)
        told = compare(panel, *judges, code=6, more=("--max-calls", "2"))
        assert "the replies of prometheus, arena hold one verdict: the rubric is overall.v1" in told
        for judge, changes in CHANGES.items():
            for old, new, *words in changes:
                write_panel(panel, server.url, judge=judge, old=old, new=new)
                told = omr_judge("resume", "r", cwd=panel, env=KEYS, code=3).stderr
                assert f"judge {judge} has changed since the run began: " in told
                assert [word for word in words if word not in told] == []
        write_panel(panel, server.url, judge="caller", old='reply = "tool"', new='reply = "text"')
        again = compare(panel, *judges, code=3)
        assert 'begun with reply (was "tool", is now "text") in the settings of caller' in again
        # Addresses and the names of keys decide nothing: the run goes on with those of the table.
        write_panel(panel, server.url, judge="arena", old='"AZURE_KEY"', new='"SOME_KEY"')
        before = len(server.of("arena"))
        omr_judge("resume", "r", cwd=panel, env=KEYS)
        calls = {case: server.of(case) for case in ("prometheus", "arena", "vertex", "caller")}
    assert winners(panel) == {judge: ["first", "second"] for judge in judges}
    sent = {case: secrets_sent(asked) for case, asked in calls.items()}
    assert sent["prometheus"] == {"some-key-1"}
    assert sent["vertex"] == {"google-token"}
    assert sent["caller"] == {"portkey-1"}
    assert secrets_sent(calls["arena"][before:]) <= {"some-key-1"}
    assert {call.headers["x-team"] for call in calls["caller"]} == {"judges"}
    assert {call.headers["x-portkey-provider"] for call in calls["prometheus"]} == {"openai"}
    assert all(call.body["chat_template_kwargs"] == {"enable_thinking": True} for call in calls["arena"])
    assert [turn["role"] for turn in calls["arena"][-1].messages] == ["user"]
    assert "Be brief." in calls["prometheus"][-1].messages[0]["content"]
    written = "".join(path.read_text() for path in (panel / "runs/r").rglob("*.json*"))
    assert [key for name, key in KEYS.items() if "KEY" in name and key in written] == []
    proven = json.loads(omr_judge("verify", "r", "--json", cwd=panel).stdout)
    assert (proven["problems"], proven["n_read_again"]) == ([], proven["n_requests"])
    assert manifest(panel)["rubric"]["name"] == "overall"
    assert "exactly the form asked for" in manifest(panel)["repair"]
    report = json.loads((panel / "runs/r/report.json").read_text())
    assert report["prompt"] == (
        "pairwise-result.v1 (prometheus), pairwise-brackets.v1 (arena), pairwise.v1 (claude, caller)"
    )


def test_a_prompt_with_one_verdict_is_refused_for_several_criteria_and_where_no_pairs_are_compared(panel: Path) -> None:
    write_panel(panel, "http://127.0.0.1:9")
    told = compare(panel, "arena", code=3, more=("--rubric", "openmedreason.v1"))
    assert "--rubric openmedreason.v1: has 4 criteria, and the replies of arena hold one verdict" in told
    refused = omr_judge("score", "a.jsonl", "--judge", "arena", cwd=panel, env=KEYS, code=3).stderr
    assert "its prompt compares pairs" in refused


def test_a_named_judge_of_a_contestants_family_is_warned_about_by_its_model(folder: Path) -> None:
    for side in ("a", "b"):
        lines = [json.loads(line) for line in (folder / f"{side}.jsonl").read_text().splitlines()]
        write_jsonl(folder / f"{side}.jsonl", [{**line, "model": {"a": "Qwen3-4B", "b": "m"}[side]} for line in lines])
    with FormServer() as server:
        table = f'[judges.strict]\nprovider = "openai"\nmodel = "Qwen/Qwen3-32B"\nbase_url = "{server.url}/plain"\n'
        (folder / "omr-judge.toml").write_text(table)
        compare(folder, "strict")
    warnings = json.loads((folder / "runs/r/report.json").read_text())["warnings"]
    assert "Judge strict and model a (Qwen3-4B) are both of the Qwen family" in str(warnings)


@pytest.mark.slow
def test_the_runs_own_prompt_may_ask_for_such_a_reply_of_any_judge(folder: Path) -> None:
    with FormServer() as server:
        for form, case in (("brackets", "arena"), ("result", "prometheus"), ("letter", "lettered")):
            judge = f"openai:m@{server.url}/{case}"
            paths = ("a.jsonl", "b.jsonl", "--judge", judge, "--prompt", f"pairwise-{form}.v1", "--name", form)
            omr_judge("compare", *paths, cwd=folder, env=KEYS)
            lines = (folder / "runs" / form / "judgments.jsonl").read_text().splitlines()
            said = {line["order"]: line["result"]["verdicts"] for line in map(json.loads, lines)}
            assert said == {"forward": {"overall": "first"}, "swapped": {"overall": "second"}}
            shown = omr_judge("show-prompt", *paths[:6], "--item", "1", cwd=folder, env=KEYS).stdout
            assert f"=== reply: {form}" in shown
            assert omr_judge("show", form, "1", cwd=folder, env=KEYS).stdout


def test_a_letter_is_read_where_the_table_says_so(folder: Path) -> None:
    own = (PROMPTS / "pairwise-letter.v1.md").read_text(encoding="utf-8").replace('reply = "letter"\n', "")
    (folder / "own.md").write_text(own)
    with FormServer() as server:
        table = f'[judges.j]\nprovider = "openai"\nmodel = "m"\nbase_url = "{server.url}/lettered"\nreply = "letter"\n'
        (folder / "omr-judge.toml").write_text(table + 'prompt = "own.md"')
        compare(folder, "j")
    assert winners(folder) == {"j": ["first", "second"]}


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ('reply = "letter"', "judges.j.reply: a prompt has to ask for one letter"),
        ('reply = "tool"\nprompt = "pairwise-letter.v1"', "judges.j.reply: prompt pairwise-letter.v1 asks for letter"),
        (
            'reply = "letter"\nprompt = "pairwise-result.v1"',
            "judges.j.reply: prompt pairwise-result.v1 asks for result",
        ),
        ('prompt = "none.md"', "none.md: cannot be read"),
        (
            'prompt = "odd.md"',
            "odd.md: front matter: unknown reply 'stars' (known are schema, brackets, result, letter, answers)",
        ),
        ('prompt = "none"', "none: no such prompt"),
    ],
)
def test_a_prompt_and_a_reply_that_do_not_fit_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: str, told: str
) -> None:
    (tmp_path / "omr-judge.toml").write_text(f'[judges.j]\nprovider = "ollama"\nmodel = "m"\n{table}')
    odd = (PROMPTS / "pairwise-letter.v1.md").read_text(encoding="utf-8").replace('reply = "letter"', 'reply = "stars"')
    (tmp_path / "odd.md").write_text(odd)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as refused:
        parse_judge("j", JudgeOptions(), say=lambda _: None)
    assert told in str(refused.value)


def test_a_judge_whose_table_is_gone_does_not_go_on(panel: Path) -> None:
    with FormServer() as server:
        write_panel(panel, server.url)
        compare(panel, "prometheus", code=6, more=("--max-calls", "1"))
        (panel / "omr-judge.toml").write_text("")
        assert "judge prometheus is gone" in omr_judge("resume", "r", cwd=panel, env=KEYS, code=3).stderr
        # Without the file at all, the run folder says everything but the keys.
        (panel / "omr-judge.toml").unlink()
        omr_judge("resume", "r", cwd=panel, env=KEYS)
    assert winners(panel) == {"prometheus": ["first", "second"]}
