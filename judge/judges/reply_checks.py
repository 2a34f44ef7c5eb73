"""Whether a reply is one of the model, and to the prompt, asked for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from judge.judges.prompt_counts import PromptCounts, Sent
from judge.judges.provider_errors import redact
from judge.judges.served_models import ServedModels
from judge.schema import FailureKind, Reply

OTHER_IDS = 3
"""that have come for one item each, before an id that comes again is taken for a cache's"""
MOST_KEPT = 10_000
"""replies whose ids are remembered"""
_HIT = re.compile("hit|true", re.IGNORECASE)


class SentReplies:
    """What a server has answered so far, to see whether each reply is one of the model, and to the prompt, asked for.

    Counts, ids and names are evidence only once they differ: one usage for all replies says nothing of any prompt, one
    id for all of a cache, and one other name for all is an alias. A header that tells of a cache is evidence by itself.
    """

    def __init__(self, asked: str = "") -> None:
        self._models = ServedModels(asked)
        self._counts = PromptCounts()
        self._replies: dict[str, tuple[str, str, str]] = {}
        self._of_many: set[str] = set()

    def check(
        self, reply: Reply, sent: Sent, *, reply_id: str, headers: Mapping[str, str], allowed: Sequence[str] = ()
    ) -> Reply:
        """Return a reply as a failure where it is another model's, or answers another prompt than that of its request.

        Args:
            reply: as it was read.
            sent: what was asked.
            reply_id: the server's name of the reply; may be empty.
            headers: the reply's.
            allowed: names of models that are allowed beside that which was asked.
        """
        if reply.cut is not None:
            return reply
        if cut := self._counts.cut(reply.usage, sent):
            return replace(reply, cut=FailureKind.TOO_LONG, problem=cut)
        if suspected := self._counts.suspicion(reply.usage.input, sent):
            return replace(reply, cut=FailureKind.UNPARSED, problem=suspected)
        if reply.text and reply_id and self._is_from_cache(reply, sent, reply_id, headers):
            words = f"the server sent its reply {reply_id!r:.60} to another prompt again: switch its cache off"
            return replace(reply, cut=FailureKind.UNUSABLE, problem=redact(words))
        if other := self._models.problem(reply.model or "", allowed=allowed, asks_again=sent.asks_again):
            return replace(reply, cut=FailureKind.OTHER_MODEL, problem=redact(other))
        return reply

    def _is_from_cache(self, reply: Reply, sent: Sent, reply_id: str, headers: Mapping[str, str]) -> bool:
        """Tell whether this very id and text came before, to the item's other request: a cache takes the two for one.

        Ids tell replies apart only where each came for one item, unless the server says that it has a cache: one that
        was restarted may number its replies anew.
        """
        item, key, text = self._replies.setdefault(reply_id, (sent.item, sent.key, reply.text))
        if item != sent.item:
            self._of_many.add(reply_id)
        if len(self._replies) > MOST_KEPT:
            oldest = next(iter(self._replies))
            del self._replies[oldest]
            self._of_many.discard(oldest)
        if item != sent.item or key == sent.key or text != reply.text:
            return False
        others = self._replies.keys() - {reply_id}
        return (not self._of_many and len(others) >= OTHER_IDS) or any(
            "cache" in name and _HIT.match(headers[name]) for name in headers
        )
