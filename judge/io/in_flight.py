"""The record of what is in flight: which calls may have been paid without a judgment when a run is killed."""

from __future__ import annotations

import os
from collections import Counter
from itertools import batched
from typing import TYPE_CHECKING, Final, Self

from judge.errors import RunError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Set as AbstractSet
    from pathlib import Path
    from types import TracebackType

KEY_BYTES: Final = 16
