from __future__ import annotations

import gzip
import hashlib
import json
import os
import random
import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from command import at_once, omr_judge, only_run, read_jsonl, report_of, start, wait_until, write_jsonl
from PIL import Image
from provider_server import Answer, Call, ProviderServer, content_judge, traces_of, verdicts_for
from recount import Recording, recount, reported

MODEL_A, MODEL_B = "vendor/alpha-70b", "vendor/beta-8b"
CRITERIA = ["perception", "knowledge", "rationale", "overall"]
OPENAI_KEY, ANTHROPIC_KEY = "sk-test-4f1d0e7a9b", "sk-ant-test-77c1b2"
WORDS = ["fever", "murmur", "therefore", "lesion", "dose"]
Texts = dict[str, tuple[str, str]]
"""the traces of a and b by item"""


def item(number: int) -> dict[str, Any]:
    return {
        "id": f"q{number}",
        "question": f"Question {number}: which drug?",
        "options": {"A": f"drug {number}", "B": "no drug"},
        "answer": "A",
        "reference_reasoning": f"Fact {number} of the textbook decides.",
    }


def trace(side: str, number: int) -> str:
    words = random.Random(f"{side} {number}").choices(WORDS, k=8 + number % 5)  # noqa: S311 - the same each time
    return f"{side} reads case {number}: {' '.join(words)}."


def records(n: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the records of both models."""
    a = [item(number) | {"trace": trace("Left", number), "model": MODEL_A} for number in range(n)]
    b = [item(number) | {"trace": trace("Right", number), "model": MODEL_B} for number in range(n)]
    return a, b


def write_pairs(folder: Path, n: int, *, identical: int = 0) -> Texts:
    """Write a.jsonl and b.jsonl, the last items with identical traces; return the texts of the others."""
    a, b = records(n)
    for number in range(n - identical, n):
        b[number]["trace"] = a[number]["trace"]
    write_jsonl(folder / "a.jsonl", a)
    write_jsonl(folder / "b.jsonl", b)
    return {one["id"]: (one["trace"], other["trace"]) for one, other in zip(a[: n - identical], b, strict=False)}


def judge(server: ProviderServer, model: str = "m") -> tuple[str, str]:
    return "--judge", f"openai:{model}@{server.url}/v1"


def rows(drawn: str) -> dict[str, list[list[str]]]:
    """Read the cells of every table row by criterion: rates (without bars) first, then the judge's, then the strata."""
    found: dict[str, list[list[str]]] = {}
    lines = drawn.splitlines()
    for line in lines[next(n for n, one in enumerate(lines) if one.startswith("criterion")) + 1 :]:
        if not line:
            break
        name, *cells = "".join(" " if sign in "━●┊" else sign for sign in line).split()
        found[name] = [cells]
    for line in lines:
        if line.startswith("│"):
            name, *cells = [cell.strip() for cell in line.strip("│").split("│")]
            found.setdefault(name, []).append(cells)
    return found


def calls_by_item(calls: list[Call], texts: Texts) -> dict[str, list[str]]:
    """Return the orders in which each item was asked, by its traces."""
    asked: dict[str, list[str]] = {name: [] for name in texts}
    for call in calls:
        first, second = traces_of(call)
        for name, (a, b) in texts.items():
            if {first, second} == {a, b}:
                asked[name].append("forward" if first == a else "swapped")
    return asked


# What a comparison reports


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_a_comparison_reports_what_its_judge_answered_in_both_orders_and_asks_nothing_twice(
    tmp_path: Path, provider: str
) -> None:
    texts = write_pairs(tmp_path, 13, identical=1)
    script = Recording(content_judge)
    with ProviderServer(script) as server:
        if provider == "openai":
            named, env = list(judge(server)), {"OMR_JUDGE_API_KEY": OPENAI_KEY}
        else:
            named = ["--judge", "anthropic:m", "--name", "first"]
            env = {"ANTHROPIC_API_KEY": ANTHROPIC_KEY, "ANTHROPIC_BASE_URL": server.url}
        command = ("compare", "a.jsonl", "b.jsonl", *named)
        first = omr_judge(*command, cwd=tmp_path, env=env)
        again = omr_judge(*command, "--json", cwd=tmp_path, env=env)
    run = only_run(tmp_path)
    full = omr_judge("report", run, "--full", cwd=tmp_path).stdout

    asked = calls_by_item(server.calls, texts)
    assert {name: sorted(orders) for name, orders in asked.items()} == {name: ["forward", "swapped"] for name in texts}
    for call in server.calls:
        secrets = f"{call.headers.get('authorization')} {call.headers.get('x-api-key')}"
        assert (OPENAI_KEY if provider == "openai" else ANTHROPIC_KEY) in secrets
        assert "of the textbook decides" in call.user
        assert "Reference answer: A" in call.user
        assert MODEL_A not in str(call.body)
        assert MODEL_B not in str(call.body)

    report = report_of(run)
    counts = recount(script.answered, texts)
    assert list(report["criteria"]) == CRITERIA
    for name in CRITERIA:
        expected = counts[name].expected(identical=1)
        assert reported(report["criteria"][name]) == expected
        rate, believed, _ = rows(full)[name]
        assert float(rate[0].split()[0]) == pytest.approx(100 * expected["win_rate"][0], abs=0.051)
        assert float(rate[3]) == pytest.approx(expected["win_rate"][0] * expected["win_rate"][1], abs=1e-4)
        assert [int(cell) for cell in rate[4:9]] == [
            expected[count] for count in ("wins_a", "ties", "wins_b", "splits", "missing")
        ]
        assert float(believed[0].split()[2]) == pytest.approx(100 * expected["consistency"][0], abs=0.051)
    assert report["models"] == {"a": MODEL_A, "b": MODEL_B}
    assert report["judges"] == [f"{provider}:m"]
    assert {name: report[name] for name in ("schema_version", "n_items", "n_judgments", "n_failed", "n_identical")} == {
        "schema_version": 2,
        "n_items": 13,
        "n_judgments": 24,
        "n_failed": 0,
        "n_identical": 1,
    }
    if provider == "openai":
        assert omr_judge("report", "latest", cwd=tmp_path).stdout == first.stdout
    assert again.stdout.encode() == (run / "report.json").read_bytes()
    assert "13 items, 24 judgments, 0 failed" in first.stdout

    check_run_folder(run, tmp_path, script)


def check_run_folder(run: Path, inputs: Path, script: Recording) -> None:
    """Check what a run of a.jsonl and b.jsonl leaves behind."""
    assert {"manifest.json", "pairs.jsonl", "judgments.jsonl", "report.json"} <= {path.name for path in run.iterdir()}
    for path in run.iterdir():
        assert OPENAI_KEY.encode() not in path.read_bytes()
        assert ANTHROPIC_KEY.encode() not in path.read_bytes()

    manifest = json.loads((run / "manifest.json").read_bytes())
    hashes = {file["role"]: file["sha256"] for file in manifest["inputs"]}
    for name in ("a", "b"):
        assert hashes[name] == hashlib.sha256((inputs / f"{name}.jsonl").read_bytes()).hexdigest()
    assert manifest["command"][1:4] == ["compare", "a.jsonl", "b.jsonl"]

    judgments = read_jsonl(run / "judgments.jsonl")
    assert len({judgment["key"] for judgment in judgments}) == len(judgments) == len(script.answered)
    answers = {f"req_{call.number:06d}": answer.text for call, answer in script.answered}
    for judgment in judgments:
        reply = judgment["reply"]
        assert reply["text"] == answers.pop(reply["request_id"])
        assert {name: given["verdict"] for name, given in json.loads(reply["text"]).items()} == judgment["result"][
            "verdicts"
        ]
        assert reply["usage"]["input"] > 0
        assert reply["usage"]["output"] > 0
        assert judgment["latency_s"] >= 0
        assert judgment["time"].startswith("20")
    assert answers == {}


def test_one_order_three_samples_and_two_judges_ask_each_item_in_one_order_exactly_balanced(tmp_path: Path) -> None:
    texts = write_pairs(tmp_path, 10)
    with ProviderServer(content_judge) as server:
        both_judges = (*judge(server, "m1"), *judge(server, "m2"))
        omr_judge(
            "compare", "a.jsonl", "b.jsonl", *both_judges, "--orders", "one", "--samples", "3", "-q", cwd=tmp_path
        )
    by_model = {
        model: calls_by_item([call for call in server.calls if call.body["model"] == model], texts)
        for model in ("m1", "m2")
    }
    assert by_model["m1"] == by_model["m2"]
    assert all(len(orders) == 3 and len(set(orders)) == 1 for orders in by_model["m1"].values())
    assert Counter(orders[0] for orders in by_model["m1"].values()) == {"forward": 5, "swapped": 5}
    report = report_of(only_run(tmp_path))
    assert (report["n_judgments"], report["n_not_asked"], report["samples"], report["orders"]) == (60, 0, 3, "one")
    assert report["criteria"]["overall"]["win_rate"]["n"] == 10
    assert len({judgment["key"] for judgment in read_jsonl(only_run(tmp_path) / "judgments.jsonl")}) == 60


def test_each_judge_of_a_panel_is_reported_alone_and_the_panel_averages_them(tmp_path: Path) -> None:
    texts = write_pairs(tmp_path, 8)

    def opposed(call: Call) -> Answer:
        """For a in both orders if the model is the first judge's, for b if it is the second's."""
        for_a = call.body["model"] == "for-a"
        a_first = traces_of(call)[0].startswith("Left")
        return Answer(verdicts_for(call.schema or {}, "first" if a_first == for_a else "second"))

    script = Recording(opposed)
    with ProviderServer(script) as server:
        omr_judge("compare", "a.jsonl", "b.jsonl", *judge(server, "for-a"), *judge(server, "for-b"), cwd=tmp_path)
    report = report_of(only_run(tmp_path))
    for model in ("for-a", "for-b"):
        counts = recount(script.of_judge(model), texts)
        for name in CRITERIA:
            assert reported(report["by_judge"][f"openai:{model}"][name]) == counts[name].expected()
    alone = [report["by_judge"][f"openai:{model}"]["overall"]["win_rate"]["estimate"] for model in ("for-a", "for-b")]
    assert alone == [1.0, 0.0]
    assert report["criteria"]["overall"]["win_rate"]["estimate"] == 0.5
    assert report["criteria"]["overall"]["ties"] == 8


# What the judge is shown


@dataclass(frozen=True)
class Finished:
    """A run that is complete, its folder, and what its server was asked."""

    folder: Path
    run: Path
    server: ProviderServer
    calls: tuple[Call, ...]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Finished]:
    folder = tmp_path_factory.mktemp("finished")
    write_pairs(folder, 6)
    with ProviderServer(content_judge) as server:
        omr_judge("compare", "a.jsonl", "b.jsonl", *judge(server), "--name", "one", cwd=folder)
        yield Finished(folder, folder / "runs" / "one", server, tuple(server.calls))


def test_show_prompt_prints_what_the_judge_then_received(finished: Finished) -> None:
    asked = len(finished.server.calls)
    show = partial(omr_judge, "show-prompt", "a.jsonl", "b.jsonl", "--item", "q3", *judge(finished.server))
    shown = at_once(partial(show, cwd=finished.folder), partial(show, "--order", "swapped", cwd=finished.folder))
    for order, leading, output in zip(("forward", "swapped"), ("Left", "Right"), shown, strict=True):
        (call,) = [call for call in finished.calls if traces_of(call)[0] == trace(leading, 3)]
        (judgment,) = [
            line
            for line in read_jsonl(finished.run / "judgments.jsonl")
            if (line["item"], line["order"]) == ("q3", order)
        ]
        system, user = call.body["messages"]
        shared, traces = (part["text"] for part in user["content"])
        schema = json.dumps(call.schema, indent=2, ensure_ascii=False)
        assert output.stdout == (
            f"=== system (judge openai:m, key {judgment['key']})\n{system['content']}\n"
            f"=== user\n{shared}\n\n{traces}\n=== reply schema\n{schema}\n"
        )
    assert len(finished.server.calls) == asked


def test_hidden_references_and_answers_never_reach_the_judge(tmp_path: Path) -> None:
    a, b = records(4)
    for record in a + b:
        record["trace"] += " So the final answer is A."
        record["model_answer"] = "A"
    write_jsonl(tmp_path / "a.jsonl", a)
    write_jsonl(tmp_path / "b.jsonl", b)
    with ProviderServer(content_judge) as server:
        quiet = omr_judge(
            "compare", "a.jsonl", "b.jsonl", *judge(server), "--hide-reference", "--hide-answers", "-q", cwd=tmp_path
        )
    assert quiet.stderr == ""
    assert len(server.calls) == 8
    for call in server.calls:
        assert "of the textbook" not in call.user
        assert "Reference answer" not in call.user
        assert "nswer is A" not in call.user
        assert "Final answer" not in call.user
        assert "which drug?" in call.user


def test_a_prompt_and_a_rubric_of_ones_own_are_used(tmp_path: Path) -> None:
    write_pairs(tmp_path, 3)
    (tmp_path / "mine.md").write_text(
        '+++\nname = "mine"\nversion = 7\ndescription = "short"\n+++\n'
        "# System\nWeigh: {% for c in criteria %}{{ c.name }} ({{ c.definition }}; {{ c.tie }}). {% endfor %}.\n"
        "# Item\nQ: {{ question }}\n"
        "# Traces\n<trace-1-{{ tag }}>\n{{ trace_1 }}\n</trace-1-{{ tag }}>\n"
        "<trace-2-{{ tag }}>\n{{ trace_2 }}\n</trace-2-{{ tag }}>\n"
    )
    criterion = '[[criterion]]\nname = "{}"\ntitle = "{}"\ndefinition = "is it {}"\ntie = "equally {}"\n'
    (tmp_path / "mine.toml").write_text(
        'name = "two"\nversion = 3\ndescription = "d"\n'
        + "".join(criterion.format(name, name, name, name) for name in ("safe", "overall"))
    )
    with ProviderServer(content_judge) as server:
        given = ("--prompt", "mine.md", "--rubric", "mine.toml")
        run = omr_judge("compare", "a.jsonl", "b.jsonl", *judge(server), *given, cwd=tmp_path)
    assert len(server.calls) == 6
    for call in server.calls:
        assert call.system == "Weigh: safe (is it safe; equally safe). overall (is it overall; equally overall). ."
        assert call.user.startswith("Q: Question ")
        assert list((call.schema or {})["properties"]) == ["safe", "overall"]
    report = report_of(only_run(tmp_path))
    assert (report["prompt"], report["rubric"], list(report["criteria"])) == ("mine.v7", "two.v3", ["safe", "overall"])
    assert "Too few to tell" in run.stdout
    full = omr_judge("report", "latest", "--full", cwd=tmp_path).stdout
    assert "prompt mine.v7, rubric two.v3." in " ".join(full.split())


def test_items_apart_own_fields_gzip_and_standard_input_are_read(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "items.jsonl", [item(number) for number in range(3)])
    nested = [{"id": f"q{n}", "out": [{"text": trace("Left", n)}]} for n in range(3)]
    plain = [{"id": f"q{n}", "out": [{"text": trace("Right", n)}]} for n in range(3)]
    with gzip.open(tmp_path / "b.jsonl.gz", "wt") as file:
        file.writelines(json.dumps(record) + "\n" for record in plain)
    with ProviderServer(content_judge) as server:
        run = omr_judge(
            *("compare", "-", "b.jsonl.gz", "--items", "items.jsonl", "--field", "trace=out.0.text"),
            *judge(server),
            cwd=tmp_path,
            stdin="".join(json.dumps(record) + "\n" for record in nested),
        )
    texts = {f"q{n}": (trace("Left", n), trace("Right", n)) for n in range(3)}
    assert {name: sorted(orders) for name, orders in calls_by_item(server.calls, texts).items()} == {
        name: ["forward", "swapped"] for name in texts
    }
    assert all("which drug?" in call.user and "of the textbook decides" in call.user for call in server.calls)
    assert "<stdin>" in run.stdout.splitlines()[0]
    assert " b" in run.stdout.splitlines()[0]


# Images


@pytest.fixture
def with_images(tmp_path: Path) -> dict[str, list[bytes]]:
    """Write pairs whose items have no, one, two and a missing image; return the images' bytes by question."""
    (tmp_path / "img").mkdir()
    for name in ("one", "two", "three"):
        Image.new("RGB", (9, 7), name and {"one": "red", "two": "green", "three": "blue"}[name]).save(
            tmp_path / "img" / f"{name}.png"
        )
    image_of = {1: "img/one.png", 2: ["img/two.png", "img/three.png"], 3: "img/nowhere.png"}
    a, b = records(4)
    for number, paths in image_of.items():
        a[number]["image"] = paths
    write_jsonl(tmp_path / "a.jsonl", a)
    write_jsonl(tmp_path / "b.jsonl", b)
    read = {name: (tmp_path / "img" / f"{name}.png").read_bytes() for name in ("one", "two", "three")}
    return {"Question 0": [], "Question 1": [read["one"]], "Question 2": [read["two"], read["three"]], "Question 3": []}


@pytest.mark.slow
def test_images_reach_both_providers_byte_identical_and_a_missing_one_is_as_the_option_says(
    tmp_path: Path, with_images: dict[str, list[bytes]]
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with ProviderServer(content_judge) as server:
        compare = partial(omr_judge, "compare", "../a.jsonl", "../b.jsonl", cwd=elsewhere)
        both_judges = (*judge(server), "--judge", f"anthropic:m@{server.url}")
        refused, skipped = at_once(
            partial(compare, *judge(server, "refused"), code=3),
            partial(compare, *both_judges, "--on-missing-image", "skip", "--name", "skip"),
        )
        calls = list(server.calls)
        text_only = compare(*judge(server), "--on-missing-image", "text-only", "--name", "text-only")
        asked_as_text = server.calls[len(calls) :]

    (line,) = refused.stderr.splitlines()
    assert line.startswith("omr-judge: ../a.jsonl:4: image ")
    assert "img/nowhere.png: no such image (" in line
    assert not any(call.body["model"] == "refused" for call in server.calls)
    assert "1 item left out: without an image that can be shown" in skipped.stdout
    assert Counter(call.provider for call in calls) == {"openai": 6, "anthropic": 6}
    for call in calls:
        question = next(name for name in with_images if name in call.user)
        assert call.images == [("image/png", content) for content in with_images[question]]
        assert "cannot be shown" not in call.user

    assert "left out" not in text_only.stdout
    assert len(asked_as_text) == 8
    for call in asked_as_text:
        question = next(name for name in with_images if name in call.user)
        assert call.images == [("image/png", content) for content in with_images[question]]
        assert ("cannot be shown" in call.user) == (question == "Question 3")


# What is refused before anything is spent


def test_unusable_input_is_refused_with_file_and_line_before_any_call(tmp_path: Path) -> None:
    write_pairs(tmp_path, 6)
    good = (tmp_path / "b.jsonl").read_text().splitlines(keepends=True)
    no_trace = json.loads(good[2])
    del no_trace["trace"]
    bad = [
        good[0],
        '{"id": "q1", "trace": NaN}\n',
        json.dumps(no_trace) + "\n",
        '{"id": "q1", "id": "q9", "trace": "twice"}\n',
        good[0],
        good[5][:40],
    ]
    (tmp_path / "bad.jsonl").write_text("".join(bad))
    other = [json.loads(line) for line in good]
    other[4]["question"] = "Another question?"
    other[5]["options"]["B"] = "another drug"
    write_jsonl(tmp_path / "other.jsonl", other)
    with ProviderServer(content_judge) as server:
        compare = partial(omr_judge, "compare", "a.jsonl", cwd=tmp_path)
        broken, different, no_key, usage = at_once(
            partial(compare, "bad.jsonl", *judge(server), code=3),
            partial(compare, "other.jsonl", *judge(server), code=3),
            partial(compare, "b.jsonl", "--judge", "openai:gpt-5", code=3),
            partial(compare, "--no-such-option", code=2),
        )
    assert server.calls == []
    assert not (tmp_path / "runs").exists()
    lines = broken.stderr.splitlines()
    assert [line.removeprefix("omr-judge: ").split(": ")[0] for line in lines] == [
        f"bad.jsonl:{number}" for number in (2, 3, 4, 5, 6)
    ]
    for line, word in zip(lines, ["NaN", "missing trace", "duplicate key", "duplicate id", "truncated"], strict=True):
        assert word in line
    assert [line.removeprefix("omr-judge: ").split(" (")[0] for line in different.stderr.splitlines()] == [
        "other.jsonl:5: id 'q4' has another question than in a.jsonl",
        "other.jsonl:6: id 'q5' has another options than in a.jsonl",
    ]
    assert "OPENAI_API_KEY is not set" in no_key.stderr
    assert len(no_key.stderr.splitlines()) == 1
    assert "no-such-option" in usage.stderr


def test_ids_without_a_partner_are_refused_unless_allowed_and_what_looks_wrong_is_warned_of(tmp_path: Path) -> None:
    a, b = records(6)
    for record in a + b:
        record["model"] = "the same"
    b[1]["trace"], b[2]["trace"] = "", "short"
    write_jsonl(tmp_path / "a.jsonl", a[:5])
    write_jsonl(tmp_path / "b.jsonl", b[1:])
    with ProviderServer(content_judge) as server:
        compare = partial(omr_judge, "compare", "a.jsonl", cwd=tmp_path)
        refused, same = at_once(
            partial(compare, "b.jsonl", *judge(server), code=3),
            partial(compare, "a.jsonl", *judge(server), "--runs", "others"),
        )
        assert server.calls == []
        allowed = compare("b.jsonl", *judge(server), "--allow-missing")
    assert [line.removeprefix("omr-judge: ").split(" (")[0] for line in refused.stderr.splitlines()] == [
        "a.jsonl:1: id 'q0' is not in b.jsonl",
        "b.jsonl:5: id 'q5' is not in a.jsonl",
    ]
    assert allowed.stdout.count("1 item left out: only in the traces of ") == len("ab")
    assert "Warning: both files name the same model, the same" in allowed.stderr
    assert "Warning: b.jsonl: 2 of 5 traces have ten characters or fewer" in allowed.stderr
    assert len(server.calls) == 8

    assert "Warning: a.jsonl and a.jsonl are the same bytes" in same.stderr
    assert "5 pairs have identical traces: counted as tied, not asked" in same.stdout
    (run,) = (tmp_path / "others").iterdir()
    overall = report_of(run)["criteria"]["overall"]
    assert (overall["ties"], overall["identical"], overall["win_rate"]["estimate"]) == (5, 5, 0.5)
    assert overall["consistency"]["estimate"] is None


def test_a_run_goes_on_only_with_the_same_comparison_and_says_what_changed(finished: Finished) -> None:
    asked = len(finished.server.calls)
    a = (finished.folder / "a.jsonl").read_text()
    (finished.folder / "changed.jsonl").write_text(a.replace("Left reads", "Left sees"))
    shipped = Path(__file__).parents[2]
    prompt = (shipped / "prompts" / "pairwise.v1.md").read_text().replace("impartial", "strict")
    (finished.folder / "changed.md").write_text(prompt)
    rubric = (shipped / "rubrics" / "openmedreason.v1.toml").read_text().replace("clinician", "nurse")
    (finished.folder / "changed.toml").write_text(rubric)
    same_judge = judge(finished.server)
    changes = {
        ("another file a",): ("changed.jsonl", "b.jsonl", *same_judge),
        ("another file prompt",): ("a.jsonl", "b.jsonl", *same_judge, "--prompt", "changed.md"),
        ("--seed 0, now 5", "another file rubric"): (
            "a.jsonl",
            "b.jsonl",
            *same_judge,
            "--rubric",
            "changed.toml",
            "--seed",
            "5",
        ),
        ("--max-output-tokens (was 8192, is now 99) in the settings of openai:m",): (
            "a.jsonl",
            "b.jsonl",
            *same_judge,
            "--max-output-tokens",
            "99",
        ),
        (
            "--hide-answers off, now on",
            "--judge openai:m, now openai:other",
        ): (*("a.jsonl", "b.jsonl", *judge(finished.server, "other"), "--hide-answers"),),
    }
    before = {path.name: path.read_bytes() for path in finished.run.iterdir() if path.name != "owner.json"}
    refusals = at_once(
        *(
            partial(omr_judge, "compare", *arguments, "--name", "one", cwd=finished.folder, code=3)
            for arguments in changes.values()
        )
    )
    for changed, refused in zip(changes, refusals, strict=True):
        (line,) = refused.stderr.splitlines()
        assert line.startswith(f"omr-judge: runs/one: begun with {'; with '.join(changed)}. Repeat the first command")
    (finished.folder / "a.jsonl").write_text(a + "\n")
    try:
        refused = omr_judge("resume", "one", cwd=finished.folder, code=3)
    finally:
        (finished.folder / "a.jsonl").write_text(a)
    assert f"a has changed since the run began: {finished.folder / 'a.jsonl'}" in refused.stderr
    after = {path.name: path.read_bytes() for path in finished.run.iterdir() if path.name != "owner.json"}
    assert after == before
    assert len(finished.server.calls) == asked


# What is kept when a run does not end well


def test_a_refused_key_stops_at_once_keeps_what_was_judged_and_the_run_goes_on_at_another_address(
    tmp_path: Path,
) -> None:
    write_pairs(tmp_path, 10)

    def locked_out(call: Call) -> Answer:
        return content_judge(call) if call.number < 7 else Answer(status=401)

    command = ("compare", "a.jsonl", "b.jsonl", "--name", "r", "--concurrency", "2")
    with ProviderServer(locked_out) as server:
        stopped = omr_judge(*command, *judge(server), cwd=tmp_path, code=4)
        assert len(server.calls) <= 7 + 2
    kept = read_jsonl(tmp_path / "runs" / "r" / "judgments.jsonl")
    assert [judgment["result"]["status"] for judgment in kept] == ["judged"] * 7
    assert "401" in stopped.stderr
    with ProviderServer(content_judge) as server:
        omr_judge(*command, *judge(server), cwd=tmp_path)
        assert len(server.calls) == 20 - 7
    lines = read_jsonl(tmp_path / "runs" / "r" / "judgments.jsonl")
    assert lines[:7] == kept
    assert len({line["key"] for line in lines}) == len(lines) == 20
    assert report_of(tmp_path / "runs" / "r")["n_failed"] == 0


def test_failures_are_missing_and_never_a_verdict_and_too_many_end_with_exit_code_4(tmp_path: Path) -> None:
    """Of 10 items: q0 garbage in one order, q1 refused in both, q2 cut off in one, q3 a filtered request."""
    texts = write_pairs(tmp_path, 10)

    def failing(call: Call) -> Answer:
        first, _ = traces_of(call)
        number = int(first.split("case ")[1].split(":")[0])
        answer = content_judge(call)
        match number, first.startswith("Left"):
            case 0, True:
                return replace(answer, text='The verdict is "first".')
            case 1, _:
                return replace(answer, text="I cannot help with that.", stop="refusal")
            case 2, False:
                return replace(answer, stop="length")
            case 3, True:
                return Answer(status=400, error={"code": "content_filter", "message": "filtered"})
            case _:
                return answer

    script = Recording(failing)
    with ProviderServer(script) as server:
        command = ("compare", "a.jsonl", "b.jsonl", *judge(server), "--name", "r")
        failed = omr_judge(*command, cwd=tmp_path, code=4)
        n_first = 20 + 2  # the reply that cannot be read and the one that was cut are asked for once more
        assert len(server.calls) == n_first
        report = report_of(tmp_path / "runs" / "r")
        allowed = omr_judge("resume", "r", "--max-failures", "0.25", cwd=tmp_path)
        assert len(server.calls) == n_first + 5 + 2
    assert report["n_failed"] == 5
    assert report["failures"] == {"filtered": 1, "refused": 2, "truncated": 1, "unparsed": 1}
    whole = [
        (call, answer) for call, answer in script.answered[:n_first] if (answer.status, answer.stop) == (200, "end")
    ]
    whole = [(call, answer) for call, answer in whole if answer.text.startswith("{")]
    asked = Counter(frozenset(traces_of(call)) for call, _ in whole)
    whole = [(call, answer) for call, answer in whole if asked[frozenset(traces_of(call))] == 2]
    counts = recount(whole, texts)
    for name in CRITERIA:
        expected = counts[name].expected() | {"missing": 4}
        del expected["first_slot"]
        found = reported(report["criteria"][name])
        del found["first_slot"]
        assert found == expected
    assert "5 failed" in failed.stdout
    assert "5 of 20 judgments failed, more than --max-failures 0.05" in failed.stderr
    assert "omr-judge retry runs/r" in failed.stderr
    assert "max-failures" not in allowed.stderr
    assert report_of(tmp_path / "runs" / "r")["n_failed"] == 5


def test_interrupted_once_it_waits_for_replies_in_flight_and_resume_asks_the_rest_only(tmp_path: Path) -> None:
    write_pairs(tmp_path, 12)
    quick = 6

    def slow_later(call: Call) -> Answer:
        return replace(content_judge(call), after=lambda: call.number < quick or told("4 requests in flight"))

    def told(text: str) -> bool:
        return text in (tmp_path / "stderr.txt").read_text()

    with ProviderServer(slow_later) as server:
        process = start(
            *("compare", "a.jsonl", "b.jsonl", *judge(server), "--name", "r", "--concurrency", "4"), cwd=tmp_path
        )
        with process:
            wait_until(lambda: len(server.calls) == quick + 4)
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 130
        kept = read_jsonl(tmp_path / "runs" / "r" / "judgments.jsonl")
        assert len(server.calls) == len(kept) == quick + 4
        assert told("omr-judge resume runs/r")
        assert not told("Traceback")
        quick = 10**6
        omr_judge("resume", "runs/r", cwd=tmp_path)
        assert len(server.calls) == 24
    lines = read_jsonl(tmp_path / "runs" / "r" / "judgments.jsonl")
    assert lines[: len(kept)] == kept
    assert len({line["key"] for line in lines}) == len(lines) == 24


@pytest.mark.slow
def test_a_second_process_on_a_run_is_refused_and_interrupting_twice_ends_at_once(tmp_path: Path) -> None:
    write_pairs(tmp_path, 4)

    def hanging_later(call: Call) -> Answer:
        return content_judge(call) if call.number < 3 else Answer(fault="hang")

    with ProviderServer(hanging_later) as server:
        command = ("compare", "a.jsonl", "b.jsonl", *judge(server), "--name", "r", "--concurrency", "2")
        errors = tmp_path / "stderr.txt"
        with start(*command, cwd=tmp_path) as process:
            wait_until(lambda: len(server.calls) == 5)
            second = omr_judge(*command, cwd=tmp_path, code=3)
            process.send_signal(signal.SIGINT)
            wait_until(lambda: "Stopping" in errors.read_text())
            process.send_signal(signal.SIGINT)
            assert process.wait(15) == 130
        assert f"runs/r: in use by process {process.pid} on " in second.stderr
        assert "Traceback" not in errors.read_text()
        assert "omr-judge resume runs/r" in errors.read_text()
        assert len(read_jsonl(tmp_path / "runs" / "r" / "judgments.jsonl")) == 3
        assert len(server.calls) == 5


def test_two_comparisons_begun_at_the_same_time_get_their_own_folders(finished: Finished, tmp_path: Path) -> None:
    """Names end in the second of their start: the folders that exist already are taken."""
    parts = ("vendor-alpha-70b", "vendor-beta-8b", "m")
    now = datetime.now(UTC)
    for second in range(60):
        stamp = (now + timedelta(seconds=second)).strftime("%Y%m%d-%H%M%S")
        (tmp_path / "_".join([*parts, stamp])).mkdir()
    omr_judge(
        *("compare", "a.jsonl", "b.jsonl", *judge(finished.server), "--seed", "9", "--runs", tmp_path),
        cwd=finished.folder,
    )
    (run,) = (path.parent for path in tmp_path.glob("*/report.json"))
    assert run.name.endswith("-2")


def test_interrupted_while_it_reads_its_input_it_ends_at_once_without_a_run(tmp_path: Path) -> None:
    write_pairs(tmp_path, 2)
    theirs, ours = os.pipe()
    asked = ("compare", "-", "b.jsonl", "--judge", "openai:m@http://127.0.0.1:9/v1")
    with start(*asked, cwd=tmp_path, stdin=theirs) as process, os.fdopen(ours, "w") as given:
        os.close(theirs)
        more_than_a_pipe_holds = " " * 2**18 + "\n"
        given.write(more_than_a_pipe_holds)
        process.send_signal(signal.SIGINT)
        given.close()
        assert process.wait(30) == 130
    assert "Traceback" not in (tmp_path / "stderr.txt").read_text()
    assert not (tmp_path / "runs").exists()


# What ships


def test_what_ships_is_listed_and_printed(tmp_path: Path) -> None:
    shipped = Path(__file__).parents[2]
    prompts, rubric = at_once(
        partial(omr_judge, "prompts", cwd=tmp_path), partial(omr_judge, "rubrics", "openmedreason.v1", cwd=tmp_path)
    )
    assert "\npairwise.v1  " in prompts.stdout
    assert rubric.stdout == (shipped / "rubrics" / "openmedreason.v1.toml").read_text()
