"""The command `convert`, as a process, and what follows it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from command import omr_judge, only_run, read_jsonl, report_of, write_jsonl
from provider_server import ProviderServer, longer_wins

Json = dict[str, Any]
LOW, HIGH = "The opacity is low.", "The opacity is high."


def chat(id_: str, content: str | None, **changes: Any) -> Json:  # noqa: ANN401
    message = {"role": "assistant", "content": content, "reasoning": changes.pop("reasoning", None)}
    choice = {"index": 0, "finish_reason": changes.pop("finish", "stop"), "message": message}
    body = {"model": changes.pop("model", "m-1"), "choices": [choice]}
    return {"id": "b", "custom_id": id_, "response": {"status_code": 200, "body": body}, "error": None} | changes


def anthropic(id_: str, thinking: str, text: str) -> Json:
    content = [{"type": "thinking", "thinking": thinking}, {"type": "text", "text": text}]
    message = {"model": "c-1", "content": content, "stop_reason": "end_turn"}
    return {"custom_id": id_, "result": {"type": "succeeded", "message": message}}


def sample(doc_id: int, filter_: str, *texts: str) -> Json:
    item = {"doc_id": doc_id, "doc": {"question": "Q?"}, "target": "B", "filter": filter_}
    return item | {"resps": [list(texts)], "filtered_resps": [texts[0][-1]]}


OUTPUTS = [
    chat("q1", "B", reasoning=LOW),
    chat("q2", "A plain \x1b[31mred\u202e line"),
    chat("q3", None, finish="length"),
    chat("q4", None, error={"code": "rate_limit", "message": "slow down"}),
    chat("q5", "half of it", finish="length"),
    chat("q6", "A"),
    chat("q1", "C", reasoning=HIGH),
]


def test_what_was_understood_is_told_and_no_row_is_lost(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "out.jsonl", OUTPUTS)
    told = omr_judge("convert", "out.jsonl", "--to", "t.jsonl", "--failures", "f.jsonl", cwd=tmp_path).stdout
    assert told.splitlines() == [
        "out.jsonl: batch output of OpenAI or vLLM (openai-batch), 7 rows",
        "7 rows = 4 traces + 2 without a trace (cut at the token limit before any text 1, error 1) + 1 other samples",
        "1 id with several rows: the first of each is taken (--sample N, --all-samples)",
        (
            "Model m-1: 3 of 4 traces (75.0 %) show no reasoning apart from the answer; 2 of them are bare answers "
            "(10 characters or fewer). Was thinking stripped before the file was written?"
        ),
        "Cut at the model's token limit, and kept as they are: 1 trace",
        "For example q1: <think>The opacity is low.</think>B",
        "t.jsonl: written",
    ]
    traces = read_jsonl(tmp_path / "t.jsonl")
    assert [record["id"] for record in traces] == ["q1", "q2", "q5", "q6"]
    assert traces[0] == {
        "id": "q1",
        "model": "m-1",
        "trace": f"<think>{LOW}</think>B",
        "source": {"finish_reason": "stop"},
    }
    assert read_jsonl(tmp_path / "f.jsonl") == [
        {
            "where": "out.jsonl:3",
            "id": "q3",
            "reason": "truncated",
            "detail": "",
            "model": "m-1",
            "finish_reason": "length",
        },
        {"where": "out.jsonl:4", "id": "q4", "reason": "error", "detail": "rate_limit: slow down"},
    ]


def test_the_same_numbers_come_as_json_and_nothing_reaches_the_terminal_unescaped(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "out.jsonl", OUTPUTS[1:2])
    told = omr_judge("convert", "out.jsonl", "--to", "t.jsonl", "--json", cwd=tmp_path).stdout
    assert json.loads(told) == {
        "files": [
            {"path": "out.jsonl", "format": "openai-batch", "title": "batch output of OpenAI or vLLM", "rows": 1}
        ],
        "rows": 1,
        "traces": 1,
        "without_trace": {},
        "other_filters": {},
        "other_models": {},
        "other_samples": 0,
        "bad_rows": 0,
        "filter": None,
        "repeated_ids": 0,
        "cut": {},
        "models": [
            {"model": "m-1", "traces": 1, "without_reasoning": 1, "share_without_reasoning": 1.0, "bare_answers": 0}
        ],
        "example": {"id": "q2", "trace": "A plain \x1b[31mred\u202e line"},
    }
    drawn = omr_judge("convert", "out.jsonl", "--to", "u.jsonl", cwd=tmp_path).stdout
    assert "For example q2: A plain [31mred⟨U+202E⟩ line" in drawn


def test_a_file_that_exists_or_is_read_is_not_replaced_and_an_error_leaves_nothing(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "out.jsonl", OUTPUTS)
    (tmp_path / "t.jsonl").write_text("mine")

    def refused(*args: str) -> str:
        return omr_judge("convert", "out.jsonl", *args, cwd=tmp_path, code=3).stderr

    exists = "omr-judge: t.jsonl: exists (name another file, or replace it with --force)\n"
    assert refused("--to", "t.jsonl") == exists
    assert refused("--to", "x.jsonl", "--failures", "t.jsonl") == exists
    own = "omr-judge: out.jsonl: would replace what is read (name another file)\n"
    assert refused("--to", "out.jsonl", "--force") == own
    assert "is the file of --to" in refused("--to", "x.jsonl", "--failures", "x.jsonl")
    assert "no trace among 7 rows" in refused("--to", "x.jsonl", "--sample", "3")
    broken = write_jsonl(tmp_path / "bad.jsonl", OUTPUTS)
    broken.write_text(broken.read_text() + "{\n")
    told = omr_judge("convert", "bad.jsonl", "--to", "t.jsonl", "--force", cwd=tmp_path, code=3).stderr
    assert told.startswith("omr-judge: bad.jsonl:8: broken JSON")
    assert (tmp_path / "t.jsonl").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.jsonl", "out.jsonl", "t.jsonl"]
    omr_judge("convert", "out.jsonl", "--to", "t.jsonl", "--force", cwd=tmp_path)
    assert len(read_jsonl(tmp_path / "t.jsonl")) == 4


def test_a_file_of_traces_holds_one_model_which_the_option_chooses_or_names(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "out.jsonl", [chat("q1", "one"), chat("q1", "two", model="m-2")])
    several = omr_judge("convert", "out.jsonl", "--to", "t.jsonl", "--all-samples", cwd=tmp_path, code=3).stderr
    assert several == "omr-judge: out.jsonl: traces of several models: 'm-1', 'm-2' (choose one with --model)\n"
    none = omr_judge("convert", "out.jsonl", "--to", "t.jsonl", "--model", "m", cwd=tmp_path, code=3).stderr
    assert none == "omr-judge: --model m: no row is of it (found: 'm-1', 'm-2')\n"
    told = omr_judge("convert", "out.jsonl", "--to", "t.jsonl", "--model", "m-2", cwd=tmp_path).stdout
    assert "2 rows = 1 trace + 1 of other models (m-1 1)" in told
    assert [(one["trace"], one["model"]) for one in read_jsonl(tmp_path / "t.jsonl")] == [("two", "m-2")]
    write_jsonl(tmp_path / "own.jsonl", [{"id": 1, "output": "x"}])
    told = omr_judge("convert", "own.jsonl", "--to", "u.jsonl", cwd=tmp_path).stdout
    assert "Model not named (--model): 1 of 1 trace (100.0 %)" in told
    omr_judge("convert", "own.jsonl", "--to", "v.jsonl", "--model", "mine", cwd=tmp_path)
    assert read_jsonl(tmp_path / "v.jsonl") == [{"id": "1", "model": "mine", "trace": "x"}]


def test_lm_evals_outputs_are_taken_once_and_repeats_on_request(tmp_path: Path) -> None:
    rows = [sample(n, filter_, f"{n} A", f"{n} B") for filter_ in ("strict", "flexible") for n in (1, 2)]
    write_jsonl(tmp_path / "samples.jsonl", rows)
    told = omr_judge("convert", "samples.jsonl", "--to", "t.jsonl", cwd=tmp_path).stdout
    assert "8 rows = 2 traces + 4 of other filters (flexible 4) + 2 other samples" in told
    assert "Of each output the rows of filter strict are taken; others: flexible (--filter)" in told
    assert [one["trace"] for one in read_jsonl(tmp_path / "t.jsonl")] == ["1 A", "2 A"]
    told = omr_judge(
        "convert", "samples.jsonl", "--to", "u.jsonl", "--filter", "flexible", "--sample", "2", cwd=tmp_path
    ).stdout
    assert "2 ids with several rows: number 2 of each is taken" in told
    assert [one["trace"] for one in read_jsonl(tmp_path / "u.jsonl")] == ["1 B", "2 B"]
    told = omr_judge("convert", "samples.jsonl", "--to", "v.jsonl", "--all-samples", cwd=tmp_path).stdout
    assert "each row is taken, as id#1, id#2 ..." in told
    assert [one["id"] for one in read_jsonl(tmp_path / "v.jsonl")] == ["1#1", "1#2", "2#1", "2#2"]
    wrong = omr_judge("convert", "samples.jsonl", "--to", "w.jsonl", "--filter", "x", cwd=tmp_path, code=3).stderr
    assert wrong == "omr-judge: --filter x: no row is of it (found: 'strict', 'flexible')\n"


def test_files_are_joined_unless_an_id_is_in_two_of_them(tmp_path: Path) -> None:
    for number in (1, 2):
        write_jsonl(tmp_path / f"{number}.jsonl", [sample(number, "none", f"text {number}")])
    omr_judge("convert", "1.jsonl", "2.jsonl", "--to", "t.jsonl", cwd=tmp_path)
    assert [one["id"] for one in read_jsonl(tmp_path / "t.jsonl")] == ["1", "2"]
    told = omr_judge("convert", "1.jsonl", "2.jsonl", "1.jsonl", "--to", "u.jsonl", cwd=tmp_path, code=3).stderr
    assert told.startswith("omr-judge: 1.jsonl:1: id '1' is in 1.jsonl too (convert such files one by one")
    stdin = json.dumps({"id": 1, "trace": "x", "image": ["y.png", "/z.png", "https://a/b", None]})
    omr_judge("convert", "-", "--to", "v.jsonl", cwd=tmp_path, stdin=stdin)
    assert read_jsonl(tmp_path / "v.jsonl")[0]["image"] == [str(tmp_path / "y.png"), "/z.png", "https://a/b", None]


def test_a_file_of_errors_alone_gives_no_file_of_traces(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "errors.jsonl", OUTPUTS[3:4])
    told = omr_judge("convert", "errors.jsonl", "--to", "t.jsonl", cwd=tmp_path, code=3).stderr
    assert told == "omr-judge: errors.jsonl: no trace among 1 rows: error 1 (nothing written)\n"


def test_two_files_of_generators_are_compared_as_they_are(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "a.out", [chat(f"q{n}", "B", reasoning=LOW) for n in range(3)])
    write_jsonl(tmp_path / "b.out", [anthropic(f"q{n}", HIGH, "A") for n in range(3)])
    write_jsonl(tmp_path / "items.jsonl", [{"id": f"q{n}", "question": "Where?", "answer": "B"} for n in range(3)])
    with ProviderServer(longer_wins) as server:
        judge = ("--judge", f"openai:judge-1@{server.url}/v1", "--items", "items.jsonl")
        env = {"OPENAI_API_KEY": "k"}
        told = omr_judge("compare", "a.out", "b.out", *judge, "--max-failures", "1", cwd=tmp_path, env=env).stderr
        assert "Note: a.out: batch output of OpenAI or vLLM, converted in passing: 3 rows = 3 traces" in told
        asked = server.calls[0].user
    assert f"{LOW}\n\nFinal answer: B" in asked
    assert f"{HIGH}\n\nFinal answer: A" in asked
    assert "<think>" not in asked
    assert report_of(only_run(tmp_path))["models"] == {"a": "m-1", "b": "c-1"}
