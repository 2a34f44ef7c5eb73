"""The gate: situations, words, exit codes and files that agree, and looks at a growing run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from command import omr_judge, write_jsonl
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from run_builder import A_WINS, B_WINS, SPLITS, TIES, Verdicts, make_judgment, make_run

from judge.certify.gate import GateOptions, GateReport, GateWord, certificate_condition, check_gate, decide, gate_lines
from judge.certify.gate_files import junit, markdown
from judge.comparison.certificates import write_certificate
from judge.comparison.derive_report import make_report
from judge.comparison.import_judgments import import_verdicts
from judge.files.files import write_lines
from judge.report.certificate import AskedJudge, Certificate, CertificateWord, JudgeCertificate, standing
from judge.runs.run_folder import RunFolder
from judge.schema import Failed, FailureKind, Order, Verdict
from judge.stats.sequential import ALPHA, UnitCredits, is_decided, log_wealth, units_needed

if TYPE_CHECKING:
    from judge.report.report import Report

CODES = {GateWord.PASS: 0, GateWord.FAIL: 5, GateWord.UNKNOWN: 7}


def certificate(word: CertificateWord, *, key: str = "k", served: tuple[str, ...] = ("m",)) -> Certificate:
    own = JudgeCertificate(key=key, served=served, word=word, rows={}, operators={}, halo=None, parts={}, findings=())
    return Certificate(
        run="r",
        date="2026-11-30T00:00:00+00:00",
        floor=0.7,
        items_sha256="",
        operators_sha256="",
        n_items=0,
        judges={"j": own},
    )


def units(credits_: list[float]) -> UnitCredits:
    return UnitCredits(np.array(credits_), np.ones(len(credits_)), 1.0)


class Situation(NamedTuple):
    wins: int
    ties: int
    losses: int
    word: GateWord
    options: tuple[str, ...]
    splits: int = 0
    unjudged: int = 0
    failed: int = 0
    slot: int = 0


MARGIN = ("--not-worse-than", "0.05")
SITUATIONS = {
    "better": Situation(60, 10, 10, GateWord.PASS, ("--better",)),
    "better is not worse": Situation(60, 10, 10, GateWord.PASS, MARGIN),
    "both conditions": Situation(60, 10, 10, GateWord.PASS, (*MARGIN, "--better")),
    "worse": Situation(10, 10, 60, GateWord.FAIL, MARGIN),
    "worse is not better": Situation(10, 10, 60, GateWord.FAIL, ("--better",)),
    "equivalent": Situation(60, 600, 60, GateWord.PASS, ("--not-worse-than", "0.1")),
    "equivalent is not shown to be better": Situation(60, 600, 60, GateWord.UNKNOWN, ("--better",)),
    "not worse, not better": Situation(60, 600, 60, GateWord.UNKNOWN, ("--not-worse-than", "0.1", "--better")),
    "too few": Situation(3, 1, 1, GateWord.UNKNOWN, MARGIN),
    "nothing judged": Situation(0, 0, 0, GateWord.UNKNOWN, MARGIN, unjudged=5),
    "half judged": Situation(60, 10, 10, GateWord.PASS, MARGIN, unjudged=80),
    "missing above the limit": Situation(60, 10, 10, GateWord.FAIL, MARGIN, failed=3),
    "missing below the limit": Situation(60, 10, 10, GateWord.PASS, (*MARGIN, "--max-missing", "5%"), failed=3),
    "one slot": Situation(0, 0, 0, GateWord.UNKNOWN, MARGIN, slot=60),
    "uncertified": Situation(60, 10, 10, GateWord.FAIL, (*MARGIN, "--require-certificate")),
    "splits": Situation(12, 2, 6, GateWord.UNKNOWN, ("--better",), splits=40),
}


def make(folder: Path, one: Situation) -> Path:
    kinds: list[tuple[int, Verdicts | None]] = [
        (one.wins, A_WINS),
        (one.ties, TIES),
        (one.losses, B_WINS),
        (one.splits + one.slot, SPLITS),
        (one.unjudged, None),
    ]
    given_ = [verdicts for n, verdicts in kinds for _ in range(n)] + [None] * one.failed
    run = make_run(folder, {f"q{place:04}": verdicts for place, verdicts in enumerate(given_)})
    last = [f"q{place:04}" for place in range(len(given_) - one.failed, len(given_))]
    failed = [
        replace(make_judgment(item, order, Verdict.TIE), result=Failed(failure=FailureKind.TIMEOUT), reply=None)
        for item in last
        for order in Order
    ]
    write_lines(run.judgments_path, [*run.judgments(), *failed])
    return run.path


def agrees(word: GateWord, suite: ET.Element, summary: str, lines: list[str]) -> None:
    """Hold the outcome against JUnit's counts and elements, the summary's heading and the printed lines."""
    failures, errors = int(suite.get("failures", "")), int(suite.get("errors", ""))
    assert (failures > 0, failures == 0 and errors > 0) == (word is GateWord.FAIL, word is GateWord.UNKNOWN)
    assert len(suite.findall("testcase")) == int(suite.get("tests", "")) == len(lines) - 1
    assert len(suite.findall("testcase/failure")) == failures
    assert len(suite.findall("testcase/error")) == errors
    assert summary.startswith(f"### Gate: {word}\n")
    assert lines[0].startswith(f"{word.upper()}: ")


@pytest.mark.parametrize("name", SITUATIONS)
def test_word_junit_and_summary_of_a_situation_agree(name: str, tmp_path: Path) -> None:
    one = SITUATIONS[name]
    told = dict(zip(one.options, [*one.options[1:], ""], strict=True))
    margin, most = told.get("--not-worse-than"), told.get("--max-missing", "2%")
    options = GateOptions(
        float(margin) if margin else None,
        "--better" in told,
        require_certificate="--require-certificate" in told,
        max_missing=float(most.rstrip("%")) / 100,
    )
    found = check_gate(RunFolder(make(tmp_path / "r", one)), options)
    assert found.word is one.word
    agrees(found.word, ET.fromstring(junit(found)), markdown(found), list(gate_lines(found)))  # noqa: S314 - our own


@pytest.mark.parametrize(
    "name",
    [name if name == "worse" else pytest.param(name, marks=pytest.mark.slow) for name in SITUATIONS],
)
def test_the_command_exits_as_it_says_and_appends_its_summary(name: str, tmp_path: Path) -> None:
    one = SITUATIONS[name]
    run = make(tmp_path / "runs" / "r", one)
    summary = tmp_path / "summary.md"
    summary.write_text("before\n", encoding="utf-8")
    env = {"GITHUB_STEP_SUMMARY": str(summary)}
    done = omr_judge("gate", run, *one.options, "--junit", "gate.xml", cwd=tmp_path, env=env, code=CODES[one.word])
    suite = ET.parse(tmp_path / "gate.xml").getroot()  # noqa: S314 - our own file
    agrees(one.word, suite, summary.read_text(encoding="utf-8").removeprefix("before\n"), done.stdout.splitlines())


def words_of(run: Path, found: Certificate) -> GateReport:
    return check_gate(RunFolder(run), GateOptions(require_certificate=True), found)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        (CertificateWord.CERTIFIED, GateWord.PASS),
        (CertificateWord.TOO_FEW, GateWord.UNKNOWN),
        (CertificateWord.NOT_CERTIFIED, GateWord.FAIL),
        (CertificateWord.OTHER_JUDGE, GateWord.FAIL),
    ],
)
def test_a_certificate_passes_only_where_it_certifies_this_judge(word: CertificateWord, expected: GateWord) -> None:
    given_ = certificate(word) if word is not CertificateWord.OTHER_JUDGE else certificate(word, key="another")
    found = standing(given_, {"j": AskedJudge(key="k", served=("m",))})
    assert found.word is word
    assert certificate_condition(found).word is expected


def test_a_certificate_of_another_served_model_is_another_judges() -> None:
    found = standing(certificate(CertificateWord.CERTIFIED), {"j": AskedJudge(key="k", served=("m", "m-2"))})
    assert found.word is CertificateWord.OTHER_JUDGE


def test_the_worst_judge_of_a_panel_decides_the_word() -> None:
    asked = {"j": AskedJudge(key="k", served=()), "other": AskedJudge(key="x", served=())}
    assert standing(certificate(CertificateWord.CERTIFIED), asked).word is CertificateWord.OTHER_JUDGE
    assert standing(certificate(CertificateWord.CERTIFIED), {}).word is CertificateWord.OTHER_JUDGE


def test_imported_judgments_have_no_certified_judge_and_a_damaged_certificate_is_refused(tmp_path: Path) -> None:
    run = make_run(tmp_path / "r", {"q1": A_WINS})
    assert words_of(run.path, certificate(CertificateWord.CERTIFIED)).word is GateWord.FAIL
    write_certificate(run, certificate(CertificateWord.CERTIFIED))
    path = run.path / "certificate.json"
    path.write_bytes(path.read_bytes().replace(b"0.7", b"0.6"))
    assert "damaged" in omr_judge("gate", run.path, "--better", cwd=tmp_path, code=3).stderr
    path.write_text("{}", encoding="utf-8")
    assert "is no certificate" in omr_judge("gate", run.path, "--better", cwd=tmp_path, code=3).stderr
    missing = omr_judge("gate", run.path, "--better", "--certificate", "none.json", cwd=tmp_path, code=3)
    assert "no certificate here" in missing.stderr


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--not-worse-than", "0.5"), "no margin"),
        ((), "no condition"),
        (("--better", "--max-missing", "lots"), "no share"),
        pytest.param(("--better", "--criterion", "style"), "no such criterion", marks=pytest.mark.slow),
        pytest.param(("--better", "--cluster", "patient"), "no item has a field", marks=pytest.mark.slow),
        (("--better", "--junit", "no/such/place.xml"), "cannot be written"),
    ],
)
def test_a_gate_that_cannot_be_checked_is_refused(options: tuple[str, ...], told: str, tmp_path: Path) -> None:
    run = make_run(tmp_path / "r", {"q1": A_WINS})
    assert told in omr_judge("gate", run.path, *options, cwd=tmp_path, code=3).stderr


def test_each_criterion_that_is_named_must_pass_and_clusters_count_as_one(tmp_path: Path) -> None:
    run = make(tmp_path / "r", SITUATIONS["better"])
    named = ("--criterion", "knowledge", "--criterion", "overall")
    found = json.loads(omr_judge("gate", run, "--better", *named, "--json", cwd=tmp_path).stdout)
    assert [one["name"].split(":")[0] for one in found["conditions"]] == ["knowledge"] * 2 + ["overall"] * 2


def test_foreign_text_stays_text_in_the_files_of_a_gate(tmp_path: Path) -> None:
    run = make_run(tmp_path / "r|x", {"q1": A_WINS})
    found = check_gate(run, GateOptions(better=True))
    evil = found.model_copy(update={"model": "a<b>\x00\x1b[31m|`*", "run": "r\x00<&"})
    assert "\x00" not in markdown(evil)
    assert "\\<b\\>" in markdown(evil)
    assert ET.fromstring(junit(evil)).get("name") == "omr-judge gate r\ufffd<&"  # noqa: S314 - our own file


credits_lists = st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), min_size=1, max_size=60)


@settings(max_examples=15)
@given(credits_lists, st.sampled_from([0.4, 0.45, 0.5]))
def test_the_units_that_are_said_to_be_needed_decide_and_fewer_do_not(values: list[float], floor: float) -> None:
    needed = units_needed(units(values), floor)
    if needed is None:
        assert decide(units(values), floor).items_needed is None
        return
    times = needed / len(values)
    wealth = log_wealth(units(values), floor)
    assert is_decided(times * wealth)
    if needed > len(values):
        assert not is_decided((needed - 1) / len(values) * wealth)
        assert decide(units(values), floor).items_needed == needed - len(values)


@settings(max_examples=10)
@given(credits_lists, st.sampled_from([0.4, 0.5]))
def test_a_gate_and_its_mirror_image_never_both_pass(values: list[float], floor: float) -> None:
    one, other = decide(units(values), floor).word, decide(units([1 - v for v in values]), 1 - floor).word
    mirrored = {GateWord.PASS: GateWord.FAIL, GateWord.FAIL: GateWord.PASS, GateWord.UNKNOWN: GateWord.UNKNOWN}
    assert other is mirrored[one]


@pytest.mark.parametrize("floor", [0.45, pytest.param(0.5, marks=pytest.mark.slow)])
def test_ten_looks_at_a_growing_run_pass_a_model_at_the_floor_in_at_most_five_percent(floor: float) -> None:
    rng, passed, runs = np.random.default_rng(3), 0, 200
    for _ in range(runs):
        won = rng.choice([0.0, 0.5, 1.0], size=(10, 50), p=[0.8 - floor, 0.4, floor - 0.2])
        wealth = np.cumsum([log_wealth(units(look.tolist()), floor) for look in won], axis=0)
        means = np.cumsum(won.sum(axis=1)) / np.arange(50, 501, 50)
        passed += any(is_decided(one) and mean > floor for one, mean in zip(wealth, means, strict=True))
    assert passed <= runs * ALPHA + 2 * (runs * ALPHA) ** 0.5


def test_votes_of_many_judges_are_held_as_one_voice_and_a_panel_with_a_gap_as_a_panel(tmp_path: Path) -> None:
    def imported(name: str, judges: Callable[[int], tuple[str, ...]]) -> tuple[GateReport, Report]:
        lines = [
            {"item": f"q{n}", "order": "forward", "judge": judge, "verdict": "first" if n % 10 else "second"}
            for n in range(120)
            for judge in judges(n)
        ]
        source = write_jsonl(tmp_path / f"{name}.jsonl", lines)
        run = import_verdicts(str(source), name=name, runs=tmp_path, command=())
        return check_gate(run, GateOptions(better=True)), make_report(run)

    found, report = imported("votes", lambda n: (f"person-{n % 7}", f"person-{(n + 1) % 7}"))
    assert (found.word, report.judges) == (GateWord.PASS, ("votes",))
    assert (report.criteria["overall"].win_rate.estimate, report.criteria["overall"].win_rate.n) == (0.9, 120)
    assert any("the verdicts of all 7 judges: they count as the votes of one" in text for text in report.warnings)
    found, report = imported("panel", lambda n: ("x", "y") if n else ("x",))
    assert (report.judges, report.criteria["overall"].win_rate.n) == (("x", "y"), 119)
    assert "1 of 120 asked items have no verdict" in found.conditions[-1].detail
