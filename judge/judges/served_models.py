"""Whether the model that a reply names is the one that was asked."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from itertools import zip_longest
from typing import NamedTuple

_FILE = re.compile(r"\.(?:gguf|ggml|bin|safetensors)\Z")
_VENDORS = re.compile(
    r"(?:[a-z]+\.)+(?=[a-z])|(?:meta|google|openai|anthropic|mistralai|microsoft|nvidia|xai)[-_](?=[a-z])"
)
"""before a model's own name: `us.anthropic.claude-...`, `meta-llama-...`"""
_QUANTISED = re.compile(
    r"i?q\d\w*|(?:bf|f|fp|nvfp|mxfp)\d+|int\d+|w\d+a\d+|\d+bit|awq|gptq|gguf|mlx|exl\d|bnb|unsloth|dynamic|quantized"
)
_AFTER_QUANTISED = re.compile(r"[kmslx0-9]{1,2}|xxs|nl|xl")
"""what may follow: `Q4_K_M`, `IQ2_XXS`"""
_NEUTRAL = {
    "latest",
    "preview",
    "exp",
    "experimental",
    "beta",
    "stable",
    "instruct",
    "it",
    "hf",
    "free",
    "nitro",
    "floor",
}
"""words that name no other model"""
_PIECES = re.compile(r"\d+[a-z]*|[a-z]+")
_DAY = re.compile(r"\d\d")
_REVISION = re.compile(r"\d{3,8}")
_VERSION_OF_REVISION = re.compile(r"v?\d(?:\.\d)?")
"""of Bedrock's names, after their date: `-v1:0`"""
MOST_CHARS = 200


class ModelName(NamedTuple):
    """A model's name, parted into what it is and which one of it."""

    model: str
    """its words, sorted, and its numbers, without vendor, quantisation and words such as `latest`"""
    revision: str
    """digits of its date or revision; may be empty"""


def parse_model(name: str) -> ModelName:
    """Part a model's name as providers, gateways and files write it."""
    own = _FILE.sub("", name.strip().lower()[:MOST_CHARS].replace("\\", "/").rstrip("/").rpartition("/")[2])
    while vendor := _VENDORS.match(own):
        own = own[vendor.end() :]
    words = [word for word in re.split(r"[^a-z0-9.]+|\.(?!\d)", own) if word]
    names, numbers, revision, before = list[str](), "", "", ""
    for word, after in zip_longest(words, words[1:], fillvalue=""):
        kind = "model"
        if _QUANTISED.fullmatch(word) or (before == "quantised" and _AFTER_QUANTISED.fullmatch(word)):
            kind = "quantised"
        elif word in _NEUTRAL:
            kind = "neutral"
        elif (names or numbers) and (
            _REVISION.fullmatch(word)
            or (_DAY.fullmatch(word) and (before in {"revision", "neutral"} or _REVISION.fullmatch(after)))
        ):
            kind, revision = "revision", revision + word
        elif before in {"revision", "of revision"} and _VERSION_OF_REVISION.fullmatch(word):
            kind = "of revision"
        else:
            for piece in _PIECES.findall(word.replace(".", "")):
                numbers += piece if piece[0].isdigit() else ""
                names += [] if piece[0].isdigit() else [piece]
        before = kind
    return ModelName("-".join([*sorted(names), numbers]) if names or numbers else own, revision)


def is_same_model(one: str, other: str) -> bool:
    """Tell whether two names may be of one model: an alias may leave out its date, vendor and quantisation."""
    a, b = parse_model(one), parse_model(other)
    same_revision = a.revision.endswith(b.revision) or b.revision.endswith(a.revision)
    return a.model == b.model and same_revision


class ServedModels:
    """The models that a server's replies name.

    A server may call the model that it is asked for by another name, in every reply. Two such names in one run are two
    models, and so is another name beside that which was asked.

    Args:
        asked: the model, as it is asked for; empty: no name is wrong.
    """

    def __init__(self, asked: str) -> None:
        self._asked = asked
        self._as_asked = False
        self._alias, self._n_alias, self._is_mixed = "", 0, False

    def problem(self, served: str, *, allowed: Iterable[str], asks_again: bool) -> str:
        """Say what is wrong with the model that a reply names; nothing where it may be the one that was asked.

        Args:
            served: its name; may be empty.
            allowed: names that a person allows beside that which was asked; `*` stands for any characters.
            asks_again: whether the first reply that bears another name can be asked for once more, to see it confirmed.
        """
        if not (self._asked and served) or any(fnmatchcase(served.lower(), name.lower()) for name in allowed):
            return ""
        if is_same_model(self._asked, served):
            self._as_asked = True
            return ""
        self._alias, self._n_alias = self._alias or served, self._n_alias + 1
        self._is_mixed = self._is_mixed or parse_model(self._alias).model != parse_model(served).model
        words = f"the reply names the model {served!r:.100}, asked was {self._asked!r:.100}"
        if self._as_asked or self._is_mixed:
            several = f", and other replies name {self._alias!r:.100}" if self._alias != served else ""
            return f"{words}{several}: --allow-served-model allows a name"
        return f"{words}: asked again, to see whether all replies name it" if asks_again and self._n_alias == 1 else ""
