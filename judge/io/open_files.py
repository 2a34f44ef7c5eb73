"""Make room for many connections: each is an open file, of which systems allow a process few (macOS: 256)."""

from __future__ import annotations

import sys

OTHERS = 64
"""open files beside the connections"""


def room_for(connections: int) -> int:
    """Raise this process's limit on open files as far as it may be, and return how many connections it can hold.

    Args:
        connections: how many are wanted, at least 1.

    Returns:
        That number, or a smaller one, at least 1.
    """
    if sys.platform == "win32":
        return connections  # its sockets are no files
    import resource  # noqa: PLC0415 - there is none on Windows

    wanted = connections + OTHERS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return connections
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    except (OSError, ValueError):  # macOS has one more limit, which it does not tell
        allowed = soft
    return max(1, min(connections, allowed - OTHERS))
