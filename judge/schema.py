"""The nouns of a comparison, in the words of docs/architecture.md: closed sets and frozen records."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Final, Literal, NamedTuple

from msgspec import UNSET, Meta, Struct, UnsetType
from pydantic import BaseModel, ConfigDict, Field, JsonValue


class Order(StrEnum):
    """Which trace of a pair was shown first."""

    FORWARD = "forward"
    """a first, b second"""
    SWAPPED = "swapped"
    """b first, a second"""


class Verdict(StrEnum):
    """What a judge said of a pair on one criterion, in slot words."""

    FIRST = "first"
    SECOND = "second"
    TIE = "tie"
    CANNOT_JUDGE = "cannot_judge"


class Winner(StrEnum):
    """A verdict with its order undone."""

    A = "a"
    B = "b"
    TIE = "tie"
    CANNOT_JUDGE = "cannot_judge"


class Outcome(StrEnum):
    """An item's orders, samples and judges folded on one criterion."""

    A = "a"
    B = "b"
    TIE = "tie"
    SPLIT = "split"
    """the two orders disagree"""
    MISSING = "missing"
    """a verdict is missing in either order: the item is out of the rate and in the counts"""


class Group(StrEnum):
    """What units of a checklist ask about; each group of an item's units is one call to a judge."""

    PERCEPTION = "perception"
    """what can be seen in the image; judged against the image"""
    KNOWLEDGE = "knowledge"
    """medical facts; judged against what is known"""
    RATIONALE = "rationale"
    """inferences; judged by whether they follow from the trace's own premises"""


class FailureKind(StrEnum):
    """Why a request has no verdict. Never a tie, never a loss."""

    REFUSED = "refused"
    """the judge declined to answer"""
    FILTERED = "filtered"
    """the provider's content filter stopped the request or the reply"""
    TRUNCATED = "truncated"
    """the reply was cut at the limit of output tokens"""
    UNPARSED = "unparsed"
    """the reply does not hold exactly one verdict in the schema's form"""
    TOO_LONG = "too_long"
    """the request exceeds the judge's context or size limit"""
    REJECTED = "rejected"
    """the provider calls the request invalid"""
    TIMEOUT = "timeout"
    """no reply within the deadline, in every attempt"""
    TRANSPORT = "transport"
    """connection or server trouble in every attempt"""
    RATE_LIMIT = "rate_limit"
    """told to slow down in every attempt"""
    UNUSABLE = "unusable"
    """what came is no whole reply: an error beside it, a body in no known form, or an end for a reason of its own"""
    OTHER_MODEL = "other_model"
    """the reply names another model than the one that was asked"""
    OTHER = "other"
    """a failure of an imported judgment, in its own words"""


class Frozen(BaseModel):
    """A record that never changes and has no unknown field."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Noun(Struct, frozen=True, forbid_unknown_fields=True):
    """A record of which a run holds as many as items or judgments: msgspec makes and writes it ten times as fast.

    Like `Frozen` it never changes and has no unknown field. Its types are checked as it is read. As it is made that is
    left to mypy, and to `msgspec.convert` where what it is made of comes from outside.
    """


class Recorded(Noun, frozen=True, omit_defaults=True):
    """A part of a judgment: what is at its default is not written."""


MediaType = Literal["image/png", "image/jpeg", "image/webp", "image/gif"]


class Original(Noun, frozen=True):
    """The file that an image was prepared from."""

    path: str
    """absolute; or an address, or a place within another file"""
    sha256: str
    """of the file's bytes"""
    width: int
    """pixels, as stored: before it was turned upright"""
    height: int
    """as for the width"""


class Image(Noun, frozen=True):
    """An image of an item, as it is sent: where it lies and what its bytes are."""

    path: str
    """absolute; in a run's own files, that of an image which the run holds is relative to its folder"""
    sha256: str
    """of the bytes that are sent"""
    media_type: MediaType
    """of the bytes that are sent"""
    width: int | None = None
    """pixels; None in runs made before images were prepared"""
    height: int | None = None
    """as for the width"""
    size: int | None = None
    """bytes; None in runs made before images were prepared"""
    original: Original | None = None
    """None: it is sent as its file is"""

    @property
    def named(self) -> str:
        """The path of the file that a person knows."""
        return self.original.path if self.original else self.path


class Unit(Noun, frozen=True, kw_only=True):
    """One entry of a checklist: something that a good trace says of its item."""

    id: str
    """unique within the item's checklist"""
    topic: str = ""
    """a neutral noun phrase"""
    claim: str
    """one declarative sentence"""
    presence_question: str = ""
    """lenient: does the trace speak of it?"""
    correctness_question: str = ""
    """strict: does the trace get it right?"""
    source_quote: str = ""
    """from the reference trace that the unit was made from"""
    importance: Literal["core", "supporting"] = "core"
    """how much it matters"""
    premises: tuple[str, ...] = ()
    """ids of perception and knowledge units that a rationale unit rests on"""


class Item(Noun, frozen=True):
    """One question."""

    id: str
    """unique in the run"""
    question: str = ""
    """as the judge reads it"""
    options: dict[str, str] = {}
    """letter to text, in the order given"""
    answer: str | None = None
    """the right option's letter, or its text"""
    reference_reasoning: str | None = None
    """how to get to the answer"""
    images: tuple[Image, ...] = ()
    """in the order shown"""
    missing_images: tuple[str, ...] = ()
    """paths that were given and do not exist (kept only with --on-missing-image skip or text-only)"""
    checklist: dict[Group, tuple[Unit, ...]] = {}
    """what a good trace says; a group without units is absent"""
    subgroup: dict[str, str] = {}
    """fields to report by"""
    meta: dict[str, Any] = {}
    """all other fields of the record"""


class TraceMark(NamedTuple):
    """Where a model's output differs from what is kept of it: a mark around its thinking, an answer's tag, spaces."""

    at: int
    """characters from the start of the thinking, the final text following it directly"""
    kept: int
    """characters there that stand in its place"""
    written: str
    """what the model wrote there"""


class Trace(Noun, frozen=True):
    """One model's thinking and final text for one item, or its reasoning as one text."""

    text: str
    """the thinking, where the output is parted; else the whole reasoning"""
    model: str | None = None
    """the name that the record states"""
    answer: str | None = None
    """the model's final answer, where the record or one line after the thinking states it"""
    meta: dict[str, Any] = {}
    """all other fields of the record"""
    final: str | UnsetType = UNSET
    """what follows the thinking, which may be nothing; unset where the output is not parted"""
    marks: tuple[TraceMark, ...] | UnsetType = UNSET
    """what makes the model's output of text and final text, in their order"""
    cut: bool | UnsetType = UNSET
    """true where the output was cut at the limit of its length"""

    @property
    def output(self) -> str:
        """The model's output, byte for byte as the record has it."""
        whole, pieces, start = self.text + (self.final or ""), list[str](), 0
        for mark in self.marks or ():
            pieces += [whole[start : mark.at], mark.written]
            start = mark.at + mark.kept
        return "".join(pieces) + whole[start:]


SAMPLE_OF: Final = "sample_of"
"""field of an item's `meta`: its id, where a model wrote several traces for it and this is one of them"""


class Pair(Noun, frozen=True):
    """An item with the traces of model a and model b: one line of `pairs.jsonl`."""

    item: Item
    """the question"""
    a: Trace
    """model a's trace"""
    b: Trace
    """model b's trace"""


class Case(Noun, frozen=True):
    """An item with the trace of the one model that is scored: one line of `cases.jsonl`."""

    item: Item
    """the question, with its checklist"""
    trace: Trace
    """the model's"""


class Criterion(Frozen):
    """One question asked of a pair."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
    """in lower case, as reports call it"""
    title: str
    """as people read it"""
    definition: str
    """what counts"""
    tie: str
    """what a tie is on this criterion"""


class Rubric(Frozen):
    """A named set of criteria, in the order in which the judge is asked; the overall verdict comes last."""

    name: str
    """what it is called"""
    version: int
    """counted from 1"""
    description: str
    """in a sentence"""
    criteria: Annotated[tuple[Criterion, ...], Field(min_length=1, alias="criterion")]
    """in the order asked; the overall verdict comes last"""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Provider(StrEnum):
    """Who runs a judge's model."""

    ANTHROPIC = "anthropic"
    OPENAI = "openai"
    LOCAL = "local"
    AZURE = "azure"
    BEDROCK = "bedrock"
    VERTEX = "vertex"
    OPENROUTER = "openrouter"
    GEMINI = "gemini"
    DEEPSEEK = "deepseek"
    MISTRAL = "mistral"
    TOGETHER = "together"
    GROQ = "groq"
    OLLAMA = "ollama"
    LMSTUDIO = "lmstudio"
    LITELLM = "litellm"


MESSAGES: Final = frozenset({Provider.ANTHROPIC, Provider.BEDROCK, Provider.VERTEX})
"""those that are asked for Anthropic's messages; all others for OpenAI's chat completions"""


class ReplyForm(StrEnum):
    """How a server is told the form of the reply; the prompt tells it in words too."""

    SCHEMA = "schema"
    """by the JSON schema"""
    OBJECT = "object"
    """to be any JSON object"""
    TEXT = "text"
    """not at all"""
    TOOL = "tool"
    """as the arguments of a function that it must call"""
    LETTER = "letter"
    """not at all: its prompt asks for one letter"""
    DECISIONS = "decisions"
    """no text is asked for, but the probability of each letter: OpenAI's Decisions API"""
    SCORING = "scoring"
    """the same of vLLM's `/generative_scoring`"""


LETTER_REPLIES: Final = frozenset({ReplyForm.LETTER, ReplyForm.DECISIONS, ReplyForm.SCORING})
"""those whose prompt asks for one letter"""


class VerdictForm(StrEnum):
    """In what form a reply gives its verdict, as its prompt asks for it."""

    SCHEMA = "schema"
    """one object, with a verdict on each criterion"""
    BRACKETS = "brackets"
    """`[[A]]`, `[[B]]`, `[[C]]` for a tie, `[[A>B]]`, `[[A=B]]` and the like, at the end"""
    RESULT = "result"
    """`[RESULT] A` at the end"""
    LETTER = "letter"
    """one letter alone: A, B, or C for a tie"""
    ANSWERS = "answers"
    """as the schema, after the final answer that each trace ends with"""


OBJECTS: Final = frozenset({VerdictForm.SCHEMA, VerdictForm.ANSWERS})
"""forms with a verdict on each criterion; all others give one alone"""


class RequestForm(StrEnum):
    """In what a request differs from the usual one, since its server does not take that."""

    OBJECT = "json_object instead of json_schema"
    TEXT = "no form of the reply but the prompt's words"
    TOOL = "a function to call instead of json_schema"
    NO_SYSTEM = "the system's words in the first question"
    PLAIN = "text instead of lists of parts"
    OLD_LIMIT = "max_tokens instead of max_completion_tokens"
    NEW_LIMIT = "max_completion_tokens instead of max_tokens"
    NO_TEMPERATURE = "no temperature"
    ANY_SIZE = "no rule for large images, which may be shrunk in silence"


def _left_out(default: object) -> Any:  # noqa: ANN401 - pydantic's field
    """Return a field that is written only where it differs: requests keep the keys of before there was the field."""
    return Field(default=default, exclude_if=lambda value: value == default)


class JudgeSettings(Frozen):
    """What is asked of a judge's model beside the prompt; None leaves it to the provider."""

    max_output_tokens: int
    """limit of a reply, reasoning included"""
    temperature: float | None = None
    """sampling temperature"""
    effort: str | None = None
    """reasoning effort, in the provider's word"""
    seed: int | None = None
    """of the provider's sampling"""
    evidence_chars: int | None = None
    """longest quotation that the schema allows, for small models that ramble"""
    reply: ReplyForm = _left_out(ReplyForm.SCHEMA)
    """how the form of the reply is told"""
    logprobs: bool = _left_out(False)  # noqa: FBT003 - the field's default
    """whether the probability of each letter is asked for, and makes a soft verdict"""
    system_role: bool = _left_out(True)  # noqa: FBT003 - the field's default
    """whether the system's words have a turn of their own, or begin the first question"""
    headers: dict[str, str] = _left_out({})
    """sent with every call beside the usual ones; none of them a key"""
    body: dict[str, JsonValue] = _left_out({})
    """fields of every call's body beside the usual ones, or in their place"""
    prompt: str | None = _left_out(None)
    """the text of the prompt file by which this judge compares pairs, where it is another than the run's"""


class JudgeSpec(Frozen):
    """A judge as the person named it: `provider:model[@endpoint]`, with its settings."""

    provider: Provider
    """who runs it"""
    model: str
    """as the provider calls it"""
    endpoint: str | None = None
    """a server's address; for the embedded judge, the weights: a file, or `REPO@COMMIT/FILE.gguf` of the Hub"""
    settings: JudgeSettings
    """how it is asked"""
    sees_images: bool = True
    """whether it is shown images"""
    weights_sha256: str | None = None
    """hash of the weights that the embedded judge runs"""
    projector: str | None = _left_out(None)
    """the file of the same repository with which the embedded judge sees images"""
    projector_sha256: str | None = _left_out(None)
    """its hash"""
    label: str | None = _left_out(None)
    """its name in the file of judges"""
    config: str | None = _left_out(None)
    """that file"""
    key_env: str | None = _left_out(None)
    """the environment variable that holds its key"""
    key_headers: dict[str, str] = _left_out({})
    """headers that are keys: the variable of each"""

    def __hash__(self) -> int:
        """Return a hash by the name alone: the settings hold what has none."""
        return hash(self.name)

    @property
    def name(self) -> str:
        """How reports and judgments call this judge; the endpoint is an address, not an identity."""
        return self.label or f"{self.provider}:{self.model}"

    @property
    def decided(self) -> JudgeSpec:
        """What decides its answers: neither where it is asked nor what its keys are called."""
        return self.model_copy(update={"endpoint": None, "config": None, "key_env": None, "key_headers": {}})


class Prompt(Struct, frozen=True):
    """A rendered prompt: what both orders share comes first, so that prompt caches serve it."""

    system: str
    shared: str
    """the item: question, options, reference; images stand before it"""
    traces: str
    """the two traces in their order, and the closing instruction"""
    images: tuple[Image, ...] = ()

    @property
    def n_chars(self) -> int:
        """Characters of all its texts."""
        return len(self.system) + len(self.shared) + len(self.traces)


class Correction(Struct, frozen=True):
    """A reply that could not be read, and what the judge is told of it."""

    reply: str
    note: str


class Request(Struct, frozen=True):
    """One call to make."""

    key: str
    """hash of everything that decides the answer"""
    item: str
    order: Order
    """of a pair; a request about one trace is forward"""
    judge: str
    sample: int
    prompt: Prompt
    schema_: dict[str, Any]
    """JSON schema of the reply; empty where it is no object"""
    asks: tuple[str, ...] = ()
    """what the reply must speak of, in order: criteria, units of a checklist, or groups of units to write"""
    n_parts: int | None = None
    """parts that the reply is likely to have, for a quote; None: one for each of `asks`"""
    group: Group | None = None
    """the checklist's group that is asked about; None: a pair is compared"""
    shares_prefix: bool = False
    """whether the run has other requests about the item, which begin with the same text: then a cache pays off"""
    output_tokens: int | None = None
    """limit of the reply, where it is not the judge's own"""
    correction: Correction | None = None
    """what to add to the conversation, where an earlier reply could not be read"""


Count = Annotated[int, Meta(ge=0)]


class Usage(Recorded, frozen=True):
    """Tokens that a reply was billed for."""

    input: Count = 0
    """all input tokens, cached ones included"""
    cache_read: Count = 0
    """read from the provider's cache"""
    cache_write: Count = 0
    """written to it"""
    output: Count = 0
    """all output tokens, reasoning included"""
    reasoning: Count = 0
    """output tokens that were reasoning"""

    @property
    def is_known(self) -> bool:
        """Whether the server told it: no reply takes nothing."""
        return self.input > 0 or self.output > 0


Dollars = Annotated[Decimal, Field(ge=0, allow_inf_nan=False)]


class Tariff(Frozen):
    """US dollars for a million tokens of each kind; JSON holds them as text, so that no digit changes."""

    above: int = 0
    """holds for calls with more input tokens than this"""
    input: Dollars
    """input tokens that no cache served or stored"""
    cache_read: Dollars
    """input tokens read from the cache"""
    cache_write: Dollars
    """input tokens written to it"""
    output: Dollars
    """output tokens, reasoning included"""


class Price(Frozen):
    """What a judge's tokens cost, pinned when its run was made."""

    source: str
    """who says so: the price list with its version, or the option"""
    standard: Annotated[tuple[Tariff, ...], Field(min_length=1)]
    """by rising `above`, the first from 0: the last that a call exceeds holds for all of its tokens"""
    batch: tuple[Tariff, ...] = ()
    """the same for calls in batches; empty where no such price is known"""


class Reply(Recorded, frozen=True):
    """The raw answer to a request, as it came."""

    text: str
    """as it came"""
    stop: str | None = None
    """the provider's own word for why the reply ended"""
    cut: FailureKind | None = None
    """why the reply is not whole, or cannot be used"""
    problem: str = ""
    """what is wrong with it, in the server's words where it has any; empty where `stop` says it all"""
    letters: dict[str, float] = {}
    """log-probabilities of what could have stood in the place of its one letter, where they were asked for"""
    reasoning: str = ""
    """thinking that the server sends beside the text"""
    model: str | None = None
    """the model as the provider names it"""
    request_id: str | None = None
    """the provider's"""
    usage: Usage = Usage()
    """tokens"""
    batched: bool = False
    """answered in a batch, at the batch price"""


class Attempt(Recorded, frozen=True):
    """One earlier attempt at a request, and why it did not count."""

    problem: str
    """in words"""
    status: int | None = None
    """of HTTP"""
    waited_s: float = 0.0
    """seconds waited after it"""
    maybe_paid: bool = False
    """whether it got no reply and may have been paid for"""
    reply: Reply | None = None
    """a reply that was paid for and did not count: cut short, or in no readable form"""


SUM_OF_CHANCES = 1e-6
"""by how much three probabilities may miss a sum of 1"""


class Chances(Recorded, frozen=True):
    """The probabilities of the verdicts on one criterion: a soft verdict."""

    p_first: float
    """that the trace shown first is better, in [0, 1]"""
    p_tie: float
    """of a tie"""
    p_second: float
    """that the trace shown second is better; the three sum to 1 within 1e-6"""

    def __post_init__(self) -> None:
        """Refuse what are no probabilities of three verdicts (ValueError)."""
        given = (self.p_first, self.p_tie, self.p_second)
        if not all(0 <= p <= 1 for p in given) or abs(sum(given) - 1) > SUM_OF_CHANCES:
            raise ValueError("p_first, p_tie and p_second must be in [0, 1] and sum to 1")

    @property
    def likeliest(self) -> Verdict:
        """The most probable verdict; a tie where several are."""
        first, tie, second = self.p_first, self.p_tie, self.p_second
        if tie >= max(first, second) or first == second:
            return Verdict.TIE
        return Verdict.FIRST if first > second else Verdict.SECOND


class Judged(Recorded, frozen=True, tag_field="status", tag="judged"):
    """A request with a verdict on every criterion asked."""

    verdicts: dict[str, Verdict]
    """by criterion, in slot words: who won depends on the order; of a soft verdict the most probable one"""
    chances: dict[str, Chances] = {}
    """by criterion, those that are soft: the probability of each verdict"""

    @classmethod
    def softly(cls, chances: dict[str, Chances]) -> Judged:
        """Return the result of soft verdicts, by criterion."""
        return cls({name: own.likeliest for name, own in chances.items()}, chances)


class UnitVerdict(Recorded, frozen=True):
    """What a judge said of one unit of a checklist in one trace (docs/score.md)."""

    presence: Literal[0, 1, 2]
    """0 absent, 1 vague, 2 asserted"""
    correctness: Literal[-1, 0, 1]
    """-1 wrong, 0 undecidable or not applicable, 1 right"""
    consistency: Literal[-1, 0, 1]
    """-1 contradicted by another statement of the trace, 0 none, 1 consistent"""
    grounded: bool | None = None
    """rationale: whether the premises that it needs are present and right; None: it needs none"""


class Scored(Recorded, frozen=True, tag_field="status", tag="scored"):
    """A request with a verdict on every unit asked."""

    units: dict[str, UnitVerdict]
    """by unit id, in the order asked"""


class Written(Recorded, frozen=True, tag_field="status", tag="written"):
    """A request whose reply is the checklist of an item, as the judge wrote it."""

    units: dict[Group, tuple[Unit, ...]]
    """of each group asked for; nobody has looked for their quotations yet"""


class Failed(Recorded, frozen=True, tag_field="status", tag="failed"):
    """A request without a verdict, and why."""

    failure: FailureKind
    """its kind"""
    detail: str = ""
    """what the provider or the reader said"""
    criterion: str | None = None
    """the one criterion that failed (imported judgments); None: all of them"""
    maybe_paid: bool = False
    """whether the last attempt got no reply and may have been paid for"""


Result = Judged | Scored | Written | Failed


class Judgment(Recorded, frozen=True):
    """The record of one request: one line of `judgments.jsonl`."""

    key: str
    """32 hex digits: hash of the rendered prompt, images, schema, provider, model, settings and sample"""
    item: str
    """id of the item"""
    order: Order
    """which trace was shown first; `forward` where there are no pairs"""
    judge: str
    """name of the judge"""
    sample: Annotated[int, Meta(ge=0, lt=2**31)]
    """from 0"""
    result: Result
    """what came of it"""
    group: Group | None = None
    """of a score: the units that were asked about"""
    reply: Reply | None = None
    """the raw answer that counts"""
    attempts: tuple[Attempt, ...] = ()
    """earlier attempts, without the last"""
    latency_s: float | None = None
    """seconds from the start of the attempt that was answered to its reply"""
    time: str | None = None
    """UTC, ISO 8601"""
    meta: dict[str, Any] = {}
    """metadata of imported judgments"""
    reader: int = 0
    """version of the reading of replies that made the result; 0: before they were counted, or made elsewhere"""

    @property
    def replies(self) -> tuple[Reply, ...]:
        """Every reply that was paid for, those that did not count included."""
        replies = (*(attempt.reply for attempt in self.attempts), self.reply)
        return tuple(reply for reply in replies if reply is not None)

    @property
    def n_lost(self) -> int:
        """Calls that got no reply and may have been paid for."""
        attempts = sum(attempt.maybe_paid and attempt.reply is None for attempt in self.attempts)
        return attempts + (isinstance(self.result, Failed) and self.result.maybe_paid)


class Label(Frozen):
    """What a person said of a pair on one criterion: a line of `labels.jsonl`, kept beside the judgments."""

    item: str
    """id of the item"""
    criterion: str
    """what was asked"""
    winner: Winner
    """who is better"""
    order: Order
    """which trace the reader was shown first"""
    reader: str
    """who said it: a name or initials, as the reader gave them"""
    time: str
    """UTC, ISO 8601; of two labels by one reader on one item and criterion the later counts"""
    reason: str = ""
    """in the reader's words"""
    draw: str | None = None
    """the random sample that the item was drawn in; None: the reader chose it"""
    weight: float | None = None
    """how many items of the run the item stands for: the inverse of the probability that it was drawn"""
