"""Quoting, confirming and reporting cost, with the real command."""

from __future__ import annotations

import json
import os
import pty
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import forked
import pytest
from command import SECONDS, environment, omr_judge, only_run, read_jsonl, report_of
from comparison.test_compare_command import write_pairs
from provider_server import Answer, Call, ProviderServer, content_judge
from run_builder import without_seals

SHARED = Path(__file__).parents[3] / "shared" / "data"
PRICE = ("--price", "m=2/10/0.5")


@pytest.fixture
def server() -> Iterator[ProviderServer]:
    def cached(call: Call) -> Answer:
        answer = content_judge(call)
        return Answer(answer.text, cached=100)

    with ProviderServer(cached) as running:
        yield running


def command(server: ProviderServer, *more: str) -> tuple[str, ...]:
    return "compare", "a.jsonl", "b.jsonl", "--judge", f"openai:m@{server.url}/v1", *more


def quote_of(*args: str, cwd: Path) -> dict[str, Any]:
    quoted: dict[str, Any] = json.loads(omr_judge(*args, "--dry-run", "--json", cwd=cwd).stdout)
    return quoted


# Dry run


def test_a_dry_run_asks_nothing_writes_nothing_and_needs_no_key(tmp_path: Path, server: ProviderServer) -> None:
    write_pairs(tmp_path, 5, identical=1)
    judges = ("--judge", "anthropic:claude-sonnet-5-5", "--judge", "openai:no-such-model")
    done = omr_judge(*command(server), *judges, "--dry-run", cwd=tmp_path)
    assert server.calls == []
    assert not (tmp_path / "runs").exists()
    lines = {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines()}
    assert lines["anthropic:claude-sonnet-5-5"][0] == "8"
    assert all(cell.startswith("$") for cell in lines["anthropic:claude-sonnet-5-5"][3:])
    assert lines["openai:m"][3:] == ["unknown", "unknown", "unknown", "-"]
    assert lines["openai:no-such-model"][3:] == ["unknown", "unknown", "unknown", "-"]
    assert "24 calls: the cost is unknown, for want of a price of openai:m, openai:no-such-model" in done.stdout


def test_a_dry_run_of_a_run_that_exists_quotes_what_is_open_at_its_pinned_price(
    tmp_path: Path, server: ProviderServer
) -> None:
    write_pairs(tmp_path, 4)
    before = quote_of(*command(server), *PRICE, cwd=tmp_path)
    assert (before["calls"], before["judged"], before["judges"]["openai:m"]["price"]) == (8, 0, "--price")
    omr_judge(*command(server), *PRICE, cwd=tmp_path)
    without_seals(only_run(tmp_path))
    journal = only_run(tmp_path) / "judgments.jsonl"
    asked = read_jsonl(journal)
    journal.write_text("".join(json.dumps(one) + "\n" for one in asked if one["item"] == "q0"))
    manifest = (only_run(tmp_path) / "manifest.json").read_bytes()
    after = quote_of(*command(server), cwd=tmp_path)
    assert (after["calls"], after["judged"]) == (6, 2)
    assert after["usd"]["expected"] == pytest.approx(0.75 * before["usd"]["expected"], rel=0.01)
    other = quote_of(*command(server), "--price", "m=20/100", cwd=tmp_path)
    assert other["usd"]["expected"] == pytest.approx(10 * after["usd"]["expected"])
    assert (only_run(tmp_path) / "manifest.json").read_bytes() == manifest, "a dry run changes no price"
    assert len(server.calls) == 8


def test_a_dry_run_in_one_order_quotes_half_of_the_calls(tmp_path: Path, server: ProviderServer) -> None:
    write_pairs(tmp_path, 4)
    assert quote_of(*command(server), "--orders", "one", "--samples", "3", cwd=tmp_path)["calls"] == 12


def test_a_dry_run_in_batches_sums_up_the_price_of_batches(tmp_path: Path) -> None:
    write_pairs(tmp_path, 2)
    quoted = quote_of("compare", "a.jsonl", "b.jsonl", "--judge", "openai:gpt-6-luna", "--batch", cwd=tmp_path)
    (one,) = quoted["judges"].values()
    assert quoted["batch"] is True
    assert quoted["usd"] == one["batch_usd"] != one["usd"]


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason=f"{SHARED} is not here: real data is not shipped")
def test_thoughtsource_is_quoted_for_two_priced_models_and_one_unknown(tmp_path: Path) -> None:
    folder = SHARED / "thoughtsource_med"
    judges = ("anthropic:claude-sonnet-5-5", "openai:gpt-6-luna", "openai:gpt-6.2-unheard-of")
    named = [part for judge in judges for part in ("--judge", judge)]
    traces = (str(folder / "a.jsonl"), str(folder / "b.jsonl"))
    quoted = quote_of("compare", *traces, *named, cwd=tmp_path)
    sonnet, luna, unknown = (quoted["judges"][judge] for judge in judges)
    assert [one["calls"] for one in (sonnet, luna, unknown)] == [400, 400, 400]
    tokens = sonnet["input_tokens"]["expected"], sonnet["output_tokens"]["expected"]
    assert sonnet["usd"]["expected"] == pytest.approx((2 * tokens[0] + 10 * tokens[1]) / 10**6)
    assert luna["usd"]["expected"] == pytest.approx((0.1 * tokens[0] + 0.5 * tokens[1]) / 10**6)
    for one in (sonnet, luna):
        assert 0 < one["usd"]["low"] < one["usd"]["expected"] < one["usd"]["high"]
        assert one["batch_usd"]["expected"] == pytest.approx(one["usd"]["expected"] / 2, abs=1e-6)
    assert (unknown["usd"], unknown["batch_usd"], unknown["price"], quoted["usd"]) == (None, None, None, None)
    drawn = omr_judge("compare", *traces, *named, "--dry-run", cwd=tmp_path).stdout
    assert "unknown for openai:gpt-6.2-unheard-of" in drawn


# What it cost


def cost_by_hand(run: Path) -> Decimal:
    """Add up what the journal's usage costs at 2, 0.5 (read from the cache) and 10 dollars a million."""
    usages = [judgment["reply"]["usage"] for judgment in read_jsonl(run / "judgments.jsonl")]
    plain = sum(usage["input"] - usage.get("cache_read", 0) for usage in usages)
    read, made = (sum(usage[name] for usage in usages) for name in ("cache_read", "output"))
    return Decimal(2 * plain + 10 * made) / 10**6 + Decimal(read) / 2 / 10**6


def test_the_report_tells_what_was_paid_at_the_runs_pinned_price(tmp_path: Path, server: ProviderServer) -> None:
    write_pairs(tmp_path, 3)
    done = omr_judge(*command(server), *PRICE, cwd=tmp_path)
    run = only_run(tmp_path)
    report, by_hand = report_of(run), cost_by_hand(run)
    cost = report["costs"]["openai:m"]
    assert cost["usd"] == report["usd"] == float(round(by_hand, 6)) > 0
    assert (cost["replies"], cost["batched"], cost["cache_read"], cost["price"]) == (6, 0, 600, "--price")
    assert cost["cached_share"] == round(600 / cost["input_tokens"], 6)
    assert f" failed, ${by_hand:.2f}." in done.stdout
    full = " ".join(omr_judge("report", "latest", "--full", cwd=tmp_path).stdout.split())
    assert f"Cost of openai:m: ${by_hand:.2f} ({cost['input_tokens']:,} tokens in, " in full
    assert f"{by_hand:.2f}" in done.stderr.splitlines()[-2], "progress told the same"
    assert omr_judge("report", run, "--json", cwd=tmp_path).stdout.encode() == (run / "report.json").read_bytes()


@pytest.mark.slow
def test_an_unknown_price_can_be_set_later_and_changes_no_identity(tmp_path: Path, server: ProviderServer) -> None:
    write_pairs(tmp_path, 3)
    first = omr_judge(*command(server), cwd=tmp_path)
    run = only_run(tmp_path)
    assert " failed, cost unknown." in first.stdout
    assert (report_of(run)["usd"], report_of(run)["costs"]["openai:m"]["usd"]) == (None, None)
    priced = omr_judge("resume", run, *PRICE, cwd=tmp_path)
    assert f" failed, ${cost_by_hand(run):.2f}." in priced.stdout
    again = omr_judge(*command(server), "--price", "m=0/0", cwd=tmp_path)
    assert " failed, $0.00." in again.stdout
    assert len(server.calls) == 6


def test_a_price_that_cannot_be_used_is_refused_before_anything_is_written(
    tmp_path: Path, server: ProviderServer
) -> None:
    write_pairs(tmp_path, 3)
    refused = omr_judge(*command(server), "--price", "n=1/2", cwd=tmp_path, code=3)
    assert refused.stderr == ("omr-judge: --price n=1/2: no judge has the model 'n' (the judges are openai:m)\n")
    assert not (tmp_path / "runs").exists()


# Confirmation


def at_a_terminal(*args: str, cwd: Path, answer: str) -> tuple[int, str]:
    """Run the command with a terminal as its stdin and stderr; return its exit code and what stood there."""
    ours, theirs = pty.openpty()
    with (
        Path(os.devnull).open("w") as nothing,
        forked.start(args, cwd=cwd, environment=environment(), streams=(theirs, nothing.fileno(), theirs)) as run,
    ):
        os.close(theirs)
        shown = b""
        while b"[y/N]" not in shown:
            shown += os.read(ours, 4096)
        os.write(ours, f"{answer}\n".encode())
        while True:
            try:
                more = os.read(ours, 4096)
            except OSError:  # the other end is closed
                break
            if not more:
                break
            shown += more
        code = run.wait(SECONDS)
    os.close(ours)
    return code, shown.decode()


def test_a_person_is_asked_above_the_limit_and_no_spends_nothing_and_loses_nothing(
    tmp_path: Path, server: ProviderServer
) -> None:
    write_pairs(tmp_path, 3)
    asking = (*command(server), *PRICE, "--confirm-above", "0.001")
    code, shown = at_a_terminal(*asking, cwd=tmp_path, answer="n")
    assert code == 130
    assert "6 calls: about $0.0" in shown
    assert "Go on? [y/N]" in shown
    assert "not confirmed; nothing was asked" in shown
    assert server.calls == []
    code, shown = at_a_terminal(*asking, cwd=tmp_path, answer="yes")
    assert code == 0
    assert "6/6" in shown
    assert len(server.calls) == 6
    assert report_of(only_run(tmp_path))["n_judgments"] == 6


@pytest.mark.slow
def test_where_nobody_is_there_too_much_is_refused_and_an_unknown_price_is_too_much(
    tmp_path: Path, server: ProviderServer
) -> None:
    write_pairs(tmp_path, 3)
    refused = omr_judge(*command(server), *PRICE, "--confirm-above", "0.001", cwd=tmp_path, code=3)
    assert "--confirm-above 0.001: 6 calls are to be made for about $0.0" in refused.stderr
    assert "nobody is at a terminal" in refused.stderr
    unknown = omr_judge(*command(server), "--name", "unknown", "--confirm-above", "1000", cwd=tmp_path, code=3)
    assert "6 calls are to be made at an unknown cost" in unknown.stderr
    assert server.calls == []
    omr_judge("resume", "unknown", *PRICE, "--confirm-above", "1", cwd=tmp_path)
    assert len(server.calls) == 6
    omr_judge("resume", "unknown", "--confirm-above", "0", cwd=tmp_path)
