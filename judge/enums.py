"""The closed sets that options take; those of records stand in `judge.schema`. Nothing heavy is imported here."""

from __future__ import annotations

from enum import StrEnum


class SourceFormat(StrEnum):
    """What wrote a file that is converted to traces."""

    LM_EVAL = "lm-eval"
    LMMS_EVAL = "lmms-eval"
    VLMEVALKIT = "vlmevalkit"
    OPENAI_BATCH = "openai-batch"
    ANTHROPIC_BATCH = "anthropic-batch"
    INSPECT = "inspect"
    ALPACA_EVAL = "alpaca-eval"
    LLAMA_FACTORY = "llama-factory"
    MS_SWIFT = "ms-swift"
    EVALSCOPE = "evalscope"
    OPENCOMPASS = "opencompass"
    HELM = "helm"
    LIGHTEVAL = "lighteval"
    GEMINI_BATCH = "gemini-batch"
    SGLANG = "sglang"
    TRL = "trl"
    MT_BENCH = "mt-bench"
    CHAT = "chat"
    NATIVE = "native"


class AnswerIs(StrEnum):
    """What the right answers of items are, where they could be several things."""

    INDEX0 = "index0"
    """the option's place, from 0"""
    INDEX1 = "index1"
    """the option's place, from 1"""
    LETTER = "letter"
    """the option's letter, or its number where options are numbered"""
    TEXT = "text"
    """the option's text"""


class OnMissingImage(StrEnum):
    """What to do with an item whose image cannot be shown."""

    ERROR = "error"
    """refuse images that are not there; a judge that cannot see is told so"""
    SKIP = "skip"
    """leave the item out, for a judge that cannot see too"""
    TEXT_ONLY = "text-only"
    """ask about the text, and tell the judge so"""


class Orders(StrEnum):
    """In which orders every pair is judged."""

    BOTH = "both"
    ONE = "one"
    """one order a pair, half of the pairs each way"""


class Show(StrEnum):
    """Which part of a trace the judge is shown, where a trace has both."""

    BOTH = "both"
    """the thinking and the final text, each under its name"""
    THINKING = "thinking"
    """the thinking, and the final answer where it is stated"""
    FINAL = "final"
    """the text after the thinking"""


class ReadAnswers(StrEnum):
    """Who reads the final answers of traces."""

    RULES = "rules"
    """rules of our own, which leave unclear answers unread"""
    JUDGE = "judge"
    """the judge too, where the rules read none and both orders agree"""


class Method(StrEnum):
    """How an interval is made."""

    JEFFREYS = "jeffreys"
    """Bayesian bootstrap with half a win and half a loss added: holds its level near 0 and 1 too"""
    PERCENTILE = "percentile"
    """the classic bootstrap, for comparison with other tools; too short near 0 and 1"""
    WILSON = "wilson"
    """closed form, without random numbers: Wilson's interval at the effective number of units"""


class ReportFormat(StrEnum):
    """What a report is written in."""

    TERMINAL = "terminal"
    MARKDOWN = "markdown"
    LATEX = "latex"
    CSV = "csv"
    JSON = "json"
    HTML_FRAGMENT = "html-fragment"


class ExportFormat(StrEnum):
    """What a run is exported as."""

    CSV = "csv"
    PARQUET = "parquet"
    JSONL = "jsonl"
    DPO = "dpo"


class Sort(StrEnum):
    """In which order items are listed."""

    DOUBT = "doubt"
    """the most doubtful first"""
    ITEM = "item"
    """as they stand in the run"""


class Stratum(StrEnum):
    """Which of the two final answers of an item are right."""

    BOTH_RIGHT = "both_right"
    ONLY_A_RIGHT = "only_a_right"
    ONLY_B_RIGHT = "only_b_right"
    BOTH_WRONG = "both_wrong"


class Unplaced(StrEnum):
    """Why an item is in no answer stratum."""

    UNREADABLE = "unreadable"
    """whether an answer is right cannot be read"""
    NO_ANSWER = "no_answer"
    """the item has no right answer"""


class FailureMode(StrEnum):
    """What is wrong with a unit of a trace: the first that applies."""

    JUDGE_ERROR = "judge_error"
    """the call that asked about it failed: nothing is known of the trace"""
    OMISSION = "omission"
    """the trace does not speak of it"""
    FACTUAL_ERROR = "factual_error"
    """the trace gets it wrong"""
    OPTION_ELIMINATION = "option_elimination"
    """the same of an inference, in a trace that argues by the letters of the options"""
    INTERNAL_INCONSISTENCY = "internal_inconsistency"
    """another statement of the trace contradicts it"""
    CHAIN_BREAK = "chain_break"
    """an inference whose premises are absent or wrong"""
    OK = "ok"


class AnswerStanding(StrEnum):
    """How it stands with a trace's final answer."""

    RIGHT = "right"
    WRONG = "wrong"
    UNREAD = "unread"
    """the right answer is known, and the trace's cannot be read: it is not right"""
    UNKNOWN = "unknown"
    """the item has no right answer"""
