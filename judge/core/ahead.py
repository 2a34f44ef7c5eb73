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
        things: what making one raises comes before the things of its chunk.
        chars: says what a thing holds; few are made ahead where they are large.
    """
    chunk: list[T] = []
    held = 0
    for thing in things:
        chunk.append(thing)
        held += chars(thing)
        if len(chunk) == CHUNK_THINGS or held > CHUNK_CHARS:
            yield from chunk
            chunk, held = [], 0
    yield from chunk
