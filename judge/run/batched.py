"""Judge in batches: half the price, within a day."""

from __future__ import annotations

from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING

from judge.errors import InterruptedRunError, StopRunError
from judge.io.batches.log import BatchLog
from judge.io.batches.specs import open_batch_judge
from judge.io.secrets import hide_in_logs
from judge.run import folding
from judge.run.batching import Patience, judge_in_batches

if TYPE_CHECKING:
    from collections.abc import Iterator

    from judge.run.session import Session
    from judge.schema import JudgeSpec, Request


async def judge_batched(session: Session) -> None:
    """Submit every open request of a run, wait, and take the replies in; Ctrl-C leaves the batches to a later start.

    Raises:
        RunError: a request cannot be made, or a judgment not be written.
        StopRunError: a provider refuses, or cannot be reached.
        InterruptedRunError: a person stopped it.
    """
    log = BatchLog(session.folder.batches_path, session.folder.path / "batches")
    # What is in a batch is on record there: the record of what is in flight is for direct calls.
    recorder = session.recorder
    sink = folding.ResultWriter(
        recorder.record, recorder.display, session.say, session.closed.judged, session.folder.failed_at()
    )
    way_on = session.way_on("picks the submitted batches up")
    async with AsyncExitStack() as stack:
        lanes = []
        for spec in session.manifest.judges:
            judge = open_batch_judge(spec, timeout=session.options.policy.timeout)
            stack.push_async_callback(judge.close)
            lanes.append(folding.Lane(judge, partial(_open_requests, session, spec), session.task.work.interpret))
        hide_in_logs()
        patience = Patience(session.options.policy, session.options.poll)
        try:
            interrupted = await judge_in_batches(lanes, log, patience, sink)
        except StopRunError as error:
            raise StopRunError(error.kind, f"{error.message}; {way_on}", status=error.status) from error
    if interrupted:
        raise InterruptedRunError(f"interrupted; {way_on}")


def _open_requests(session: Session, spec: JudgeSpec) -> Iterator[Request]:
    return session.open_requests(spec, session.task.subjects())
