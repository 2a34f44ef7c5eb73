"""Measure how much memory and time items with images take that come from Parquet files.

    python benchmarks/parquet_items.py --rows 150000 --folder /tmp/bench

writes shards of drawn images (20 to 60 KB) in row groups of 500, and a last shard that is one row group, and then reads
every item with its images in a process of its own, as `compare` does while it makes a run.
"""

from __future__ import annotations

import argparse
import io
import os
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from typing import Any

import polars as pl
from PIL import Image

SHARD = 5_000
DRAWN = 200
TABLE = 2 + 2 + 1 + 63
"""bytes from the marker of a JPEG's quantization table to the last of its values"""
UNIT = pl.Struct(dict.fromkeys(["unit_id", "topic", "claim", "importance"], pl.String))
SCHEMA: dict[str, Any] = {
    "image": pl.Struct({"bytes": pl.Binary, "path": pl.String}),
    "question": pl.String,
    "reasoning": pl.String,
    "answer": pl.String,
    "perception": pl.List(UNIT),
}
READ = """
import re, sys, time
from pathlib import Path
from judge.inputs.items import read_items
from judge.images.image_store import ImageStore
from judge.images.loader import ImageLoader
began = time.perf_counter()
items = read_items([sys.argv[1]])
opened = time.perf_counter()
loader, n = ImageLoader(store=ImageStore(Path(sys.argv[2]))), 0
for id_ in items.ids:
    for image in items.record(id_).images:
        loader.take(image.content, name=id_)
        n += 1
read = time.perf_counter()
rss = int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024
took = f"checked in {opened - began:.0f} s, {n:,} images kept in {read - opened:.0f} s"
print(f"{len(items):,} items: {took}, {rss:.0f} MiB at most")
"""


def drawn(random: Random) -> bytes:
    """Return a noisy JPEG of 30 to 70 KB."""
    side = random.randrange(250, 350)
    picture = Image.frombytes("RGB", (120, 120), random.randbytes(120 * 120 * 3))
    file = io.BytesIO()
    picture.resize((side, side)).save(file, "JPEG", quality=92)
    return file.getvalue()


def numbered(image: bytes, number: int) -> bytes:
    """Return a JPEG with other pixels for each number below 2^16, by the last two values of its first table."""
    last = image.index(b"\xff\xdb") + TABLE
    high, low = (1 + digit for digit in divmod(number, 255))
    return image[: last - 1] + bytes([high, low]) + image[last + 1 :]


def write_shard(path: Path, first: int, rows: int, images: list[bytes], *, group: int) -> None:
    """Write rows whose images all differ."""
    unit = {"unit_id": "u1", "topic": "t", "claim": "A claim of some length. " * 4, "importance": "core"}
    records = [
        {
            "image": {"bytes": numbered(images[n % DRAWN], n // DRAWN), "path": None},
            "question": f"What does figure {n} show?\nA. One\nB. Two\nC. Three",
            "reasoning": f"<think>{'I look at the figure and think of it. ' * 80}</think><answer>B</answer>",
            "answer": "B",
            "perception": [unit],
        }
        for n in range(first, first + rows)
    ]
    pl.DataFrame(records, schema=SCHEMA).write_parquet(path, row_group_size=group)


def main() -> None:
    """Write the files where they are not yet, and read them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=150_000)
    parser.add_argument("--folder", type=Path, required=True)
    given = parser.parse_args()
    folder: Path = given.folder
    data = folder / "data"
    data.mkdir(parents=True, exist_ok=True)
    random = Random(0)  # noqa: S311 - the same each time
    images = [drawn(random) for _ in range(DRAWN)]
    print(f"images of {min(map(len, images)) // 1000} to {max(map(len, images)) // 1000} KB")
    starts = range(0, given.rows, SHARD)
    for number, first in enumerate(starts):
        path = data / f"train-{number:05d}-of-{len(starts):05d}.parquet"
        if not path.exists():
            last = number == len(starts) - 1
            write_shard(path, first, min(SHARD, given.rows - first), images, group=SHARD if last else 500)
    print(f"{sum(path.stat().st_size for path in data.iterdir()) / 1e9:.1f} GB of Parquet")
    kept = folder / f"kept-{os.getpid()}-{time.time_ns()}"
    kept.mkdir()
    subprocess.run([sys.executable, "-c", READ, str(data), str(kept)], check=True)  # noqa: S603 - ourselves


if __name__ == "__main__":
    main()
