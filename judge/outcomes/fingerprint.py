"""A hash of what a report rests on: the same for the same run, whatever the order in which its judgments came."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import orjson
import polars as pl

from judge.outcomes.latest_judgments import LatestJudgments

BLOCK = 1 << 16
"""rows that are text at once"""
_WHOSE = ("item", "judge", "sample", "order", "group")
_SAID = ("criterion", "verdict", "unit", "presence", "correctness", "consistency", "grounded")


def fingerprint(latest: LatestJudgments, identity: Mapping[str, str], subjects_sha256: str | None) -> str:
    """Return the SHA-256, in hex, of what decides a run and of every verdict and failure that counts.

    Hashed are, as UTF-8 text: a JSON list of `identity` by sorted names and `subjects_sha256`; then a line for each
    verdict, or for a request without any, sorted by request: its fields, and an empty text for null, parted by U+001F.
    After a soft verdict stand its three probabilities, parted by spaces.

    Args:
        latest: the judgments that count.
        identity: everything that decides the judgments, by name.
        subjects_sha256: hash of the file of pairs, cases or items.
    """
    digest = hashlib.sha256(orjson.dumps([dict(identity), subjects_sha256], option=orjson.OPT_SORT_KEYS) + b"\n")
    rows = (
        latest.requests.rename({"criterion": "failed"})
        .with_columns(pl.col("judge").cast(pl.String))
        .sort(*_WHOSE)
        .join(latest.verdicts, on="place", how="left", maintain_order="left_right")
        .join(latest.units, on="place", how="left", maintain_order="left_right")
    )
    if len(latest.chances):
        soft = pl.concat_str("verdict", "p_first", "p_tie", "p_second", separator=" ")
        rows = rows.join(latest.chances, on=["place", "criterion"], how="left", maintain_order="left").with_columns(
            verdict=pl.coalesce(soft, pl.col("verdict").cast(pl.String))
        )
    columns = [pl.col(name).cast(pl.String).fill_null("") for name in (*_WHOSE, "failure", "failed", *_SAID)]
    for block in rows.iter_slices(BLOCK):
        lines = block.select(pl.concat_str(*columns, pl.lit("\n"), separator="\x1f").str.join("")).item()
        digest.update(lines.encode())
    return digest.hexdigest()
